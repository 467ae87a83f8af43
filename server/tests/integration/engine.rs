//! Engines on the real control plane: imported with exactly the rights that the generator or the published page gives,
//! refused for every wrong word, rotated, switched off and forgotten (`engine-import.md`).

use domain::engine_manifest::{EngineFeature, EngineRight, NewEngineManifest, PUBLISHED};
use serde_json::{Value, json};
use testkit::{Client, FaultProxy, KubeApi, Plane, Receiver, TestApp, eventually, unique};

use crate::engine_manifest::given;
use crate::{CONSOLE, webhook};

const ROUTE: &str = "/v1/engines";

/// A ServiceAccount on the cluster to import.
struct Identity {
    /// Where that cluster is: the console refuses the address of its own.
    server: String,
    namespace: String,
    account: String,
    token: String,
}

/// A console that may reach this machine, as an operator of an on-premise installation would allow a network.
pub async fn console() -> TestApp {
    TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await
}

/// The control plane under another address than the console's own.
pub async fn elsewhere(app: &TestApp) -> String {
    FaultProxy::to(&app.plane.server()).await.server()
}

async fn token(app: &TestApp, namespace: &str, account: &str) -> String {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 604_800}});
    let made = KubeApi::admin(app.plane).create(&path, &request).await.done();
    made["status"]["token"].as_str().unwrap().to_owned()
}

/// With the least rights of the generator.
async fn least(app: &TestApp, features: &[EngineFeature]) -> Identity {
    let name = unique("engine");
    let input = NewEngineManifest {
        namespace: name.clone(),
        service_account: format!("{name}-sa"),
        features: features.to_vec(),
        ..NewEngineManifest::for_engine(&name)
    };
    let input = input.checked().unwrap();
    app.plane.admin_apply(&input.yaml()).await.out();
    given(&KubeApi::admin(app.plane), (input.namespace.as_str(), input.service_account.as_str()), &input.rights())
        .await;
    let token = token(app, &input.namespace, &input.service_account).await;
    Identity { server: elsewhere(app).await, namespace: input.namespace, account: input.service_account, token }
}

/// With the published ClusterRole, under names of its own.
async fn published(app: &TestApp) -> Identity {
    let (admin, name) = (KubeApi::admin(app.plane), unique("engine"));
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let rules: Vec<Value> = PUBLISHED
        .iter()
        .map(|rule| json!({"apiGroups": [rule.group], "resources": rule.resources, "verbs": rule.verbs}))
        .collect();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    admin.create("/api/v1/namespaces", &namespace).await.done();
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa"}});
    admin.create(&format!("/api/v1/namespaces/{name}/serviceaccounts"), &account).await.done();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name}, "rules": rules});
    admin.create(&format!("{rbac}/clusterroles"), &role).await.done();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": name}]});
    admin.create(&format!("{rbac}/clusterrolebindings"), &binding).await.done();
    let rights: Vec<EngineRight> = PUBLISHED.iter().flat_map(|rule| rule.rights(None, None)).collect();
    given(&admin, (name.as_str(), "sa"), &rights).await;
    let token = token(app, &name, "sa").await;
    Identity { server: elsewhere(app).await, namespace: name, account: "sa".to_owned(), token }
}

fn form(app: &TestApp, of: &Identity) -> Value {
    json!({
        "kind": "on_premise", "name": "onprem-1", "ecosystem": "prod", "api_url": of.server,
        "load_balancer_ip": "203.0.113.10", "ca_data": std::fs::read_to_string(app.plane.ca_file()).unwrap(),
        "bearer_token": of.token, "namespaces": [of.namespace], "features": ["pods", "logs", "gpu_discovery"],
    })
}

fn with(form: &Value, field: &str, value: Value) -> Value {
    let mut form = form.clone();
    form[field] = value;
    form
}

const FEATURES: [EngineFeature; 3] = [EngineFeature::Pods, EngineFeature::Logs, EngineFeature::GpuDiscovery];

pub async fn preflight(client: &Client, form: &Value) -> Value {
    let reply = client.post(&format!("{ROUTE}/preflight"), form.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

async fn import(client: &Client, form: &Value) -> Value {
    let seen = preflight(client, form).await;
    let made = client.post(ROUTE, json!({"preflight_id": seen["preflight_id"], "engine": form})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

/// An engine with the tag `prod`, imported by `owner` into a console that may reach this machine.
pub async fn imported(app: &TestApp, owner: &Client) -> Value {
    let identity = least(app, &FEATURES).await;
    import(owner, &form(app, &identity)).await
}

fn failed(report: &Value) -> Vec<String> {
    let rows = report["rows"].as_array().unwrap().iter();
    rows.filter(|row| row["status"] == "fail").map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

pub fn message(report: &Value, id: &str) -> String {
    let row = report["rows"].as_array().unwrap().iter().find(|row| row["id"] == id);
    row.map(|row| row["message"].as_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_imported_with_the_least_rights_and_shows_no_secret() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let identity = least(&app, &FEATURES).await;
    let form = form(&app, &identity);
    let seen = preflight(&owner, &form).await;
    assert_eq!(failed(&seen["report"]), [""; 0], "{seen}");
    assert_eq!(seen["status"], "ready");
    assert!(seen["features"].as_array().unwrap().iter().all(|one| one["granted"] == one["needed"]), "{seen}");
    let made = import(&owner, &form).await;
    let path = format!("{ROUTE}/{}", made["id"].as_str().unwrap());
    assert_eq!((&made["status"], &made["platform"]), (&json!("ready"), &json!(false)));
    let who = format!("system:serviceaccount:{}:{}", identity.namespace, identity.account);
    assert_eq!(made["auth"]["identity"], who.as_str());
    assert!(made["auth"]["expires_at"].is_string() && made["ca"]["source"] == "given", "{made}");
    let uid = app.plane.admin(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]).await.out();
    assert_eq!(made["cluster_uid"], uid.trim());
    eventually("the loop has looked at it", async || {
        let checks = owner.get(&format!("{path}/checks")).await;
        if checks.json()["items"][0]["depth"] == "full" { Ok(()) } else { Err(checks.text) }
    })
    .await;
    for shown in [&path, &format!("{path}/checks"), &ROUTE.to_owned(), &"/v1/audit?limit=200".to_owned()] {
        assert!(!owner.get(shown).await.text.contains(&identity.token), "{shown}");
    }
    assert!(!app.log().contains(&identity.token));
    let stored = String::from_utf8_lossy(&app.database_bytes()).into_owned();
    assert!(!stored.contains(&identity.token), "the token lies in the database as it is");
    let again = preflight(&owner, &with(&form, "name", json!("onprem-2"))).await;
    assert_eq!(message(&again["report"], "cluster-uid"), "This cluster is already imported as engine onprem-1");
}

/// "CA Data: not required".
#[tokio::test(flavor = "multi_thread")]
async fn without_ca_data_the_roots_of_the_system_are_trusted() {
    let setup = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8");
    let root = Plane::current().ca_file().display().to_string();
    let app = setup.with("SSL_CERT_FILE", &root).start().await;
    let owner = app.stranger("owner").await;
    let form = with(&form(&app, &least(&app, &FEATURES).await), "ca_data", json!(""));
    let made = import(&owner, &form).await;
    assert_eq!((&made["status"], &made["ca"]["source"]), (&json!("ready"), &json!("system")), "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_published_role_an_engine_is_degraded_and_says_what_is_missing() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let identity = published(&app).await;
    let form = with(&form(&app, &identity), "namespaces", json!([]));
    let form = with(&form, "gpus", json!([{"model": "NVIDIA-H100-80GB-HBM3", "count": 4}]));
    let seen = preflight(&owner, &form).await;
    assert_eq!(seen["status"], "degraded");
    let failed = failed(&seen["report"]);
    assert!(failed.contains(&"rbac//pods/log/get".to_owned()) && failed.contains(&"rbac//nodes/list".to_owned()));
    assert!(!failed.iter().any(|id| id.starts_with("rbac//pods/exec") || id == "rbac//pods/create"), "{failed:?}");
    let rows = seen["report"]["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["id"] == "rbac//pods/log/get").unwrap();
    assert_eq!(row["message"], "Missing: get on pods/log (all namespaces)");
    assert!(row["fix"].as_str().unwrap().contains("resources: [\"pods/log\"]"));
    let granted = PUBLISHED.iter().flat_map(|rule| rule.rights(None, None));
    let passed = |id: &str| rows.iter().any(|row| row["id"] == id && row["status"] == "pass");
    let ids: Vec<String> = granted.map(|right| domain::engine::Row::right(&right, true).id).collect();
    assert_eq!(ids.len(), 67);
    assert!(ids.iter().all(|id| passed(id)), "{rows:?}");
    let made = import(&owner, &form).await;
    assert_eq!(made["capacity"]["gpus"][0]["total"], 4, "typed by hand: {made}");
    assert!(made["status_reason"].as_str().unwrap().starts_with("Missing: "), "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_word_has_its_own_row() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let identity = least(&app, &FEATURES).await;
    let good = form(&app, &identity);
    let other = testkit::Authority::new().pem();
    let basic = with(&with(&good, "bearer_token", json!("")), "basic_username", json!("admin"));
    let basic = with(&basic, "basic_password", json!("secret"));
    for (form, row, says) in [
        (with(&good, "ca_data", json!(other)), "tls-trust", "Certificate is not signed by the given CA"),
        (with(&good, "bearer_token", json!("no-such-token")), "auth", "Token refused (401)"),
        (basic, "auth-basic-ignored", "The API server (v1."),
        (with(&good, "api_url", json!("https://169.254.169.254")), "policy", "This address is not allowed"),
    ] {
        let seen = preflight(&owner, &form).await;
        assert!(message(&seen["report"], row).starts_with(says), "{row}: {seen}");
        assert_eq!(seen["preflight_id"], Value::Null);
        let refused = owner.post(ROUTE, json!({"engine": form})).await;
        assert_eq!((refused.status, refused.str("/code").as_str()), (409, "preflight_failed"), "{}", refused.text);
        assert!(message(&refused.json()["report"], row).starts_with(says), "{}", refused.text);
    }
    let kubeconfig = owner.post(ROUTE, json!({"engine": {"kubeconfig": "apiVersion: v1"}})).await;
    assert_eq!(kubeconfig.status, 400, "{}", kubeconfig.text);
    assert_eq!(owner.get(ROUTE).await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_a_private_address_is_refused() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let identity = least(&app, &FEATURES).await;
    let seen = preflight(&owner, &form(&app, &identity)).await;
    assert_eq!(failed(&seen["report"]), ["policy"], "{seen}");
    assert_eq!(message(&seen["report"], "policy"), "This address is not allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_setting_opens_the_home_cluster_and_the_console_itself() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let identity = least(&app, &FEATURES).await;
    let good = form(&app, &identity);
    for own in [app.plane.server(), app.url.replace("http://", "https://")] {
        let seen = preflight(&owner, &with(&good, "api_url", json!(own))).await;
        assert_eq!(failed(&seen["report"]), ["policy"], "{own}: {seen}");
        assert_eq!(message(&seen["report"], "policy"), "This address is not allowed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_credentials_are_tried_before_the_old_ones_go() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let identity = least(&app, &FEATURES).await;
    let made = import(&owner, &form(&app, &identity)).await;
    let path = format!("{ROUTE}/{}", made["id"].as_str().unwrap());
    let wrong = owner.put(&format!("{path}/credentials"), json!({"bearer_token": "wrong"})).await;
    assert_eq!((wrong.status, wrong.str("/code").as_str()), (409, "preflight_failed"), "{}", wrong.text);
    let checked = owner.post(&format!("{path}/check"), json!({})).await;
    assert_eq!(checked.str("/status"), "ready", "the old ones are still in use: {}", checked.text);
    let next = token(&app, &identity.namespace, &identity.account).await;
    let kept = owner.put(&format!("{path}/credentials"), json!({"bearer_token": next})).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    let checked = owner.post(&format!("{path}/check"), json!({})).await;
    assert_eq!(checked.str("/status"), "ready", "{}", checked.text);
    let absent = json!({"bearer_token": next, "api_url": "https://127.0.0.1:1"});
    assert_eq!(owner.put(&format!("{path}/credentials"), absent).await.status, 409);
    let address = elsewhere(&app).await;
    let moved = owner.put(&format!("{path}/credentials"), json!({"bearer_token": next, "api_url": address})).await;
    assert_eq!((moved.status, moved.str("/api_url")), (200, address), "the same cluster: {}", moved.text);
    let (old_key, rotated) = (testkit::KEK, "9e41d07ac35f8b2664b10ef9d7285ac3801f6be4d29735ca4ef80b16a7c35d92");
    let file = testkit::Scratch::new();
    let keks = file.secret("kek", &format!("{rotated}\n{old_key}\n"));
    app.admin(&["rotate-kek", "--kek-file", keks.to_str().unwrap()]).await;
    let alone = file.secret("alone", rotated);
    let (ok, said) = app.try_admin(&["rotate-kek", "--kek-file", alone.to_str().unwrap()]).await;
    assert!(ok && said.starts_with("0 secrets"), "every secret is under the new key: {said}");
    let (operator, id) = (app.operator().await, made["id"].as_str().unwrap());
    for told in [format!("engine.checked&target=engine:{id}"), format!("sealed_secret.rewrapped&target=engines:{id}")] {
        let log = operator.get(&format!("/v1/platform/audit?action={told}")).await;
        assert_eq!(log.str("/items/0/outcome"), "success", "{told}: {}", log.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_identity_and_an_absent_cluster_change_the_status() {
    let receiver = Receiver::start().await;
    let (app, _dir) = webhook::console(&[&receiver]).await;
    let owner = app.stranger("owner").await;
    webhook::webhook(&owner, &receiver.url).await;
    let identity = least(&app, &FEATURES).await;
    let made = import(&owner, &form(&app, &identity)).await;
    let path = format!("{ROUTE}/{}", made["id"].as_str().unwrap());
    let account = format!("/api/v1/namespaces/{}/serviceaccounts/{}", identity.namespace, identity.account);
    KubeApi::admin(app.plane).delete(&account).await.done();
    eventually("the API server refuses the token", async || {
        let checked = owner.post(&format!("{path}/check"), json!({})).await;
        if checked.json()["status"] == "unauthorized" { Ok(()) } else { Err(checked.text) }
    })
    .await;
    let audit = owner.get("/v1/audit?action=engine.status_changed").await;
    // While the API server still takes the token, its account may already be missing here and there.
    assert!(audit.text.contains("→ unauthorized"), "{}", audit.text);
    let told = webhook::told(&receiver, "engine.status_changed").await;
    assert_eq!(told["data"]["target"], format!("engine:{}", made["id"].as_str().unwrap()), "{told}");
    let off = owner.post(&format!("{path}/disable"), json!({})).await;
    assert_eq!(off.str("/status"), "disabled");
    assert_eq!(owner.post(&format!("{path}/check"), json!({})).await.status, 409);
    let on = owner.post(&format!("{path}/enable"), json!({})).await;
    assert_eq!(on.str("/status"), "checking");
    let renamed = owner.patch(&path, json!({"name": "renamed"})).await;
    assert_eq!((renamed.status, renamed.str("/code").as_str()), (409, "conflict"), "its nodes carry its name");
    let changed = owner.patch(&path, json!({"name": made["name"], "ecosystem": ""})).await;
    assert_eq!((changed.status, changed.str("/ecosystem").as_str()), (200, ""), "{}", changed.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_may_require_an_ecosystem_of_each_engine() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let identity = least(&app, &FEATURES).await;
    let form = form(&app, &identity);
    let untagged = with(&form, "ecosystem", json!(""));
    let account = owner.get("/v1/auth/session").await;
    let settings = format!("/v1/accounts/{}", account.str("/account/id"));
    preflight(&owner, &untagged).await;
    let member = app.member_of(&account.str("/account/name"), "member").await;
    assert_eq!(member.patch(&settings, json!({"ecosystem_required": true})).await.status, 403);
    let required = owner.patch(&settings, json!({"ecosystem_required": true})).await;
    assert_eq!((required.status, &required.json()["ecosystem_required"]), (200, &json!(true)), "{}", required.text);
    let made = import(&owner, &form).await;
    let path = format!("{ROUTE}/{}", made["id"].as_str().unwrap());
    for refused in [
        owner.post(&format!("{ROUTE}/preflight"), untagged.clone()).await,
        owner.post(ROUTE, json!({"engine": untagged})).await,
        owner.patch(&path, json!({"ecosystem": null})).await,
    ] {
        let said = (refused.status, refused.str("/errors/0/field"), refused.str("/errors/0/code"));
        assert_eq!(said, (400, "ecosystem".to_owned(), "required".to_owned()), "{}", refused.text);
    }
    assert_eq!(owner.patch(&settings, json!({"ecosystem_required": false})).await.status, 200);
    assert_eq!(owner.patch(&path, json!({"ecosystem": null})).await.str("/ecosystem"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_belongs_to_its_account_or_to_the_platform() {
    let app = console().await;
    let (owner, stranger, operator) = (app.stranger("owner").await, app.stranger("owner").await, app.operator().await);
    let identity = least(&app, &FEATURES).await;
    let form = form(&app, &identity);
    let made = import(&owner, &form).await;
    let path = format!("{ROUTE}/{}", made["id"].as_str().unwrap());
    let platform = import(&operator, &with(&form, "platform", json!(true))).await;
    let platform_path = format!("{ROUTE}/{}", platform["id"].as_str().unwrap());
    assert_eq!(platform["platform"], true);
    for foreign in [&path, &platform_path] {
        assert_eq!(stranger.get(foreign).await.status, 404);
        assert_eq!(stranger.post(&format!("{foreign}/check"), json!({})).await.status, 404);
    }
    assert_eq!(operator.get(&path).await.status, 404, "an operator is nobody in another account");
    assert_eq!(owner.get(&platform_path).await.status, 404);
    let member = app.member_of(&owner.get("/v1/auth/session").await.str("/account/name"), "member").await;
    assert_eq!(member.get(ROUTE).await.status, 403);
    let refused = owner.post(&format!("{ROUTE}/preflight"), with(&form, "platform", json!(true))).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let socket = json!({"kind": "docker", "name": "box", "endpoint": "unix:///var/run/docker.sock"});
    let refused = owner.post(&format!("{ROUTE}/preflight"), socket).await;
    assert_eq!((refused.status, refused.str("/errors/0/field").as_str()), (400, "endpoint"), "{}", refused.text);
    let listed = operator.get(ROUTE).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let body = |name: &str| Some(json!({"confirm": name}).to_string());
    assert_eq!(owner.send(reqwest::Method::DELETE, &path, body("wrong")).await.status, 400);
    assert_eq!(owner.send(reqwest::Method::DELETE, &path, body("onprem-1")).await.status, 204);
    assert_eq!(owner.get(&path).await.status, 404);
}
