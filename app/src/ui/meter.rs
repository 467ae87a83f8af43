//! Gauges: how much of a limit is used, and single places as ticks.
//!
//! Drawn with SVG attributes, because the page's policy forbids inline styles.

use leptos::prelude::*;

/// Most ticks that are drawn one by one.
const MOST_TICKS: u32 = 24;

/// Part of a limit as a bar, with the numbers in words for screen readers.
#[component]
pub fn Meter(
    /// 0 to 100.
    percent: u32,
    #[prop(into)] label: String,
) -> impl IntoView {
    let percent = percent.min(100);
    let colour = match percent {
        0..=79 => "text-accent",
        80..=99 => "text-wait",
        _ => "text-fail",
    };
    view! {
        <svg
            class=tailwind_fuse::tw_join!("h-1.5 w-full overflow-hidden rounded-full", colour)
            viewBox="0 0 100 6"
            preserveAspectRatio="none"
            role="img"
            aria-label=label
        >
            <rect class="fill-line" width="100" height="6" />
            <rect fill="currentColor" width=percent.to_string() height="6" />
        </svg>
    }
}

/// Free places of a total, one tick each; many places are drawn to scale.
#[component]
pub fn Ticks(#[prop(into)] free: Signal<u32>, #[prop(into)] total: Signal<u32>) -> impl IntoView {
    let drawn = move || scale(free.get(), total.get());
    let width = move || drawn().1 * 4;
    let line = |from: u32, to: u32| (from..to).map(|i| format!("M{} 1v8", i * 4 + 2)).collect::<String>();
    view! {
        <svg
            class="h-2.5"
            viewBox=move || format!("0 0 {} 10", width().max(4))
            width=move || width().to_string()
            height="10"
            fill="none"
            stroke="currentColor"
            stroke-width="2"
            role="img"
            aria-label=move || format!("{} of {} free", free.get(), total.get())
        >
            <path class="text-accent" d=move || line(0, drawn().0) />
            <path class="text-line-strong" d=move || line(drawn().0, drawn().1) />
        </svg>
    }
}

/// (free ticks, all ticks). A free place is never rounded away, nor is a taken one.
fn scale(free: u32, total: u32) -> (u32, u32) {
    let free = free.min(total);
    if total <= MOST_TICKS {
        return (free, total);
    }
    let rounded = (f64::from(free) / f64::from(total) * f64::from(MOST_TICKS)).round() as u32;
    let least = u32::from(free > 0);
    let most = MOST_TICKS - u32::from(free < total);
    (rounded.clamp(least, most), MOST_TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_free_place_and_a_last_taken_one_stay_visible() {
        assert_eq!(scale(3, 16), (3, 16));
        assert_eq!(scale(1, 1000), (1, 24));
        assert_eq!(scale(999, 1000), (23, 24));
        assert_eq!(scale(1000, 1000), (24, 24));
        assert_eq!(scale(5, 2), (2, 2));
        assert_eq!(scale(0, 0), (0, 0));
    }
}
