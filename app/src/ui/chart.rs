//! Stacked bars: one bar for each place on the axis, one colour for each series. Drawn by the server with SVG attributes,
//! because the page's policy forbids inline styles; the figures stand in words beside it.

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

/// A chart of `bars`, each the amounts of `series` in its order.
#[component]
pub fn StackedBars(
    /// What it shows, for screen readers.
    #[prop(into)]
    label: String,
    series: Vec<String>,
    bars: Vec<Vec<f64>>,
) -> impl IntoView {
    let colours: Vec<usize> = series.iter().map(|name| colour(name)).collect();
    let rects = rects(&bars).into_iter().map(|rect| {
        let thick = (STEP - 2).to_string();
        let fill = FILLS[colours.get(rect.series).copied().unwrap_or_default()];
        view! { <rect class=fill x=rect.x.to_string() y=rect.y width=thick height=rect.height /> }
    });
    let rects = rects.collect_view();
    let width = bars.len().max(1) * STEP;
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
        </svg>
        <ul class="flex flex-wrap gap-x-4 gap-y-1 text-sm text-muted">{legend.collect_view()}</ul>
    }
}

/// A part of a bar.
struct Rect {
    series: usize,
    x: usize,
    y: String,
    height: String,
}

/// The parts, stacked from the bottom and scaled to the highest bar; parts of nothing are left out.
fn rects(bars: &[Vec<f64>]) -> Vec<Rect> {
    let highest = bars.iter().map(|bar| bar.iter().sum::<f64>()).fold(0.0, f64::max);
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
        let drawn = rects(&[vec![1.0, 3.0], vec![0.0, 2.0], vec![0.0, 0.0]]);
        let drawn: Vec<_> = drawn.iter().map(|r| (r.series, r.x, r.y.as_str(), r.height.as_str())).collect();
        assert_eq!(drawn, [(0, 1, "75.00", "25.00"), (1, 1, "0.00", "75.00"), (1, 11, "50.00", "50.00")]);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(rects(&[]).is_empty() && rects(&[vec![0.0]]).is_empty());
    }
}
