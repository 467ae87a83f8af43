//! A console whose clock is an hour off, by libfaketime: no wrong expiry reaches kubectl, and nothing loops.

use std::path::Path;

use serde_json::json;
use testkit::{CallProxy, Plane, TestApp};

use crate::CONSOLE;

const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

async fn with_a_clock_off_by(hours: &str) {
    let Some(library) = LIBRARIES.into_iter().find(|library| Path::new(library).is_file()) else {
        eprintln!("skipped: libfaketime is not installed");
        return;
    };
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
