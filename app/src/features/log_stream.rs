//! A log as it arrives: a bounded list of numbered lines, and what of it is shown.

use std::collections::VecDeque;

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

/// Lines with their number since the stream began.
pub type Lines = VecDeque<(u64, String)>;

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
        self.lines.with(|lines| lines.iter().filter(|(_, text)| matches(text)).map(keyed).collect())
    }
}

/// The log at `url`; an empty URL closes it. Each connection begins with the last lines, so the list starts anew.
pub fn use_log(url: Signal<String>) -> LogStream {
    let (lines, end) = (RwSignal::new(Lines::new()), RwSignal::new(None));
    let options = UseEventSourceOptions::<String>::default()
        .reconnect_limit(ReconnectLimit::Infinite)
        .named_events(["end".to_owned(), "problem".to_owned()])
        .on_event(move |event: &web_sys::Event| take(event, lines, end));
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
fn take(event: &web_sys::Event, lines: RwSignal<Lines>, end: RwSignal<Option<End>>) -> UseEventSourceOnEventReturn {
    let text = event.dyn_ref::<web_sys::MessageEvent>().map(|message| message.data().as_string().unwrap_or_default());
    match (event.type_().as_str(), text) {
        ("end", _) => end.set(Some(End::Over)),
        ("problem", _) => end.set(Some(End::Broken)),
        (_, Some(text)) => lines.update(|lines| push(lines, text)),
        ("open", None) => {
            end.set(None);
            lines.update(Lines::clear);
            return UseEventSourceOnEventReturn::ProcessMessage;
        }
        _ => return UseEventSourceOnEventReturn::ProcessMessage,
    }
    UseEventSourceOnEventReturn::IgnoreProcessingMessage
}

fn push(lines: &mut Lines, text: String) {
    let number = lines.back().map_or(0, |(number, _)| number + 1);
    if lines.len() == MOST_LINES {
        lines.pop_front();
    }
    lines.push_back((number, text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_lines_go_and_numbers_never_repeat() {
        let mut lines = Lines::new();
        for i in 0..MOST_LINES + 10 {
            push(&mut lines, i.to_string());
        }
        assert_eq!(lines.len(), MOST_LINES);
        assert_eq!(lines.front().unwrap(), &(10, "10".to_owned()));
    }
}
