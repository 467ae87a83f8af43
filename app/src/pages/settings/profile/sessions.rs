//! Where one is signed in, and the ways to end that.

use domain::page::Page;
use domain::session::SessionItem;
use leptos::prelude::*;

use crate::api::session::{EndOtherSessions, EndSession};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonLink, ButtonSize, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::panel::Panel;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

const COLUMNS: &[Column] = &[
    Column::Words("Device"),
    Column::Words("Address"),
    Column::Figures("Signed in"),
    Column::Figures("Last seen"),
    Column::Actions("Actions"),
];

/// One page of the list, newest first; whether it is the first one.
#[component]
pub fn SessionsPanel(sessions: Page<SessionItem>, first: bool) -> impl IntoView {
    let (one, others) = (Sending::to::<EndSession>(), Sending::to::<EndOtherSessions>());
    let refusal = move || one.refusal().get().or_else(|| others.refusal().get());
    let Page { items, next_cursor } = sessions;
    let alone = first && next_cursor.is_none() && items.len() < 2;
    let next = next_cursor.map(|cursor| paths::with_query(&paths::profile(), &[("cursor", &cursor)]));
    let everywhere = move || {
        let blocked = Signal::derive(move || {
            let alone = alone.then(|| "You are signed in nowhere else".to_owned());
            alone.or_else(|| others.blocked("Signing out").get())
        });
        view! {
            <PostForm sending=others>
                <Button size=ButtonSize::Small blocked=blocked>
                    "Sign out everywhere else"
                </Button>
            </PostForm>
        }
    };
    view! {
        <Panel title="Sessions" actions=everywhere>
            <div class="grid gap-3 p-4">
                {move || refusal().map(|error| view! { <ErrorBanner error=error /> })}
                <Table label="Sessions" columns=COLUMNS>
                    {items.into_iter().map(|session| view! { <Row session=session sending=one /> }).collect_view()}
                </Table>
                {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
            </div>
        </Panel>
    }
}

#[component]
fn Row(session: SessionItem, sending: Sending) -> impl IntoView {
    let action = if session.current {
        view! { <Badge tone=Tone::Ok label="This one" /> }.into_any()
    } else {
        let label = format!("Sign out {}", session.device);
        view! {
            <PostForm sending=sending>
                <input type="hidden" name="id" value=session.id />
                <Button tone=ButtonTone::Quiet size=ButtonSize::Small attr:aria-label=label>
                    "Sign out"
                </Button>
            </PostForm>
        }
        .into_any()
    };
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="font-medium">{session.device}</p>
                {session.provider.map(|provider| view! { <p class="text-sm text-muted">"with " {provider}</p> })}
            </td>
            <td class=CELL>
                <code class="font-mono text-sm">{session.address}</code>
            </td>
            <td class=FIGURE>
                <Ago at=session.created_at />
            </td>
            <td class=FIGURE>
                <Ago at=session.last_seen_at />
            </td>
            <td class=FIGURE>{action}</td>
        </tr>
    }
}
