//! An open stream ends soon after the session or the right of its reader does (`security.md` §4.2).

use serde_json::json;
use testkit::{Client, TestApp};

use crate::CONSOLE;

async fn console() -> TestApp {
    TestApp::setup(CONSOLE).with("REMOTEGPU_STREAM_CHECK_SECONDS", "1").start().await
}

/// A stream whose first words have come.
async fn opened(app: &TestApp, reader: &Client, path: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", app.url);
    let mut stream = http.get(url).header("cookie", reader.cookie().unwrap()).send().await.unwrap();
    assert_eq!(stream.status(), 200, "{path}");
    assert!(stream.chunk().await.unwrap().is_some(), "{path}");
    stream
}

/// Everything it still says until it ends.
async fn rest(mut stream: reqwest::Response) -> String {
    let mut text = String::new();
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

const NOT_ALLOWED: &str = "event: closed\ndata: not_allowed\n\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_after_its_session_did() {
    let app = console().await;
    let (member, other) = (app.operator().await, app.operator().await);
    let namespace = app.namespace(&member).await;
    let path = format!("/live/namespaces/{}/workloads", namespace["id"].as_str().unwrap());
    let (ending, going_on) = (opened(&app, &member, &path).await, opened(&app, &other, &path).await);
    assert_eq!(member.post("/v1/auth/logout", json!({})).await.status, 204);
    assert!(rest(ending).await.ends_with(NOT_ALLOWED));
    // The other one was looked at as often and goes on until its own session ends.
    assert_eq!(other.post("/v1/auth/logout", json!({})).await.status, 204);
    assert!(rest(going_on).await.ends_with(NOT_ALLOWED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_after_the_right_to_look_did() {
    let app = console().await;
    let owner = app.operator().await;
    let namespace = app.namespace(&owner).await;
    let live = format!("/live/namespaces/{}/workloads", namespace["id"].as_str().unwrap());
    let (admin, member) = (app.member_of("default", "admin").await, app.member_of("default", "member").await);
    let (log, list) = (opened(&app, &admin, "/live/audit?after=").await, opened(&app, &member, &live).await);
    let id = async |client: &Client| client.get("/v1/auth/session").await.str("/user/id");
    let weaker = owner.patch(&format!("/v1/members/{}", id(&admin).await), json!({"role": "viewer"})).await;
    assert_eq!(weaker.status, 200, "{}", weaker.text);
    assert_eq!(owner.delete(&format!("/v1/members/{}", id(&member).await)).await.status, 204);
    assert!(rest(log).await.ends_with(NOT_ALLOWED));
    assert!(rest(list).await.ends_with(NOT_ALLOWED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_for_our_own_pages_only() {
    let app = console().await;
    let member = app.operator().await;
    for (header, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        for path in ["/live/audit?after=", "/live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/workloads"] {
            let reply = member.clone().with(header, value).get(path).await;
            reply.is_problem(403, "cross_site", "Requests from other sites are refused");
        }
    }
}
