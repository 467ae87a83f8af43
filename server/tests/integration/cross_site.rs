//! Other sites may neither make our visitors change anything nor read what we answer (`security.md` §1.3 and §4.2).

use axum::http::Method;
use serde_json::Value;
use server::http::v1::permission::FUNCTIONS;
use testkit::{Operation, TestApp};

use crate::CONSOLE;

fn path_of(operation: &Operation) -> String {
    operation
        .at(|name| if name.ends_with("_id") { "019c1b2e-7f00-7abc-8def-0123456789ab" } else { "absent" }.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_changes_is_taken_from_another_site() {
    let app = TestApp::start(CONSOLE).await;
    let (member, contract) = (app.operator().await, app.anonymous().contract().await);
    for (header, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        for client in [app.anonymous(), member.clone()].map(|client| client.with(header, value)) {
            // The key route has no cookie that another site could use.
            for operation in contract.operations().iter().filter(|o| o.method != "GET" && o.id != "issue_credential") {
                let method: Method = operation.method.parse().unwrap();
                let body = contract.sample_body(operation).as_ref().map(Value::to_string);
                let reply = client.send(method, &path_of(operation), body).await;
                assert_eq!((reply.status, reply.str("/code").as_str()), (403, "cross_site"), "{}", operation.id);
            }
            for (path, _) in FUNCTIONS.iter().chain(&[("/cli/authorize", server::http::v1::permission::Need::Session)])
            {
                let reply = client.post_form(path, "").await;
                assert_eq!((reply.status, reply.str("/code").as_str()), (403, "cross_site"), "{path}");
            }
        }
    }
    assert_eq!(member.get("/v1/auth/session").await.status, 200, "nobody was signed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_may_be_read_by_another_site() {
    let app = TestApp::start(CONSOLE).await;
    let asking = app.operator().await.with("origin", "https://evil.example");
    let asking =
        asking.with("access-control-request-method", "POST").with("access-control-request-headers", "x-api-key");
    let operations = app.anonymous().contract().await.operations();
    let paths = operations.iter().map(path_of).chain(["/", "/login", "/healthz", "/pkg/absent.js"].map(str::to_owned));
    for path in paths {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let reply = asking.send(method.clone(), &path, None).await;
            let cors = reply.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(cors, None, "{method} {path}");
        }
    }
}
