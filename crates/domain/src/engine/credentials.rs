//! What opens an engine, and what may be said about it. The first never leaves the server once it was given.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::report::Facts;
use super::token;

/// The secret part, sealed as one text. No `Debug` that shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Credentials {
    /// A token of the API server.
    BearerToken {
        /// One line.
        token: String,
    },
    /// A name and a password (`engine-import.md` §3).
    Basic {
        /// Without a colon.
        username: String,
        /// As typed.
        password: String,
    },
    /// A key of the provider.
    ApiKey {
        /// One line.
        key: String,
    },
    /// A client certificate with its key, both PEM.
    ClientCertificate {
        /// The chain.
        certificate: String,
        /// Its key.
        key: String,
    },
    /// Nothing: a socket of this machine.
    None,
}

/// How an engine is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A bearer token.
    BearerToken,
    /// Name and password.
    Basic,
    /// A provider's key.
    ApiKey,
    /// A client certificate.
    ClientCertificate,
    /// Nothing.
    None,
}

/// What is kept and shown of credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthFacts {
    /// How.
    pub method: AuthMethod,
    /// As whom, in the words of the other side.
    pub identity: String,
    /// When they were made, if they say so.
    pub issued_at: Option<Timestamp>,
    /// Their end; none = they do not say, or never.
    pub expires_at: Option<Timestamp>,
    /// When they were given to us.
    pub set_at: Timestamp,
    /// The console may ask for the next token itself.
    #[serde(default)]
    pub renewable: bool,
}

// === impl Credentials ===

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?})", self.method())
    }
}

impl Credentials {
    /// How they open.
    pub fn method(&self) -> AuthMethod {
        match self {
            Self::BearerToken { .. } => AuthMethod::BearerToken,
            Self::Basic { .. } => AuthMethod::Basic,
            Self::ApiKey { .. } => AuthMethod::ApiKey,
            Self::ClientCertificate { .. } => AuthMethod::ClientCertificate,
            Self::None => AuthMethod::None,
        }
    }

    /// What may be said about them.
    pub fn facts(&self, set_at: Timestamp) -> AuthFacts {
        let said = match self {
            Self::BearerToken { token } => token::read(token).unwrap_or_default(),
            Self::Basic { .. } | Self::ApiKey { .. } | Self::ClientCertificate { .. } | Self::None => {
                token::TokenFacts::default()
            }
        };
        AuthFacts {
            method: self.method(),
            identity: said.subject,
            issued_at: said.issued_at,
            expires_at: said.expires_at,
            set_at,
            renewable: false,
        }
    }
}

// === impl AuthFacts ===

impl AuthFacts {
    /// As whom the other side sees us, and what that identity may do with its own token.
    pub fn learn(&mut self, facts: &Facts) {
        if !facts.identity.is_empty() {
            self.identity.clone_from(&facts.identity);
        }
        if let Some(renewable) = facts.renewable {
            self.renewable = renewable;
        }
    }

    /// Whether somebody should think of new ones: 30 days before the end, or the last fifth of their own life, whichever
    /// is shorter. Of those that renew themselves the last quarter: by then that was missed.
    pub fn expiring(&self, now: Timestamp) -> bool {
        let Some(end) = self.expires_at else { return false };
        let life = end.duration_since(self.issued_at.unwrap_or(self.set_at));
        let share = if self.renewable { life / 4 } else { life / 5 };
        end.duration_since(now) <= SignedDuration::from_hours(30 * 24).min(share)
    }

    /// When the console asks for the next token: at half of the life of this one, and by `spread` up to a tenth of it
    /// later. None when it may not, or when the token does not end.
    pub fn renews_at(&self, spread: u8) -> Option<Timestamp> {
        let end = self.expires_at.filter(|_| self.renewable)?;
        let begin = self.issued_at.unwrap_or(self.set_at);
        let life = end.duration_since(begin);
        Some(begin + life / 2 + life / 2560 * i32::from(spread))
    }
}
