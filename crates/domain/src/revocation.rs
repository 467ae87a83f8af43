//! A line of the revocation ledger: it outlives the database, so that a restored one brings no revoked key back to life.
//!
//! Source: `security.md` §9 (Backups).

use std::fmt;

use jiff::Timestamp;

use crate::api_key::{ID_ALPHABET, ID_LENGTH, PublicId};

/// That a key was revoked, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The key's public id; never its secret.
    pub public_id: PublicId,
    /// From then on it opened nothing.
    pub revoked_at: Timestamp,
}

// === impl Revocation ===

impl Revocation {
    /// Reads a line; none for one that was cut off by a crash or edited into nonsense.
    pub fn parse(line: &str) -> Option<Self> {
        let (id, at) = line.trim().split_once(' ')?;
        let shaped = id.len() == ID_LENGTH && id.bytes().all(|letter| ID_ALPHABET.contains(&letter));
        let revoked_at = at.parse().ok().filter(|_| shaped)?;
        Some(Self { public_id: PublicId::from_trusted(id.to_owned()), revoked_at })
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.public_id.as_str(), self.revoked_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_it_was_written() {
        let at = Timestamp::from_millisecond(1_767_225_600_123).unwrap();
        let letters = ID_ALPHABET[..ID_LENGTH].iter().map(|b| char::from(*b)).collect();
        let revocation = Revocation { public_id: PublicId::from_trusted(letters), revoked_at: at };
        assert_eq!(Revocation::parse(&revocation.to_string()), Some(revocation));
    }

    #[test]
    fn half_a_line_is_no_revocation() {
        for line in ["", "abcd", "abcd2026 ", "abcd 2026-01-01T00:00:00Z", "abcdefgh 2026-01-01T00:0", "../../xx now"] {
            assert_eq!(Revocation::parse(line), None, "{line}");
        }
    }
}
