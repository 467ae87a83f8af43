//! The API server gone, or the console killed in the middle (RULINGS 36 and 50). No sleeps: calls are held, then cut.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{FaultProxy, Plane, TestApp, eventually, unique};

use crate::CONSOLE;

const ROUTE: &str = "/v1/kubernetes/namespaces";
// `--max-time` of the kubeconfig.
const CLIENTS_WAIT: Duration = Duration::from_secs(10);

async fn behind_a_proxy() -> (FaultProxy, TestApp) {
    let proxy = FaultProxy::to(&Plane::current().server()).await;
    let app = TestApp::start_behind(CONSOLE, &proxy).await;
    (proxy, app)
}

async fn status_is(client: &testkit::Client, path: &str, wanted: &str) {
    eventually(wanted, async || {
        let reply = client.get(path).await;
        let status = if reply.status == 404 { "gone".to_owned() } else { reply.str("/status") };
        if status == wanted { Ok(()) } else { Err(status) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_api_server_orders_are_taken_and_the_rest_says_503() {
    let (proxy, app) = behind_a_proxy().await;
    let member = app.operator().await;
    let (kept, doomed) = (app.namespace(&member).await, app.namespace(&member).await);
    let (kept_id, doomed_id) = (kept["id"].as_str().unwrap(), doomed["id"].as_str().unwrap());
    let created = member.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await;
    let key = app.anonymous().with("x-api-key", &created.str("/key"));
    let exec = format!("{ROUTE}/{kept_id}/exec-credential");
    let token = key.post(&exec, json!({})).await.str("/status/token");
    let other = app.key(&member, json!({"all": true})).await;
    let login = json!({"username": "admin@remotegpu.local", "password": "a-password-for-tests"});
    let login = app.anonymous().post("/k8sgpu/v1/user/login/", login).await.str("/token");
    let tenants = app.anonymous().with("authorization", &login);

    proxy.cut();
    let ordered = member.post(ROUTE, json!({"name": unique("later")})).await;
    assert_eq!((ordered.status, ordered.str("/status").as_str()), (201, "creating"));
    assert_eq!(member.delete(&format!("{ROUTE}/{doomed_id}")).await.status, 202);
    let fresh = app.anonymous().with("x-api-key", &other).post(&exec, json!({})).await;
    fresh.is_problem(503, "cluster_unavailable", "Cluster is not reachable");
    assert_ne!(fresh.header("retry-after"), "");
    let tenant = |namespace: &Value| format!("/k8sgpu/v1/cluster/{}", namespace["tenant"].as_str().unwrap());
    let connector = tenants.get(&format!("{}/kubeconfig", tenant(&kept))).await;
    connector.is_problem(503, "backend_unavailable", "Cluster is not reachable");
    assert_ne!(connector.header("retry-after"), "");
    // Nothing moves without the cluster: what is made is not ready, what goes is going.
    for waiting in [&ordered.json(), &doomed] {
        let early = tenants.get(&format!("{}/kubeconfig", tenant(waiting))).await;
        early.is_problem(409, "cluster_not_ready", "Cluster is not ready");
    }
    let renamed = tenants.patch(&tenant(&doomed), json!({"label": "late"})).await;
    renamed.is_problem(409, "cluster_deleting", "Cluster is being deleted");
    let plan = json!({"name": "demo", "sku_code": "cpu-shared-8g", "replicas": 1, "image": "x"});
    let deployments = format!("{ROUTE}/{kept_id}/deployments");
    member.post(&deployments, plan.clone()).await.is_problem(503, "cluster_unavailable", "Cluster is not reachable");
    let check = member.post(&format!("{ROUTE}/{kept_id}/admission-check"), json!({"deployment": plan})).await;
    check.is_problem(503, "cluster_unavailable", "Cluster is not reachable");
    assert_eq!(member.delete(&format!("/v1/api-keys/{}", created.str("/id"))).await.status, 204);
    key.post(&exec, json!({})).await.is_problem(401, "api_key_revoked", "API key revoked");

    proxy.pass();
    status_is(&member, &format!("{ROUTE}/{}", ordered.str("/id")), "active").await;
    status_is(&member, &format!("{ROUTE}/{doomed_id}"), "gone").await;
    let kubeconfig = app.kubeconfig(&member, kept_id, "").await;
    eventually("the revoked key's token has no rights any more", async || {
        let ran = app.plane.kubectl(&kubeconfig, &["get", "pods", "--token", &token], &[]).await;
        if ran.ok { Err("still works") } else { Ok(()) }
    })
    .await;
    assert_eq!(member.get(&deployments).await.json()["items"], json!([]), "nothing was left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_survives_kill_minus_nine() {
    let (proxy, mut app) = behind_a_proxy().await;
    let member = app.operator().await;
    proxy.hold();
    let id = member.post(ROUTE, json!({"name": unique("held")})).await.str("/id");
    proxy.holding().await;
    app.kill().await;
    proxy.pass();
    app.restart().await;
    status_is(&member, &format!("{ROUTE}/{id}"), "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_survives_kill_minus_nine() {
    let (proxy, mut app) = behind_a_proxy().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let path = format!("{ROUTE}/{}", namespace["id"].as_str().unwrap());
    proxy.hold();
    assert_eq!(member.delete(&path).await.status, 202);
    proxy.holding().await;
    app.kill().await;
    proxy.pass();
    app.restart().await;
    status_is(&member, &path, "gone").await;
    let name = namespace["kubernetes_name"].as_str().unwrap();
    app.plane.admin(&["get", "namespace", name]).await.refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_survives_kill_minus_nine() {
    let (proxy, mut app) = behind_a_proxy().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let id = namespace["id"].as_str().unwrap();
    let created = member.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await;
    let exec = format!("{ROUTE}/{id}/exec-credential");
    let key = app.anonymous().with("x-api-key", &created.str("/key"));
    let token = key.post(&exec, json!({})).await.str("/status/token");
    let kubeconfig = app.kubeconfig(&member, id, "").await;

    proxy.hold();
    let revoke = member.delete(&format!("/v1/api-keys/{}", created.str("/id"))).await;
    assert_eq!(revoke.status, 204);
    app.kill().await;
    proxy.pass();
    app.restart().await;
    eventually("the token has no rights any more", async || {
        let ran = app.plane.kubectl(&kubeconfig, &["get", "pods", "--token", &token], &[]).await;
        if ran.ok { Err("still works") } else { Ok(()) }
    })
    .await;
    key.post(&exec, json!({})).await.is_problem(401, "api_key_revoked", "API key revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_flight_at_kill_minus_nine_is_simply_asked_for_again() {
    let (proxy, mut app) = behind_a_proxy().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let exec = format!("{ROUTE}/{}/exec-credential", namespace["id"].as_str().unwrap());
    let key = app.anonymous().with("x-api-key", &app.key(&member, json!({"all": true})).await);
    proxy.hold();
    let call = tokio::spawn({
        let (key, exec) = (key.clone(), exec.clone());
        async move { key.send("POST".parse().unwrap(), &exec, None).await.status }
    });
    proxy.holding().await;
    app.kill().await;
    assert!(call.await.is_err(), "the call died with the console");
    proxy.pass();
    app.restart().await;
    assert_eq!(key.post(&exec, json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_api_server_never_holds_kubectl_for_long() {
    let (proxy, app) = behind_a_proxy().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let exec = format!("{ROUTE}/{}/exec-credential", namespace["id"].as_str().unwrap());
    let key = app.anonymous().with("x-api-key", &app.key(&member, json!({"all": true})).await);
    proxy.hold();
    // The clients give up after 10 s: what comes later is never read.
    let reply = tokio::time::timeout(CLIENTS_WAIT, key.post(&exec, json!({}))).await.expect("an answer in time");
    reply.is_problem(503, "cluster_unavailable", "Cluster is not reachable");
    proxy.pass();
    assert_eq!(key.post(&exec, json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_in_flight_at_kill_minus_nine_is_there_once_or_not_at_all() {
    let (proxy, mut app) = behind_a_proxy().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let route = format!("{ROUTE}/{}/deployments", namespace["id"].as_str().unwrap());
    let plan = json!({"name": "held", "sku_code": "gpu-h100-1x", "replicas": 1, "image": "any"});
    // The console's token is at hand, so that the creation is the next call.
    assert_eq!(member.get(&route).await.status, 200);
    proxy.hold();
    let call = tokio::spawn({
        let (member, route, plan) = (member.clone(), route.clone(), plan.clone());
        async move { member.post(&route, plan).await.status }
    });
    proxy.holding().await;
    app.kill().await;
    assert!(call.await.is_err(), "the call died with the console");
    proxy.pass();
    app.restart().await;
    let items = member.get(&route).await.json()["items"].clone();
    let there = items.as_array().unwrap().len();
    let again = member.post(&route, plan).await;
    match there {
        0 => assert_eq!(again.status, 201, "{}", again.text),
        1 => again.is_problem(409, "name_taken", "Deployment held already exists"),
        _ => assert!(there <= 1, "doubled: {items}"),
    }
    let tenant = namespace["kubernetes_name"].as_str().unwrap();
    let names = app.plane.admin(&["get", "deployments", "-n", tenant, "-o", "name"]).await.out();
    assert_eq!(names.lines().count(), 1);
    // The simulated engine has sixteen of these GPUs for all tests.
    assert_eq!(member.delete(&format!("{route}/held")).await.status, 204);
}
