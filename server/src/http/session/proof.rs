//! What a request shows to prove who sends it: a cookie, or the token of a command-line session. Never both.
//!
//! Source: RULINGS 6, `console-api.md` §1.

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use backend::{Backend, Caller, Origin};
use domain::Result;
use domain::cli_session::PREFIX;
use secrecy::{ExposeSecret as _, SecretString};
use tower_sessions::Session;

use super::{caller_of, still_signed_in};
use crate::http::state::AppState;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The proof of one request.
#[derive(Clone)]
pub enum Shown {
    /// The cookie, if there is one.
    Cookie,
    /// `Authorization: Bearer rgpus_…`.
    CliToken(SecretString),
    /// An API key, or several things at once: opens no session route (`console-api.md` §1).
    Nothing,
}

// === impl Shown ===

impl Shown {
    /// Reads the headers.
    pub fn by(headers: &HeaderMap) -> Self {
        let mut bearers = headers.get_all(AUTHORIZATION).iter().filter_map(bearer);
        match (bearers.next(), bearers.next()) {
            _ if headers.contains_key("x-api-key") => Self::Nothing,
            (None, _) => Self::Cookie,
            (Some(token), None) if token.starts_with(PREFIX) => Self::CliToken(SecretString::from(token)),
            (Some(_), _) => Self::Nothing,
        }
    }

    /// Who sends the request now: session, member and role are read anew.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn caller(&self, backend: &Backend, session: &Session, origin: &Origin) -> Result<Option<Caller>> {
        match self {
            Self::Cookie => caller_of(backend, session, origin).await,
            Self::CliToken(token) => backend.cli_caller(token.expose_secret(), origin).await,
            Self::Nothing => Ok(None),
        }
    }

    /// The same for an open stream, once more; a page left open is not somebody at work.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn still_caller(&self, state: &AppState, session: &Session, origin: &Origin) -> Result<Option<Caller>> {
        match self {
            Self::Cookie => still_signed_in(state, session, origin).await,
            Self::CliToken(_) | Self::Nothing => self.caller(&state.backend, session, origin).await,
        }
    }
}

/// Middleware, outside of the session layer: beside a bearer token a cookie counts for nothing, and the rules against
/// forged requests protect cookies only. Browsers send `Authorization` across sites after a preflight alone, which no
/// route of ours answers.
pub async fn bearer_alone(mut request: Request, next: Next) -> Response {
    let headers = request.headers_mut();
    if matches!(Shown::by(headers), Shown::CliToken(_)) {
        for name in [COOKIE, ORIGIN, SEC_FETCH_SITE] {
            headers.remove(name);
        }
    }
    next.run(request).await
}

fn bearer(value: &HeaderValue) -> Option<String> {
    let (scheme, rest) = value.as_bytes().split_at_checked(7)?;
    let text = String::from_utf8_lossy(rest).trim().to_owned();
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(headers: &[(&str, &str)]) -> &'static str {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        match Shown::by(&headers) {
            Shown::Cookie => "cookie",
            Shown::CliToken(_) => "token",
            Shown::Nothing => "nothing",
        }
    }

    #[test]
    fn a_key_is_noticed_whatever_its_header_and_never_counts_as_a_session() {
        for (name, value, proof) in [
            ("x-api-key", "rgpu_x", "nothing"),
            ("x-api-key", "rgpus_x", "nothing"),
            ("authorization", "Bearer rgpu_x", "nothing"),
            ("authorization", "bearer x", "nothing"),
            ("authorization", "Bearer rgpus_x", "token"),
            ("authorization", "bearer  rgpus_x ", "token"),
            ("authorization", "Basic x", "cookie"),
            ("cookie", "x", "cookie"),
        ] {
            assert_eq!(shown(&[(name, value), ("cookie", "remotegpu=x")]), proof, "{name}: {value}");
        }
    }

    #[test]
    fn two_proofs_are_none() {
        let token = ("authorization", "Bearer rgpus_x");
        for other in [("x-api-key", "rgpu_x"), ("authorization", "Bearer rgpu_x"), token] {
            assert_eq!(shown(&[token, other]), "nothing", "{other:?}");
        }
    }
}
