//! The key route: an API key in, a short-lived Kubernetes token out. No session, no cookies, no CORS.
//!
//! Source: `console-api.md` §5, `security.md` §1.3 and §1.7.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use backend::{Backend, Origin};
use domain::api_key::KeyText;
use domain::credential::ExecCredential;
use domain::{Code, Error, Result};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;

use super::kubeconfig::parse_access;
use crate::http::extract::{ApiPath, ApiQuery};
use crate::http::middleware::limit_body;
use crate::http::problem::Problem;
use crate::http::state::AppState;

const PATH: &str = "/v1/kubernetes/namespaces/{namespace_id}/exec-credential";
const BODY_LIMIT: usize = 8 * 1024;
// curl gives up after 10 s, five times on a cold cache: answer before it does (security.md §1.3).
const DEADLINE: Duration = Duration::from_secs(8);
// Where people put keys by mistake. URLs end up in logs, so a key there is refused, not used.
const KEY_PARAMETERS: [&str; 7] = ["key", "api_key", "api-key", "apikey", "x-api-key", "token", "access_token"];

/// The one route that takes API keys.
pub fn routes() -> Router<AppState> {
    Router::new().route(PATH, post(issue)).layer(from_fn_with_state(BODY_LIMIT, limit_body))
}

/// `POST /v1/kubernetes/namespaces/{id}/exec-credential?access=`; the body is read to its limit and ignored.
async fn issue(
    State(backend): State<Backend>,
    Extension(origin): Extension<Origin>,
    ApiPath(id): ApiPath<String>,
    ApiQuery(query): ApiQuery<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    body?;
    let key = presented_key(&headers, &query)?;
    // Presence and form come before the query, or a wrong query would answer before a missing key.
    KeyText::parse(key.unwrap_or_default())?;
    let access = query.iter().rev().find(|(name, _)| name == "access").map(|(_, value)| value.as_str());
    let issued = backend.issue_credential(&origin, key, &id, parse_access(access)?);
    let issued = timeout(DEADLINE, issued).await.map_err(Error::cluster)??;
    Ok(Json(ExecCredential::new(issued.token.expose_secret(), issued.expires_at)).into_response())
}

/// The key of the request: `x-api-key` or `Authorization: Bearer`, the same one if both. `None` when there is none.
///
/// # Errors
/// `invalid_api_key` for two different keys, text that is no text, or a key in the query string.
fn presented_key<'a>(headers: &'a HeaderMap, query: &[(String, String)]) -> Result<Option<&'a str>> {
    let invalid = || Error::Unauthenticated { code: Code::InvalidApiKey };
    let in_query = |(name, value): &(String, String)| {
        value.contains("rgpu_") || KEY_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
    };
    if query.iter().any(in_query) {
        return Err(invalid());
    }
    let mut found: Option<&str> = None;
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|v| strip_bearer(v.as_bytes()));
    for value in headers.get_all("x-api-key").iter().map(|v| v.as_bytes()).chain(bearer) {
        let value = std::str::from_utf8(value).map_err(|_| invalid())?.trim();
        if value.is_empty() {
            continue;
        }
        if found.is_some_and(|other| other != value) {
            return Err(invalid());
        }
        found = Some(value);
    }
    Ok(found)
}

fn strip_bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    let separated = rest.first().is_none_or(u8::is_ascii_whitespace);
    (scheme.eq_ignore_ascii_case(b"bearer") && separated).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(headers: &[(&str, &str)], query: &[(&str, &str)]) -> Result<Option<String>, Code> {
        let headers: HeaderMap = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        let query: Vec<_> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        presented_key(&headers, &query).map(|k| k.map(str::to_owned)).map_err(|e| e.code())
    }

    #[test]
    fn both_headers_carry_a_key() {
        let some = Ok(Some("rgpu_a".to_owned()));
        assert_eq!(key(&[("x-api-key", "rgpu_a")], &[]), some);
        assert_eq!(key(&[("authorization", "Bearer rgpu_a")], &[]), some);
        assert_eq!(key(&[("authorization", "bearer  rgpu_a ")], &[("access", "view")]), some);
        assert_eq!(key(&[("x-api-key", "rgpu_a"), ("authorization", "Bearer rgpu_a")], &[]), some);
    }

    #[test]
    fn blank_and_foreign_headers_are_no_key() {
        for headers in [
            vec![],
            vec![("x-api-key", "")],
            vec![("x-api-key", "  ")],
            vec![("authorization", "Bearer")],
            vec![("authorization", "Basic abc")],
            vec![("cookie", "remotegpu=rgpu_a")],
        ] {
            assert_eq!(key(&headers, &[]), Ok(None), "{headers:?}");
        }
    }

    #[test]
    fn two_keys_and_keys_in_the_url_are_refused() {
        let invalid = Err(Code::InvalidApiKey);
        assert_eq!(key(&[("x-api-key", "rgpu_a"), ("authorization", "Bearer rgpu_b")], &[]), invalid);
        assert_eq!(key(&[("x-api-key", "rgpu_a"), ("x-api-key", "rgpu_b")], &[]), invalid);
        for query in [("api_key", "x"), ("Key", "x"), ("note", "rgpu_a"), ("x-api-key", "")] {
            assert_eq!(key(&[("x-api-key", "rgpu_a")], &[query]), invalid, "{query:?}");
        }
    }
}
