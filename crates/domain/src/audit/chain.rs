//! Walking a chain of sealed rows: the first thing that is wrong with it, and what it is.
//!
//! Pure: whoever walks brings the rows in order and says whether a seal fits (`security.md` §9, Audit integrity).

use serde::{Deserialize, Serialize};

use super::AuditRecord;

/// How far a chain has come; its own seal keeps an older state from being put back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Which chain.
    pub chain: String,
    /// Sequence of the newest row.
    pub sequence: i64,
    /// Hash of the newest row.
    pub hash: String,
    /// Which key sealed it.
    pub key_id: String,
    /// Seal over the rest.
    pub seal: String,
}

/// Rows that are no longer there one by one: those from before sealing (`last` 0), or those that were pruned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    /// Which chain.
    pub chain: String,
    /// Sequence of its last row; 0 for the rows from before rows were sealed.
    pub last: i64,
    /// How many rows it stands for.
    pub rows: i64,
    /// Hash at its end, where the next row goes on.
    pub hash: String,
    /// When it was made, milliseconds.
    pub made_ms: i64,
    /// Which key sealed it.
    pub key_id: String,
    /// Seal over the rest.
    pub seal: String,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokenKind {
    /// The row's text is not the text that was sealed.
    Edited,
    /// The row of this sequence is gone.
    Deleted,
    /// The row was sealed at another place.
    Reordered,
    /// The newest rows are gone: the head has come further.
    Truncated,
    /// A row that nobody sealed.
    Unsealed,
    /// The head, or a record of removed rows, is not what was sealed.
    Head,
    /// The row was sealed with a key that is not in the key file.
    UnknownKey,
}

/// Where a chain breaks first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What is wrong.
    pub kind: BrokenKind,
    /// At which place of the chain.
    pub sequence: i64,
    /// The row there, if there is one.
    pub row: Option<String>,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// Which chain: an account id, or `platform`.
    pub chain: String,
    /// Sealed rows that were read.
    pub rows: i64,
    /// Rows from before rows were sealed, checked as one segment.
    pub unsealed: i64,
    /// Until when rows were not sealed, milliseconds; none when there are none.
    pub unsealed_before_ms: Option<i64>,
    /// Rows that were pruned, whole segments at a time.
    pub pruned: i64,
    /// Sequence and hash of the head.
    pub head: (i64, String),
    /// The first thing that is wrong.
    pub broken: Option<Broken>,
}

/// Whether `seal` belongs to `text` under the key `key_id`; none when that key is not there.
pub type Fits<'a> = &'a (dyn Fn(&str, &str, &str) -> Option<bool> + Sync);

/// A walk in progress: rows in, the first break out.
pub struct Walk<'a> {
    fits: Fits<'a>,
    sequence: i64,
    hash: String,
    rows: i64,
    broken: Option<Broken>,
}

// === impl Head ===

impl Head {
    /// What its seal covers.
    pub fn canonical(&self) -> String {
        serde_json::json!(["head", 1, self.chain, self.sequence, self.hash]).to_string()
    }
}

// === impl Segment ===

impl Segment {
    /// What its seal covers.
    pub fn canonical(&self) -> String {
        serde_json::json!(["segment", 1, self.chain, self.last, self.rows, self.hash, self.made_ms]).to_string()
    }
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Starts behind `sequence`, whose row had `hash`.
    pub fn from(sequence: i64, hash: String, fits: Fits<'a>) -> Self {
        Self { fits, sequence, hash, rows: 0, broken: None }
    }

    /// Takes the next rows in order of their sequence; false once something is wrong.
    pub fn take(&mut self, rows: &[AuditRecord]) -> bool {
        for (i, row) in rows.iter().enumerate() {
            if self.broken.is_none() {
                self.step(row, &rows[i..]);
            }
        }
        self.broken.is_none()
    }

    /// The end of the rows: they must reach as far as the head.
    pub fn end(mut self, head: &Head) -> (i64, Option<Broken>) {
        if self.broken.is_none() {
            let sealed = (self.fits)(&head.key_id, &head.canonical(), &head.seal) == Some(true);
            let reached = (self.sequence, &self.hash) == (head.sequence, &head.hash);
            let kind = match (self.sequence < head.sequence, sealed && reached) {
                (_, true) => None,
                (true, false) => Some(BrokenKind::Truncated),
                (false, false) => Some(BrokenKind::Head),
            };
            let at = if kind == Some(BrokenKind::Truncated) { self.sequence + 1 } else { head.sequence };
            self.broken = kind.map(|kind| Broken { kind, sequence: at, row: None });
        }
        (self.rows, self.broken)
    }

    /// Sequence of the last row taken.
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    fn step(&mut self, row: &AuditRecord, rest: &[AuditRecord]) {
        let expected = self.sequence + 1;
        let kind = if row.sequence > expected {
            Some(BrokenKind::Deleted)
        } else if row.sequence < expected {
            Some(BrokenKind::Unsealed)
        } else {
            match (self.fits)(&row.key_id, &row.canonical(expected, &self.hash), &row.hash) {
                Some(true) => None,
                None => Some(BrokenKind::UnknownKey),
                Some(false) if self.belongs_here(row, rest) => Some(BrokenKind::Reordered),
                Some(false) => Some(BrokenKind::Edited),
            }
        };
        match kind {
            None => {
                (self.sequence, self.hash) = (expected, row.hash.clone());
                self.rows += 1;
            }
            Some(kind) => {
                let row = (kind != BrokenKind::Deleted).then(|| row.id.to_string());
                self.broken = Some(Broken { kind, sequence: expected, row });
            }
        }
    }

    /// Whether a later row was sealed for the place where `row` stands now.
    fn belongs_here(&self, row: &AuditRecord, rest: &[AuditRecord]) -> bool {
        rest.iter().skip(1).any(|other| {
            let text = other.canonical(row.sequence, &self.hash);
            let fits = |hash: &String| (self.fits)(&other.key_id, &text, hash) == Some(true);
            fits(&other.hash) || fits(&row.hash)
        })
    }
}

// === impl BrokenKind ===

impl BrokenKind {
    /// One word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Reordered => "reordered",
            Self::Truncated => "truncated",
            Self::Unsealed => "unsealed",
            Self::Head => "head",
            Self::UnknownKey => "unknown key",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::record::tests::event;

    /// A stand-in for the keyed hash: the text itself.
    fn seal(text: &str) -> String {
        format!("<{text}>")
    }

    fn fits(key: &str, text: &str, hash: &str) -> Option<bool> {
        (key == "k1").then(|| seal(text) == hash)
    }

    fn rows(count: u8) -> (Vec<AuditRecord>, Head) {
        let (mut rows, mut previous) = (Vec::new(), String::new());
        for n in 1..=count {
            let mut row = AuditRecord::of(&event(n), i64::from(n));
            row.hash = seal(&row.canonical(row.sequence, &previous));
            row.key_id = "k1".into();
            previous.clone_from(&row.hash);
            rows.push(row);
        }
        let mut head = Head { chain: "platform".into(), sequence: count.into(), hash: previous, ..Head::default() };
        (head.seal, head.key_id) = (seal(&head.canonical()), "k1".into());
        (rows, head)
    }

    fn walked(rows: &[AuditRecord], head: &Head) -> Option<(BrokenKind, i64)> {
        let mut walk = Walk::from(0, String::new(), &fits);
        rows.chunks(3).all(|batch| walk.take(batch));
        walk.end(head).1.map(|broken| (broken.kind, broken.sequence))
    }

    #[test]
    fn a_whole_chain_is_whole() {
        let (rows, head) = rows(7);
        assert_eq!(walked(&rows, &head), None);
    }

    #[test]
    fn each_way_to_break_it_is_named_with_its_place() {
        let (whole, head) = rows(5);
        let broken = |change: fn(&mut Vec<AuditRecord>)| {
            let mut rows = whole.clone();
            change(&mut rows);
            walked(&rows, &head)
        };
        assert_eq!(broken(|rows| rows[1].detail = "nothing happened".into()), Some((BrokenKind::Edited, 2)));
        assert_eq!(broken(|rows| drop(rows.remove(2))), Some((BrokenKind::Deleted, 3)));
        assert_eq!(broken(|rows| drop(rows.remove(0))), Some((BrokenKind::Deleted, 1)));
        assert_eq!(broken(|rows| rows.truncate(3)), Some((BrokenKind::Truncated, 4)));
        assert_eq!(broken(|rows| rows[3].key_id = "k0".into()), Some((BrokenKind::UnknownKey, 4)));
        let swapped = broken(|rows| {
            (rows[0].sequence, rows[1].sequence) = (2, 1);
            rows.swap(0, 1);
        });
        assert_eq!(swapped, Some((BrokenKind::Reordered, 1)));
    }

    #[test]
    fn rows_cut_off_together_with_the_head_are_found_by_the_heads_own_seal() {
        let (mut rows, mut head) = rows(5);
        rows.truncate(3);
        (head.sequence, head.hash) = (3, rows[2].hash.clone());
        assert_eq!(walked(&rows, &head), Some((BrokenKind::Head, 3)));
    }

    #[test]
    fn a_row_added_behind_the_head_is_found() {
        let (rows, _) = rows(5);
        let (_, shorter) = self::rows(4);
        assert_eq!(walked(&rows, &shorter), Some((BrokenKind::Head, 4)));
    }
}
