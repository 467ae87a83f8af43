//! The log: for people, or one JSON object a line with a line for each request.
//! What a stranger wrote (an address, a user agent) must not move a terminal's cursor or begin a line of its own.
//!
//! Source: `security.md` §9 (Logs; GO-2022-0983).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::LogFormat;

/// Target of the lines that say how each request was answered.
pub const ACCESS: &str = "access";

// These libraries log each failure themselves (an expired cookie, a cluster that is away); we log once, where it is
// handled.
const QUIET: &str = "info,kube_client=off,tower_sessions=error,tower_sessions_core=off";

/// Starts the log of this process; `RUST_LOG` overrides what is logged.
pub fn start(format: LogFormat) {
    // People read what happens; a line for each request is for programs.
    let standard = match format {
        LogFormat::Text => format!("{QUIET},{ACCESS}=off"),
        LogFormat::Json => QUIET.to_owned(),
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(standard));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_ansi(false);
    let log = log.with_writer(Stdout);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
}

/// Writes whole lines to standard output, without any control character but the line end.
struct Stdout;

/// One line on its way.
struct Line<W>(W);

impl<'a> MakeWriter<'a> for Stdout {
    type Writer = Line<io::Stdout>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(io::stdout())
    }
}

impl<W: io::Write> io::Write for Line<W> {
    /// The log library hands over one whole line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (body, end) = text.strip_suffix('\n').map_or((&*text, ""), |body| (body, "\n"));
        self.0.write_all(format!("{}{end}", escaped(body)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `\u001b` for what would not be seen but obeyed; the form is also what JSON wants.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_obeyed(letter) {
            let _infallible = write!(plain, "\\u{:04x}", u32::from(letter));
        } else {
            plain.push(letter);
        }
    }
    Cow::Owned(plain)
}

/// Control characters, line ends of Unicode, and what turns the direction of text around.
fn is_obeyed(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn written(text: &str) -> String {
        let mut line = Line(Vec::new());
        line.write_all(text.as_bytes()).unwrap();
        String::from_utf8(line.0).unwrap()
    }

    #[test]
    fn an_ordinary_line_is_written_as_it_is() {
        let text = "2026-01-01T00:00:00Z INFO Grüße an 東京 🙂 \"quoted\"\n";
        assert_eq!(written(text), text);
    }

    #[test]
    fn nothing_moves_the_cursor_or_begins_a_line() {
        assert_eq!(written("a\u{1b}[31mb\r\nINFO forged\u{7}\n"), "a\\u001b[31mb\\u000d\\u000aINFO forged\\u0007\n");
        assert_eq!(written("\u{9b}2J\u{7f}\u{202e}x\u{2028}\n"), "\\u009b2J\\u007f\\u202ex\\u2028\n");
    }

    #[test]
    fn an_escaped_line_of_json_is_still_json() {
        let line = written("{\"message\":\"a\u{9b}b\u{7f}\"}\n");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["message"], "a\u{9b}b\u{7f}");
    }
}
