//! One row of the audit log in the list.

use domain::audit::AuditView;
use leptos::prelude::*;

use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::clock::Ago;
use crate::ui::table::{CELL, FIGURE, ROW};

/// One line a row: what is too long for its column is in the title and in the details.
const NAME: &str = "block max-w-44 truncate hover:underline";

/// The outcome: quiet when it was a success, a badge with its code when not.
#[component]
pub fn OutcomeBadge(outcome: String, code: Option<String>) -> impl IntoView {
    let tone = match outcome.as_str() {
        "success" => return view! { <span class="text-muted">"success"</span> }.into_any(),
        "refused" => Tone::Wait,
        _ => Tone::Fail,
    };
    view! {
        <Badge tone=tone label=outcome />
        {code.map(|code| view! { <p class="font-mono text-sm text-muted">{code}</p> })}
    }
    .into_any()
}

/// A row; who and on what are links to the rows of the same.
#[component]
pub fn Row(platform: bool, row: AuditView) -> impl IntoView {
    let named = |name: &str, id: &str| if name.is_empty() { id.to_owned() } else { name.to_owned() };
    let (who, on) = (named(&row.actor_name, &row.actor), named(&row.target_name, &row.target));
    let same_actor = paths::with_query(&paths::audit(platform), &[("actor", &row.actor)]);
    let same_target = paths::with_query(&paths::audit(platform), &[("target", &row.target)]);
    let details = format!("Details of {}", row.action);
    view! {
        <tr class=ROW data-testid="audit-row">
            <td class=CELL>
                <Ago at=row.at />
            </td>
            <td class=CELL>
                <a href=same_actor class=NAME title=row.actor>
                    {who}
                </a>
            </td>
            <td class=CELL>
                <code class="font-mono text-sm whitespace-nowrap">{row.action}</code>
            </td>
            <td class=CELL>
                <a href=same_target class=NAME title=row.target>
                    {on}
                </a>
            </td>
            <td class=CELL>
                <OutcomeBadge outcome=row.outcome code=row.code />
            </td>
            <td class=CELL>{row.address}</td>
            <td class=FIGURE>
                <a href=paths::audit_row(platform, &row.id) class="link" aria-label=details>
                    "Details"
                </a>
            </td>
        </tr>
    }
}
