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
const MOST_LINES: usize = 5000;
/// Bytes kept: a program may write lines of a megabyte.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Lines that arrive together are drawn together: drawing after each would stop the page in a flood.
const GATHER: Duration = Duration::from_millis(80);

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
}

impl LogStream {
    /// The lines to show, with their number as key.
    pub fn found(&self) -> Vec<(String, String)> {
        let wanted = self.find.get().to_ascii_lowercase();
        let matches = |text: &str| wanted.is_empty() || text.to_ascii_lowercase().contains(&wanted);
        let keyed = |(number, text): &(u64, String)| (number.to_string(), text.clone());
        self.lines.with(|lines| lines.rows.iter().filter(|(_, text)| matches(text)).map(keyed).collect())
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
        .named_events(["end".to_owned(), "problem".to_owned()])
        .on_event(move |event: &web_sys::Event| take(event, lines, waiting, end));
    let UseEventSourceReturn { ready_state, close, .. } =
        use_event_source_with_options::<String, FromToStringCodec>(url, options);
    // A log that is over is not asked for again; a broken one is, by the browser itself.
    Effect::new(move || {
        if end.get() == Some(End::Over) {
            close();
        }
    });
    LogStream {
        lines,
        end: end.into(),
        link: link(ready_state),
        follow: RwSignal::new(true),
        wrap: RwSignal::new(true),
        find: RwSignal::new(String::new()),
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

fn gather(text: String, lines: RwSignal<Lines>, waiting: StoredValue<Vec<String>>) {
    let gathered = waiting.try_update_value(|waiting| {
        waiting.push(text);
        waiting.len()
    });
    match gathered {
        Some(1) => set_timeout(move || draw(lines, waiting), GATHER),
        // A flood is not gathered for long: what would be dropped again must not fill the memory first.
        Some(n) if n >= MOST_LINES => draw(lines, waiting),
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
        for _ in 0..20 {
            lines.push("x".repeat(1024 * 1024));
        }
        assert_eq!((lines.len(), lines.bytes), (4, MOST_BYTES));
        lines.push("y".repeat(2 * MOST_BYTES));
        assert_eq!(lines.len(), 1, "the last line is always there");
    }
}
