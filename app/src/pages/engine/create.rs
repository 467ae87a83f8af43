//! A new engine: its kind, its form, the preflight, and then the engine. The preflight comes with the first submit, the
//! engine with the second; what is typed in between asks for another preflight.

use domain::engine::{EngineKind, PreflightView, Row};
use leptos::prelude::*;

use super::fields::{Checks, Docker, OnPremise, Runpod};
use crate::api::engine::AddEngine as Add;
use crate::features::engine_manifest::ManifestGenerator;
use crate::features::engine_report::{Features, Rows};
use crate::features::head::PageHead;
use crate::features::live::use_live;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::status;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::panel::{Panel, Step};

/// The kinds to choose from, or the form of one.
#[component]
pub fn AddEngine(kind: Option<EngineKind>) -> impl IntoView {
    let trail = vec![(paths::engines(), "Engines".to_owned())];
    let body = match kind {
        None => view! { <Kinds /> }.into_any(),
        Some(kind) => view! { <Form kind=kind /> }.into_any(),
    };
    view! {
        <PageHead title="Add engine" trail=trail>
            <p>{kind.map_or("What shall run pods?", EngineKind::words)}</p>
        </PageHead>
        {body}
    }
    .into_any()
}

#[component]
fn Kinds() -> impl IntoView {
    let card = |kind: EngineKind| {
        let text = match kind {
            EngineKind::OnPremise => "A Kubernetes cluster that exists. Its administrator keeps upgrades and machines.",
            EngineKind::Docker => {
                "One machine with Docker or Podman, by its socket or by https with a client certificate."
            }
            EngineKind::Runpod => "GPUs that RunPod rents by the second, with a price limit.",
        };
        view! {
            <a
                href=paths::new_engine(kind.as_str())
                class="grid gap-1 rounded-md border border-line bg-surface p-4 hover:border-accent"
            >
                <span class="font-semibold">{kind.words()}</span>
                <span class="text-muted">{text}</span>
            </a>
        }
    };
    view! { <div class="grid max-w-4xl gap-3 sm:grid-cols-3">{EngineKind::ALL.map(card).collect_view()}</div> }
}

#[component]
fn Form(kind: EngineKind) -> impl IntoView {
    let sending = Sending::to::<Add>();
    let report = last_preflight(sending);
    let elsewhere = sending.elsewhere(super::fields::SHOWN);
    let preflight_id = Memo::new(move |_| {
        report.with(|report| report.as_ref().and_then(|report| report.preflight_id.clone()).unwrap_or_default())
    });
    let passed = Memo::new(move |_| preflight_id.with(|id| !id.is_empty()));
    let name = RwSignal::new(String::new());
    let fields = match kind {
        EngineKind::OnPremise => view! { <OnPremise sending=sending name=name /> }.into_any(),
        EngineKind::Docker => view! { <Docker sending=sending name=name /> }.into_any(),
        EngineKind::Runpod => view! { <Runpod sending=sending name=name /> }.into_any(),
    };
    view! {
        <div class="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
            <div on:input=move |_| report.set(None)>
                <PostForm sending=sending>
                    <div class="grid gap-4">
                        {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                        <input type="hidden" name="form[kind]" value=kind.as_str() />
                        <input type="hidden" name="preflight_id" value="" prop:value=preflight_id />
                        {fields}
                        <Step number=4 title="Preflight">
                            <Preflight report=report sending=sending />
                            <div class="flex flex-wrap gap-2">
                                <Button tone=ButtonTone::Primary blocked=sending.blocked("Checking")>
                                    {move || if passed.get() { "Add engine" } else { "Run preflight" }}
                                </Button>
                                <ButtonLink href=paths::engines()>"Cancel"</ButtonLink>
                            </div>
                        </Step>
                    </div>
                </PostForm>
            </div>
            <div class="grid gap-4">
                <Checks />
                {(kind == EngineKind::OnPremise).then(|| view! { <Generator name=name /> })}
            </div>
        </div>
    }
}

/// The preflight that still speaks of what stands in the form.
fn last_preflight(sending: Sending) -> RwSignal<Option<PreflightView>> {
    let report = RwSignal::new(None::<PreflightView>);
    Effect::new(move || {
        if let Some(Some(found)) = sending.accepted::<Option<PreflightView>>() {
            report.set(Some(found));
        }
    });
    let refusal = sending.refusal();
    Effect::new(move || {
        // A preflight that was used up or is too old does not help a second time.
        if refusal.get().is_some() {
            report.set(None);
        }
    });
    report
}

#[component]
fn Generator(name: RwSignal<String>) -> impl IntoView {
    view! {
        <Panel title="Generate a token">
            <div class="grid gap-3 p-4">
                <p class="text-muted">
                    "Gives the console an identity of its own on the cluster, with the rights that are ticked. Nothing is applied from here."
                </p>
                <ManifestGenerator engine_name=name />
            </div>
        </Panel>
    }
}

/// What the preflight found; before it, what it will look at.
#[component]
fn Preflight(report: RwSignal<Option<PreflightView>>, sending: Sending) -> impl IntoView {
    let waiting = sending.blocked("Checking");
    // Only while something is on its way: the whole result comes with the answer.
    let url = Signal::derive(move || waiting.get().map_or_else(String::new, |_| paths::live_preflight()));
    let (live, _) = use_live::<Vec<Row>>(url);
    let so_far = move || {
        live.get().filter(|rows| !rows.is_empty()).map(|rows| {
            view! {
                <div class="rounded border border-line" role="region" aria-label="Checks so far">
                    <Rows rows=rows />
                </div>
            }
        })
    };
    move || {
        match (waiting.get().is_some(), report.get()) {
        (true, _) => {
            let words = "Checking the address, the certificate, the sign-in and each right; 30 seconds at most.";
            view! { <p role="status" class="text-muted">{words}</p> {so_far} }.into_any()
        }
        (false, None) => view! {
            <p class="text-muted">
                "Checks the address, the certificate, the sign-in and each right. Nothing is saved and nothing is changed on the other side."
            </p>
        }
        .into_any(),
        (false, Some(found)) => view! { <Found found=found /> }.into_any(),
    }
    }
}

#[component]
fn Found(found: PreflightView) -> impl IntoView {
    let PreflightView { preflight_id, status, report, features } = found;
    let (tone, word) = status::engine(status);
    let stuck = preflight_id.is_none().then(|| {
        view! { <Banner tone=Tone::Fail title="The engine cannot be added like this">"Mend what failed, then run the preflight again."</Banner> }
    });
    view! {
        <div class="grid gap-3" role="region" aria-label="Preflight report">
            {stuck}
            <p>"It would be " <Badge tone=tone label=word /></p>
            <div class="rounded border border-line">
                <Features features=features />
                <Rows rows=report.rows />
            </div>
        </div>
    }
}
