//! Credentials that were handed out: a table, and the dialog that revokes one.

use domain::credential::{Access, CredentialStatus, CredentialView};
use domain::page::Page;
use domain::permission::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::api::credential::{ListCredentials, RevokeCredential};
use crate::features::form_dialog::FormDialog;
use crate::features::load::{Loaded, load};
use crate::features::post_form::Sending;
use crate::features::right::ActionLink;
use crate::features::status;
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::button::{ButtonLink, ButtonSize, ButtonTone};
use crate::ui::clock::{Ago, Until};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

const COLUMNS: &[Column] = &[
    Column::Words("For"),
    Column::Words("Status"),
    Column::Words("Rights"),
    Column::Figures("Issued"),
    Column::Figures("Last used"),
    Column::Figures("Ends"),
    Column::Actions("Actions"),
];

/// Loads the credentials of `key/{id}` or `namespace/{id}`, anew when `version` changes.
pub fn load_credentials(of: String, version: impl Fn() -> u32 + Send + Sync + 'static) -> Loaded<Page<CredentialView>> {
    let query = use_query_map();
    let cursor = move || query.read().get("credentials").unwrap_or_default();
    let key = Memo::new(move |_| format!("{of} {} {}", cursor(), version()));
    load(key, |key| {
        let mut parts = key.split(' ').map(str::to_owned);
        ListCredentials { of: parts.next().unwrap_or_default(), cursor: parts.next().unwrap_or_default() }
    })
}

/// The table; `here` is the page it stands on, which also opens the dialog (`?revoke={id}`).
#[component]
pub fn Credentials(page: Page<CredentialView>, here: String, by_key: bool) -> impl IntoView {
    let query = use_query_map();
    let (items, back) = (page.items.clone(), here.clone());
    let revoking = Memo::new(move |_| query.read().get("revoke"));
    let doomed = move || revoking.get().and_then(|id| items.iter().find(|credential| credential.id == id).cloned());
    let next = page.next_cursor.map(|cursor| paths::with_query(&here, &[("credentials", &cursor)]));
    let table = if page.items.is_empty() {
        let text = "None yet. Each kubectl command fetches one, or the one fetched before while half its hour remains.";
        view! { <p class="p-4 text-muted">{text}</p> }.into_any()
    } else {
        let row = move |credential| view! { <Row credential=credential here=here.clone() by_key=by_key /> };
        view! {
            <Table label="Issued credentials" columns=COLUMNS>
                {page.items.into_iter().map(row).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        {table}
        {next.map(|href| view! { <p class="p-4"><ButtonLink href=href>"Older"</ButtonLink></p> })}
        {move || doomed().map(|credential| view! { <RevokeDialog credential=credential back=back.clone() /> })}
    }
}

#[component]
fn Row(credential: CredentialView, here: String, by_key: bool) -> impl IntoView {
    let (tone, word) = status::credential(credential.status);
    let name = match (by_key, credential.api_key_name) {
        (true, Some(name)) => name,
        (true, None) if credential.renews => "connector".to_owned(),
        (true, None) => "this console".to_owned(),
        (false, _) => credential.namespace_name,
    };
    let revoke = paths::with_query(&here, &[("revoke", &credential.id)]);
    let facts =
        [credential.token_id.map(|id| format!("token {id}")), credential.address.map(|at| format!("from {at}"))];
    let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let which = format!(" the credential for {name}");
    view! {
        <tr class=ROW data-testid="credential">
            <td class=CELL>
                <p class="font-medium">{name}</p>
                <p class="max-w-56 truncate font-mono text-xs text-faint" title=facts>
                    {credential.service_account}
                </p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
            </td>
            <td class=CELL>{credential.access.map(Access::as_str)}</td>
            <td class=FIGURE>
                <Ago at=credential.issued_at />
            </td>
            <td class=FIGURE>
                <Ago at=credential.last_used_at />
            </td>
            <td class=FIGURE>
                <Until at=credential.expires_at />
            </td>
            <td class=FIGURE>
                {(credential.status == CredentialStatus::Active)
                    .then(|| {
                        view! {
                            <ActionLink href=revoke permission=Permission::OwnKeys tone=ButtonTone::Quiet size=ButtonSize::Small>
                                "Revoke" <span class="sr-only">{which.clone()}</span>
                            </ActionLink>
                        }
                    })}
            </td>
        </tr>
    }
}

/// Names what ends and what goes on.
#[component]
fn RevokeDialog(credential: CredentialView, back: String) -> impl IntoView {
    let sending = Sending::to::<RevokeCredential>();
    let after = match credential.renews {
        true => {
            "The pods that its cluster runs here go on and are no longer looked after: download another kubeconfig for it first."
        }
        false => "The key stays good: its next command fetches a new token. To keep it out, disable or revoke the key.",
    };
    view! {
        <FormDialog
            title="Revoke this credential"
            sending=sending
            close=back.clone()
            button="Revoke credential"
            busy="Revoking"
        >
            <p>
                "Every token of " <code class="font-mono text-sm wrap-anywhere">{credential.service_account}</code>
                " is refused at once; streams that are open go on until they end. "
                {after}
            </p>
            <input type="hidden" name="id" value=credential.id />
            <input type="hidden" name="back" value=back />
        </FormDialog>
    }
}
