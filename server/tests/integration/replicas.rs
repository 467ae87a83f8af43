//! Two consoles on one PostgreSQL: what one knows the other knows, one of them leads, and either may die.

use serde_json::{Value, json};
use testkit::{CallProxy, Client, Plane, TestApp, eventually, unique};

use crate::CONSOLE;
use crate::postgres::Postgres;

const ROUTE: &str = "/v1/kubernetes/namespaces";
const MISSING: (u16, &str, &str) = (401, "missing_access_token", "Missing access token");

/// Two replicas that are ready.
async fn pair() -> (Postgres, TestApp, TestApp) {
    let database = Postgres::new().await;
    let one = TestApp::setup(CONSOLE).on(database.url()).start().await;
    let other = one.replica(None).await;
    (database, one, other)
}

fn exec_path(namespace: &Value) -> String {
    format!("{ROUTE}/{}/exec-credential", namespace["id"].as_str().unwrap())
}

async fn becomes(client: &Client, id: &str, wanted: &str) {
    eventually(wanted, async || {
        let reply = client.get(&format!("{ROUTE}/{id}")).await;
        if reply.json()["status"] == wanted { Ok(()) } else { Err(reply.text) }
    })
    .await;
}

async fn key_of(app: &TestApp, member: &Client) -> (String, Client) {
    let created = member.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    (created.str("/id"), app.anonymous().with("x-api-key", &created.str("/key")))
}

/// The same key at another replica.
fn at(app: &TestApp, key: &Client) -> Client {
    key.at(&app.url)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_consoles_that_start_together_on_an_empty_database_both_serve() {
    for _ in 0..3 {
        let database = Postgres::new().await;
        let (one, other) = TestApp::setup(CONSOLE).on(database.url()).start_two().await;
        for app in [&one, &other] {
            assert_eq!(app.operator().await.get("/v1/auth/session").await.str("/account/customer"), "skgu00001");
        }
        assert_eq!((database.count("users").await, database.count("accounts").await), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_good_at_both_replicas_and_ends_at_both() {
    let (_database, one, other) = pair().await;
    let member = one.operator().await;
    let elsewhere = other.continued(&member);
    assert_eq!(elsewhere.get("/v1/auth/session").await.status, 200);
    assert_eq!(member.post("/v1/auth/logout", json!({})).await.status, 204);
    elsewhere.get("/v1/auth/session").await.is_problem(MISSING.0, MISSING.1, MISSING.2);
    elsewhere.post(ROUTE, json!({"name": "late"})).await.is_problem(MISSING.0, MISSING.1, MISSING.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_counted_over_both_replicas() {
    let (_database, one, other) = pair().await;
    let wrong = json!({"email": "admin@remotegpu.local", "password": "a-wrong-password"});
    let invalid = (401, "invalid_login", "Invalid e-mail or password");
    one.anonymous().post("/v1/auth/login", wrong.clone()).await.is_problem(invalid.0, invalid.1, invalid.2);
    // Each replica counts on where the other stopped, so the pauses grow, and on a slow machine too one comes too early.
    for app in [&other, &one].into_iter().cycle().take(20) {
        let next = app.anonymous().post("/v1/auth/login", wrong.clone()).await;
        if next.status != 401 {
            return next.is_problem(429, "rate_limited", "Too many requests");
        }
    }
    panic!("nobody was held back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ordered_at_either_replica_is_carried_out_by_the_leader() {
    let (_database, mut one, other) = pair().await;
    let member = one.operator().await;
    let elsewhere = other.continued(&member);
    let (first, second) = (one.namespace(&member).await, other.namespace(&elsewhere).await);
    assert_ne!(first["id"], second["id"]);

    assert!(one.stop().await, "the leader resigns on SIGTERM");
    let third = elsewhere.post(ROUTE, json!({"name": unique("after")})).await.str("/id");
    becomes(&elsewhere, &third, "active").await;
    let path = format!("{ROUTE}/{}", first["id"].as_str().unwrap());
    assert_eq!(elsewhere.delete(&path).await.status, 202);
    eventually("gone", async || {
        let reply = elsewhere.get(&path).await;
        if reply.status == 404 { Ok(()) } else { Err(reply.text) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_is_killed_in_the_middle_the_other_finishes() {
    let (database, proxy) = (Postgres::new().await, CallProxy::to(Plane::current()).await);
    let mut leader = TestApp::setup(CONSOLE).on(database.url()).behind(&proxy.server()).start().await;
    let member = leader.operator().await;
    // Alone, so it leads.
    leader.namespace(&member).await;
    let other = leader.replica(None).await;
    let elsewhere = other.continued(&member);

    let held = proxy.hold("PATCH", "/resourcequotas/");
    let id = member.post(ROUTE, json!({"name": unique("held")})).await.str("/id");
    held.reached().await;
    assert_eq!(elsewhere.get(&format!("{ROUTE}/{id}")).await.str("/status"), "creating");
    leader.kill().await;
    held.release();
    becomes(&elsewhere, &id, "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_at_one_replica_is_refused_by_the_other_at_once() {
    let (_database, one, other) = pair().await;
    let member = one.operator().await;
    let namespace = one.namespace(&member).await;
    let (id, key) = key_of(&one, &member).await;
    let (here, there) = (key.clone(), at(&other, &key));
    let path = exec_path(&namespace);
    // Both have a token in memory now.
    let token = there.post(&path, json!({})).await.str("/status/token");
    assert_eq!(there.post(&path, json!({})).await.str("/status/token"), token, "reused");
    assert_eq!(here.post(&path, json!({})).await.status, 200);

    assert_eq!(member.delete(&format!("/v1/api-keys/{id}")).await.status, 204);
    there.post(&path, json!({})).await.is_problem(401, "api_key_revoked", "API key revoked");
    here.post(&path, json!({})).await.is_problem(401, "api_key_revoked", "API key revoked");
    let kubeconfig = one.kubeconfig(&member, namespace["id"].as_str().unwrap(), "").await;
    let direct = ["get", "pods", "--token", token.as_str()];
    eventually("the token of the other replica has no rights any more", async || {
        let ran = one.plane.kubectl(&kubeconfig, &direct, &[]).await;
        if ran.ok { Err("still works") } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_narrowed_at_one_replica_is_narrow_at_the_other_at_once() {
    let (_database, one, other) = pair().await;
    let member = one.operator().await;
    let namespace = one.namespace(&member).await;
    let (id, key) = key_of(&one, &member).await;
    let (there, path) = (at(&other, &key), exec_path(&namespace));
    assert_eq!(there.post(&path, json!({})).await.status, 200);
    let narrowed = member.patch(&format!("/v1/api-keys/{id}"), json!({"scopes": {"inference": true}})).await;
    assert_eq!(narrowed.status, 200, "{}", narrowed.text);
    let sentence = "API key does not allow Kubernetes access to this namespace";
    there.post(&path, json!({})).await.is_problem(403, "namespace_not_allowed", sentence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_rotated_away_at_one_replica_is_dead_at_the_other_at_once() {
    let (_database, one, other) = pair().await;
    let member = one.operator().await;
    let namespace = one.namespace(&member).await;
    let (id, key) = key_of(&one, &member).await;
    let (there, path) = (at(&other, &key), exec_path(&namespace));
    let token = there.post(&path, json!({})).await.str("/status/token");
    let rotated = member.post(&format!("/v1/api-keys/{id}/rotate"), json!({"overlap_seconds": 0})).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    there.post(&path, json!({})).await.is_problem(401, "invalid_api_key", "Invalid API key");
    let new = other.anonymous().with("x-api-key", &rotated.str("/key"));
    assert_ne!(new.post(&path, json!({})).await.str("/status/token"), token, "each secret has its own account");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_replica_drops_the_tokens_of_an_account_that_went() {
    let (_database, one, other) = pair().await;
    let member = one.operator().await;
    let namespace = one.namespace(&member).await;
    let (_, key) = key_of(&one, &member).await;
    let path = exec_path(&namespace);
    let (here, there) = (key.clone(), at(&other, &key));
    let tokens = [here.post(&path, json!({})).await, there.post(&path, json!({})).await];
    let tokens = tokens.map(|reply| reply.str("/status/token"));
    let short = &namespace["id"].as_str().unwrap()[28..];
    let accounts = one.plane.admin(&["-n", "remotegpu-access", "get", "serviceaccounts", "-o", "name"]).await.out();
    let account = accounts.lines().find(|line| line.ends_with(short) && line.contains("/key-")).unwrap();
    one.plane.admin(&["-n", "remotegpu-access", "delete", account]).await.out();
    for (client, old) in [(&here, &tokens[0]), (&there, &tokens[1])] {
        eventually("another token", async || {
            let reply = client.post(&path, json!({})).await;
            if reply.status == 200 && reply.str("/status/token") != *old { Ok(()) } else { Err(reply.text) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_killed_in_mid_issue_leaves_no_token_that_is_not_in_the_book() {
    let (database, proxy) = (Postgres::new().await, CallProxy::to(Plane::current()).await);
    let mut doomed = TestApp::setup(CONSOLE).on(database.url()).behind(&proxy.server()).start().await;
    let member = doomed.operator().await;
    let namespace = doomed.namespace(&member).await;
    let other = doomed.replica(None).await;
    let elsewhere = other.continued(&member);
    let (id, key) = key_of(&doomed, &member).await;
    let path = exec_path(&namespace);

    // The API server has given the token; the console has not written it down.
    let held = proxy.hold_answer("POST", "/token");
    let call = tokio::spawn({
        let (key, path) = (key.clone(), path.clone());
        async move { key.send("POST".parse().unwrap(), &path, None).await.status }
    });
    held.reached().await;
    doomed.kill().await;
    assert!(call.await.is_err(), "nothing left the console");
    held.release();
    assert_eq!(database.count("credentials").await, 0);

    let token = at(&other, &key).post(&path, json!({})).await.str("/status/token");
    assert_eq!(database.count("credentials").await, 1, "what is usable is in the book");
    assert_eq!(elsewhere.delete(&format!("/v1/api-keys/{id}")).await.status, 204);
    let kubeconfig = other.kubeconfig(&elsewhere, namespace["id"].as_str().unwrap(), "").await;
    eventually("no rights are left", async || {
        let ran = other.plane.kubectl(&kubeconfig, &["get", "pods", "--token", &token], &[]).await;
        if ran.ok { Err("still works") } else { Ok(()) }
    })
    .await;
}
