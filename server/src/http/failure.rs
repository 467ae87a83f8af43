//! A person in a browser reads a page where a program reads a problem document.
//!
//! Source: `security.md` §9 (database down = 503, recovers alone).

use app::failure::{Failure, POLICY, failure_page};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use leptos::config::LeptosOptions;
use serde_json::Value;

use super::problem::MEDIA_TYPE;

// A problem document is a few hundred bytes.
const DOCUMENT_LIMIT: usize = 64 * 1024;
/// Places of programs: their errors stay problem documents, whoever asks.
const FOR_PROGRAMS: [&str; 6] = ["/v1/", "/k8sgpu/", "/live/", "/pkg/", "/healthz", "/readyz"];

/// Middleware: turns the problem document of a failed page into a page.
pub async fn page_for_people(State(options): State<LeptosOptions>, request: Request, next: Next) -> Response {
    let wanted = wants_page(&request);
    let repeatable = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    let problem = response.headers().get(CONTENT_TYPE).is_some_and(|v| v.as_bytes() == MEDIA_TYPE.as_bytes());
    if !wanted || !problem || !response.status().is_server_error() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let document = to_bytes(body, DOCUMENT_LIMIT).await.unwrap_or_default();
    let document: Value = serde_json::from_slice(&document).unwrap_or_default();
    let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
    let failure = Failure {
        status: parts.status.as_u16(),
        detail: text("detail"),
        request_id: text("request_id"),
        passing: parts.status == StatusCode::SERVICE_UNAVAILABLE && repeatable,
    };
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    parts.headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    parts.headers.insert(VARY, HeaderValue::from_static("accept"));
    Response::from_parts(parts, Body::from(failure_page(options, failure)))
}

/// A browser names HTML when it goes to an address or posts a form; fetch and kubectl do not.
fn wants_page(request: &Request) -> bool {
    let path = request.uri().path();
    let accepts = request.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accepts.contains("text/html") && !FOR_PROGRAMS.iter().any(|place| path.starts_with(place))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use domain::Error;
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::problem::Problem;

    async fn answer(method: Method, path: &str, accept: &str, error: fn() -> Error) -> Response {
        let options = LeptosOptions::builder().output_name("remotegpu").build();
        let fails = any(move || async move { Problem::from(error()) });
        let router = Router::new().fallback(fails).layer(from_fn_with_state(options, page_for_people));
        let request = Request::builder().method(method).uri(path).header(ACCEPT, accept);
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn away() -> Error {
        Error::database("secret host name")
    }

    async fn text(response: Response) -> String {
        String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    fn media_type(response: &Response) -> &str {
        response.headers()[CONTENT_TYPE].to_str().unwrap()
    }

    #[tokio::test]
    async fn a_person_reads_a_page_that_tries_again() {
        let response = answer(Method::GET, "/kubernetes", "text/html,*/*;q=0.8", away).await;
        assert_eq!(
            (response.status(), media_type(&response)),
            (StatusCode::SERVICE_UNAVAILABLE, "text/html; charset=utf-8")
        );
        assert_eq!(response.headers()["retry-after"], "5");
        assert!(response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
        let page = text(response).await;
        assert!(page.contains("Database is not reachable") && page.contains("http-equiv"), "{page}");
        assert!(!page.contains("secret host name"), "{page}");
    }

    #[tokio::test]
    async fn a_form_that_was_posted_is_not_posted_again() {
        let page = text(answer(Method::POST, "/api/sign_in", "text/html", away).await).await;
        assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("http-equiv"), "{page}");
    }

    #[tokio::test]
    async fn programs_and_refusals_keep_their_documents() {
        let refused: fn() -> Error = || Error::NotFound;
        for (path, accept, error) in [
            ("/v1/kubernetes/namespaces", "text/html", away as fn() -> Error),
            ("/kubernetes", "application/json", away),
            ("/kubernetes", "*/*", away),
            ("/kubernetes", "text/html", refused),
        ] {
            let response = answer(Method::GET, path, accept, error).await;
            assert_eq!(media_type(&response), MEDIA_TYPE, "{path} {accept}");
        }
    }
}
