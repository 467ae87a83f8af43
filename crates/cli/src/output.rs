//! Standard output: whole texts, tables for people, JSON for programs.

use std::io::{ErrorKind, Write as _};

use anyhow::Result;
use serde::Serialize;

/// Writes a text as it stands. A reader who has left is no failure.
///
/// # Errors
/// When it cannot be written.
pub fn text(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// Writes a value as JSON, one line.
///
/// # Errors
/// When it cannot be written.
pub fn json(value: &impl Serialize) -> Result<()> {
    text(&format!("{}\n", serde_json::to_string(value)?))
}

/// Rows under their heads, each column as wide as its widest cell.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let width = |column: usize| {
        std::iter::once(&heads).chain(rows).map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("   ").trim_end())
    };
    std::iter::once(&heads).chain(rows).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".into(), "active".into()], vec!["team-ml".into(), "x".into()]];
        assert_eq!(table(&["NAME", "STATUS"], &rows), "NAME      STATUS\na         active\nteam-ml   x\n");
    }
}
