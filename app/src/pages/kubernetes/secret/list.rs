//! Secrets of a namespace: names, types and keys; making one is a state of the URL.

use domain::permission::Permission;
use domain::secret::{PULL, SecretView};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::{NewPullSecretDialog, NewSecretDialog};
use crate::api::secret::ListSecrets;
use crate::features::load::load;
use crate::features::problem::ErrorBanner;
use crate::features::right::ActionLink;
use crate::paths;
use crate::ui::button::ButtonSize;
use crate::ui::clock::Ago;
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list with its dialogs.
#[component]
pub fn Secrets(namespace_id: String) -> impl IntoView {
    let query = use_query_map();
    let (id, dialog_id) = (namespace_id.clone(), namespace_id.clone());
    let body = load(Signal::stored(namespace_id.clone()), |namespace| ListSecrets { namespace }).show_or(
        move |secrets| view! { <Body namespace_id=id.clone() secrets=secrets /> }.into_any(),
        |error| view! { <ErrorBanner error=error /> }.into_any(),
    );
    let dialog = move || {
        let asked = query.read().get("new");
        match asked.as_deref() {
            Some("secret") => Some(view! { <NewSecretDialog namespace_id=dialog_id.clone() /> }.into_any()),
            Some("pull-secret") => Some(view! { <NewPullSecretDialog namespace_id=dialog_id.clone() /> }.into_any()),
            _ => None,
        }
    };
    view! {
        <section class="grid gap-3" aria-labelledby="secrets">
            <div class="flex flex-wrap items-center justify-between gap-2">
                <h2 id="secrets" class="text-lg font-semibold">
                    "Secrets"
                </h2>
                <div class="flex flex-wrap gap-2">
                    <ActionLink href=paths::new_config(&namespace_id, "secret") permission=Permission::Deploy size=ButtonSize::Small>
                        <Glyph icon=Icon::Plus />
                        "New secret"
                    </ActionLink>
                    <ActionLink href=paths::new_config(&namespace_id, "pull-secret") permission=Permission::Deploy size=ButtonSize::Small>
                        <Glyph icon=Icon::Plus />
                        "New pull secret"
                    </ActionLink>
                </div>
            </div>
            {body}
        </section>
        {dialog}
    }
}

const COLUMNS: &[Column] =
    &[Column::Words("Name"), Column::Words("Type"), Column::Words("Keys"), Column::Figures("Created")];

#[component]
fn Body(namespace_id: String, secrets: Vec<SecretView>) -> impl IntoView {
    if secrets.is_empty() {
        let text = "Values that pods need and nobody should read: passwords, tokens, the sign-in of a registry. They are \
            written here and never shown again.";
        let new = paths::new_config(&namespace_id, "secret");
        return view! {
            <EmptyState title="No secrets yet" text=text learn=paths::learn::SECRETS>
                <ActionLink href=new permission=Permission::Deploy>
                    "New secret"
                </ActionLink>
            </EmptyState>
        }
        .into_any();
    }
    let row = move |secret: SecretView| {
        let keys = secret.keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>().join(", ");
        let title = keys.clone();
        view! {
            <tr class=ROW>
                <td class=CELL>
                    <a href=paths::secret(&namespace_id, &secret.name) class="font-medium hover:underline">
                        {secret.name.clone()}
                    </a>
                </td>
                <td class=CELL>{kind(&secret.kind)}</td>
                <td class=CELL>
                    <p class="max-w-96 truncate font-mono text-sm text-muted" title=title>
                        {keys}
                    </p>
                </td>
                <td class=FIGURE>
                    <Ago at=secret.created_at />
                </td>
            </tr>
        }
    };
    view! {
        <Table label="Secrets" columns=COLUMNS>
            {secrets.into_iter().map(row).collect_view()}
        </Table>
    }
    .into_any()
}

/// A type in people's words; others as Kubernetes calls them.
pub fn kind(kind: &str) -> String {
    match kind {
        domain::secret::OPAQUE => "Values".to_owned(),
        PULL => "Pull secret".to_owned(),
        "kubernetes.io/tls" => "TLS certificate".to_owned(),
        other => other.to_owned(),
    }
}
