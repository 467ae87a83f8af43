//! API keys: scopes, reveal once, revoke (`console-api.md` §3).

use serde_json::json;
use testkit::TestApp;

use crate::CONSOLE;

const ROUTE: &str = "/v1/api-keys";

#[tokio::test(flavor = "multi_thread")]
async fn each_legal_scope_makes_a_key_whose_secret_is_seen_once() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let id = member.post("/v1/kubernetes/namespaces", json!({"name": "team-ml"})).await.str("/id");
    let mut keys = Vec::new();
    for scopes in [
        json!({"all": true}),
        json!({"inference": true}),
        json!({"kubernetes_exec": {"all_namespaces": true}}),
        json!({"kubernetes_exec": {"namespace_ids": [id]}}),
    ] {
        let created = member.post(ROUTE, json!({"name": "ci", "scopes": scopes})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        assert_eq!(created.header("cache-control"), "no-store");
        assert_eq!(created.json()["scopes"], scopes);
        assert_eq!(created.str("/status"), "active");
        assert_eq!(created.str("/access"), "edit");
        let key = created.str("/key");
        assert!(key.starts_with(&format!("{}_", created.str("/prefix"))), "{key}");
        keys.push(key);
    }
    let list = member.get(ROUTE).await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 4);
    for key in keys {
        let secret = &key["rgpu_a1b2c3d4_".len()..];
        assert!(!list.text.contains(secret), "lists hold prefixes only");
        let dump = app.database_bytes();
        assert!(!dump.windows(secret.len()).any(|w| w == secret.as_bytes()), "the database holds digests only");
        assert!(!app.log().contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn illegal_scopes_and_foreign_namespaces_are_refused() {
    let app = TestApp::start(CONSOLE).await;
    let (member, stranger) = (app.operator().await, app.stranger("owner").await);
    let foreign = stranger.post("/v1/kubernetes/namespaces", json!({"name": "theirs"})).await.str("/id");
    let unknown = "019c1b2e-7f00-7abc-8def-0123456789ab";
    for scopes in [
        json!({}),
        json!({"all": false}),
        json!({"all": true, "inference": true}),
        json!({"inference": true, "kubernetes_exec": {"all_namespaces": true}}),
        json!({"kubernetes_exec": {}}),
        json!({"kubernetes_exec": {"namespace_ids": []}}),
        json!({"kubernetes_exec": {"all_namespaces": false}}),
        json!({"kubernetes_exec": {"namespace_ids": ["team-ml"]}}),
        json!({"admin": true}),
        json!([]),
        json!(null),
    ] {
        let reply = member.post(ROUTE, json!({"name": "x", "scopes": scopes})).await;
        assert_eq!((reply.status, reply.str("/code").as_str()), (400, "invalid_request"), "{scopes}");
        assert!(reply.str("/errors/0/field").starts_with("scopes"), "{}", reply.text);
    }
    let refuse = async |id: &str| {
        let scopes = json!({"kubernetes_exec": {"namespace_ids": [id]}});
        let reply = member.post(ROUTE, json!({"name": "x", "scopes": scopes})).await;
        (reply.status, reply.json()["errors"].clone())
    };
    let (of_others, of_nobody) = (refuse(&foreign).await, refuse(unknown).await);
    assert_eq!(of_others.0, 400);
    assert_eq!(of_others, of_nobody, "foreign and unknown ids must read the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_fields_are_named_all_at_once() {
    let app = TestApp::start(CONSOLE).await;
    let body = json!({"name": "", "scopes": {}, "expires_at": "2020-01-01T00:00:00Z"});
    let reply = app.operator().await.post(ROUTE, body).await;
    let fields: Vec<String> = (0..3).map(|i| reply.str(&format!("/errors/{i}/field"))).collect();
    assert_eq!(fields, ["name", "scopes", "expires_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_is_final_and_repeatable_and_not_for_strangers() {
    let app = TestApp::start(CONSOLE).await;
    let (member, stranger) = (app.operator().await, app.stranger("owner").await);
    let id = member.post(ROUTE, json!({"name": "ci", "scopes": {"all": true}})).await.str("/id");
    let path = format!("{ROUTE}/{id}");
    stranger.delete(&path).await.is_problem(404, "not_found", "Not found");
    assert_eq!(member.delete(&path).await.status, 204);
    assert_eq!(member.delete(&path).await.status, 204);
    assert_eq!(member.get(ROUTE).await.str("/items/0/status"), "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_their_own_keys_and_admins_everybodys() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let member = app.member_of("default", "member").await;
    app.key(&owner, json!({"all": true})).await;
    app.key(&member, json!({"all": true})).await;
    assert_eq!(member.get(ROUTE).await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(owner.get(ROUTE).await.json()["items"].as_array().unwrap().len(), 2);
}
