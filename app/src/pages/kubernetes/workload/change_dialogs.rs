//! The dialogs that change a workload that runs: scale, restart, another image, back to an earlier template.

use domain::pod::ContainerView;
use domain::workload::Revision;
use leptos::prelude::*;

use super::detail::Shown;
use super::dialogs::Whose;
use crate::api::workload::{ChangeImage, ListRevisions, RestartWorkload, RollBack, ScaleWorkload};
use crate::features::form_dialog::FormDialog;
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::ui::button::{Button, ButtonSize, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT, invalid};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// How many pods.
#[component]
pub fn ScaleDialog(shown: Shown) -> impl IntoView {
    let sending = Sending::to::<ScaleWorkload>();
    let (error, now) = (sending.field("replicas"), shown.now.with_untracked(|w| w.wanted.to_string()));
    let before = Signal::stored(Some(now.clone()));
    view! {
        <FormDialog
            title=format!("Scale {}", shown.name)
            sending=sending
            shown=&["replicas"]
            before=("replicas", before)
            close=shown.page()
            tone=ButtonTone::Primary
            button="Scale"
            busy="Scaling"
        >
            <Whose shown=shown />
            <Field id="replicas" label="Pods wanted" error=error hint="0 stops all of them and ends the cost.">
                <input
                    id="replicas"
                    name="replicas"
                    type="number"
                    min="0"
                    max="100"
                    class=INPUT
                    required
                    autofocus
                    value=now
                    aria-describedby="replicas-note"
                    aria-invalid=invalid(error)
                />
            </Field>
        </FormDialog>
    }
}

/// A new pod for each one.
#[component]
pub fn RestartDialog(shown: Shown) -> impl IntoView {
    let sending = Sending::to::<RestartWorkload>();
    view! {
        <FormDialog
            title=format!("Restart {}", shown.name)
            sending=sending
            close=shown.page()
            tone=ButtonTone::Primary
            button="Restart"
            busy="Restarting"
        >
            <p>"Every pod is replaced by a new one, one after the other. What a container wrote to its own disk is lost."</p>
            <Whose shown=shown />
        </FormDialog>
    }
}

/// Another image.
#[component]
pub fn ImageDialog(shown: Shown) -> impl IntoView {
    let sending = Sending::to::<ChangeImage>();
    let (error, image) = (sending.field("image"), shown.now.with_untracked(|w| w.image.clone()));
    let containers = shown.now.with_untracked(|w| w.pods.first().map(|p| p.containers.clone()).unwrap_or_default());
    let containers: Vec<ContainerView> = containers.into_iter().filter(|c| !c.init).collect();
    // The image that is known is that of the first container.
    let before = Signal::stored((containers.len() < 2).then(|| image.clone()));
    view! {
        <FormDialog
            title=format!("Change the image of {}", shown.name)
            sending=sending
            shown=&["image"]
            before=("image", before)
            close=shown.page()
            tone=ButtonTone::Primary
            button="Change image"
            busy="Changing"
        >
            <Whose shown=shown />
            <WhichContainer containers=containers />
            <Field id="image" label="Image" error=error hint="New pods start with it; one that cannot be pulled leaves the old ones running.">
                <input
                    id="image"
                    name="image"
                    class=INPUT
                    required
                    autofocus
                    maxlength="512"
                    autocomplete="off"
                    spellcheck="false"
                    value=image
                    aria-describedby="image-note"
                    aria-invalid=invalid(error)
                />
            </Field>
        </FormDialog>
    }
}

/// The container whose image it is; asked where there are several.
#[component]
fn WhichContainer(containers: Vec<ContainerView>) -> impl IntoView {
    let option = |c: &ContainerView| view! { <option value=c.name.clone()>{c.name.clone()}</option> };
    if containers.len() > 1 {
        let options = containers.iter().map(option).collect_view();
        view! {
            <Field id="container" label="Container">
                <select id="container" name="container" class=INPUT>
                    {options}
                </select>
            </Field>
        }
        .into_any()
    } else {
        view! { <input type="hidden" name="container" value="" /> }.into_any()
    }
}

const COLUMNS: &[Column] =
    &[Column::Figures("Revision"), Column::Words("Image"), Column::Figures("Created"), Column::Actions("Choose")];

/// The templates that Kubernetes still has.
#[component]
pub fn RollBackDialog(shown: Shown) -> impl IntoView {
    let sending = Sending::to::<RollBack>();
    let (refusal, close) = (sending.refusal(), shown.page());
    let key = format!("{}/{}", shown.namespace.id, shown.name);
    let title = format!("Roll back {}", shown.name);
    let revisions = load(Signal::stored(key), |key| {
        let (namespace, name) = key.split_once('/').unwrap_or_default();
        ListRevisions { namespace: namespace.to_owned(), name: name.to_owned() }
    });
    let table = move |revisions: Vec<Revision>| {
        let row = |revision| view! { <RevisionRow shown=shown.clone() revision=revision sending=sending /> };
        let rows: Vec<_> = revisions.into_iter().map(row).collect();
        view! {
            <Table label="Revisions" columns=COLUMNS>
                {rows}
            </Table>
        }
        .into_any()
    };
    view! {
        <Dialog title=title close=close>
            <div class="grid gap-4">
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                <p>"Pods of the chosen template replace those that run. They are admitted anew, at the price of today."</p>
                {revisions.show_or(table, |error| view! { <ErrorBanner error=error /> }.into_any())}
            </div>
        </Dialog>
    }
}

#[component]
fn RevisionRow(shown: Shown, revision: Revision, sending: Sending) -> impl IntoView {
    let number = revision.revision.to_string();
    let (value, words) = (number.clone(), format!("Roll back to {number}"));
    let action = if revision.current {
        view! { <span class="text-sm text-muted">"runs now"</span> }.into_any()
    } else {
        view! {
            <PostForm sending=sending>
                <Whose shown=shown />
                <input type="hidden" name="revision" value=value />
                <Button size=ButtonSize::Small blocked=sending.blocked("Rolling back")>
                    {words}
                </Button>
            </PostForm>
        }
        .into_any()
    };
    view! {
        <tr class=ROW data-testid="revision">
            <td class=FIGURE>{number}</td>
            <td class=CELL>
                <code class="font-mono text-sm wrap-anywhere">{revision.image}</code>
            </td>
            <td class=FIGURE>
                <Ago at=revision.created_at />
            </td>
            <td class=FIGURE>{action}</td>
        </tr>
    }
}
