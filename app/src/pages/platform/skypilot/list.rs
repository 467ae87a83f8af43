//! SkyPilot accesses that reach beyond their namespace: operators allow them, or take that back.

use domain::page::Page;
use domain::skypilot::{Feature, SkypilotRequest};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::api::platform_skypilot::{ApproveSkypilot, ListSkypilotRequests};
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::notice::times_done;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonLink, ButtonSize};
use crate::ui::empty::EmptyState;
use crate::ui::table::{CELL, Column, ROW, Table};

/// The list.
#[component]
pub fn PlatformSkypilotPage() -> impl IntoView {
    let (query, done) = (use_query_map(), times_done());
    // The key is `cursor done`: after a decision the list is another.
    let key = Memo::new(move |_| format!("{} {}", query.read().get("cursor").unwrap_or_default(), done.get()));
    let body = load(key, |key| {
        let cursor = key.split(' ').next().unwrap_or_default().to_owned();
        ListSkypilotRequests { cursor }
    })
    .show(|page| view! { <Listing page=page /> }.into_any());
    view! {
        <PageHead title="SkyPilot">
            <p>"What namespaces ask for beyond themselves. Everything else of SkyPilot access needs no leave."</p>
            <CopyAs rest=paths::rest(&["platform", "skypilot"]) />
        </PageHead>
        {body}
    }
    .into_any()
}

const COLUMNS: &[Column] =
    &[Column::Words("Namespace"), Column::Words("Account"), Column::Words("Asks for"), Column::Actions("Decision")];

#[component]
fn Listing(page: Page<SkypilotRequest>) -> impl IntoView {
    if page.items.is_empty() {
        let text = "A namespace appears here when its SkyPilot access asks for all pods or for ingress.";
        return view! { <EmptyState title="Nobody asks for anything" text=text /> }.into_any();
    }
    let next = page.next_cursor.map(|cursor| paths::with_query(&paths::platform_skypilot(), &[("cursor", &cursor)]));
    view! {
        <Table label="SkyPilot accesses" columns=COLUMNS>
            {page.items.into_iter().map(|request| view! { <Row request=request /> }).collect_view()}
        </Table>
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
    .into_any()
}

#[component]
fn Row(request: SkypilotRequest) -> impl IntoView {
    let SkypilotRequest { id, account, kubernetes_name, service_account, asked, approved } = request;
    let line = {
        let approved = approved.clone();
        move |feature: &Feature| {
            let (tone, word) =
                if approved.contains(feature) { (Tone::Ok, "Allowed") } else { (Tone::Wait, "Asked for") };
            view! {
                <li>
                    <span class="flex flex-wrap items-center gap-2">
                        {feature.words()} <Badge tone=tone label=word />
                    </span>
                    <span class="text-sm text-muted">{feature.consequence()}</span>
                </li>
            }
        }
    };
    let all = asked.iter().all(|feature| approved.contains(feature));
    let words = asked.iter().map(|feature| feature.as_str()).collect::<Vec<_>>().join(",");
    let allow =
        (!all).then(|| view! { <Decide id=id.clone() name=kubernetes_name.clone() features=words label="Allow" /> });
    let back = (!approved.is_empty()).then(|| {
        view! { <Decide id=id.clone() name=kubernetes_name.clone() features=String::new() label="Take back" /> }
    });
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="font-medium">{kubernetes_name.clone()}</p>
                <p class="font-mono text-sm text-muted">{service_account}</p>
            </td>
            <td class=CELL>{account}</td>
            <td class=CELL>
                <ul class="grid gap-2">{asked.iter().map(line).collect_view()}</ul>
            </td>
            <td class=CELL>
                <span class="flex flex-wrap justify-end gap-2">{allow} {back}</span>
            </td>
        </tr>
    }
}

/// One decision; it names the namespace for people who cannot see its row.
#[component]
fn Decide(id: String, name: String, features: String, label: &'static str) -> impl IntoView {
    let sending = Sending::to::<ApproveSkypilot>();
    let refusal = sending.refusal();
    let whole = format!("{label} {name}");
    view! {
        <PostForm sending=sending>
            {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="name" value=name />
            <input type="hidden" name="features" value=features />
            <Button size=ButtonSize::Small blocked=sending.blocked("Saving")>
                {label}
                <span class="sr-only">{whole.trim_start_matches(label).to_owned()}</span>
            </Button>
        </PostForm>
    }
}
