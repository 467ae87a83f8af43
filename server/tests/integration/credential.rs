//! Credentials that were handed out: listed, ended, swept, and races with what takes rights away (`security.md` §2).

use domain::audit::AuditView;
use serde_json::{Value, json};
use testkit::{Client, FaultProxy, Plane, TestApp, eventually};

use crate::CONSOLE;
use crate::token::{ends, exec, opens};

const ROUTE: &str = "/v1/credentials";

async fn key(member: &Client, scopes: Value) -> (String, String) {
    let created = member.post("/v1/api-keys", json!({"name": "ci", "scopes": scopes})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    (created.str("/id"), created.str("/key"))
}

/// Names of a key's accounts in the cluster.
async fn accounts(app: &TestApp, key: &str) -> Vec<String> {
    let label = format!("remotegpu.ai/key={}", &key["rgpu_".len().."rgpu_".len() + 8]);
    let arguments = ["-n", "remotegpu-access", "get", "serviceaccounts", "-l", &label, "-o", "name"];
    app.plane.admin(&arguments).await.out().lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn issued_credentials_are_listed_by_key_and_namespace_without_their_tokens() {
    let app = TestApp::start(CONSOLE).await;
    let (member, stranger) = (app.operator().await, app.stranger("owner").await);
    let (one, two) = (app.namespace(&member).await, app.namespace(&member).await);
    let (first, first_text) = key(&member, json!({"all": true})).await;
    let (_, second_text) = key(&member, json!({"all": true})).await;
    let mut tokens = Vec::new();
    for (namespace, text) in [(&one, &first_text), (&two, &first_text), (&one, &second_text), (&one, &first_text)] {
        tokens.push(exec(&app, namespace, text).await.str("/status/token"));
    }
    let list = async |query: &str| {
        let reply = member.get(&format!("{ROUTE}{query}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply
    };
    let of_key = list(&format!("?api_key_id={first}")).await;
    let items = of_key.json()["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 2, "a reused token is no new credential");
    assert_eq!(items[0]["namespace_id"], two["id"], "newest first");
    assert_eq!((items[0]["status"].as_str(), items[0]["access"].as_str()), (Some("active"), Some("edit")));
    assert_eq!(items[0]["api_key_name"], "ci");
    assert!(items[0]["token_id"].as_str().unwrap().len() > 8 && items[0]["address"].is_string());
    let of_namespace = list(&format!("?namespace_id={}", one["id"].as_str().unwrap())).await;
    assert_eq!(of_namespace.json()["items"].as_array().unwrap().len(), 2);
    let page = list("?limit=2").await;
    let next = list(&format!("?limit=2&cursor={}", page.str("/next_cursor"))).await;
    assert_eq!(next.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(stranger.get(ROUTE).await.json()["items"], json!([]));
    assert_eq!(member.get(&format!("{ROUTE}?api_key_id=x")).await.status, 400);
    for token in tokens {
        let dump = app.database_bytes();
        assert!(!page.text.contains(&token) && !dump.windows(token.len()).any(|w| w == token.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_credential_dies_alone_and_the_next_call_makes_another() {
    let app = TestApp::start(CONSOLE).await;
    let (member, stranger) = (app.operator().await, app.stranger("owner").await);
    let (one, two) = (app.namespace(&member).await, app.namespace(&member).await);
    let (id, text) = key(&member, json!({"all": true})).await;
    let token = exec(&app, &one, &text).await.str("/status/token");
    let elsewhere = exec(&app, &two, &text).await.str("/status/token");
    let listed = member.get(&format!("{ROUTE}?api_key_id={id}")).await;
    let path = format!("{ROUTE}/{}", listed.str("/items/1/id"));
    stranger.delete(&path).await.is_problem(404, "not_found", "Not found");
    assert_eq!(member.get(&path).await.str("/status"), "active");
    assert_eq!(member.delete(&path).await.status, 204);
    assert_eq!(member.delete(&path).await.status, 204, "repeating it changes nothing");
    assert_eq!(member.get(&path).await.str("/status"), "revoked");
    ends(&app, &one, &token).await;
    assert!(opens(&app, &two, &elsewhere).await, "only this namespace");
    let fresh = exec(&app, &one, &text).await.str("/status/token");
    assert_ne!(fresh, token);
    assert!(opens(&app, &one, &fresh).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_waits_for_the_api_server_and_says_so() {
    let proxy = FaultProxy::to(&Plane::current().server()).await;
    let app = TestApp::start_behind(CONSOLE, &proxy).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let (id, text) = key(&member, json!({"all": true})).await;
    let (other, other_text) = key(&member, json!({"all": true})).await;
    let (token, other_token) = (
        exec(&app, &namespace, &text).await.str("/status/token"),
        exec(&app, &namespace, &other_text).await.str("/status/token"),
    );
    let credential = member.get(&format!("{ROUTE}?api_key_id={other}")).await.str("/items/0/id");
    proxy.cut();
    let path = format!("/v1/api-keys/{id}");
    let disabled = member.patch(&path, json!({"disabled": true})).await;
    assert_eq!((disabled.status, disabled.str("/cluster").as_str()), (200, "removal_pending"));
    exec(&app, &namespace, &text).await.is_problem(401, "api_key_disabled", "API key disabled");
    assert_eq!(member.delete(&format!("{ROUTE}/{credential}")).await.status, 204);
    assert!(opens(&app, &namespace, &token).await, "the cluster does not know yet");
    proxy.pass();
    ends(&app, &namespace, &token).await;
    ends(&app, &namespace, &other_token).await;
    eventually("settled", async || {
        let key = member.get(&path).await;
        if key.str("/cluster") == "settled" { Ok(()) } else { Err(key.text) }
    })
    .await;
    assert_eq!(exec(&app, &namespace, &other_text).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_while_credentials_are_issued_leaves_no_object_and_no_working_token() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    for _ in 0..5 {
        let (id, text) = key(&member, json!({"all": true})).await;
        let calls = (0..8).map(|_| exec(&app, &namespace, &text));
        let path = format!("/v1/api-keys/{id}");
        let (replies, revoked) = tokio::join!(futures::future::join_all(calls), member.delete(&path));
        assert_eq!(revoked.status, 204);
        eventually("no object is left", async || {
            let left = accounts(&app, &text).await;
            let settled = member.get(&path).await.str("/cluster") == "settled";
            if left.is_empty() && settled { Ok(()) } else { Err(left) }
        })
        .await;
        for reply in replies.iter().filter(|reply| reply.status == 200) {
            ends(&app, &namespace, &reply.str("/status/token")).await;
        }
        assert_eq!(accounts(&app, &text).await, Vec::<String>::new());
        exec(&app, &namespace, &text).await.is_problem(401, "api_key_revoked", "API key revoked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_without_a_key_are_swept_and_those_of_other_installations_are_not() {
    let mut app = TestApp::start(CONSOLE).await;
    let neighbour = TestApp::start(CONSOLE).await;
    let (member, other) = (app.operator().await, neighbour.operator().await);
    let (mine, theirs) = (app.namespace(&member).await, neighbour.namespace(&other).await);
    let (_, living) = key(&member, json!({"all": true})).await;
    let (_, foreign) = key(&other, json!({"all": true})).await;
    exec(&app, &mine, &living).await;
    let foreign_token = exec(&neighbour, &theirs, &foreign).await.str("/status/token");
    // What a restored backup leaves: objects of a key that the database does not know.
    let account = accounts(&app, &living).await.remove(0);
    let name = account.rsplit('/').next().unwrap().to_owned();
    let read = ["-n", "remotegpu-access", "get", &account, "-o", "json"];
    let mut orphan: Value = serde_json::from_str(&app.plane.admin(&read).await.out()).unwrap();
    let public_id = &living["rgpu_".len().."rgpu_".len() + 8];
    let lost = &testkit::unique("z")[2..];
    let lost_name = name.replace(public_id, lost);
    let mut labels = orphan["metadata"]["labels"].clone();
    labels["remotegpu.ai/key"] = json!(lost);
    orphan["metadata"] = json!({"name": lost_name, "namespace": "remotegpu-access", "labels": labels});
    app.plane.admin_apply(&orphan.to_string()).await.out();
    app.kill().await;
    app.restart().await;
    eventually("the orphan is swept", async || {
        let found = app.plane.admin(&["-n", "remotegpu-access", "get", "serviceaccount", &lost_name]).await;
        if found.ok { Err("still there") } else { Ok(()) }
    })
    .await;
    assert_eq!(accounts(&app, &living).await.len(), 1, "a living key keeps its own");
    assert!(opens(&app, &theirs, &foreign_token).await, "the neighbour's is none of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_command_is_one_row_of_the_audit() {
    let mut app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let (_, text) = key(&member, json!({"all": true})).await;
    // The right form with another secret: it reaches the row and its digest.
    let (_, other) = key(&member, json!({"all": true})).await;
    let id = domain::api_key::PublicId::from_trusted(text[5..13].to_owned());
    let wrong = domain::api_key::KeyText::assemble(&id, &other[14..38]);
    for _ in 0..5 {
        assert_eq!(exec(&app, &namespace, &wrong).await.status, 401);
        assert_eq!(exec(&app, &json!({"id": "019c1b2e-7f00-7abc-8def-0123456789ab"}), &text).await.status, 403);
    }
    assert!(app.stop().await, "what is counted is written at the end");
    app.restart().await;
    let found = app.operator().await.get("/v1/audit?action=credential.refused&limit=200").await.json();
    let rows: Vec<AuditView> = serde_json::from_value(found["items"].clone()).unwrap();
    // Two minutes if the clock turned over in between.
    assert!((2..=4).contains(&rows.len()), "{rows:?}");
    let of = |what: &str| {
        let matching = rows.iter().filter(|row| row.detail.starts_with(what));
        matching.map(|row| row.detail.split(['(', '×']).nth(1).unwrap().parse::<u32>().unwrap()).sum::<u32>()
    };
    assert_eq!((of("invalid_api_key"), of("namespace_not_allowed")), (5, 5), "{rows:?}");
    assert!(rows.iter().all(|row| row.actor == format!("key:{}", &text[5..13])));
    assert!(rows.iter().all(|row| !format!("{row:?}").contains(&text[14..])));
}
