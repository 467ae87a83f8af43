//! What holds for every route (`console-api.md` §1, `security.md` §9): the document and the router are the same, bodies,
//! queries and heads have limits, a repeated request is done once, a stale change is refused.

use axum::http::Method;
use serde_json::{Value, json};
use testkit::{Client, Operation, TestApp, in_time, unique};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

use crate::CONSOLE;

const UNKNOWN: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";
const NAMESPACES: &str = "/v1/kubernetes/namespaces";

fn path_of(operation: &Operation) -> String {
    operation.at(|name| match name {
        "kind" => "deployment".to_owned(),
        name if name.ends_with("_id") => UNKNOWN.to_owned(),
        _ => "absent".to_owned(),
    })
}

async fn send(client: &Client, method: &str, path: &str, body: Option<String>) -> testkit::Reply {
    client.send(method.parse::<Method>().unwrap(), path, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_method_is_routed_and_no_other() {
    let app = TestApp::start(CONSOLE).await;
    let anonymous = app.anonymous();
    let operations = anonymous.contract().await.operations();
    assert!(operations.len() >= 20);
    let paths: std::collections::BTreeSet<&String> = operations.iter().map(|o| &o.path).collect();
    for path in paths {
        let known: Vec<&Operation> = operations.iter().filter(|o| o.path == *path).collect();
        let at = path_of(known[0]);
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let documented = known.iter().any(|o| o.method == method);
            let reply = send(&anonymous, method, &at, None).await;
            assert_eq!(!matches!(reply.status, 404 | 405), documented, "{method} {path}: {}", reply.status);
            if !documented {
                let allowed = reply.header("allow");
                let mut allowed: Vec<&str> = allowed.split(',').filter(|name| *name != "HEAD").collect();
                let mut expected: Vec<&str> = known.iter().map(|o| o.method.as_str()).collect();
                allowed.sort_unstable();
                expected.sort_unstable();
                assert_eq!(allowed, expected, "{method} {path}");
            }
        }
    }
}

/// The status of a request that only declares its body: whoever is refused need not send it.
async fn declared(app: &TestApp, method: &str, path: &str, length: usize, cookie: Option<&str>) -> u16 {
    let address = app.url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let cookie = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{cookie}\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(stream);
    in_time(&format!("{method} {path} is answered"), reader.read_line(&mut line)).await.unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_a_limit_on_every_route_for_everybody() {
    let app = TestApp::start(CONSOLE).await;
    let (anonymous, member) = (app.anonymous(), app.operator().await);
    for operation in anonymous.contract().await.operations().iter().filter(|o| o.method != "GET") {
        let limit = if operation.id == "issue_credential" { 8 * 1024 } else { 1024 * 1024 };
        for cookie in [None, member.cookie()] {
            let status = declared(&app, &operation.method, &path_of(operation), limit + 1, cookie).await;
            assert_eq!(status, 413, "{}", operation.id);
        }
    }
    for (method, path) in [("POST", "user/login"), ("PUT", "user"), ("POST", "cluster"), ("PATCH", "cluster/absent")] {
        let path = format!("/k8sgpu/v1/{path}");
        assert_eq!(declared(&app, method, &path, 64 * 1024 + 1, None).await, 413, "{method} {path}");
    }
    for (path, _) in server::http::v1::permission::FUNCTIONS {
        assert_eq!(declared(&app, "POST", path, 1024 * 1024 + 1, None).await, 413, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_parameters_and_fields_twice_named_ones_and_deep_nesting_are_refused() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let contract = member.contract().await;
    for operation in contract.operations().iter().filter(|o| o.id != "issue_credential" && o.id != "logout") {
        let body = contract.sample_body(operation);
        let path = format!("{}?surprise=1", path_of(operation));
        let reply = send(&member, &operation.method, &path, body.as_ref().map(Value::to_string)).await;
        reply.is_problem(400, "invalid_request", "Unknown query parameter surprise");
        let Some(Value::Object(mut fields)) = body else { continue };
        fields.insert("surprise".to_owned(), json!(1));
        let reply = send(&member, &operation.method, &path_of(operation), Some(json!(fields).to_string())).await;
        assert_eq!(reply.status, 400, "{}: {}", operation.id, reply.text);
    }
    let twice = r#"{"name":"ci","scopes":{"all":true,"all":true}}"#;
    let reply = send(&member, "POST", "/v1/api-keys", Some(twice.to_owned())).await;
    reply.is_problem(400, "invalid_request", "The field all is there twice");
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let reply = send(&member, "POST", "/v1/api-keys", Some(deep)).await;
    reply.is_problem(400, "invalid_request", "The body is nested too deep");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_addresses_have_limits() {
    let app = TestApp::start(CONSOLE).await;
    let long = format!("/v1/auth/session?{}", "x".repeat(9000));
    assert_eq!(app.anonymous().get(&long).await.status, 414);
    let fat = app.anonymous().with("x-fat", &"x".repeat(40_000));
    assert_eq!(fat.get("/v1/auth/session").await.status, 431);
    let many = (0..120).fold(app.anonymous(), |client, n| client.with(&format!("x-{n}"), "1"));
    assert_eq!(many.get("/healthz").await.status, 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_told_why_before_they_are_told_to_wait() {
    let app = TestApp::start_limited(CONSOLE).await;
    let path = format!("{NAMESPACES}/{UNKNOWN}/exec-credential");
    let wrong = app.anonymous().with("x-api-key", "rgpu_00000000_0");
    let mut told = 0;
    let refused = loop {
        let reply = wrong.post(&path, json!({})).await;
        if reply.status != 401 {
            break reply;
        }
        told += 1;
        assert!(told < 1000);
    };
    assert!(told >= 6, "one bad kubectl command makes 6 calls; {told} were answered");
    refused.is_problem(429, "rate_limited", "Too many requests");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    let owner = app.operator().await;
    let good = app.anonymous().with("x-api-key", &app.key(&owner, json!({"inference": true})).await);
    let reply = good.post(&path, json!({})).await;
    assert!(matches!(reply.status, 403 | 429), "{}", reply.text);
}

/// Asks until it is told to wait. On a busy machine that takes many more than are free at once: each second gives some
/// back.
async fn until_refused(ask: impl AsyncFn() -> testkit::Reply) -> testkit::Reply {
    for _ in 0..500 {
        let replies = futures::future::join_all((0..40).map(|_| ask())).await;
        if let Some(refused) = replies.into_iter().find(|reply| reply.status == 429) {
            return refused;
        }
    }
    panic!("nobody was told to wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_too_often_is_told_how_long_to_wait_signed_in_or_not() {
    let app = TestApp::start_limited(CONSOLE).await;
    let (owner, anonymous) = (app.operator().await.unchecked(), app.anonymous().unchecked());
    // Without a password: what protects those is another limit.
    let sign_in = until_refused(async || anonymous.post("/v1/auth/login", json!({})).await).await;
    let session = until_refused(async || owner.get("/v1/auth/session").await).await;
    for refused in [sign_in, session] {
        refused.is_problem(429, "rate_limited", "Too many requests");
        assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_create_is_done_once() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let body = json!({"name": unique("once")});
    let once = member.clone().with("idempotency-key", "0f3c7f6e-first");
    let tries = futures::future::join_all((0..8).map(|_| once.post(NAMESPACES, body.clone()))).await;
    let made: Vec<_> = tries.iter().filter(|reply| reply.status == 201).collect();
    assert!(!made.is_empty());
    assert!(made.iter().all(|reply| reply.str("/id") == made[0].str("/id")));
    for reply in tries.iter().filter(|reply| reply.status != 201) {
        assert_eq!((reply.status, reply.header("retry-after").as_str()), (409, "1"), "{}", reply.text);
    }
    let again = once.post(NAMESPACES, body.clone()).await;
    assert_eq!((again.status, again.str("/id")), (201, made[0].str("/id")));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), made[0].header("location"));
    let listed = member.get(NAMESPACES).await.json();
    let named = listed["items"].as_array().unwrap().iter().filter(|namespace| namespace["name"] == body["name"]);
    assert_eq!(named.count(), 1);

    let other = once.post(NAMESPACES, json!({"name": unique("other")})).await;
    other.is_problem(409, "conflict", "This Idempotency-Key was used for another request: take a new one");
    let elsewhere = app.stranger("owner").await.with("idempotency-key", "0f3c7f6e-first");
    assert_eq!(elsewhere.post(NAMESPACES, body.clone()).await.header("idempotency-replayed"), "", "keys are one's own");
    let refused = member.clone().with("idempotency-key", "second");
    assert_eq!(refused.post(NAMESPACES, json!({"name": "NO"})).await.status, 400);
    assert_eq!(refused.post(NAMESPACES, json!({"name": unique("yes")})).await.status, 201, "a refusal leaves it free");
    let blank = member.with("idempotency-key", "a b").post(NAMESPACES, body).await;
    assert_eq!(blank.status, 400, "{}", blank.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_create_never_shows_a_secret_again() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await.with("idempotency-key", "one-key");
    let body = json!({"name": "ci", "scopes": {"all": true}});
    let made = member.post("/v1/api-keys", body.clone()).await;
    assert_eq!(made.status, 201);
    let (key, place) = (made.str("/key"), made.header("location"));
    let again = member.post("/v1/api-keys", body).await;
    assert_eq!(again.status, 409);
    assert!(again.str("/detail").contains(&place) && !again.text.contains(&key), "{}", again.text);
    let secret = &key["rgpu_a1b2c3d4_".len()..];
    assert!(!app.database_bytes().windows(secret.len()).any(|window| window == secret.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_at_one_form_the_second_is_told() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let path = member.post(NAMESPACES, json!({"name": unique("shared")})).await.header("location");
    let seen = member.get(&path).await.header("etag");
    assert!(seen.starts_with('"') && seen.len() == 34, "{seen}");
    let careful = member.clone().with("if-match", &seen);
    let changed = careful.patch(&path, json!({"name": unique("first")})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_ne!(changed.header("etag"), seen);
    let stale = careful.patch(&path, json!({"name": unique("second")})).await;
    let detail = "Somebody changed this meanwhile: read it again, then make your change";
    stale.is_problem(409, "conflict", detail);
    let fresh = member.clone().with("if-match", &changed.header("etag"));
    assert_eq!(fresh.patch(&path, json!({"name": unique("third")})).await.status, 200);
    assert_eq!(member.patch(&path, json!({"name": unique("fourth")})).await.status, 200, "If-Match is a choice");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_who_save_at_the_same_moment_exactly_one_succeeds() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let path = member.post(NAMESPACES, json!({"name": unique("shared")})).await.header("location");
    // Often enough that they meet between the look and the write.
    for round in 0..20 {
        let careful = member.clone().with("if-match", &member.get(&path).await.header("etag"));
        let save = async |name: &str| careful.patch(&path, json!({"name": unique(name)})).await;
        let (one, other) = tokio::join!(save("one"), save("other"));
        let (done, stale) = if one.status == 200 { (one, other) } else { (other, one) };
        assert_eq!(done.status, 200, "round {round}: {}", done.text);
        stale.is_problem(409, "conflict", "Somebody changed this meanwhile: read it again, then make your change");
        assert_eq!(member.get(&path).await.str("/name"), done.str("/name"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_clears_what_can_be_clear_and_is_refused_by_name_elsewhere() {
    let app = TestApp::start(CONSOLE).await;
    let operator = app.operator().await;
    let contract = operator.contract().await;
    let patches = contract.operations();
    let mut refused = 0;
    for operation in patches.iter().filter(|operation| operation.method == "PATCH") {
        // The rule of scopes refuses it itself, once it is known that the key is one's own: see below.
        for (field, nullable) in contract.fields(operation).into_iter().filter(|(field, _)| field != "scopes") {
            let body = json!({ &field: null }).to_string();
            let reply = send(&operator, "PATCH", &path_of(operation), Some(body)).await;
            if nullable {
                assert_eq!(reply.status, 404, "{} takes {field}: null: {}", operation.id, reply.text);
            } else {
                let named = reply.str("/errors/0/field");
                assert_eq!((reply.status, named.as_str()), (400, field.as_str()), "{}: {}", operation.id, reply.text);
                refused += 1;
            }
        }
    }
    assert!(refused >= 15, "{refused}");
    let key = operator.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await;
    let key = format!("/v1/api-keys/{}", key.str("/id"));
    let reply = operator.patch(&key, json!({"scopes": null})).await;
    reply.is_problem(400, "invalid_request", "scopes must be an object");
    assert_eq!(reply.str("/errors/0/field"), "scopes");
    assert_eq!(operator.get(&key).await.json()["scopes"], json!({"all": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_no_object_wherever_it_stands_in_a_body() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let check = format!("{NAMESPACES}/{UNKNOWN}/admission-check");
    let secrets = format!("{NAMESPACES}/{UNKNOWN}/secrets");
    for (path, body, field) in [
        (&check, json!({"deployment": ["deployment", "a", "cpu-shared-8g", 1, "x"]}), "deployment"),
        (&secrets, json!({"name": "pull", "registry": ["ghcr.io", "me", "hunter2"]}), "registry"),
    ] {
        let reply = member.post(path, body).await;
        assert_eq!((reply.status, reply.str("/errors/0/field").as_str()), (400, field), "{}", reply.text);
        assert!(!reply.text.contains("hunter2"));
    }
}
