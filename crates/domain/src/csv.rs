//! Cells of CSV files that people open in spreadsheets (RFC 4180): quoted, and no cell is ever a formula.

/// Quoted; a text that a spreadsheet would run as a formula gets an apostrophe, which it shows as text.
pub fn cell(text: &str) -> String {
    quoted(&guarded(text))
}

/// The same, quoted only where it has to be: for files whose form others settled.
pub fn bare(text: &str) -> String {
    let text = guarded(text);
    if text.contains(['"', ',', '\r', '\n']) { quoted(&text) } else { text }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn guarded(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']);
    let guard = if formula { "'" } else { "" };
    format!("{guard}{text}")
}

/// A row with its line end.
pub fn row<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_quotes_are_doubled() {
        for (text, written) in [
            ("team-ml", "\"team-ml\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("  =1", "\"'  =1\""),
            ("\t=1", "\"'\t=1\""),
            ("say \"hi\", all", "\"say \"\"hi\"\", all\""),
        ] {
            assert_eq!(cell(text), written);
        }
        assert_eq!(row(["a", "b"]), "\"a\",\"b\"\r\n");
    }
    #[test]
    fn bare_cells_are_quoted_only_where_they_must_be() {
        for (text, written) in [
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
            assert_eq!(bare(text), written);
        }
    }
}
