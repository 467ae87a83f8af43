//! Who calls: the JWT of the `Authorization` header, with or without the word `Bearer` (the vendor's text and its example
//! disagree). The other header of that vendor, `X-APITOKEN`, belongs to another product and is not looked at.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use backend::{Caller, Origin};
use domain::{Code, Error, Result};

use super::refused::Refused;
use crate::http::idempotency::{HEADER, done_once};
use crate::http::problem::Problem;
use crate::http::rate_limit::Class;
use crate::http::state::AppState;

/// The caller of a request with a token.
#[derive(Clone)]
pub struct TenantCaller(pub Caller);

impl<S: Sync> FromRequestParts<S> for TenantCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let missing = || Error::Unauthenticated { code: Code::MissingToken }.into();
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

/// Middleware: finds the caller before anything of the request is read, counts them, and does what makes something once
/// for each `Idempotency-Key`.
pub async fn authenticate(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    // Read before anything is waited for: a request cannot be shared meanwhile.
    let token = presented(request.headers()).map(str::to_owned);
    let origin = request.extensions().get::<Origin>().cloned();
    let caller = match caller(&state, token, origin).await {
        Ok(caller) => caller,
        Err(error) => return Refused::from(error).into_response(),
    };
    request.extensions_mut().insert(TenantCaller(caller.clone()));
    match request.headers().get(HEADER).cloned() {
        Some(key) if *request.method() == Method::POST => done_once(&state.backend, &caller, &key, request, next).await,
        _ => next.run(request).await,
    }
}

async fn caller(state: &AppState, token: Result<String>, origin: Option<Origin>) -> Result<Caller> {
    let (token, origin) = (token?, origin.ok_or_else(|| Error::internal("a request without an origin"))?);
    let caller = state.backend.tenant_caller(&origin, &token).await?;
    state.limits.take(Class::Session, &caller.user.id.to_string())?;
    Ok(caller)
}

/// The token of the request. Two different ones are none.
fn presented(headers: &HeaderMap) -> Result<&str> {
    let invalid = || Error::Unauthenticated { code: Code::InvalidToken };
    let mut found = None;
    for value in headers.get_all(AUTHORIZATION) {
        let text = value.to_str().map_err(|_| invalid())?.trim();
        let token = match text.split_once(char::is_whitespace) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return Err(invalid()),
            None if text.eq_ignore_ascii_case("bearer") => "",
            None => text,
        };
        if found.is_some_and(|other| other != token) {
            return Err(invalid());
        }
        found = Some(token).filter(|token| !token.is_empty()).or(found);
    }
    found.ok_or(Error::Unauthenticated { code: Code::MissingToken })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<String, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        presented(&headers).map(str::to_owned).map_err(|error| error.code())
    }

    #[test]
    fn a_token_comes_with_the_word_bearer_in_any_case_or_without() {
        for text in ["a.b.c", "Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c ", " a.b.c "] {
            assert_eq!(read(&[text]), Ok("a.b.c".to_owned()), "{text}");
        }
        assert_eq!(read(&["Bearer a.b.c", "a.b.c"]), Ok("a.b.c".to_owned()));
    }

    #[test]
    fn no_token_is_missing_and_odd_ones_are_invalid() {
        for none in [&[][..], &[""], &["Bearer"], &["  "]] {
            assert_eq!(read(none), Err(Code::MissingToken), "{none:?}");
        }
        for odd in [&["Basic YWRhOng="][..], &["Token a.b.c"], &["a.b.c", "d.e.f"]] {
            assert_eq!(read(odd), Err(Code::InvalidToken), "{odd:?}");
        }
    }
}
