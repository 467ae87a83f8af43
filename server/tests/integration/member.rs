//! Members and roles (`security.md` §5): who may change whom, and that it counts at once.

use serde_json::{Value, json};
use testkit::{Client, TestApp, eventually};

use crate::CONSOLE;

const ROUTE: &str = "/v1/members";
const UNKNOWN: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";

async fn id(client: &Client) -> String {
    client.get("/v1/auth/session").await.str("/user/id")
}

async fn path(client: &Client) -> String {
    format!("{ROUTE}/{}", id(client).await)
}

fn bare(text: &str) -> Value {
    let mut body: Value = serde_json::from_str(text).unwrap();
    body["request_id"] = Value::Null;
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_grants_or_touches_more_than_their_own() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let (admin, member) = (app.member_of("default", "admin").await, app.member_of("default", "member").await);
    let target = path(&member).await;
    for (who, route, role, status) in [
        (&admin, &target, "owner", 403),
        (&admin, &target, "admin", 200),
        (&admin, &target, "viewer", 200),
        (&admin, &path(&owner).await, "member", 403),
        (&owner, &target, "billing", 200),
        (&owner, &target, "owner", 200),
        (&admin, &target, "member", 403),
        (&member, &path(&admin).await, "viewer", 200),
    ] {
        let reply = who.patch(route, json!({"role": role})).await;
        assert_eq!(reply.status, status, "{role}: {}", reply.text);
    }
    let unknown_role = owner.patch(&target, json!({"role": "king"})).await;
    assert_eq!(unknown_role.status, 400, "{}", unknown_role.text);
    admin.patch(&target, json!({"role": "viewer"})).await.is_problem(403, "forbidden", "Your role does not allow this");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weaker_role_counts_from_the_next_request_on() {
    let app = TestApp::start(CONSOLE).await;
    let (owner, admin) = (app.operator().await, app.member_of("default", "admin").await);
    let list = "/v1/invitations";
    assert_eq!(admin.get(list).await.status, 200);
    assert_eq!(owner.patch(&path(&admin).await, json!({"role": "viewer"})).await.status, 200);
    admin.get(list).await.is_problem(403, "forbidden", "Your role does not allow this");
    assert_eq!(admin.get("/v1/auth/session").await.str("/user/role"), "viewer");
    let refused = admin.post("/v1/kubernetes/namespaces", json!({"name": "late"})).await;
    refused.is_problem(403, "forbidden", "Your role does not allow this");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_neither_leaves_nor_steps_down() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let myself = path(&owner).await;
    let sentence = "An account needs an owner: hand ownership over first";
    owner.patch(&myself, json!({"role": "admin"})).await.is_problem(409, "last_owner", sentence);
    owner.delete(&myself).await.is_problem(409, "last_owner", sentence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_and_their_keys_are_out_at_once() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let member = app.member_of("default", "member").await;
    let namespace = app.namespace(&owner).await;
    let key = app.key(&member, json!({"all": true})).await;
    let exec = format!("/v1/kubernetes/namespaces/{}/exec-credential", namespace["id"].as_str().unwrap());
    let with_key = app.anonymous().with("x-api-key", &key);
    let issued = with_key.post(&exec, json!({})).await;
    let token = issued.str("/status/token");
    let kubeconfig = app.kubeconfig(&owner, namespace["id"].as_str().unwrap(), "").await;
    app.plane.kubectl(&kubeconfig, &["get", "pods", "--token", &token], &[]).await.out();

    assert_eq!(owner.delete(&path(&member).await).await.status, 204);
    with_key.post(&exec, json!({})).await.is_problem(401, "api_key_revoked", "API key revoked");
    let out = member.get("/v1/auth/session").await;
    out.is_problem(401, "missing_access_token", "Missing access token");
    eventually("the issued token opens nothing", async || {
        let asked = app.plane.kubectl(&kubeconfig, &["get", "pods", "--token", &token], &[]).await;
        if asked.ok { Err(asked.stdout) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_members_key_loses_its_edit_rights() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let member = app.member_of("default", "member").await;
    let namespace = app.namespace(&owner).await;
    let id = namespace["id"].as_str().unwrap();
    let key = app.key(&member, json!({"all": true})).await;
    let exec = format!("/v1/kubernetes/namespaces/{id}/exec-credential");
    let token = app.anonymous().with("x-api-key", &key).post(&exec, json!({})).await.str("/status/token");
    let kubeconfig = app.kubeconfig(&owner, id, "").await;
    let create = ["create", "configmap", "x", "--dry-run=server", "--token", &token];
    app.plane.kubectl(&kubeconfig, &create, &[]).await.out();

    assert_eq!(owner.patch(&path(&member).await, json!({"role": "viewer"})).await.status, 200);
    eventually("the issued token changes nothing", async || {
        let asked = app.plane.kubectl(&kubeconfig, &create, &[]).await;
        if asked.ok { Err(asked.stdout) } else { Ok(()) }
    })
    .await;
    let environment = [("REMOTEGPU_API_KEY", key.as_str())];
    app.plane.kubectl(&kubeconfig, &["get", "pods"], &environment).await.out();
    app.plane.kubectl(&kubeconfig, &["create", "configmap", "x"], &environment).await.refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_other_accounts_and_nobody_read_the_same() {
    let app = TestApp::start(CONSOLE).await;
    let (owner, stranger) = (app.stranger("owner").await, app.stranger("owner").await);
    let foreign = path(&stranger).await;
    let unknown = format!("{ROUTE}/{UNKNOWN}");
    assert_eq!(bare(&owner.get(&foreign).await.text), bare(&owner.get(&unknown).await.text));
    for route in [&foreign, &unknown] {
        owner.get(route).await.is_problem(404, "not_found", "Not found");
        owner.patch(route, json!({"role": "viewer"})).await.is_problem(404, "not_found", "Not found");
        owner.delete(route).await.is_problem(404, "not_found", "Not found");
    }
    assert_eq!(owner.get(ROUTE).await.json()["items"].as_array().unwrap().len(), 1);
}
