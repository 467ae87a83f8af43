//! A console whose clock is an hour off, by libfaketime: no wrong expiry reaches kubectl, and nothing loops.

use std::path::Path;

use serde_json::json;
use testkit::{CallProxy, Plane, TestApp};

use crate::CONSOLE;
use crate::postgres::Postgres;

const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

fn library() -> Option<&'static str> {
    let found = LIBRARIES.into_iter().find(|library| Path::new(library).is_file());
    if found.is_none() {
        testkit::left_out("a console with a wrong clock: libfaketime is not installed");
    }
    found
}

async fn with_a_clock_off_by(hours: &str) {
    let Some(library) = library() else { return };
    // Plain HTTP on loopback: the certificates of a plane that just started are not yet valid for the clock that lags.
    let proxy = CallProxy::to(Plane::current()).await;
    let setup = TestApp::setup(CONSOLE).behind(&proxy.server()).with("LD_PRELOAD", library).with("FAKETIME", hours);
    let app = setup.with("FAKETIME_DONT_FAKE_MONOTONIC", "1").with("DONT_FAKE_MONOTONIC", "1").start().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let made: jiff::Timestamp = namespace["created_at"].as_str().unwrap().parse().unwrap();
    let off = (made.as_second() - jiff::Timestamp::now().as_second()).abs();
    assert!((3000..4200).contains(&off), "the console's clock is really wrong: {off} s");
    let key = app.anonymous().with("x-api-key", &app.key(&member, json!({"all": true})).await);
    let path = format!("/v1/kubernetes/namespaces/{}/exec-credential", namespace["id"].as_str().unwrap());
    let reply = key.post(&path, json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let end: jiff::Timestamp = reply.str("/status/expirationTimestamp").parse().unwrap();
    let left = end.as_second() - jiff::Timestamp::now().as_second();
    // 3600 s less the minute of margin, as the API server's clock has it.
    assert!((3000..=3540).contains(&left), "{hours}: {left} s");
    let token = reply.str("/status/token");
    for _ in 0..10 {
        assert_eq!(key.post(&path, json!({})).await.str("/status/token"), token, "reused, not asked for again");
    }
    assert_eq!(proxy.count("POST", "/token"), 1);
    let kubeconfig = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "").await;
    app.plane.kubectl(&kubeconfig, &["get", "pods", "--token", &token], &[]).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_an_hour_ahead_makes_no_wrong_expiry() {
    with_a_clock_off_by("+1h").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_an_hour_behind_makes_no_wrong_expiry() {
    with_a_clock_off_by("-1h").await;
}

/// The database's clock decides, whichever console asks: one that lags keeps no key alive.
#[tokio::test(flavor = "multi_thread")]
async fn a_console_whose_clock_lags_refuses_a_key_that_has_expired() {
    let Some(library) = library() else { return };
    let database = Postgres::new().await;
    let app = TestApp::setup(CONSOLE).on(database.url()).start().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let path = format!("/v1/kubernetes/namespaces/{}/exec-credential", namespace["id"].as_str().unwrap());
    let (living, ended) = (app.key(&member, json!({"all": true})).await, app.key(&member, json!({"all": true})).await);
    let public = ended.split('_').nth(1).unwrap();
    let ago = jiff::Timestamp::now().as_millisecond() - 30_000;
    database.run(format!("UPDATE api_keys SET expires_ms = {ago} WHERE public_id = '{public}'")).await;
    let lagging = [("LD_PRELOAD", library), ("FAKETIME", "-1h"), ("DONT_FAKE_MONOTONIC", "1")];
    let lagging =
        lagging.iter().fold(TestApp::setup(CONSOLE).on(database.url()), |s, (name, value)| s.with(name, value));
    let lagging =
        lagging.with("FAKETIME_DONT_FAKE_MONOTONIC", "1").behind(&CallProxy::to(Plane::current()).await.server());
    let lagging = lagging.start().await;
    let ask = async |app: &TestApp, key: &str| app.anonymous().with("x-api-key", key).post(&path, json!({})).await;
    for app in [&app, &lagging] {
        ask(app, &ended).await.is_problem(401, "api_key_expired", "API key expired");
        assert_eq!(ask(app, &living).await.status, 200);
    }
}
