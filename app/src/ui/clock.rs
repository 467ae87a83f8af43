//! Times for people. The server writes absolute UTC; once the page lives, they become relative and keep up, and the exact
//! time on hover is that of whoever looks.
//!
//! One clock for the whole page: nothing before hydration may depend on the hour, or server and browser disagree.

use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_bindgen::JsValue;
use leptos::web_sys::js_sys::Date;

/// The page's clock for one part of the page.
#[derive(Clone, Copy)]
pub struct Clock {
    ticks: Ticks,
    /// Whether this part lives. Where a part comes later than the rest, the page's time goes already, and what a part
    /// shows at its hydration has to be what the server wrote: the browser takes it for written.
    lives: RwSignal<bool>,
}

/// Milliseconds since the epoch, or nothing before the page lives.
#[derive(Clone, Copy)]
struct Ticks(RwSignal<Option<f64>>);

/// Starts the page's clock: it ticks each second, in the browser only.
pub fn provide_clock() {
    let ticks = Ticks(RwSignal::new(None));
    let tick = move || ticks.0.set(Some(Date::now()));
    Effect::new(move || {
        tick();
        set_interval(tick, Duration::from_secs(1));
    });
    provide_context(ticks);
}

/// The page's clock for the part that asks; stands still where none was provided.
pub fn use_clock() -> Clock {
    let lives = RwSignal::new(false);
    Effect::new(move || lives.set(true));
    Clock { ticks: use_context().unwrap_or_else(|| Ticks(RwSignal::new(None))), lives }
}

impl Clock {
    /// Milliseconds since the epoch, once the part lives; changes each second.
    pub fn now_ms(self) -> Option<f64> {
        if self.lives.get() { self.ticks.0.get() } else { None }
    }

    /// The same when asked, without following the ticks.
    pub fn now_ms_once(self) -> Option<f64> {
        if self.lives.get() { self.ticks.0.get_untracked() } else { None }
    }

    /// Whole seconds since an RFC 3339 time, never negative.
    pub fn seconds_since(self, at: &str) -> Option<u64> {
        Some(self.since(at)?.max(0.0) as u64)
    }

    /// Seconds since an RFC 3339 time, negative before it.
    fn since(self, at: &str) -> Option<f64> {
        let since = self.now_ms()? - Date::parse(at);
        since.is_finite().then_some(since / 1000.0)
    }

    /// An RFC 3339 time to the minute, in the zone of whoever looks once the part lives.
    fn exact(self, at: &str) -> String {
        if self.lives.get() { zoned(at) } else { absolute(at) }
    }
}

/// A moment: `12 min ago`, with the exact time on hover.
#[component]
pub fn Ago(#[prop(into)] at: Signal<String>) -> impl IntoView {
    let clock = use_clock();
    let text = Memo::new(move |_| {
        at.with(|at| clock.seconds_since(at).map_or_else(|| absolute(at), |s| format!("{} ago", duration(s))))
    });
    view! {
        <time class="whitespace-nowrap" datetime=move || at.get() title=move || at.with(|at| clock.exact(at))>
            {move || text.get()}
        </time>
    }
}

/// A moment as it is, to the minute: for what stands between other things that have their time.
#[component]
pub fn At(#[prop(into)] at: Signal<String>) -> impl IntoView {
    let clock = use_clock();
    view! {
        <time class="whitespace-nowrap" datetime=move || at.get()>
            {move || at.with(|at| clock.exact(at))}
        </time>
    }
}

/// A moment that is to come: `in 12 min`; once it is over, how long ago that was.
#[component]
pub fn Until(#[prop(into)] at: Signal<String>) -> impl IntoView {
    let clock = use_clock();
    let text = Memo::new(move |_| at.with(|at| clock.since(at).map_or_else(|| absolute(at), before_or_after)));
    view! {
        <time class="whitespace-nowrap" datetime=move || at.get() title=move || at.with(|at| clock.exact(at))>
            {move || text.get()}
        </time>
    }
}

/// How long something has been going on: `12 min`.
#[component]
pub fn Age(#[prop(into)] since: Signal<String>) -> impl IntoView {
    let clock = use_clock();
    let text = Memo::new(move |_| {
        since.with(|at| clock.seconds_since(at).map_or_else(|| format!("since {}", absolute(at)), duration))
    });
    view! {
        <time
            class="whitespace-nowrap tabular-nums"
            datetime=move || since.get()
            title=move || since.with(|since| clock.exact(since))
        >
            {move || text.get()}
        </time>
    }
}

/// `2026-11-21 09:00 UTC` from RFC 3339 in UTC.
pub fn absolute(at: &str) -> String {
    match (at.get(0..10), at.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => at.to_owned(),
    }
}

/// `2026-11-21 10:00 UTC+1`; in the browser only.
fn zoned(at: &str) -> String {
    let moment = Date::parse(at);
    if !moment.is_finite() {
        return absolute(at);
    }
    // JavaScript counts the minutes that a zone is behind.
    let ahead = -Date::new(&JsValue::from_f64(moment)).get_timezone_offset();
    let there = Date::new(&JsValue::from_f64(moment + ahead * 60_000.0)).to_iso_string();
    absolute(&String::from(there)).replace("UTC", &zone(ahead as i32))
}

/// A zone by the minutes that it is ahead: `UTC`, `UTC+1`, `UTC-3:30`.
fn zone(ahead: i32) -> String {
    let (hours, minutes) = (ahead.unsigned_abs() / 60, ahead.unsigned_abs() % 60);
    let sign = if ahead < 0 { '-' } else { '+' };
    match (hours, minutes) {
        (0, 0) => "UTC".to_owned(),
        (_, 0) => format!("UTC{sign}{hours}"),
        _ => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

/// Seconds since a moment in words, negative before it.
fn before_or_after(seconds: f64) -> String {
    let words = duration(seconds.abs() as u64);
    if seconds < 0.0 { format!("in {words}") } else { format!("{words} ago") }
}

/// Seconds in the two largest units that say something.
pub fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 if minutes % 60 == 0 => format!("{hours} h"),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ if hours % 24 == 0 || days > 6 => format!("{days} d"),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_compact() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (3720, "1 h 2 min"),
            (90_000, "1 d 1 h"),
            (864_000, "10 d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn what_is_to_come_is_told_from_what_is_over() {
        assert_eq!([-3600.4, -59.0, 0.0, 90.5].map(before_or_after), ["in 1 h", "in 59 s", "0 s ago", "1 min ago"]);
    }

    #[test]
    fn absolute_times_say_their_zone() {
        assert_eq!(absolute("2026-11-21T09:00:00.123456Z"), "2026-11-21 09:00 UTC");
        assert_eq!(absolute("soon"), "soon");
        assert_eq!([0, 60, 330, -210].map(zone), ["UTC", "UTC+1", "UTC+5:30", "UTC-3:30"]);
    }
}
