//! Kubeconfigs whose identity is the ServiceAccount: issuing one, the list, ending one.

use domain::page::Page;
use domain::permission::Permission;
use domain::skypilot::{IssuedSkypilotKubeconfig, KubeconfigState, SkypilotKubeconfigView};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::api::skypilot::{IssueSkypilotKubeconfig, RevokeSkypilotKubeconfig, SkypilotDetail};
use crate::features::form_dialog::FormDialog;
use crate::features::load::Loaded;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::{ActionLink, blocked};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::{Banner, WithoutScript};
use crate::ui::button::{Button, ButtonSize, ButtonTone};
use crate::ui::clock::{Ago, Until};
use crate::ui::code::CodeBlock;
use crate::ui::empty::EmptyState;
use crate::ui::field::{Field, INPUT, invalid};
use crate::ui::panel::Panel;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// Issues one and shows it this once. Stands outside of what is loaded: the list is loaded again, the file stays.
#[component]
pub fn IssueForm(namespace: String, loaded: Loaded<SkypilotDetail>) -> impl IntoView {
    let sending = Sending::to::<IssueSkypilotKubeconfig>();
    let made = RwSignal::new(None::<(String, String)>);
    Effect::new(move || {
        if let Some(issued) = sending.accepted::<IssuedSkypilotKubeconfig>() {
            made.set(Some((issued.filename, issued.kubeconfig)));
            loaded.refetch();
        }
    });
    let (elsewhere, why) = (sending.elsewhere(&["name", "days"]), blocked(sending, "Issuing", Permission::Deploy));
    view! {
        <Panel title="Kubeconfig of the ServiceAccount">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    <WithoutScript>
                        "The kubeconfig is shown once, which needs JavaScript here. Without it, use POST …/skypilot/kubeconfigs."
                    </WithoutScript>
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-muted">
                        "For people and machines that have no key here. It holds a token, so keep it as a secret; it ends with its time, when you revoke it, or with SkyPilot access."
                    </p>
                    <input type="hidden" name="namespace" value=namespace />
                    <IssueFields sending=sending />
                    <div>
                        <Button blocked=why>"Issue kubeconfig"</Button>
                    </div>
                </div>
            </PostForm>
            {move || made.get().map(|(filename, text)| view! { <Shown filename=filename text=text /> })}
        </Panel>
    }
}

/// For whom, and for how long.
#[component]
fn IssueFields(sending: Sending) -> impl IntoView {
    let (name, days) = (sending.field("name"), sending.field("days"));
    view! {
        <div class="grid gap-3 sm:grid-cols-2">
            <Field id="kubeconfig-name" label="Kubeconfig for" error=name hint="Who or what has it, for example ci.">
                <input
                    id="kubeconfig-name"
                    name="name"
                    class=INPUT
                    required
                    maxlength="63"
                    autocomplete="off"
                    aria-describedby="kubeconfig-name-note"
                    aria-invalid=invalid(name)
                />
            </Field>
            <Field id="kubeconfig-days" label="Days until it ends" error=days>
                <input
                    id="kubeconfig-days"
                    name="days"
                    type="number"
                    class=INPUT
                    value="30"
                    min="1"
                    max="365"
                    required
                    aria-describedby="kubeconfig-days-note"
                    aria-invalid=invalid(days)
                />
            </Field>
        </div>
    }
}

#[component]
fn Shown(filename: String, text: String) -> impl IntoView {
    view! {
        <div class="grid gap-3 border-t border-line p-4">
            <Banner tone=Tone::Wait title="Shown once. Copy it now: it is stored nowhere and cannot be shown again." />
            <CodeBlock code=text label=filename />
        </div>
    }
}

const COLUMNS: &[Column] = &[
    Column::Words("Kubeconfig"),
    Column::Words("Status"),
    Column::Words("Created by"),
    Column::Figures("Created"),
    Column::Figures("Ends"),
    Column::Actions("Actions"),
];

/// The list; revoking one is a state of the URL.
#[component]
pub fn Kubeconfigs(namespace: String, issued: Page<SkypilotKubeconfigView>) -> impl IntoView {
    let query = use_query_map();
    let revoking = Memo::new(move |_| query.read().get("revoke"));
    let (all, id) = (issued.items.clone(), namespace.clone());
    let dialog = move || {
        let found = revoking.get().and_then(|id| all.iter().find(|one| one.id == id).cloned());
        found.map(|one| view! { <RevokeDialog kubeconfig=one namespace=id.clone() /> })
    };
    let body = if issued.items.is_empty() {
        let text = "Your own kubeconfig, from the tab Access, is enough for sky on your machine.";
        view! { <EmptyState title="No kubeconfig issued" text=text /> }.into_any()
    } else {
        let row = move |one| view! { <Row kubeconfig=one namespace=namespace.clone() /> };
        view! {
            <Table label="Kubeconfigs" columns=COLUMNS>
                {issued.items.into_iter().map(row).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <section class="grid gap-3" aria-labelledby="issued">
            <h2 id="issued" class="text-lg font-semibold">
                "Issued kubeconfigs"
            </h2>
            {body}
        </section>
        {dialog}
    }
}

#[component]
fn Row(kubeconfig: SkypilotKubeconfigView, namespace: String) -> impl IntoView {
    let (tone, word) = match kubeconfig.state {
        KubeconfigState::Active => (Tone::Ok, "Active"),
        KubeconfigState::Expired => (Tone::Ended, "Expired"),
        KubeconfigState::Revoked => (Tone::Ended, "Revoked"),
    };
    let revoke = paths::with_query(&paths::skypilot(&namespace), &[("revoke", &kubeconfig.id)]);
    let which = format!(" {}", kubeconfig.name);
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="font-medium">{kubeconfig.name}</p>
                <p class="font-mono text-xs text-faint">{kubeconfig.service_account}</p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
            </td>
            <td class=CELL>{kubeconfig.created_by}</td>
            <td class=FIGURE>
                <Ago at=kubeconfig.created_at />
            </td>
            <td class=FIGURE>
                <Until at=kubeconfig.expires_at />
            </td>
            <td class=FIGURE>
                {(kubeconfig.state == KubeconfigState::Active)
                    .then(|| {
                        view! {
                            <ActionLink href=revoke permission=Permission::Deploy tone=ButtonTone::Quiet size=ButtonSize::Small>
                                "Revoke" <span class="sr-only">{which.clone()}</span>
                            </ActionLink>
                        }
                    })}
            </td>
        </tr>
    }
}

#[component]
fn RevokeDialog(kubeconfig: SkypilotKubeconfigView, namespace: String) -> impl IntoView {
    let sending = Sending::to::<RevokeSkypilotKubeconfig>();
    view! {
        <FormDialog
            title=format!("Revoke the kubeconfig {}", kubeconfig.name)
            sending=sending
            close=paths::skypilot(&namespace)
            button="Revoke kubeconfig"
            busy="Revoking"
        >
            <p>"The API server refuses its token within about ten seconds. Other kubeconfigs and keys go on."</p>
            <input type="hidden" name="namespace" value=namespace />
            <input type="hidden" name="id" value=kubeconfig.id />
            <input type="hidden" name="name" value=kubeconfig.name />
        </FormDialog>
    }
}
