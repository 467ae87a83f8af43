//! A line of the revocation ledger: it outlives the database, so that a restored one brings neither a revoked key nor a
//! secret that was rotated away back to life.
//!
//! Source: `security.md` §9 (Backups).

use std::fmt;

use jiff::Timestamp;

use crate::api_key::{ID_ALPHABET, ID_LENGTH, PublicId};

/// That a key was revoked or got another secret, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The key's public id; never its secret.
    pub public_id: PublicId,
    /// From then on it opened nothing; of a rotation, when it was noted.
    pub revoked_at: Timestamp,
    /// Only secrets before this one ended: the key was rotated. None: all of it was revoked.
    pub before: Option<u32>,
}

// === impl Revocation ===

impl Revocation {
    /// Reads a line; none for one that was cut off by a crash or edited into nonsense.
    pub fn parse(line: &str) -> Option<Self> {
        let (id, rest) = line.trim().split_once(' ')?;
        // The time comes last: cut off before it, a rotation must not read as a revocation.
        let (before, at) = match rest.split_once(' ') {
            Some((secret, at)) => (Some(secret.parse().ok()?), at),
            None => (None, rest),
        };
        let shaped = id.len() == ID_LENGTH && id.bytes().all(|letter| ID_ALPHABET.contains(&letter));
        let revoked_at = at.parse().ok().filter(|_| shaped)?;
        Some(Self { public_id: PublicId::from_trusted(id.to_owned()), revoked_at, before })
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.before {
            None => write!(f, "{} {}", self.public_id.as_str(), self.revoked_at),
            Some(secret) => write!(f, "{} {secret} {}", self.public_id.as_str(), self.revoked_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_it_was_written() {
        let at = Timestamp::from_millisecond(1_767_225_600_123).unwrap();
        let letters: String = ID_ALPHABET[..ID_LENGTH].iter().map(|b| char::from(*b)).collect();
        for before in [None, Some(12)] {
            let public_id = PublicId::from_trusted(letters.clone());
            let revocation = Revocation { public_id, revoked_at: at, before };
            assert_eq!(Revocation::parse(&revocation.to_string()), Some(revocation));
        }
    }

    #[test]
    fn half_a_line_is_no_revocation() {
        let cut = ["abcdefgh 12", "abcdefgh 12 2026-01-01T00:0", "abcdefgh x 2026-01-01T00:00:00Z"];
        for line in ["", "abcd", "abcd2026 ", "abcd 2026-01-01T00:00:00Z", "abcdefgh 2026-01-01T00:0", "../../xx now"]
            .into_iter()
            .chain(cut)
        {
            assert_eq!(Revocation::parse(line), None, "{line}");
        }
    }
}
