//! Each variant of the domain error has exactly one answer.

use axum::body::to_bytes;
use domain::Dependency;
use serde_json::Value;

use super::*;

fn verdict() -> Box<Verdict> {
    Box::new(Verdict {
        allowed: false,
        sku_code: "gpu-h100-1x".into(),
        rules: vec![],
        quota: vec![],
        injected: vec![],
        capacity: None,
        expected_wait_seconds: None,
        price: None,
        warnings: vec![],
    })
}

/// One of each variant with its status and Retry-After; `complete` fails to compile when a variant is added.
fn every_variant() -> Vec<(Error, u16, Option<&'static str>)> {
    fn complete(error: &Error) {
        match error {
            Error::Unauthenticated { .. }
            | Error::Forbidden { .. }
            | Error::NotFound
            | Error::Invalid(_)
            | Error::Conflict { .. }
            | Error::Denied(_)
            | Error::Preflight(_)
            | Error::RateLimited { .. }
            | Error::NamespaceNotReady
            | Error::TokenWithoutExpiration
            | Error::Unavailable { .. }
            | Error::Internal(_) => {}
        }
    }
    let unavailable = |what| Error::Unavailable { what, source: "secret cause".into() };
    let all = vec![
        (Error::Unauthenticated { code: Code::MissingApiKey }, 401, None),
        (Error::Forbidden { code: Code::NamespaceNotAllowed }, 403, None),
        (Error::NotFound, 404, None),
        (Error::field("name", "length", "Name must be 1 to 63 characters"), 400, None),
        (Error::conflict(Code::NameTaken, "You already have a namespace with this name"), 409, None),
        (Error::Denied(verdict()), 409, None),
        (Error::Preflight(Box::default()), 409, None),
        (Error::RateLimited { retry_after_seconds: 3 }, 429, Some("3")),
        (Error::NamespaceNotReady, 503, Some("2")),
        (Error::TokenWithoutExpiration, 503, None),
        (unavailable(Dependency::Cluster), 503, Some("5")),
        (unavailable(Dependency::Database), 503, Some("5")),
        (unavailable(Dependency::PasswordHasher), 503, Some("5")),
        (Error::internal("secret cause"), 500, None),
    ];
    all.iter().for_each(|(error, ..)| complete(error));
    all
}

async fn body(response: Response) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

#[tokio::test]
async fn every_variant_becomes_one_problem_document() {
    for (error, status, retry) in every_variant() {
        let (name, code) = (format!("{error:?}"), error.code());
        let response = request_id::scope("the-id".into(), async { Problem::from(error).into_response() }).await;
        assert_eq!(response.status().as_u16(), status, "{name}");
        assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE, "{name}");
        assert_eq!(response.headers().get(RETRY_AFTER).map(|v| v.to_str().unwrap()), retry, "{name}");
        let title = response.status().canonical_reason().unwrap();
        let body = body(response).await;
        assert_eq!(body["type"], "about:blank");
        assert_eq!((&body["title"], &body["status"]), (&title.into(), &status.into()), "{name}");
        assert_eq!((&body["code"], &body["request_id"]), (&code.as_str().into(), &"the-id".into()), "{name}");
        assert_eq!(body["verdict"].is_object(), code == Code::AdmissionDenied, "{name}");
        assert!(body["errors"].is_array() && !body["detail"].as_str().unwrap().is_empty(), "{name}");
        assert!(!body.to_string().contains("secret cause"), "{name} leaks its cause");
    }
}

#[tokio::test]
async fn the_published_body_has_its_fields_in_order() {
    let error = Error::Unauthenticated { code: Code::MissingApiKey };
    let response = request_id::scope("01J".into(), async { Problem::from(error).into_response() }).await;
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let expected = r#"{"type":"about:blank","title":"Unauthorized","status":401,"code":"missing_api_key","detail":"Missing API key","request_id":"01J","errors":[]}"#;
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

#[tokio::test]
async fn framework_refusals_never_answer_422() {
    for (given, status, code) in [
        (StatusCode::UNPROCESSABLE_ENTITY, 400, "invalid_request"),
        (StatusCode::METHOD_NOT_ALLOWED, 405, "method_not_allowed"),
        (StatusCode::PAYLOAD_TOO_LARGE, 413, "payload_too_large"),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type"),
        (StatusCode::NOT_FOUND, 404, "not_found"),
        (StatusCode::BAD_GATEWAY, 502, "internal"),
    ] {
        let response = Problem::from_status(given).into_response();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(body(response).await["code"], code);
    }
}

#[test]
fn the_table_in_the_docs_is_that_of_the_code() {
    let docs = include_str!("../../../../docs/API.md");
    let rows: Vec<(&str, &str)> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
        .filter(|(code, _)| serde_json::from_value::<Code>((*code).into()).is_ok())
        .collect();
    for (code, sentence) in &rows {
        let known: Code = serde_json::from_value((*code).into()).unwrap();
        assert_eq!((known.as_str(), known.sentence()), (*code, *sentence));
    }
    let written: std::collections::BTreeSet<&str> = rows.iter().map(|(code, _)| *code).collect();
    let every = include_str!("../../../../crates/domain/src/error.rs");
    let names = every.split("pub enum Code {").nth(1).unwrap().split('}').next().unwrap();
    let count = names.lines().filter(|line| line.trim().ends_with(',')).count();
    assert_eq!(written.len(), count, "docs/API.md lists {} of {count} codes", written.len());
}
