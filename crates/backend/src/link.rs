//! Tokens of links that work once: 256 random bits, of which only the SHA-256 is stored.
//!
//! Source: `security.md` §4.4.

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use crate::Backend;
use crate::pepper::hex;

// 256 bits: nobody guesses one, so tries need no counter.
const TOKEN_BYTES: usize = 32;

impl Backend {
    /// A fresh token and what is stored of it.
    pub(crate) fn new_link_token(&self) -> (SecretString, String) {
        let mut bytes = [0_u8; TOKEN_BYTES];
        self.inner.random.fill(&mut bytes);
        let token = hex(&bytes);
        let hash = hex(&Sha256::digest(token.as_bytes()));
        (SecretString::from(token), hash)
    }
}

/// What is stored of a token of the right shape; none of another shape was ever given out.
pub(crate) fn hashed(token: &str) -> Option<String> {
    let shaped = token.len() == 2 * TOKEN_BYTES && token.bytes().all(|b| b.is_ascii_hexdigit());
    shaped.then(|| hex(&Sha256::digest(token.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shape_of_our_tokens_is_looked_up() {
        assert_eq!(hashed(&"0a".repeat(32)).unwrap().len(), 64);
        for other in ["", "0a", &"zz".repeat(32), &"0a".repeat(33)] {
            assert_eq!(hashed(other), None, "{other}");
        }
    }
}
