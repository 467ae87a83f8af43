//! A request that may come twice: the client's `Idempotency-Key` and the answer that is given again.
//!
//! Source: `console-api.md` §1; draft-ietf-httpapi-idempotency-key-header.

use crate::{Error, Result};

/// How long an answer is kept.
pub const KEPT_SECONDS: i64 = 24 * 3600;
/// After so long without an answer the process that took the request is gone.
pub const RUNNING_SECONDS: i64 = 120;

/// What a client calls one intended change: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// What is kept of a request. Hashes only: neither key nor body can be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// SHA-256 over person, route and key, lower-case hex.
    pub key_hash: String,
    /// SHA-256 of the body.
    pub body_hash: String,
}

/// An answer worth giving again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// Where the new thing is.
    pub location: Option<String>,
    /// The JSON body; none where it held a secret.
    pub body: Option<String>,
}

/// What is known of a key that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: go on.
    New,
    /// The same request is being answered right now.
    Running,
    /// The key stands for a request with another body.
    Other,
    /// It was answered.
    Done(KeptAnswer),
}

// === impl IdempotencyKey ===

impl IdempotencyKey {
    /// Checks what came in the header.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless 1 to 255 visible ASCII characters.
    pub fn new(text: &str) -> Result<Self> {
        if (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        let message = "Idempotency-Key must be 1 to 255 visible ASCII characters, for example a UUID";
        Err(Error::field("Idempotency-Key", "format", message))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii() {
        for good in ["a", "6f1b0c9e-5b7a-7cde-8f00-0123456789ab", &"x".repeat(255)] {
            assert_eq!(IdempotencyKey::new(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "ä", "a\n", &"x".repeat(256)] {
            assert!(IdempotencyKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
