//! A log as it arrives: a bounded list of numbered lines, and what of it is shown.

use std::collections::VecDeque;
use std::time::Duration;

use leptos::prelude::*;
use leptos::server::codee::string::FromToStringCodec;
use leptos::wasm_bindgen::JsCast;
use leptos_use_event_source::{
    ReconnectLimit, UseEventSourceOnEventReturn, UseEventSourceOptions, UseEventSourceReturn,
    use_event_source_with_options,
};

use crate::features::live::{Link, link};

/// Lines kept; older ones go, so that a page left open for a day stays light.
const MOST_LINES: usize = 100_000;
/// Bytes kept: a program may write lines of a megabyte.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Lines that wait to be drawn at most.
const MOST_WAITING: usize = 5000;
/// Lines that arrive together are drawn together: drawing after each would stop the page in a flood.
const GATHER: Duration = Duration::from_millis(80);

/// Begins what stands in the list for a restart: no line has it, since the server takes control characters away. After it
/// comes when the run before ended, RFC 3339 or `-`, a blank, and the words.
pub const RESTART: char = '\u{1}';

/// The last lines, numbered since the stream began. Each begins with the number of its pod and a blank.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    rows: VecDeque<(u64, String)>,
    bytes: usize,
    next: u64,
}

/// Why a log stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The container wrote its last line.
    Over,
    /// The line to the cluster broke; it is asked for again.
    Broken,
}

/// A log and how it is shown.
#[derive(Clone, Copy)]
pub struct LogStream {
    /// The lines there are.
    pub lines: RwSignal<Lines>,
    /// Why nothing more arrives, if so.
    pub end: Signal<Option<End>>,
    /// How the stream is doing.
    pub link: Signal<Link>,
    /// Stay at the end.
    pub follow: RwSignal<bool>,
    /// Break long lines.
    pub wrap: RwSignal<bool>,
    /// Show only lines that contain this, whatever the case.
    pub find: RwSignal<String>,
    /// What the search leaves.
    found: Memo<Found>,
}

/// Which lines a search leaves; goes on where it ended as lines arrive.
#[derive(Debug, Clone, Default, PartialEq)]
struct Found {
    wanted: String,
    /// Numbers of lines, while something is wanted.
    hits: VecDeque<u64>,
    /// The first line that has not been looked at.
    next: u64,
}

// === impl LogStream ===

impl LogStream {
    /// How many lines there are to show.
    pub fn total(&self) -> usize {
        self.lines.with(|lines| self.found.with(|found| found.total(lines)))
    }

    /// Some of the lines to show, with their number as key.
    pub fn part(&self, first: usize, count: usize) -> Vec<(String, String)> {
        self.lines.with(|lines| self.found.with(|found| found.part(lines, first, count)))
    }
}

// === impl Found ===

impl Found {
    fn go_on(mut self, lines: &Lines, find: &str) -> Self {
        let wanted = find.to_ascii_lowercase();
        if wanted != self.wanted || lines.next < self.next {
            self = Self { wanted, ..Self::default() };
        }
        if self.wanted.is_empty() {
            return self;
        }
        let gone = lines.first();
        while self.hits.front().is_some_and(|number| *number < gone) {
            self.hits.pop_front();
        }
        let seen = usize::try_from(self.next.saturating_sub(gone)).unwrap_or(usize::MAX);
        let fits = |(_, text): &&(u64, String)| text.to_ascii_lowercase().contains(&self.wanted);
        let fresh: Vec<u64> = lines.rows.iter().skip(seen).filter(fits).map(|(number, _)| *number).collect();
        self.hits.extend(fresh);
        self.next = lines.next;
        self
    }

    fn total(&self, lines: &Lines) -> usize {
        if self.wanted.is_empty() { lines.len() } else { self.hits.len() }
    }

    fn part(&self, lines: &Lines, first: usize, count: usize) -> Vec<(String, String)> {
        let keyed = |(number, text): &(u64, String)| (number.to_string(), text.clone());
        if self.wanted.is_empty() {
            return lines.rows.iter().skip(first).take(count).map(keyed).collect();
        }
        let at = |number: &u64| lines.rows.get(usize::try_from(number.checked_sub(lines.first())?).ok()?);
        self.hits.iter().skip(first).take(count).filter_map(at).map(keyed).collect()
    }
}

// === impl Lines ===

impl Lines {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of the oldest line that is kept.
    fn first(&self) -> u64 {
        self.rows.front().map_or(self.next, |(number, _)| *number)
    }

    fn push(&mut self, text: String) {
        self.bytes += text.len();
        self.rows.push_back((self.next, text));
        self.next += 1;
        while self.rows.len() > MOST_LINES || (self.bytes > MOST_BYTES && self.rows.len() > 1) {
            self.bytes -= self.rows.pop_front().map_or(0, |(_, text)| text.len());
        }
    }
}

/// The log at `url`; an empty URL closes it. Each connection begins with the last lines, so the list starts anew.
pub fn use_log(url: Signal<String>) -> LogStream {
    let (lines, end) = (RwSignal::new(Lines::default()), RwSignal::new(None));
    let waiting = StoredValue::new(Vec::new());
    let options = UseEventSourceOptions::<String>::default()
        .reconnect_limit(ReconnectLimit::Infinite)
        .named_events(["end", "problem", "restart"].map(str::to_owned))
        .on_event(move |event: &web_sys::Event| take(event, lines, waiting, end));
    let UseEventSourceReturn { ready_state, close, .. } =
        use_event_source_with_options::<String, FromToStringCodec>(url, options);
    // A log that is over is not asked for again; a broken one is, by the browser itself.
    Effect::new(move || {
        if end.get() == Some(End::Over) {
            close();
        }
    });
    let find = RwSignal::new(String::new());
    let found = Memo::new(move |last: Option<&Found>| {
        lines.with(|lines| find.with(|find| last.cloned().unwrap_or_default().go_on(lines, find)))
    });
    LogStream {
        lines,
        end: end.into(),
        link: link(ready_state),
        follow: RwSignal::new(true),
        wrap: RwSignal::new(true),
        find,
        found,
    }
}

/// Every event is dealt with here: a signal of the last message would lose lines that arrive together.
fn take(
    event: &web_sys::Event,
    lines: RwSignal<Lines>,
    waiting: StoredValue<Vec<String>>,
    end: RwSignal<Option<End>>,
) -> UseEventSourceOnEventReturn {
    let text = event.dyn_ref::<web_sys::MessageEvent>().map(|message| message.data().as_string().unwrap_or_default());
    match (event.type_().as_str(), text) {
        ("end", _) => end.set(Some(End::Over)),
        ("problem", _) => end.set(Some(End::Broken)),
        ("restart", Some(text)) => gather(restarted(&text), lines, waiting),
        (_, Some(text)) => gather(text, lines, waiting),
        ("open", None) => {
            end.set(None);
            waiting.set_value(Vec::new());
            lines.set(Lines::default());
            return UseEventSourceOnEventReturn::ProcessMessage;
        }
        _ => return UseEventSourceOnEventReturn::ProcessMessage,
    }
    UseEventSourceOnEventReturn::IgnoreProcessingMessage
}

/// The line for a restart: with the number of its pod, as every line.
fn restarted(event: &str) -> String {
    let (number, rest) = event.split_once(' ').unwrap_or(("0", event));
    format!("{number} {RESTART}{rest}")
}

fn gather(text: String, lines: RwSignal<Lines>, waiting: StoredValue<Vec<String>>) {
    let gathered = waiting.try_update_value(|waiting| {
        waiting.push(text);
        waiting.len()
    });
    match gathered {
        Some(1) => set_timeout(move || draw(lines, waiting), GATHER),
        // A flood is not gathered for long: what would be dropped again must not fill the memory first.
        Some(n) if n >= MOST_WAITING => draw(lines, waiting),
        _ => {}
    }
}

fn draw(lines: RwSignal<Lines>, waiting: StoredValue<Vec<String>>) {
    // The page may be gone by now: then there is nobody to tell.
    let Some(ready) = waiting.try_update_value(std::mem::take).filter(|ready| !ready.is_empty()) else { return };
    let _ = lines.try_update(|lines| ready.into_iter().for_each(|text| lines.push(text)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_lines_go_and_numbers_never_repeat() {
        let mut lines = Lines::default();
        for i in 0..MOST_LINES + 10 {
            lines.push(i.to_string());
        }
        assert_eq!(lines.len(), MOST_LINES);
        assert_eq!(lines.rows.front().unwrap(), &(10, "10".to_owned()));
    }

    #[test]
    fn lines_of_a_megabyte_cannot_fill_the_memory() {
        let mut lines = Lines::default();
        for _ in 0..40 {
            lines.push("x".repeat(1024 * 1024));
        }
        assert_eq!((lines.len(), lines.bytes), (32, MOST_BYTES));
        lines.push("y".repeat(2 * MOST_BYTES));
        assert_eq!(lines.len(), 1, "the last line is always there");
    }

    #[test]
    fn a_restart_is_a_line_of_its_own_that_no_program_can_write() {
        let line = restarted("2 2026-01-01T00:00:00Z Container restarted");
        assert_eq!(line, "2 \u{1}2026-01-01T00:00:00Z Container restarted");
    }

    #[test]
    fn a_search_finds_what_was_there_and_what_arrives_and_forgets_what_went() {
        let mut lines = Lines::default();
        (0..MOST_LINES).for_each(|i| lines.push(format!("0 line {i}")));
        let found = Found::default().go_on(&lines, "LINE 1");
        assert_eq!(found.total(&lines), 11_111);
        assert_eq!(found.part(&lines, 1, 2), [10, 11].map(|i| (i.to_string(), format!("0 line {i}"))));
        lines.push("0 another line 1".to_owned());
        lines.push("0 line 2".to_owned());
        let found = found.go_on(&lines, "LINE 1");
        // Lines 0 and 1 have gone, of which one was found.
        assert_eq!(found.total(&lines), 11_111);
        assert_eq!(found.part(&lines, 11_110, 9), [(MOST_LINES.to_string(), "0 another line 1".to_owned())]);
        let all = found.go_on(&lines, "");
        assert_eq!((all.total(&lines), all.part(&lines, 0, 1)[0].0.as_str()), (MOST_LINES, "2"));
        let anew = Found::default().go_on(&lines, "1").go_on(&Lines::default(), "1");
        assert_eq!(anew.total(&Lines::default()), 0, "a new connection begins anew");
    }
}
