//! Each refusal of the framework is one problem document with our id and headers.

use axum::Router;
use axum::body::Bytes;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use serde_json::Value;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;

use super::*;
use crate::public_url::PublicUrl;

async fn broken() {
    panic!("secret detail");
}

fn site() -> Router {
    let url = PublicUrl::new(Some("https://console.example.com"), "0.0.0.0:1".parse().unwrap()).unwrap();
    let text = Router::new().route("/text", get(|| async { "text" })).layer(from_fn(accepts_json));
    let csrf = CsrfLayer::new().add_trusted_origin(url.as_str()).unwrap().with_rejection_response(cross_site);
    Router::new()
        .merge(text)
        .route("/echo", post(|body: Bytes| async { body }).layer(csrf))
        .route("/panic", get(broken))
        .route("/id", get(|request: Request| async move { request.headers()["x-request-id"].clone().to_str().unwrap().to_owned() }))
        .layer(from_fn_with_state(8usize, limit_body))
        .layer(from_fn(limit_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(net))
        .layer(from_fn_with_state(true, secure))
        .layer(from_fn_with_state(TrustedProxies::default(), identify))
}

async fn answer(request: axum::http::request::Builder, body: Body) -> (u16, HeaderMap, Value) {
    let response = site().oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
}

#[tokio::test]
async fn framework_refusals_are_problem_documents() {
    let long = || Body::from("123456789");
    let chunked = || Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>("12345"), Ok("67890")]));
    for (request, body, status, code) in [
        (Request::get("/nowhere"), Body::empty(), 404, "not_found"),
        (Request::put("/echo"), Body::empty(), 405, "method_not_allowed"),
        (Request::post("/echo").header("content-length", "9"), long(), 413, "payload_too_large"),
        (Request::post("/echo"), chunked(), 413, "payload_too_large"),
        (Request::get("/text").header("accept", "image/png"), Body::empty(), 406, "not_acceptable"),
        (Request::post("/echo").header("sec-fetch-site", "cross-site"), Body::empty(), 403, "cross_site"),
        (Request::post("/echo").header("origin", "https://evil.example"), Body::empty(), 403, "cross_site"),
        (Request::get("/panic"), Body::empty(), 500, "internal"),
    ] {
        let (got, headers, document) = answer(request, body).await;
        assert_eq!((got, document["code"].as_str()), (status, Some(code)), "{document}");
        assert_eq!(headers[CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(document["request_id"], headers["x-request-id"].to_str().unwrap());
        assert!(!document.to_string().contains("secret detail"));
    }
}

#[tokio::test]
async fn a_refused_method_says_which_are_allowed() {
    let (_, headers, _) = answer(Request::put("/echo"), Body::empty()).await;
    assert_eq!(headers["allow"], "POST");
}

#[tokio::test]
async fn own_origins_pass() {
    for (name, value) in [("origin", "https://console.example.com"), ("sec-fetch-site", "same-origin")] {
        assert_eq!(answer(Request::post("/echo").header(name, value), Body::from("x")).await.0, 200, "{value}");
    }
}

#[tokio::test]
async fn an_inbound_request_id_is_not_trusted() {
    let (_, headers, body) = answer(Request::get("/id").header("x-request-id", "mine"), Body::empty()).await;
    assert_eq!(headers["x-request-id"].to_str().unwrap().len(), 36);
    assert_eq!(body, headers["x-request-id"].to_str().unwrap());
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    for path in ["/text", "/nowhere", "/panic"] {
        let (_, headers, _) = answer(Request::get(path), Body::empty()).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
    }
}

#[tokio::test]
async fn json_is_accepted_by_its_ranges() {
    for (accept, status) in [
        ("*/*", 200),
        ("application/*;q=0.5", 200),
        ("text/html, application/json", 200),
        ("application/problem+json", 200),
        ("Application/JSON; Charset=UTF-8", 200),
        ("text/html, APPLICATION/*", 200),
        ("application/json;q=0, text/html", 406),
        ("*/*;q=0", 406),
    ] {
        assert_eq!(answer(Request::get("/text").header("accept", accept), Body::empty()).await.0, status, "{accept}");
    }
}
