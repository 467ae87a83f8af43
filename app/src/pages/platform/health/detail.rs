//! System health: what answers, who runs the loops, what is in trouble, as the console that was asked sees it.

use domain::health::{HealthCheck, HealthState, HealthView};
use leptos::prelude::*;

use crate::api::health::GetHealth;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::Button;
use crate::ui::table::{CELL, Column, ROW, Table};

/// The page.
#[component]
pub fn HealthPage() -> impl IntoView {
    load(Signal::stored(String::new()), |_| GetHealth {}).show(|health| view! { <Body health=health /> }.into_any())
}

fn state(state: HealthState) -> (Tone, &'static str) {
    match state {
        HealthState::Working => (Tone::Ok, "Working"),
        HealthState::Degraded => (Tone::Wait, "Degraded"),
        HealthState::Failed => (Tone::Fail, "Failed"),
    }
}

/// Asks again: a plain form, the page as a whole is what is asked for.
fn again() -> impl IntoView {
    view! {
        <form method="get" action=paths::platform_health()>
            <Button>"Check again"</Button>
        </form>
    }
}

const COLUMNS: &[Column] = &[Column::Words("Part"), Column::Words("Status"), Column::Words("What it says")];

#[component]
fn Body(health: HealthView) -> impl IntoView {
    let HealthView { state: whole, version, checks } = health;
    let (tone, word) = state(whole);
    let row = |check: HealthCheck| {
        let (tone, word) = state(check.state);
        view! {
            <tr class=ROW>
                <td class=CELL>
                    <p class="font-medium">{check.name}</p>
                </td>
                <td class=CELL>
                    <Badge tone=tone label=word />
                </td>
                <td class=CELL>{check.detail}</td>
            </tr>
        }
    };
    view! {
        <PageHead title="System health" badge=move || view! { <Badge tone=tone label=word /> } actions=again>
            <p>"version " {version} ", as the console that answered sees it"</p>
            <CopyAs rest=paths::rest(&["platform", "health"]) kubectl="kubectl get leases -n remotegpu-system" />
        </PageHead>
        <Table label="Parts" columns=COLUMNS>
            {checks.into_iter().map(row).collect_view()}
        </Table>
        <ul class="flex flex-wrap gap-x-4 gap-y-1 text-sm">
            <li>
                <a class="link" href=paths::engines()>
                    "Engines"
                </a>
            </li>
            <li>
                <a class="link" href=paths::nodes()>
                    "Nodes"
                </a>
            </li>
            <li>
                <a class="link" href=paths::audit(true)>
                    "Platform audit"
                </a>
            </li>
        </ul>
    }
}
