//! The audit log as a file: CSV for spreadsheets, JSON Lines for programs.

use super::AuditView;
use crate::{Error, Result, csv};

/// The columns of the CSV, in the order of [`cells`].
const COLUMNS: [&str; 17] = [
    "at",
    "action",
    "outcome",
    "code",
    "actor",
    "actor_name",
    "target",
    "target_name",
    "detail",
    "address",
    "user_agent",
    "request_id",
    "jti",
    "account_id",
    "id",
    "sequence",
    "hash",
];

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180, with a head.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

// === impl ExportFormat ===

impl ExportFormat {
    /// Reads `?format=`; CSV when unsaid.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `format`.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        match text {
            None | Some("csv") => Ok(Self::Csv),
            Some("jsonl") => Ok(Self::JsonLines),
            Some(_) => Err(Error::field("format", "unknown", "format must be csv or jsonl")),
        }
    }

    /// The wire form, also the ending of the file's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    /// Media type of the file.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/x-ndjson",
        }
    }

    /// What stands before the first row.
    pub fn head(self) -> String {
        match self {
            Self::Csv => format!("{}\r\n", COLUMNS.join(",")),
            Self::JsonLines => String::new(),
        }
    }

    /// One row with its line end.
    pub fn row(self, row: &AuditView) -> String {
        match self {
            Self::Csv => {
                let mut line = String::new();
                csv::row(&mut line, cells(row).iter().map(String::as_str));
                line
            }
            // Serialising strings and numbers cannot fail; an empty line would be no row.
            Self::JsonLines => serde_json::to_string(row).map(|line| line + "\n").unwrap_or_default(),
        }
    }
}

fn cells(row: &AuditView) -> [String; 17] {
    let row = row.clone();
    [
        row.at,
        row.action,
        row.outcome,
        row.code.unwrap_or_default(),
        row.actor,
        row.actor_name,
        row.target,
        row.target_name,
        row.detail,
        row.address,
        row.user_agent,
        row.request_id,
        row.jti.unwrap_or_default(),
        row.account_id.unwrap_or_default(),
        row.id,
        row.sequence.to_string(),
        row.hash,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditRecord;
    use crate::audit::record::tests::event;

    #[test]
    fn head_and_rows_have_the_same_columns_and_end_their_lines() {
        let mut record = AuditRecord::of(&event(1), 1);
        record.detail = "a\nb".into();
        let row = record.view();
        assert_eq!(COLUMNS.len(), cells(&row).len());
        let line = ExportFormat::Csv.row(&row);
        assert!(line.starts_with("\"2027-01-15T08:00:01Z\",\"namespace.created\",\"success\",\"\","), "{line}");
        assert!(line.ends_with("\r\n") && ExportFormat::Csv.head().ends_with("\r\n"));
        let json = ExportFormat::JsonLines.row(&row);
        assert_eq!(json.matches('\n').count(), 1, "a line break in a field is escaped");
        assert_eq!(serde_json::from_str::<AuditView>(&json).unwrap(), row);
    }
}
