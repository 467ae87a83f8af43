//! What the API server says to each right that SkyPilot needs, and what to do about a no.

use domain::skypilot::{Level, Verification, Verified};
use leptos::prelude::*;

use crate::api::skypilot::VerifySkypilot;
use crate::features::load::load;
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::button::{ButtonLink, ButtonSize};
use crate::ui::table::{CELL, Column, ROW, Table};

/// Asks now, and again when the page is loaded again.
#[component]
pub fn Checks(namespace: String) -> impl IntoView {
    let again = paths::with_query(&paths::skypilot(&namespace), &[("verify", "again")]);
    let close = paths::skypilot(&namespace);
    let body = load(Signal::stored(namespace), |namespace| VerifySkypilot { namespace }).show_or(
        |found| view! { <Rows found=found /> }.into_any(),
        |error| view! { <ErrorBanner error=error /> }.into_any(),
    );
    view! {
        <section class="grid gap-3" aria-labelledby="verification">
            <div class="flex flex-wrap items-center justify-between gap-2">
                <h2 id="verification" class="text-lg font-semibold">
                    "Verification"
                </h2>
                <span class="flex gap-2">
                    <ButtonLink href=again size=ButtonSize::Small>"Verify again"</ButtonLink>
                    <ButtonLink href=close size=ButtonSize::Small>"Close"</ButtonLink>
                </span>
            </div>
            {body}
        </section>
    }
}

const COLUMNS: &[Column] = &[
    Column::Words("Feature"),
    Column::Words("Where"),
    Column::Words("Right"),
    Column::Words("ServiceAccount"),
    Column::Words("Key"),
    Column::Words("Fix"),
];

#[component]
fn Rows(found: Verification) -> impl IntoView {
    let (tone, title) = if found.complete {
        (Tone::Ok, "Everything that SkyPilot needs is allowed")
    } else {
        (Tone::Fail, "Something that SkyPilot needs is missing")
    };
    let key = found.key.unwrap_or_else(|| "no key has been used in this namespace yet".to_owned());
    view! {
        <Banner tone=tone title=title>
            <p class="wrap-anywhere">"ServiceAccount: " {found.service_account}</p>
            <p class="wrap-anywhere">"Key: " {key}</p>
        </Banner>
        <Table label="Rights" columns=COLUMNS>
            {found.rows.into_iter().map(row).collect_view()}
        </Table>
    }
}

fn row(row: Verified) -> impl IntoView {
    let tolerated = row.level == Level::Tolerated;
    let answer = move |allowed: bool| match (allowed, tolerated) {
        (true, _) => view! { <Badge tone=Tone::Ok label="Yes" /> }.into_any(),
        (false, true) => view! { <Badge tone=Tone::Ended label="No" /> }.into_any(),
        (false, false) => view! { <Badge tone=Tone::Fail label="No" /> }.into_any(),
    };
    let key = row.key.map(answer);
    view! {
        <tr class=ROW>
            <td class=CELL>{row.feature.words()}</td>
            <td class=CELL>{row.scope}</td>
            <td class=CELL>
                <code class="font-mono text-sm">{format!("{} {}", row.verb, row.resource)}</code>
            </td>
            <td class=CELL>{answer(row.service_account)}</td>
            <td class=CELL>{key}</td>
            <td class=CELL>{row.fix}</td>
        </tr>
    }
}
