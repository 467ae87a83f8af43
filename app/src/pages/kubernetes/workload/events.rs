//! What Kubernetes reported about a workload and its pods, newest first.

use std::sync::Arc;

use domain::workload::EventView;
use leptos::prelude::*;

use crate::api::packed::unpack;
use crate::ui::badge::{Badge, Tone};
use crate::ui::clock::Ago;
use crate::ui::keyed::Keyed;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

const COLUMNS: &[Column] =
    &[Column::Words("Event"), Column::Words("About"), Column::Words("Message"), Column::Figures("Last")];

/// The table; a row is drawn anew when the same thing happened again.
#[component]
pub fn Events(events: Memo<Vec<EventView>>) -> impl IntoView {
    let none = Memo::new(move |_| events.with(Vec::is_empty));
    let keyed = |event: &EventView| {
        let text = serde_json::to_string(event).ok()?;
        Some((text.clone(), text))
    };
    let items = Signal::derive(move || events.with(|events| events.iter().filter_map(keyed).collect()));
    let row = |_, text: String| unpack(&text).ok().map(|event| view! { <Row event=event /> }).into_any();
    view! {
        <section class="grid gap-2">
            <h2 class="font-semibold">"Events"</h2>
            <Table label="Events" columns=COLUMNS>
                <Keyed items=items draw=Arc::new(row) />
                {move || none.get().then(|| view! { <NoEvents /> })}
            </Table>
        </section>
    }
}

#[component]
fn NoEvents() -> impl IntoView {
    view! {
        <tr>
            <td class="px-4 py-3 text-muted" colspan="4">
                "Nothing was reported in the last hour."
            </td>
        </tr>
    }
}

#[component]
fn Row(event: EventView) -> impl IntoView {
    let tone = if event.warning { Tone::Wait } else { Tone::Ended };
    let times = if event.count > 1 { format!(" × {}", event.count) } else { String::new() };
    view! {
        <tr class=ROW data-testid="event">
            <td class=CELL>
                <Badge tone=Signal::stored(tone) label=format!("{}{times}", event.reason) />
            </td>
            <td class="px-4 py-2 align-middle text-sm">{format!("{} {}", event.about.kind, event.about.name)}</td>
            <td class="min-w-60 px-4 py-2 align-middle text-sm wrap-anywhere">{event.message}</td>
            <td class=FIGURE>
                <Ago at=event.at />
            </td>
        </tr>
    }
}
