//! `remotegpu nodes` with a second real control plane as the imported cluster: an engine of the database becomes a node
//! of the home cluster, runs a pod, is closed and goes. The process has an identity and rights of its own (RULINGS 40).

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use backend::ports::{Engines as _, Random as _};
use backend::{AuditKeys, Envelope, seal_engine_credentials};
use domain::audit::{Action, AuditEvent, Outcome};
use domain::engine::settings::{OnPremise, Settings};
use domain::engine::{ApiUrl, Credentials, Engine, EngineStatus, Facts};
use domain::engine_manifest::EngineFeature;
use domain::id::{AuditId, EngineId};
use jiff::Timestamp;
use serde_json::{Value, json};
use server::system::SystemRandom;
use store::SqlStore;
use testkit::{
    AUDIT_KEY, Client, KEK, KubeApi, OtherPlane, Plane, TestApp, eventually, in_time, is_ready, shown, unique,
};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};

use crate::CONSOLE;
use crate::recent_login::age_sessions;

const PLACE: &str = "aichor";

/// An installation has its cluster to itself, and tests share one: `remotegpu nodes` of two of them would wait for one
/// Lease, and take the nodes of each other's engines for those of deleted ones. So one such test runs at a time.
pub async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// A cluster with one simulated GPU node, and a token of somebody who may do all there.
struct Imported {
    plane: OtherPlane,
    token: String,
    _node: Child,
}

impl Imported {
    async fn start() -> Self {
        let plane = OtherPlane::start().await;
        let (cert, key) = plane.kubelet_certificate("gpu-1");
        let port = testkit::free_port();
        let mut command = Command::new(Path::new(CONSOLE).with_file_name("remotegpu-kubelet"));
        command.args(["--nodename", "gpu-1", "--address", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--provider", "simulated", "--gpu-model", "H100", "--gpu-count", "8", "--gpu-memory-gib", "80"]);
        command.arg("--kubeconfig").arg(plane.kubeconfig());
        command.arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key).kill_on_drop(true);
        let node = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("remotegpu-kubelet is built");
        plane.admin(&["create", "namespace", PLACE]).await.out();
        plane.admin(&["create", "serviceaccount", "engine", "-n", PLACE]).await.out();
        let account = format!("--serviceaccount={PLACE}:engine");
        plane.admin(&["create", "clusterrolebinding", "engine", "--clusterrole=cluster-admin", &account]).await.out();
        let token = plane.admin(&["create", "token", "engine", "-n", PLACE]).await.out().trim().to_owned();
        eventually("the node over there is ready", async || {
            let question = "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}";
            let ran = plane.admin(&["get", "node", "gpu-1", question]).await;
            if ran.stdout == "True" { Ok(()) } else { Err(ran.stderr) }
        })
        .await;
        Self { plane, token, _node: node }
    }

    fn engine(&self, name: &str) -> Engine {
        let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
        let settings = OnPremise {
            api_url: ApiUrl::parse("api_url", &self.plane.server()).unwrap(),
            load_balancer_ip: [192, 0, 2, 10].into(),
            ca_pem: Some(self.plane.ca()),
            features: vec![EngineFeature::Ingress],
            namespaces: vec![PLACE.to_owned()],
            gpus: Vec::new(),
            exec_probe: false,
        };
        Engine {
            id: EngineId::new(SystemRandom.uuid()),
            account_id: None,
            name: name.to_owned(),
            ecosystem: "terraform".to_owned(),
            settings: Settings::OnPremise(settings),
            auth: self.credentials().facts(now),
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
        }
    }

    fn credentials(&self) -> Credentials {
        Credentials::BearerToken { token: self.token.clone() }
    }
}

pub fn event(action: Action, engine: &Engine) -> AuditEvent {
    AuditEvent {
        id: AuditId::new(SystemRandom.uuid()),
        at: engine.created_at,
        account_id: None,
        actor: "system".to_owned(),
        actor_name: String::new(),
        action,
        target: engine.target(),
        target_name: engine.name.clone(),
        outcome: Outcome::Success,
        code: None,
        detail: String::new(),
        address: String::new(),
        user_agent: String::new(),
        request_id: String::new(),
        jti: None,
    }
}

/// A SKU of one of the engine's GPUs, once its places are counted. It goes at once: nobody else shall be sent there.
async fn sold_on(operator: &Client, engine: &str) -> Value {
    let code = unique("sku");
    let gpu = json!({"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
    let spec = json!({"title": "1 × H100", "gpu": gpu, "resources": {"cpu": "100m", "memory": "64Mi"},
        "price": {"perHour": "1.00", "currency": "EUR"}, "placement": {"engines": [engine]}});
    let made = operator.post("/v1/platform/skus", json!({"code": code, "spec": spec})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let counted = eventually("its places are counted", async || {
        let sku = operator.get(&format!("/v1/platform/skus/{code}")).await.json();
        if sku["status"]["total"].as_u64() > Some(0) { Ok(sku) } else { Err(sku) }
    })
    .await;
    KubeApi::admin(Plane::current()).delete(&format!("/apis/remotegpu.ai/v1alpha1/skus/{code}")).await.done();
    counted
}

fn is_closed(node: &Value) -> bool {
    let taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    taints.iter().any(|one| one["key"] == "remotegpu.ai/closed")
}

/// A port of the pod, reached at the engine's load balancer for as long as its Service asks for it.
async fn its_port_is_reached_from_outside(imported: &Imported, app: &TestApp, engine: &str, pod: &str) {
    let (plane, far) = (Plane::current(), &imported.plane);
    let class = json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "nginx"},
        "spec": {"controller": "k8s.io/ingress-nginx"}});
    far.admin_apply(&class.to_string()).await.out();
    plane.admin(&["label", "pod", pod, &format!("app={pod}")]).await.out();
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": pod, "labels": {"remotegpu.ai/expose": "http"}},
        "spec": {"selector": {"app": pod}, "ports": [{"port": 80, "targetPort": 8080}]}});
    plane.admin_apply(&service.to_string()).await.out();
    let host = format!("{pod}.default.{engine}.remotegpu.internal");
    let told = async |status: &str| {
        let service = shown("service", pod).await;
        let conditions = service["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let kind = format!("outside.remotegpu.ai/{engine}");
        let said = conditions.into_iter().find(|one| one["type"] == kind.as_str()).unwrap_or_default();
        let message = format!("http://{host}/ at 192.0.2.10");
        let is_so = said["status"] == status && said["message"] == message.as_str();
        if is_so { Ok(service) } else { Err((said, app.nodes_log())) }
    };
    let service =
        eventually("the address is told, though nobody has confirmed it", async || told("Unknown").await).await;
    let mark = format!("remotegpu.ai/service-{}=true", service["metadata"]["uid"].as_str().unwrap());
    let meant = far.admin(&["get", "pods", "-n", PLACE, "--selector", &mark, "--output=name"]).await.out();
    assert_eq!(meant.lines().count(), 1, "{meant}");
    let ingresses = far.admin(&["get", "ingresses", "-n", PLACE, "--output=json"]).await.out();
    let ingress = serde_json::from_str::<Value>(&ingresses).unwrap()["items"][0].clone();
    assert_eq!(
        (&ingress["spec"]["rules"][0]["host"], &ingress["spec"]["ingressClassName"]),
        (&json!(host), &json!("nginx"))
    );

    let name = ingress["metadata"]["name"].as_str().unwrap();
    let taken_up = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}}).to_string();
    let patch = ["patch", "ingress", name, "-n", PLACE, "--subresource=status", "--type=merge", "--patch", &taken_up];
    far.admin(&patch).await.out();
    eventually("its controller has confirmed it", async || told("True").await).await;

    plane.admin(&["label", "service", pod, "remotegpu.ai/expose-"]).await.out();
    eventually("nothing of it is left, here and there", async || {
        let there = far.admin(&["get", "services,ingresses", "-n", PLACE, "--output=name"]).await.stdout;
        let here = shown("service", pod).await["status"]["conditions"].clone();
        let is_gone = there.is_empty() && here.as_array().is_none_or(Vec::is_empty);
        if is_gone { Ok(()) } else { Err((there, here, app.nodes_log())) }
    })
    .await;
    plane.admin(&["delete", "service", pod]).await.out();
}

/// A pod came between the count and the closing of the nodes: the row says that nobody agreed to its end.
async fn a_pod_that_came_meanwhile_goes_on(store: &SqlStore, engine: &Engine, app: &TestApp, pod: &str) {
    let mut leaving = store.engine(engine.id).await.unwrap().unwrap();
    leaving.status = EngineStatus::Deleting;
    leaving.facts.waits_for_pods = true;
    assert!(store.change_engine(&leaving, None, &event(Action::EngineStatusChanged, engine)).await.unwrap());
    eventually("the engine waits for its pods", async || {
        let log = app.nodes_log();
        if log.contains("waits for the end of its pods") { Ok(()) } else { Err(log) }
    })
    .await;
    let pod = shown("pod", pod).await;
    assert!(is_ready(&pod) && pod["metadata"]["deletionTimestamp"].is_null(), "{}", pod["metadata"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_cluster_becomes_a_node_runs_a_pod_is_closed_and_goes() {
    let _alone = alone().await;
    let (plane, imported, app) = (Plane::current(), Imported::start().await, TestApp::start(CONSOLE).await);
    let keys = Arc::new(AuditKeys::from_hex_lines(AUDIT_KEY).unwrap());
    let store = SqlStore::connect_migrated(&app.database_url(), keys).await.unwrap();
    let engine = imported.engine(&unique("on-prem"));
    let envelope = Envelope::from_hex_lines(KEK).unwrap();
    let sealed = seal_engine_credentials(&envelope, &SystemRandom, engine.id, &imported.credentials()).unwrap();
    store.create_engine(&engine, &sealed, &event(Action::EngineCreated, &engine)).await.unwrap();

    let mut process = app.nodes();
    let name = format!("{}-h100", engine.name);
    let node = eventually("the engine's node is ready", async || {
        let node = shown("node", &name).await;
        if is_ready(&node) { Ok(node) } else { Err((node["status"]["conditions"].clone(), app.nodes_log())) }
    })
    .await;
    let labels = &node["metadata"]["labels"];
    assert_eq!(labels["remotegpu.ai/engine"], json!(engine.name));
    assert_eq!(
        (&labels["nvidia.com/gpu.product"], &labels["remotegpu.ai/ecosystem"]),
        (&json!("H100"), &json!("terraform"))
    );
    assert_eq!(node["status"]["allocatable"]["nvidia.com/gpu"], "8");
    let operator = app.operator().await;
    let sku = sold_on(&operator, &engine.name).await;
    assert_eq!(sku["status"]["total"], 8, "the SKU gains what the engine has: {sku}");

    let (pod, forced) = (unique("imported"), unique("forced"));
    for pod in [&pod, &forced] {
        let manifest = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod, "labels": {"remotegpu.ai/sku-code": "gpu-h100-1x"}}, "spec": {"nodeName": name,
            "automountServiceAccountToken": false, "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "app", "image": "busybox:1"}]}});
        plane.admin_apply(&manifest.to_string()).await.out();
        eventually("the pod runs", async || {
            let pod = shown("pod", pod).await;
            if is_ready(&pod) { Ok(()) } else { Err((pod["status"].clone(), app.nodes_log())) }
        })
        .await;
    }
    assert!(plane.admin(&["logs", &pod]).await.out().contains("simulated"), "the log comes from over there");
    eventually("the engine shows its node and the pods on it", async || {
        let shown = operator.get(&format!("/v1/engines/{}", engine.id)).await.json();
        let node = &shown["nodes"][0];
        let resources = node["resources"].as_array().cloned().unwrap_or_default();
        let gpus = resources.iter().find(|one| one["name"] == "nvidia.com/gpu").map(|one| one["total"].clone());
        let seen = (&node["name"], &node["gpu_model"], gpus, &node["pods"], &node["status"]);
        let wanted = (&json!(name), &json!("H100"), Some(json!(8)), &json!(2), &json!("ready"));
        if seen == wanted { Ok(()) } else { Err(shown) }
    })
    .await;

    its_port_is_reached_from_outside(&imported, &app, &engine.name, &pod).await;

    let mut closed = store.engine(engine.id).await.unwrap().unwrap();
    closed.status = EngineStatus::Disabled;
    assert!(store.change_engine(&closed, None, &event(Action::EngineDisabled, &engine)).await.unwrap());
    eventually("the node takes nothing new", async || {
        let node = shown("node", &name).await;
        if is_closed(&node) { Ok(()) } else { Err(app.nodes_log()) }
    })
    .await;
    assert!(is_ready(&shown("pod", &pod).await), "what runs goes on");

    plane.admin(&["cordon", &name]).await.out();
    imported.plane.admin(&["cordon", "gpu-1"]).await.out();
    let mut open = store.engine(engine.id).await.unwrap().unwrap();
    open.status = EngineStatus::Ready;
    assert!(store.change_engine(&open, None, &event(Action::EngineEnabled, &engine)).await.unwrap());
    let empty = eventually("the node offers nothing of what is gone", async || {
        let node = shown("node", &name).await;
        let gone = node["status"]["allocatable"]["nvidia.com/gpu"] == "0" && !is_closed(&node);
        if gone { Ok(node) } else { Err((node["status"]["allocatable"].clone(), app.nodes_log())) }
    })
    .await;
    assert_eq!(empty["spec"]["unschedulable"], true, "cordoned by an operator meanwhile, it stays so");
    let port = |node: &Value| node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].clone();
    assert_eq!(port(&empty), port(&node), "it was not started again: streams go on");
    assert!(is_ready(&shown("pod", &pod).await), "what runs goes on");

    let path = format!("/v1/engines/{}", engine.id);
    let delete = async |operator: &Client, force: bool| {
        let body = json!({"confirm": engine.name, "force": force}).to_string();
        operator.send(reqwest::Method::DELETE, &path, Some(body)).await
    };
    let refused = delete(&operator, false).await;
    refused.is_problem(
        409,
        "conflict",
        "2 pods run on this engine: drain its nodes first, or delete it with force, which ends them",
    );
    age_sessions(&app).await;
    let refused = delete(&operator, true).await;
    assert_eq!((refused.status, refused.str("/code").as_str()), (403, "reauthentication_required"), "{}", refused.text);
    let operator = app.operator().await;
    a_pod_that_came_meanwhile_goes_on(&store, &engine, &app, &pod).await;
    let pid = process.id().expect("it runs").to_string();
    Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
    in_time("remotegpu nodes ends on SIGTERM", process.wait()).await.unwrap();
    let deleted = delete(&operator, true).await;
    assert_eq!((deleted.status, deleted.str("/status").as_str()), (202, "deleting"), "{}", deleted.text);
    assert_eq!(delete(&operator, true).await.status, 202, "once more is no harm");
    assert_eq!(operator.post(&format!("{path}/disable"), json!({})).await.status, 409, "there is no way back");
    assert!(store.engine_credentials(engine.id).await.unwrap().is_some(), "who ends its pods needs them");
    // Gone at home at once, while nobody is there to end it over there.
    plane.admin(&["delete", "pod", &forced, "--force", "--grace-period=0"]).await.out();
    let _process = app.nodes();
    eventually("node and pods are gone, here and there", async || {
        let here = plane.admin(&["get", "node", &name]).await;
        let there = imported.plane.admin(&["get", "pods", "-n", PLACE, "--output=name"]).await.stdout;
        if here.stderr.contains("not found") && there.is_empty() { Ok(()) } else { Err((there, app.nodes_log())) }
    })
    .await;
    eventually("the engine is forgotten", async || {
        let reply = operator.get(&path).await;
        if reply.status == 404 { Ok(()) } else { Err((reply.text, app.nodes_log())) }
    })
    .await;
    assert_eq!(store.engine_credentials(engine.id).await.unwrap(), None);
    let log = operator.get("/v1/platform/audit?action=engine.deleted").await;
    let rows = log.json()["items"].as_array().cloned().unwrap_or_default();
    let actors: Vec<&Value> =
        rows.iter().filter(|row| row["target"] == engine.target()).map(|row| &row["actor"]).collect();
    assert_eq!((actors.len(), actors[0]), (2, &json!("system")), "asked for, then done: {}", log.text);
}
