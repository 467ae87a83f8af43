//! Stacked bars: one bar for each place on the axis, one colour for each series, and lines over them for what is to come or
//! may be spent; and lines of their own. Drawn with SVG attributes, because the page's policy forbids inline styles; the figures stand in words beside it.

use leptos::prelude::*;

// Literal class names: the style sheet is built from the source.
const FILLS: [&str; 6] =
    ["fill-series-1", "fill-series-2", "fill-series-3", "fill-series-4", "fill-series-5", "fill-series-6"];
const SWATCHES: [&str; 6] = ["bg-series-1", "bg-series-2", "bg-series-3", "bg-series-4", "bg-series-5", "bg-series-6"];

/// Height of the drawing in its own units.
const HEIGHT: f64 = 100.0;
/// Width of one bar with its gap.
const STEP: usize = 10;

/// The colour of a series: the same name has the same one on every page.
fn colour(name: &str) -> usize {
    // FNV-1a, 32 bits.
    let hash = name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    hash as usize % FILLS.len()
}

/// A line over the bars, flat over each place that it has an amount for; it may go on beyond them.
#[derive(Debug, Clone)]
pub struct Guide {
    /// Place by place.
    pub amounts: Vec<Option<f64>>,
    /// What it is, for the legend.
    pub label: String,
    /// Dashed, for what is only expected.
    pub dashed: bool,
}

/// A chart of `bars`, each the amounts of `series` in its order, with lines over them.
#[component]
pub fn StackedBars(
    /// What it shows, for screen readers.
    #[prop(into)]
    label: String,
    series: Vec<String>,
    bars: Vec<Vec<f64>>,
    guides: Vec<Guide>,
) -> impl IntoView {
    let highest = highest(&bars, &guides);
    let width = guides.iter().map(|guide| guide.amounts.len()).chain([bars.len(), 1]).max().unwrap_or(1) * STEP;
    let colours: Vec<usize> = series.iter().map(|name| colour(name)).collect();
    let rects = rects(&bars, highest).into_iter().map(|rect| {
        let thick = (STEP - 2).to_string();
        let fill = FILLS[colours.get(rect.series).copied().unwrap_or_default()];
        view! { <rect class=fill x=rect.x.to_string() y=rect.y width=thick height=rect.height /> }
    });
    let rects = rects.collect_view();
    let lines = guides.iter().map(|guide| {
        let (class, dashes) = stroke(guide.dashed);
        let d = path(&guide.amounts, highest);
        view! { <path class=class d=d fill="none" stroke-width="1.5" stroke-dasharray=dashes vector-effect="non-scaling-stroke" /> }
    });
    let lines = lines.collect_view();
    let keys = guides.into_iter().filter(|guide| !guide.amounts.is_empty());
    let keys = keys.map(|guide| view! { <GuideKey guide=guide /> }).collect_view();
    let legend = series.into_iter().zip(colours).map(|(name, colour)| {
        let class = tailwind_fuse::tw_join!("inline-block size-2.5 rounded-sm", SWATCHES[colour]);
        view! {
            <li class="inline-flex items-center gap-1.5">
                <span class=class aria-hidden="true"></span>
                {name}
            </li>
        }
    });
    view! {
        <svg class="h-40 w-full" viewBox=format!("0 0 {width} 100") preserveAspectRatio="none" role="img" aria-label=label>
            <path class="stroke-line" d=format!("M0 99.5h{width}") fill="none" stroke-width="1" />
            {rects}
            {lines}
        </svg>
        <ul class="flex flex-wrap gap-x-4 gap-y-1 text-sm text-muted">{legend.collect_view()} {keys}</ul>
    }
}

/// What a line is, beside the colours.
#[component]
fn GuideKey(guide: Guide) -> impl IntoView {
    let (class, dashes) = stroke(guide.dashed);
    view! {
        <li class="inline-flex items-center gap-1.5">
            <svg class="h-2.5 w-5" viewBox="0 0 20 10" aria-hidden="true">
                <path class=class d="M0 5h20" fill="none" stroke-width="1.5" stroke-dasharray=dashes />
            </svg>
            {guide.label}
        </li>
    }
}

/// Class and dashes of a line.
fn stroke(dashed: bool) -> (&'static str, &'static str) {
    if dashed { ("stroke-ink", "5 4") } else { ("stroke-wait", "none") }
}

/// The top of the drawing.
fn highest(bars: &[Vec<f64>], guides: &[Guide]) -> f64 {
    let sums = bars.iter().map(|bar| bar.iter().sum::<f64>());
    sums.chain(guides.iter().flat_map(|guide| &guide.amounts).flatten().copied()).fold(0.0, f64::max)
}

/// The path over the places that have an amount, flat over each of them.
fn path(amounts: &[Option<f64>], highest: f64) -> String {
    let mut path = String::new();
    for (place, amount) in amounts.iter().enumerate() {
        let Some(amount) = amount else { continue };
        let y = HEIGHT - amount / highest.max(f64::MIN_POSITIVE) * HEIGHT;
        let (begin, from, to) = (if path.is_empty() { 'M' } else { 'L' }, place * STEP + 1, (place + 1) * STEP - 1);
        // A line at the very edge would be cut in half.
        path.push_str(&format!("{begin}{from} {:.2}H{to}", y.clamp(1.0, HEIGHT - 1.0)));
    }
    path
}

/// Size of a line chart in its own units.
const LINE: (f64, f64) = (240.0, 40.0);

/// A line of `points` over time; what is missing leaves a gap. The last figure stands in words beside it.
#[component]
pub fn Line(
    /// What it shows.
    #[prop(into)]
    title: String,
    /// The same in figures, for screen readers.
    #[prop(into)]
    description: String,
    points: Vec<Option<f64>>,
    /// The top of the drawing.
    highest: f64,
) -> impl IntoView {
    // Not <title> and <desc>: the browser makes elements of HTML of them, and nobody reads those.
    let label = format!("{title}: {description}");
    view! {
        <svg class="h-12 w-full text-accent" viewBox="0 0 240 40" preserveAspectRatio="none" role="img" aria-label=label>
            <path class="stroke-line" d="M0 39.5h240" fill="none" stroke-width="1" />
            <path d=line(&points, highest) fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />
        </svg>
    }
}

/// The path of a line, scaled to `highest`.
fn line(points: &[Option<f64>], highest: f64) -> String {
    let (width, height) = LINE;
    let step = width / (points.len().max(2) - 1) as f64;
    let (mut path, mut drawing) = (String::new(), false);
    for (place, point) in points.iter().enumerate() {
        let Some(value) = point else {
            drawing = false;
            continue;
        };
        let y = height - (value / highest.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) * height;
        let x = place as f64 * step;
        // A point without a neighbour is drawn as a dot.
        let part = if drawing { format!("L{x:.1} {y:.1}") } else { format!("M{x:.1} {y:.1}h0") };
        path.push_str(&part);
        drawing = true;
    }
    path
}

/// A part of a bar.
struct Rect {
    series: usize,
    x: usize,
    y: String,
    height: String,
}

/// The parts, stacked from the bottom and scaled to `highest`; parts of nothing are left out.
fn rects(bars: &[Vec<f64>], highest: f64) -> Vec<Rect> {
    let mut rects = Vec::new();
    for (place, bar) in bars.iter().enumerate() {
        let mut top = HEIGHT;
        for (series, amount) in bar.iter().enumerate().filter(|(_, amount)| **amount > 0.0) {
            let height = amount / highest * HEIGHT;
            top -= height;
            let (y, height) = (format!("{:.2}", top.max(0.0)), format!("{height:.2}"));
            rects.push(Rect { series, x: place * STEP + 1, y, height });
        }
    }
    rects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_stacked_and_scaled_to_the_highest_bar() {
        let bars = [vec![1.0, 3.0], vec![0.0, 2.0], vec![0.0, 0.0]];
        let drawn = rects(&bars, highest(&bars, &[]));
        let drawn: Vec<_> = drawn.iter().map(|r| (r.series, r.x, r.y.as_str(), r.height.as_str())).collect();
        assert_eq!(drawn, [(0, 1, "75.00", "25.00"), (1, 1, "0.00", "75.00"), (1, 11, "50.00", "50.00")]);
    }

    #[test]
    fn a_line_is_scaled_and_leaves_a_gap_where_nothing_was_measured() {
        assert_eq!(line(&[Some(0.0), Some(50.0), None, Some(100.0)], 100.0), "M0.0 40.0h0L80.0 20.0M240.0 0.0h0");
        assert_eq!(line(&[Some(0.0)], 0.0), "M0.0 40.0h0");
        assert_eq!(line(&[None, None], 1.0), "");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(rects(&[], 0.0).is_empty() && rects(&[vec![0.0]], 0.0).is_empty());
        assert_eq!(path(&[], 0.0), "");
    }

    #[test]
    fn what_is_expected_is_a_line_over_its_places_and_may_be_the_highest() {
        let ahead = Guide { amounts: vec![None, Some(2.0), Some(8.0)], label: String::new(), dashed: true };
        let top = highest(&[vec![1.0, 3.0]], std::slice::from_ref(&ahead));
        assert_eq!((top, path(&ahead.amounts, top).as_str()), (8.0, "M11 75.00H19L21 1.00H29"));
    }
}
