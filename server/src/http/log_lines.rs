//! Cuts a byte stream of a log into lines that are safe in an event stream.

use std::mem;

// A program that never ends its line must not fill our memory.
const LONGEST: usize = 64 * 1024;

/// Collects bytes; gives whole lines. `\n`, `\r\n` and a lone `\r` (progress bars) end a line.
#[derive(Default)]
pub struct LogLines {
    open: Vec<u8>,
    after_return: bool,
}

// === impl LogLines ===

impl LogLines {
    /// The lines that `bytes` completes. Bytes that are not UTF-8 become `U+FFFD`.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            let second_half = byte == b'\n' && mem::take(&mut self.after_return);
            match byte {
                b'\n' if second_half => {}
                b'\n' | b'\r' => lines.push(self.take()),
                _ => self.open.push(byte),
            }
            self.after_return = byte == b'\r';
            if self.open.len() >= LONGEST {
                lines.push(self.take());
            }
        }
        lines
    }

    /// The last line when the stream ended without a line end.
    pub fn finish(mut self) -> Option<String> {
        (!self.open.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let line = mem::take(&mut self.open);
        String::from_utf8(line).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
    }
}

/// A line as text to read: colours, cursor movements, titles of terminals and other control characters left out.
pub fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut rest),
            '\t' => text.push(c),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text
}

/// ECMA-48: `ESC [ … letter`, `ESC ] … BEL` (or `ESC \`), else `ESC` and one character.
fn skip_sequence(rest: &mut std::str::Chars<'_>) {
    match rest.next() {
        Some('[') => drop(rest.find(|c| ('\u{40}'..='\u{7e}').contains(c))),
        Some(']') => drop(rest.find(|c| matches!(c, '\u{7}' | '\\'))),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut log = LogLines::default();
        let mut lines: Vec<String> = chunks.iter().flat_map(|chunk| log.push(chunk)).collect();
        lines.extend(log.finish());
        lines
    }

    #[test]
    fn chunks_may_break_anywhere() {
        assert_eq!(lines(&[b"a\nb\r", b"\nc", b"", b"d\n\n", b"e"]), ["a", "b", "cd", "", "e"]);
        assert_eq!(lines(&[b"\xc3", b"\xa9\n"]), ["é"]);
    }

    #[test]
    fn progress_bars_become_lines() {
        assert_eq!(lines(&[b"10%\r20%\r\ndone\n"]), ["10%", "20%", "done"]);
    }

    #[test]
    fn bytes_that_are_no_text_cannot_break_the_stream() {
        assert_eq!(lines(&[b"\xff\xfe\n"]), ["\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn a_line_is_shown_without_what_only_a_terminal_understands() {
        assert_eq!(plain("\u{1b}[1;31mred\u{1b}[0m\tx\u{0}\u{8}"), "red\tx");
        assert_eq!(plain("\u{1b}]0;title\u{7}a\u{1b}]8;;u\u{1b}\\b\u{1b}"), "ab");
        assert_eq!(plain("\u{1b}[31"), "", "a sequence that the end of the line cuts off");
    }

    #[test]
    fn of_200_mib_without_a_line_end_never_more_than_one_line_is_held() {
        let (mut log, chunk) = (LogLines::default(), vec![b'x'; 1024 * 1024]);
        let mut passed = 0;
        for _ in 0..200 {
            passed += log.push(&chunk).iter().map(String::len).sum::<usize>();
            assert!(log.open.capacity() <= 2 * LONGEST, "{}", log.open.capacity());
        }
        passed += log.finish().map_or(0, |rest| rest.len());
        assert_eq!(passed, 200 * 1024 * 1024, "nothing is lost");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let lines = lines(&[&[b'x'; LONGEST + 1]]);
        assert_eq!((lines[0].len(), lines[1].len()), (LONGEST, 1));
    }
}
