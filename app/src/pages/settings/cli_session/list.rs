//! The command line: how to get and sign in `kubectl-remotegpu`, and the sessions it holds.

use domain::cli_session::CliSessionView;
use domain::page::Page;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::api::cli_session::{ListCliSessions, RevokeCliSession};
use crate::features::copy_as::CopyAs;
use crate::features::form_dialog::FormDialog;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::notice::times_done;
use crate::features::post_form::Sending;
use crate::paths;
use crate::ui::button::{ButtonLink, ButtonSize, ButtonTone};
use crate::ui::clock::{Ago, Until};
use crate::ui::code::CodeBlock;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list; ending is a state of the URL.
#[component]
pub fn CliSessionsPage() -> impl IntoView {
    let (query, done) = (use_query_map(), times_done());
    // The key is `cursor ended`: after an end the list is another.
    let key = Memo::new(move |_| format!("{} {}", query.read().get("cursor").unwrap_or_default(), done.get()));
    let body = load(key, |key| {
        let cursor = key.split_once(' ').unwrap_or_default().0.to_owned();
        ListCliSessions { cursor }
    })
    .show(|(sessions, server)| view! { <Body sessions=sessions server=server /> }.into_any());
    view! {
        <PageHead title="CLI sessions">
            <p>"kubectl-remotegpu signs in through the browser, once per machine. It acts as you, in one account."</p>
            <a rel="external" href=paths::api_reference() class="link">
                "API reference"
            </a>
            <CopyAs rest=paths::rest(&["cli-sessions"]) />
        </PageHead>
        {body}
    }
    .into_any()
}

#[component]
fn Body(sessions: Page<CliSessionView>, server: String) -> impl IntoView {
    let query = use_query_map();
    let revoking = Memo::new(move |_| query.read().get("revoke"));
    let all = sessions.items.clone();
    let doomed = move || revoking.get().and_then(|id| all.iter().find(|session| session.id == id).cloned());
    let next = sessions.next_cursor.map(|cursor| paths::with_query(&paths::cli_sessions(), &[("cursor", &cursor)]));
    view! {
        <Sessions sessions=sessions.items />
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
        <div class="grid items-start gap-4 lg:grid-cols-2">
            <CodeBlock code="cargo install --locked --path crates/cli\n" label="Install, in a checkout of RemoteGPU" />
            <CodeBlock code=first_commands(&server) label="Sign in, then use kubectl" />
        </div>
        {move || doomed().map(|session| view! { <RevokeDialog session=session /> })}
    }
}

/// What a new machine types.
fn first_commands(server: &str) -> String {
    format!(
        "kubectl-remotegpu login --server {server} --create-key laptop\nkubectl-remotegpu kubeconfig --merge --use\nkubectl get pods\n"
    )
}

const COLUMNS: &[Column] = &[
    Column::Words("Machine"),
    Column::Words("Account"),
    Column::Figures("Last used"),
    Column::Figures("Ends"),
    Column::Actions("Actions"),
];

#[component]
fn Sessions(sessions: Vec<CliSessionView>) -> impl IntoView {
    if sessions.is_empty() {
        return view! { <p class="text-muted">"No machine is signed in."</p> }.into_any();
    }
    view! {
        <Table label="CLI sessions" columns=COLUMNS>
            {sessions.into_iter().map(|session| view! { <Row session=session /> }).collect_view()}
        </Table>
    }
    .into_any()
}

#[component]
fn Row(session: CliSessionView) -> impl IntoView {
    let revoke = paths::with_query(&paths::cli_sessions(), &[("revoke", &session.id)]);
    let label = format!("Revoke {}", session.name);
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="font-medium">{session.name}</p>
                <p class="text-sm text-muted">"from " {session.address}</p>
            </td>
            <td class=CELL>{session.account}</td>
            <td class=FIGURE>
                <Ago at=session.last_seen_at />
            </td>
            <td class=FIGURE>
                <Until at=session.expires_at />
            </td>
            <td class=FIGURE>
                <ButtonLink href=revoke tone=ButtonTone::Quiet size=ButtonSize::Small attr:aria-label=label>
                    "Revoke"
                </ButtonLink>
            </td>
        </tr>
    }
}

/// Names the machine and what ends with it.
#[component]
fn RevokeDialog(session: CliSessionView) -> impl IntoView {
    let sending = Sending::to::<RevokeCliSession>();
    view! {
        <FormDialog
            title=format!("Revoke the session of {}", session.name)
            sending=sending
            close=paths::cli_sessions()
            button="Revoke session"
            busy="Revoking"
        >
            <p>
                "kubectl-remotegpu on that machine is refused from its next request on. API keys it made go on: "
                <a href=paths::api_keys() class="link">
                    "API keys"
                </a> "."
            </p>
            <input type="hidden" name="id" value=session.id />
            <input type="hidden" name="name" value=session.name />
        </FormDialog>
    }
}
