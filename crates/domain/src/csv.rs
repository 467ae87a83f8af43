//! Cells of CSV files that people open in spreadsheets (RFC 4180): quoted, and no cell is ever a formula.

/// Quoted; a text that a spreadsheet would run as a formula gets an apostrophe, which it shows as text.
pub fn cell(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
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
}
