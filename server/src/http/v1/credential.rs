//! The key route: an API key in, a short-lived Kubernetes token out. No session, no cookies, no CORS.
//!
//! Source: `console-api.md` §5, `security.md` §1.3 and §1.7.

pub mod issued;
mod throttle;

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use backend::{Backend, IssuedCredential, Origin};
use domain::api_key::KeyText;
use domain::credential::{Access, ExecCredential};
use domain::{Code, Error, Result};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::kubeconfig::parse_access;
use crate::http::extract::{ApiPath, ApiQuery, IgnoredBody};
use crate::http::middleware::limit_body;
use crate::http::problem::Problem;
use crate::http::rate_limit::RateLimits;
use crate::http::state::AppState;

const BODY_LIMIT: usize = 8 * 1024;
// curl gives up after 10 s, five times on a cold cache: answer before it does (security.md §1.3).
const DEADLINE: Duration = Duration::from_secs(8);
// Where people put keys by mistake. URLs end up in logs, so a key there is refused, not used.
const KEY_PARAMETERS: [&str; 7] = ["key", "api_key", "api-key", "apikey", "x-api-key", "token", "access_token"];

/// For the API document: the handler reads the query itself, because the key comes first.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its parameters are used")]
struct AccessQuery {
    /// With what rights, if less than the key has.
    #[param(inline)]
    access: Option<Access>,
}

/// The one route that takes API keys.
pub fn routes(limits: &RateLimits) -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(issue))
        .layer(from_fn_with_state(BODY_LIMIT, limit_body))
        .layer(from_fn_with_state(limits.clone(), throttle::throttle))
}

/// A short-lived Kubernetes token for kubectl
///
/// The body is read to its limit and ignored.
#[utoipa::path(post, path = "/v1/kubernetes/namespaces/{namespace_id}/exec-credential",
    operation_id = "issue_credential", tag = "Credentials", params(AccessQuery),
    responses((status = 200, body = ExecCredential)))]
async fn issue(
    State(backend): State<Backend>,
    Extension(origin): Extension<Origin>,
    ApiPath(id): ApiPath<String>,
    ApiQuery(query): ApiQuery<Vec<(String, String)>>,
    headers: HeaderMap,
    _: IgnoredBody,
) -> Result<Response, Problem> {
    let issued = issued(&backend, &origin, &id, &query, &headers).await.inspect_err(|error| {
        metrics::counter!("remotegpu_credentials_refused_total", "code" => error.code().as_str()).increment(1);
    })?;
    Ok(Json(ExecCredential::new(issued.token.expose_secret(), issued.expires_at)).into_response())
}

async fn issued(
    backend: &Backend,
    origin: &Origin,
    id: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
) -> Result<IssuedCredential> {
    // Presence and form come before the query, or a wrong query would answer before a missing key.
    let key = presented_key(headers, query).and_then(|key| KeyText::parse(key.unwrap_or_default()).map(|_| key));
    let key = key.inspect_err(|error| backend.note_refusal(origin, None, None, error))?;
    let access = query.iter().rev().find(|(name, _)| name == "access").map(|(_, value)| value.as_str());
    let issued = backend.issue_credential(origin, key, id, parse_access(access)?);
    timeout(DEADLINE, issued).await.map_err(Error::cluster)?
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
