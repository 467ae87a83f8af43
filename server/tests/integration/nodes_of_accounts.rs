//! `remotegpu nodes` with engines that are no cluster: an imported RunPod account (a simulated one, which bills every
//! second) and the container engine of this machine. An engine that is gone has left nothing that costs anything.

use std::sync::Arc;

use backend::ports::{Engines as _, Random as _};
use backend::{AuditKeys, Envelope, seal_engine_credentials};
use domain::audit::Action;
use domain::engine::settings::{Docker, Runpod, Settings};
use domain::engine::{Credentials, Engine, EngineStatus, Facts};
use domain::id::{AccountId, EngineId};
use jiff::Timestamp;
use serde_json::{Value, json};
use server::system::SystemRandom;
use store::SqlStore;
use testkit::{
    AUDIT_KEY, Client, KEK, KubeApi, Plane, RunPodAccount, TestApp, containers_of_pod, engine_socket, eventually,
    is_ready, local_image, shown, unique,
};

use crate::CONSOLE;
use crate::nodes_of_engines::{alone, event};

/// Puts an engine into the database as the console would after a preflight that passed.
pub async fn import(
    app: &TestApp,
    account_id: Option<AccountId>,
    settings: Settings,
    credentials: &Credentials,
) -> (SqlStore, Engine) {
    let keys = Arc::new(AuditKeys::from_hex_lines(AUDIT_KEY).unwrap());
    let store = SqlStore::connect_migrated(&app.database_url(), keys).await.unwrap();
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    let engine = Engine {
        id: EngineId::new(SystemRandom.uuid()),
        account_id,
        name: unique("rented"),
        ecosystem: String::new(),
        settings,
        auth: credentials.facts(now),
        status: EngineStatus::Ready,
        status_reason: String::new(),
        failures: 0,
        facts: Facts::default(),
        last_check_at: None,
        last_full_at: None,
        // The console's own checks stay out of this test.
        next_check_at: now + jiff::SignedDuration::from_hours(24),
        created_at: now,
        revision: 0,
    };
    let envelope = Envelope::from_hex_lines(KEK).unwrap();
    let sealed = seal_engine_credentials(&envelope, &SystemRandom, engine.id, credentials).unwrap();
    store.create_engine(&engine, &sealed, &event(Action::EngineCreated, &engine)).await.unwrap();
    (store, engine)
}

async fn ready_node(app: &TestApp, name: &str) -> Value {
    eventually("the engine's node is ready", async || {
        let node = shown("node", name).await;
        if is_ready(&node) { Ok(node) } else { Err((node["status"]["conditions"].clone(), app.nodes_log())) }
    })
    .await
}

/// Deletes the engine with all that runs on it, and waits until its row is gone.
async fn deleted(app: &TestApp, client: &Client, engine: &Engine) {
    leaving(client, engine).await;
    forgotten(app, client, engine).await;
}

/// Asks for the end of the engine with all that runs on it.
async fn leaving(client: &Client, engine: &Engine) {
    let path = format!("/v1/engines/{}", engine.id);
    eventually("the engine is on its way out", async || {
        let body = json!({"confirm": engine.name, "force": true}).to_string();
        let reply = client.send(reqwest::Method::DELETE, &path, Some(body)).await;
        // The SKU that was placed on it may be remembered for a moment.
        if reply.status == 202 { Ok(()) } else { Err(reply.text) }
    })
    .await;
}

/// Waits until its row is gone.
async fn forgotten(app: &TestApp, client: &Client, engine: &Engine) {
    let path = format!("/v1/engines/{}", engine.id);
    eventually("the engine is forgotten", async || {
        let reply = client.get(&path).await;
        if reply.status == 404 { Ok(()) } else { Err((reply.text, app.nodes_log())) }
    })
    .await;
}

/// What an account sells: one H100, on its own engine alone.
async fn sold_on(operator: &Client, engine: &str) -> String {
    let code = unique("sku");
    let gpu = json!({"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
    let spec = json!({"title": "1 × H100", "gpu": gpu, "resources": {"cpu": "100m", "memory": "64Mi"},
        "price": {"perHour": "4.00", "currency": "EUR"}, "placement": {"engines": [engine]}});
    let made = operator.post("/v1/platform/skus", json!({"code": code, "spec": spec})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    code
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_runpod_account_rents_what_its_sku_sells_and_leaves_nothing_that_is_billed() {
    let _alone = alone().await;
    let process = json!({"image": "localhost/", "lines": ["hello from the rented machine"]});
    let settings =
        json!({"boot_seconds": 0, "port_seconds": 0, "quota": null, "api_keys": ["rpa_good"], "processes": [process]});
    let (account, app) = (RunPodAccount::open(CONSOLE, &settings).await, TestApp::start(CONSOLE).await);
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let id = AccountId::parse(&owner.get("/v1/auth/session").await.str("/account/id")).unwrap();
    let limits = Runpod { datacenter_ids: Vec::new(), cloud: "secure".to_owned(), max_gpu_price_micros: 3_000_000 };
    let key = |text: &str| Credentials::ApiKey { key: text.to_owned() };
    let (store, engine) = import(&app, Some(id), Settings::Runpod(limits), &key("rpa_old")).await;
    let mut process = app.nodes_with(&[("REMOTEGPU_RUNPOD_API_URL", account.url())]);

    let (label, name) = (engine.node_label(), format!("{}-runpod", engine.node_label()));
    eventually("the node tells that its key is refused", async || {
        let node = shown("node", &name).await;
        if node["metadata"]["name"] == json!(name) && !is_ready(&node) { Ok(()) } else { Err(app.nodes_log()) }
    })
    .await;
    let changed = store.engine(engine.id).await.unwrap().unwrap();
    let envelope = Envelope::from_hex_lines(KEK).unwrap();
    let sealed = seal_engine_credentials(&envelope, &SystemRandom, engine.id, &key("rpa_good")).unwrap();
    let told = event(Action::EngineCredentialsChanged, &engine);
    assert!(store.change_engine(&changed, Some(&sealed), &told).await.unwrap());
    let node = ready_node(&app, &name).await;
    assert_eq!(node["metadata"]["labels"]["remotegpu.ai/engine"], json!(label));
    assert_eq!(node["status"]["allocatable"]["nvidia.com/gpu"], "100");
    let own = json!({"key": "remotegpu.ai/account", "value": id.to_string(), "effect": "NoSchedule"});
    let taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    assert!(taints.contains(&own), "other accounts' pods stay off: {taints:?}");

    let code = sold_on(&operator, &label).await;
    let namespace = app.namespace(&owner).await;
    let route = format!("/v1/kubernetes/namespaces/{}/deployments", namespace["id"].as_str().unwrap());
    let plan = json!({"name": "demo", "sku_code": code, "replicas": 1, "image": "localhost/remotegpu-test:1"});
    eventually("the SKU is sold", async || {
        let reply = owner.post(&route, plan.clone()).await;
        if reply.status == 201 { Ok(()) } else { Err(reply.text) }
    })
    .await;
    let path = format!("{route}/demo");
    let running = eventually("it runs", async || {
        let reply = owner.get(&path).await;
        if reply.json()["status"] == "running" { Ok(reply) } else { Err((reply.text, app.nodes_log())) }
    })
    .await;
    assert_eq!(running.str("/reason"), format!("Running on {name}"));
    eventually("the rented machine has said hello", async || {
        let log = owner.get(&format!("{path}/logs?tail=100")).await;
        if log.text.contains("hello from the rented machine") { Ok(()) } else { Err(log.text) }
    })
    .await;
    let mut keys = plan;
    (keys["name"], keys["mounts"]) = (json!("keys"), json!([{"path": "/keys", "kind": "secret", "name": "keys"}]));
    let verdict = owner.post(&route.replace("deployments", "admission-check"), json!({"deployment": keys})).await;
    let warning = format!("is of kind secret: on engine {label} no files are mounted");
    assert!(verdict.text.contains(&warning), "{}", verdict.text);
    let billed = account.billed().await;
    let hardware: Vec<&Value> = billed.iter().map(|pod| &pod["hardware"]).collect();
    assert_eq!(hardware, ["NVIDIA H100 PCIe"], "what was sold, at the lowest price: {billed:?}");

    let renamed = owner.patch(&format!("/v1/engines/{}", engine.id), json!({"name": "other"})).await;
    assert_eq!((renamed.status, renamed.str("/code").as_str()), (409, "conflict"), "its instances carry its name");
    KubeApi::admin(Plane::current()).delete(&format!("/apis/remotegpu.ai/v1alpha1/skus/{code}")).await.done();
    // Dead before it could end anything: the next process does, with the key that is kept for it until then.
    process.kill().await.unwrap();
    leaving(&owner, &engine).await;
    assert!(store.engine_credentials(engine.id).await.unwrap().is_some(), "whoever ends what was rented needs the key");
    assert_eq!(account.billed().await.len(), 1, "nobody is there to end it");
    let before = app.nodes_log().len();
    let _process = app.nodes_with(&[("REMOTEGPU_RUNPOD_API_URL", account.url())]);
    eventually("another process leads", async || {
        let log = app.nodes_log();
        if log.get(before..).unwrap_or_default().contains("leads: it runs the loops") { Ok(()) } else { Err(log) }
    })
    .await;
    eventually("nothing costs anything any more", async || {
        let billed = account.billed().await;
        if billed.is_empty() { Ok(()) } else { Err((billed, app.nodes_log())) }
    })
    .await;
    forgotten(&app, &owner, &engine).await;
    assert_eq!(account.billed().await, Vec::<Value>::new(), "confirmed before the engine was forgotten");
    assert_eq!(store.engine_credentials(engine.id).await.unwrap(), None);
    let left = Plane::current().admin(&["get", "node", &name]).await;
    assert!(left.stderr.contains("not found"), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_checked_at_the_address_that_the_console_was_given() {
    let settings = json!({"quota": null, "api_keys": ["rpa_good"]});
    let account = RunPodAccount::open(CONSOLE, &settings).await;
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_RUNPOD_API_URL", account.url()).start().await;
    let owner = app.stranger("owner").await;
    let form = json!({"kind": "runpod", "name": unique("rented"), "api_key": "rpa_good", "max_gpu_price": "1000"});
    let mut wrong = form.clone();
    wrong["api_key"] = json!("rpa_bad");
    let refused = owner.post("/v1/engines/preflight", wrong).await;
    let refused = refused.json()["report"]["rows"].as_array().unwrap().clone();
    assert!(refused.iter().any(|row| row["id"] == "key" && row["status"] == "fail"), "{refused:?}");
    let seen = owner.post("/v1/engines/preflight", form.clone()).await;
    assert!(seen.json()["preflight_id"].is_string(), "{}", seen.text);
    let made = json!({"preflight_id": seen.json()["preflight_id"], "engine": form});
    let made = owner.post("/v1/engines", made).await;
    assert_eq!((made.status, made.str("/kind").as_str()), (201, "runpod"), "{}", made.text);
    assert!(!made.text.contains("rpa_good"), "{}", made.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_container_engine_runs_pods_and_is_left_without_one() {
    if std::env::var_os("REMOTEGPU_TEST_QUICK").is_some() {
        return testkit::left_out("pods of an imported container engine: --quick leaves out containers");
    }
    let _alone = alone().await;
    let (plane, app) = (Plane::current(), TestApp::start(CONSOLE).await);
    let endpoint = format!("unix://{}", engine_socket().display());
    let settings = Settings::Docker(Docker { endpoint, ca_pem: None });
    let (_store, engine) = import(&app, None, settings, &Credentials::None).await;
    let _process = app.nodes();
    let name = format!("{}-docker", engine.name);
    let node = ready_node(&app, &name).await;
    assert_eq!(node["metadata"]["labels"]["remotegpu.ai/engine"], json!(engine.name));

    let pod = unique("hosted");
    let manifest = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod, "labels": {"remotegpu.ai/sku-code": "cpu-shared-8g"}}, "spec": {"nodeName": name,
        "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
        "tolerations": [{"operator": "Exists"}], "containers": [{"name": "app", "image": local_image().await}]}});
    plane.admin_apply(&manifest.to_string()).await.out();
    let running = eventually("the pod runs", async || {
        let pod = shown("pod", &pod).await;
        if is_ready(&pod) { Ok(pod) } else { Err((pod["status"].clone(), app.nodes_log())) }
    })
    .await;
    let uid = running["metadata"]["uid"].as_str().unwrap();
    assert_eq!(containers_of_pod(uid).await.len(), 1);
    eventually("the container has said hello", async || {
        let log = plane.admin(&["logs", &pod]).await.out();
        if log.contains("hello from the container") { Ok(()) } else { Err(log) }
    })
    .await;

    deleted(&app, &app.operator().await, &engine).await;
    assert_eq!(containers_of_pod(uid).await, Vec::<String>::new());
    let left = plane.admin(&["get", "node", &name]).await;
    assert!(left.stderr.contains("not found"), "{left:?}");
}
