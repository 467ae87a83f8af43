//! One sign-in under way: what the browser's cookie holds, encrypted, between leaving for a provider and coming back.

use backend::ports::Random as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::SessionId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::seal::Seal;
use crate::system::SystemRandom;

/// Life of a flow, and of its cookie.
pub const LIFE: SignedDuration = SignedDuration::from_mins(10);
const PURPOSE: &str = "oidc flow 1";

/// Why somebody goes to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To sign in.
    SignIn,
    /// To link an identity to who is signed in.
    Link,
    /// To prove again who they are.
    Reauthenticate,
}

/// A flow. Bound to one provider, one way back, and (but for a sign-in) one session.
#[derive(Serialize, Deserialize)]
pub struct Flow {
    /// Id of the provider.
    pub provider: String,
    /// What for.
    pub purpose: Purpose,
    /// Where to go afterwards: a local path.
    pub next: String,
    /// Comes back in the answer.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Proves at the token endpoint that we began (PKCE).
    pub verifier: String,
    /// Whose session asked.
    pub session: Option<SessionId>,
    /// When it began.
    pub begun_at: Timestamp,
}

// === impl Flow ===

impl Flow {
    /// A fresh one: 256 random bits each for state, nonce and verifier.
    pub fn begin(
        provider: &str,
        purpose: Purpose,
        next: String,
        session: Option<SessionId>,
        begun_at: Timestamp,
    ) -> Self {
        let [state, nonce, verifier] = [(); 3].map(|()| random_text());
        Self { provider: provider.to_owned(), purpose, next, state, nonce, verifier, session, begun_at }
    }

    /// The cookie's value.
    pub fn sealed(&self, seal: &Seal) -> Option<String> {
        seal.seal(PURPOSE, &serde_json::to_vec(self).ok()?)
    }

    /// Reads a cookie's value; none for a forged, broken or old one.
    pub fn open(seal: &Seal, value: &str, now: Timestamp) -> Option<Self> {
        let flow: Self = serde_json::from_slice(&seal.open(PURPOSE, value)?).ok()?;
        let age = now.duration_since(flow.begun_at);
        (age <= LIFE && age >= -SignedDuration::from_mins(1)).then_some(flow)
    }
}

fn random_text() -> String {
    let mut bytes = [0_u8; 32];
    SystemRandom.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_lives_ten_minutes() {
        let seal = Seal::from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f").unwrap();
        let begun = Timestamp::from_second(1_800_000_000).unwrap();
        let flow = Flow::begin("corp", Purpose::SignIn, "/".into(), None, begun);
        let value = flow.sealed(&seal).unwrap();
        assert_eq!(Flow::open(&seal, &value, begun + LIFE).unwrap().state, flow.state);
        assert!(Flow::open(&seal, &value, begun + LIFE + SignedDuration::from_secs(1)).is_none());
        assert!(flow.state != flow.nonce && flow.nonce != flow.verifier && flow.verifier.len() == 43);
    }
}
