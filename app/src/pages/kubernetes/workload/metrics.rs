//! The last hour of a workload as small charts, and a word when its GPUs are idle.

use domain::idle_gpu::IDLE_BELOW_PERCENT;
use domain::metric::{GpuFigures, MetricSample, MetricView};
use leptos::prelude::*;

use super::detail::Shown;
use crate::api::metric::GetMetrics;
use crate::features::live::{LiveDot, use_live};
use crate::features::load::{Loaded, load};
use crate::paths;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::chart::Line;
use crate::ui::clock::{Ago, Until};
use crate::ui::panel::Panel;

/// One figure of a sample.
struct Curve {
    name: &'static str,
    of: fn(&MetricSample) -> Option<u64>,
    words: fn(u64) -> String,
    /// The drawing is at least so high: little must not look like much.
    least: u64,
}

static CURVES: [Curve; 4] = [
    Curve { name: "CPU", of: |sample| sample.cpu_millicores, words: cores, least: 100 },
    Curve { name: "Memory", of: |sample| sample.memory_bytes, words: bytes, least: 64 << 20 },
    Curve { name: "GPU", of: |sample| sample.gpu_percent.map(u64::from), words: percent, least: 100 },
    Curve { name: "GPU memory", of: |sample| sample.gpu_memory_bytes, words: bytes, least: 1 << 30 },
];

/// The tab *Metrics*: read once, then live.
#[component]
pub fn MetricsTab(shown: Shown) -> impl IntoView {
    let live = paths::live_metrics(&shown.namespace.id, shown.kind, &shown.name);
    measured(&shown).show_fetched(move |first| charts(first, live.clone()))
}

/// All that draws, as code of its own: a workload has other tabs, and its area other pages.
#[lazy]
fn charts(first: MetricView, live: String) -> AnyView {
    view! { <Charts first=first live=live /> }.into_any()
}

/// Fetches the code of the charts where the address shows them from the start; elsewhere it comes when their tab is opened.
#[cfg(target_arch = "wasm32")]
pub async fn preload_charts() {
    let tab = leptos_router::hooks::use_params_map().read_untracked().get("tab");
    if tab.as_deref() == Some("metrics") {
        __preload_charts().await;
    }
}

/// A word on the first tab when all GPUs are idle.
#[component]
pub fn IdleNotice(shown: Shown) -> impl IntoView {
    let settings = paths::namespace_settings(&shown.namespace.id);
    measured(&shown).show(move |view| {
        let settings = settings.clone();
        let stop = |at: String| view! { " It is stopped " <Until at=at /> "." };
        let banner = view.idle.map(|idle| {
            view! {
                <Banner tone=Tone::Wait title="Its GPUs are idle">
                    <p data-testid="idle">
                        {format!("All of them have been below {IDLE_BELOW_PERCENT} per cent since ")} <Ago at=Signal::stored(idle.since_at) /> " and cost as before."
                        {idle.stops_at.map(stop)} " " <a href=settings class="link">"What is done about idle GPUs"</a>
                    </p>
                </Banner>
            }
        });
        banner.into_any()
    })
}

fn measured(shown: &Shown) -> Loaded<MetricView> {
    let key = format!("{}/{}/{}", shown.namespace.id, shown.kind.as_str(), shown.name);
    load(Signal::stored(key), |key| {
        let mut parts = key.splitn(3, '/').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        GetMetrics { namespace: part(), kind: part(), name: part() }
    })
}

#[component]
fn Charts(first: MetricView, live: String) -> impl IntoView {
    let (fresh, link) = use_live::<MetricView>(Signal::stored(live));
    // What was last seen stays while the line is mended.
    let now = Memo::new(move |last: Option<&MetricView>| {
        fresh.get().unwrap_or_else(|| last.cloned().unwrap_or_else(|| first.clone()))
    });
    let note = move || now.with(|view| (!view.note.is_empty()).then(|| view.note.clone()));
    let curves = CURVES.iter().map(|curve| move || now.with(|view| drawn(curve, &view.samples))).collect_view();
    let gpus = move || now.with(|view| view.gpus.iter().map(device).collect_view());
    view! {
        <Panel title="Last hour" actions=move || view! { <LiveDot link=link /> }>
            {move || note().map(|note| view! { <p class="p-4 text-muted" data-testid="no-metrics">{note}</p> })}
            <div class="grid gap-4 p-4 sm:grid-cols-2">{curves}</div>
            <ul class="grid gap-1 px-4 pb-4 text-sm text-muted empty:hidden">{gpus}</ul>
        </Panel>
    }
}

/// The chart of one figure; nothing where no sample has it.
fn drawn(curve: &'static Curve, samples: &[MetricSample]) -> Option<AnyView> {
    let points: Vec<Option<u64>> = samples.iter().map(curve.of).collect();
    let last = points.iter().rev().find_map(|point| *point)?;
    let known = || points.iter().flatten().copied();
    let (low, high) = (known().min()?, known().max()?);
    let description =
        format!("Between {} and {}, {} at last", (curve.words)(low), (curve.words)(high), (curve.words)(last));
    let heights: Vec<Option<f64>> = points.iter().map(|point| point.map(|value| value as f64)).collect();
    let highest = high.max(curve.least) as f64;
    let figure = view! {
        <figure class="grid min-w-0 gap-1" data-testid="metric">
            <figcaption class="flex justify-between gap-3">
                <span>{curve.name}</span>
                <span class="tabular-nums">{(curve.words)(last)}</span>
            </figcaption>
            <Line
                title=format!("{} over the last hour", curve.name)
                description=description
                points=heights
                highest=highest
            />
        </figure>
    };
    Some(figure.into_any())
}

fn device(gpu: &GpuFigures) -> AnyView {
    let busy = gpu.duty_percent.map(|duty| format!("{} busy", percent(u64::from(duty))));
    let memory = match (gpu.memory_used_bytes, gpu.memory_total_bytes) {
        (Some(used), Some(total)) => Some(format!("{} of {}", bytes(used), bytes(total))),
        (used, _) => used.map(bytes),
    };
    let figures: Vec<String> = busy.into_iter().chain(memory).collect();
    let model = if gpu.model.is_empty() { "GPU" } else { gpu.model.as_str() };
    view! { <li>{format!("{model}: {}", figures.join(", "))}</li> }.into_any()
}

fn cores(millicores: u64) -> String {
    format!("{}.{:02} cores", millicores / 1000, millicores % 1000 / 10)
}

fn percent(percent: u64) -> String {
    format!("{percent} %")
}

fn bytes(bytes: u64) -> String {
    match bytes >> 20 {
        mebi @ 0..1024 => format!("{mebi} MiB"),
        mebi => format!("{}.{} GiB", mebi >> 10, ((mebi & 1023) * 10) >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_at_a_glance() {
        assert_eq!([cores(100), cores(1250)], ["0.10 cores", "1.25 cores"]);
        assert_eq!([bytes(256 << 20), bytes(1536 << 20), bytes(80 << 30)], ["256 MiB", "1.5 GiB", "80.0 GiB"]);
    }
}
