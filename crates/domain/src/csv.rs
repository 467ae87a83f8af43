//! Cells of CSV files that people open in spreadsheets (RFC 4180): quoted, and no cell is ever a formula.

use std::fmt::Write as _;

/// Writes a cell, quoted; a text that a spreadsheet would run as a formula gets an apostrophe, which it shows as text.
pub fn cell(out: &mut String, text: &str) {
    out.push('"');
    guard(out, text);
    if text.as_bytes().contains(&b'"') {
        out.push_str(&text.replace('"', "\"\""));
    } else {
        out.push_str(text);
    }
    out.push('"');
}

/// Writes a quoted cell of a text that never has quotes and is never a formula, such as a number or an id.
pub fn plain(out: &mut String, text: impl std::fmt::Display) {
    out.push('"');
    // Writing to a text cannot fail.
    let _ = write!(out, "{text}");
    out.push('"');
}

/// The same as [`cell`], quoted only where it has to be: for files whose form others settled.
pub fn bare(out: &mut String, text: &str) {
    if text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
        cell(out, text);
    } else {
        guard(out, text);
        out.push_str(text);
    }
}

fn guard(out: &mut String, text: &str) {
    // Nearly all texts begin so, and files have millions of them.
    if text.as_bytes().first().is_none_or(u8::is_ascii_alphanumeric) {
        return;
    }
    if text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']) {
        out.push('\'');
    }
}

/// Writes a row with its line end.
pub fn row<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (at, text) in cells.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        cell(out, text);
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn formulas_become_text_and_quotes_are_doubled() {
        for (text, wanted) in [
            ("team-ml", "\"team-ml\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("  =1", "\"'  =1\""),
            ("\t=1", "\"'\t=1\""),
            ("say \"hi\", all", "\"say \"\"hi\"\", all\""),
        ] {
            assert_eq!(written(|out| cell(out, text)), wanted);
        }
        assert_eq!(written(|out| row(out, ["a", "b"])), "\"a\",\"b\"\r\n");
    }

    #[test]
    fn bare_cells_are_quoted_only_where_they_must_be() {
        for (text, wanted) in [
            ("", ""),
            ("inference-service-5cfb7489f4-2d4xj", "inference-service-5cfb7489f4-2d4xj"),
            ("281.88", "281.88"),
            ("two words", "two words"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("=A1,\"x\"", "\"'=A1,\"\"x\"\"\""),
        ] {
            assert_eq!(written(|out| bare(out, text)), wanted);
        }
    }
}
