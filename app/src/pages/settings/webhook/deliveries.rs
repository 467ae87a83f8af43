//! What became of each delivery of a webhook, try by try.

use domain::page::Page;
use domain::webhook::{AttemptView, DeliveryState, DeliveryView};
use leptos::prelude::*;

use crate::api::webhook::RedeliverWebhook;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonLink, ButtonSize, ButtonTone};
use crate::ui::clock::{Ago, Until, absolute};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

const COLUMNS: &[Column] = &[
    Column::Words("Event"),
    Column::Words("Status"),
    Column::Words("Tries"),
    Column::Figures("Happened"),
    Column::Actions("Actions"),
];

/// The deliveries, newest first; `again` loads them anew.
#[component]
pub fn Deliveries(
    webhook: String,
    deliveries: Page<DeliveryView>,
    enabled: bool,
    again: Callback<()>,
) -> impl IntoView {
    let sending = Sending::to::<RedeliverWebhook>();
    let refusal = sending.refusal();
    let here = paths::webhook(&webhook);
    let next = deliveries.next_cursor.map(|cursor| paths::with_query(&here, &[("cursor", &cursor)]));
    let empty = deliveries.items.is_empty();
    let row = move |delivery: DeliveryView| {
        view! { <Row webhook=webhook.clone() delivery=delivery enabled=enabled sending=sending /> }
    };
    let rows = deliveries.items.into_iter().map(row).collect_view();
    view! {
        <div class="flex items-center justify-between gap-2">
            <h2 class="font-semibold">"Deliveries"</h2>
            <span class="js-only">
                <Button kind="button" size=ButtonSize::Small on:click=move |_| again.run(())>
                    "Refresh"
                </Button>
            </span>
        </div>
        {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
        {match empty {
            true => view! { <p class="text-muted">"Nothing happened yet that it would be told of. Send a test."</p> }.into_any(),
            false => {
                view! {
                    <Table label="Deliveries" columns=COLUMNS>
                        {rows}
                    </Table>
                }
                    .into_any()
            }
        }}
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
}

#[component]
fn Row(webhook: String, delivery: DeliveryView, enabled: bool, sending: Sending) -> impl IntoView {
    let (tone, word) = match delivery.state {
        DeliveryState::Waiting => (Tone::Wait, "Waiting"),
        DeliveryState::Delivered => (Tone::Ok, "Delivered"),
        DeliveryState::Failed => (Tone::Fail, "Failed"),
    };
    let due = delivery.next_at.filter(|_| !delivery.attempts.is_empty());
    let label = format!("Send {} again", delivery.kind);
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="font-medium">{delivery.kind}</p>
                <p class="text-sm text-muted">{delivery.target_name}</p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
                {due.map(|at| view! { <p class="text-sm text-muted">"again " <Until at=at /></p> })}
            </td>
            <td class=CELL>
                <Tries attempts=delivery.attempts />
            </td>
            <td class=FIGURE>
                <Ago at=delivery.at />
            </td>
            <td class=FIGURE>
                {enabled
                    .then(|| {
                        view! {
                            <PostForm sending=sending>
                                <input type="hidden" name="id" value=webhook />
                                <input type="hidden" name="delivery" value=delivery.id />
                                <Button tone=ButtonTone::Quiet size=ButtonSize::Small attr:aria-label=label>
                                    "Send again"
                                </Button>
                            </PostForm>
                        }
                    })}
            </td>
        </tr>
    }
}

/// The last try in words, the others folded.
#[component]
fn Tries(attempts: Vec<AttemptView>) -> impl IntoView {
    let Some(last) = attempts.last().map(words) else {
        return view! { <span class="text-muted">"none yet"</span> }.into_any();
    };
    let earlier: Vec<String> = attempts.iter().rev().skip(1).map(words).collect();
    let folded = (!earlier.is_empty()).then(|| {
        let count = format!("{} earlier", earlier.len());
        let line = |words: String| view! { <li>{words}</li> };
        view! {
            <details class="text-sm text-muted">
                <summary class="cursor-pointer">{count}</summary>
                <ul>{earlier.into_iter().map(line).collect_view()}</ul>
            </details>
        }
    });
    view! {
        <p>{last}</p>
        {folded}
    }
    .into_any()
}

fn words(attempt: &AttemptView) -> String {
    let what = match (attempt.status, attempt.problem) {
        (Some(status), _) => format!("answered {status}"),
        (None, Some(problem)) => problem.words().to_owned(),
        (None, None) => "no answer".to_owned(),
    };
    format!("{what}, {} ms, {}", attempt.took_ms, absolute(&attempt.at))
}
