//! A console whose clock is an hour off, by libfaketime: no wrong expiry reaches kubectl, and nothing loops.

use std::path::Path;

use serde_json::json;
use testkit::{CallProxy, Plane, Scratch, TestApp, eventually};

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

/// Whoever runs kubectl asks many times a minute. The clock goes on by its file, which is put in place whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_handed_out_again_after_a_minute_is_told_once() {
    let Some(library) = library() else { return };
    let home = Scratch::new();
    let clock = home.secret("clock", "+0s\n");
    let setup = TestApp::setup(CONSOLE).with("LD_PRELOAD", library).with("FAKETIME_NO_CACHE", "1");
    let setup = setup.with("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap());
    let app = setup.with("FAKETIME_DONT_FAKE_MONOTONIC", "1").with("DONT_FAKE_MONOTONIC", "1").start().await;
    let owner = app.stranger("owner").await;
    let namespace = app.namespace(&owner).await;
    let text = app.key(&owner, json!({"all": true})).await;
    let (key, public) = (app.anonymous().with("x-api-key", &text), text.split('_').nth(1).unwrap());
    let path = format!("/v1/kubernetes/namespaces/{}/exec-credential", namespace["id"].as_str().unwrap());
    let token = key.post(&path, json!({})).await.str("/status/token");
    std::fs::rename(home.secret("later", "+2m\n"), &clock).unwrap();
    for _ in 0..2 {
        assert_eq!(key.post(&path, json!({})).await.str("/status/token"), token, "handed out again");
    }
    let log = format!("/v1/audit?action=credential.reused&actor=key:{public}");
    let told = eventually("the log says so", async || {
        let told = owner.get(&log).await.json()["items"].as_array().unwrap().clone();
        if told.is_empty() { Err(told) } else { Ok(told) }
    })
    .await;
    assert_eq!((told.len(), told[0]["outcome"].as_str()), (1, Some("success")), "{told:?}");
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

/// What time ends is ended by the same clock: a leader that is an hour ahead ends no key and no overlap of two secrets
/// before its time.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_clock_is_ahead_ends_nothing_before_its_time() {
    let Some(library) = library() else { return };
    let database = Postgres::new().await;
    let mut app = TestApp::setup(CONSOLE).on(database.url()).start().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let path = format!("/v1/kubernetes/namespaces/{}/exec-credential", namespace["id"].as_str().unwrap());
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(30)).to_string();
    let body = json!({"name": "ci", "scopes": {"all": true}, "expires_at": soon});
    let created = member.post("/v1/api-keys", body).await;
    let rotate = format!("/v1/api-keys/{}/rotate", created.str("/id"));
    let rotated = member.post(&rotate, json!({"overlap_seconds": 1800})).await;
    assert!(app.stop().await);
    let ahead = TestApp::setup(CONSOLE).on(database.url()).with("LD_PRELOAD", library).with("FAKETIME", "+1h");
    let ahead = ahead.with("FAKETIME_DONT_FAKE_MONOTONIC", "1").with("DONT_FAKE_MONOTONIC", "1");
    let ahead = ahead.behind(&CallProxy::to(Plane::current()).await.server()).start().await;
    let member = ahead.operator().await;
    // A namespace is set up before a look at keys that ended: with the second one such a look is over.
    for _ in 0..2 {
        ahead.namespace(&member).await;
    }
    for key in [created.str("/key"), rotated.str("/key")] {
        let reply = ahead.anonymous().with("x-api-key", &key).post(&path, json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}

/// The soft lock is softer than the difference of two clocks: one clock counts, that of the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_at_a_console_that_is_ahead_locks_nobody_out_of_the_others() {
    let Some(library) = library() else { return };
    let database = Postgres::new().await;
    let app = TestApp::setup(CONSOLE).on(database.url()).start().await;
    let ahead = TestApp::setup(CONSOLE).on(database.url()).with("LD_PRELOAD", library).with("FAKETIME", "+1h");
    let ahead = ahead.with("FAKETIME_DONT_FAKE_MONOTONIC", "1").with("DONT_FAKE_MONOTONIC", "1");
    let ahead = ahead.behind(&CallProxy::to(Plane::current()).await.server()).start().await;
    let wrong = json!({"email": "admin@remotegpu.local", "password": "a-wrong-password"});
    let refused = ahead.anonymous().post("/v1/auth/login", wrong).await;
    refused.is_problem(401, "invalid_login", "Invalid e-mail or password");
    let right = json!({"email": "admin@remotegpu.local", "password": "a-password-for-tests"});
    eventually("the right password is taken after the wait of a second", async || {
        let reply = app.anonymous().post("/v1/auth/login", right.clone()).await;
        if reply.status == 200 { Ok(()) } else { Err(reply.text) }
    })
    .await;
}
