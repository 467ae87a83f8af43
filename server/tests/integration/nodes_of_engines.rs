//! `remotegpu nodes` with a second real control plane as the imported cluster: an engine of the database becomes a node
//! of the home cluster, runs a pod, is closed and goes. The process has an identity and rights of its own (RULINGS 40).

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use backend::ports::{Engines as _, Random as _};
use backend::{AuditKeys, Envelope, Place};
use domain::audit::{Action, AuditEvent, Outcome};
use domain::engine::settings::{OnPremise, Settings};
use domain::engine::{ApiUrl, Credentials, Engine, EngineStatus, Facts};
use domain::id::{AuditId, EngineId};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use server::system::SystemRandom;
use store::SqlStore;
use testkit::{AUDIT_KEY, KEK, OtherPlane, Plane, TestApp, eventually, unique};
use tokio::process::{Child, Command};

use crate::CONSOLE;

const PLACE: &str = "aichor";

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
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
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
            features: Vec::new(),
            namespaces: vec![PLACE.to_owned()],
            gpus: Vec::new(),
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

fn event(action: Action, engine: &Engine) -> AuditEvent {
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

async fn shown(kind: &str, name: &str) -> Value {
    let ran = Plane::current().admin(&["get", kind, name, "--output=json"]).await;
    serde_json::from_str(&ran.stdout).unwrap_or_default()
}

fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_cluster_becomes_a_node_runs_a_pod_is_closed_and_goes() {
    let (plane, imported, app) = (Plane::current(), Imported::start().await, TestApp::start(CONSOLE).await);
    let keys = Arc::new(AuditKeys::from_hex_lines(AUDIT_KEY).unwrap());
    let store = SqlStore::connect_migrated(&app.database_url(), keys).await.unwrap();
    let engine = imported.engine(&unique("on-prem"));
    let (row, envelope) = (engine.id.to_string(), Envelope::from_hex_lines(KEK).unwrap());
    let place = Place { table: "engines", row: &row, field: "credentials" };
    let text = SecretString::from(serde_json::to_string(&imported.credentials()).unwrap());
    let sealed = envelope.seal(&SystemRandom, place, &text).unwrap();
    store.create_engine(&engine, &sealed, &event(Action::EngineCreated, &engine)).await.unwrap();

    let _process = app.nodes();
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

    let pod = unique("imported");
    let manifest = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod, "labels": {"remotegpu.ai/sku-code": "gpu-h100-1x"}}, "spec": {"nodeName": name,
        "automountServiceAccountToken": false, "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "app", "image": "busybox:1"}]}});
    plane.admin_apply(&manifest.to_string()).await.out();
    eventually("the pod runs", async || {
        let pod = shown("pod", &pod).await;
        if is_ready(&pod) { Ok(()) } else { Err((pod["status"].clone(), app.nodes_log())) }
    })
    .await;
    assert!(plane.admin(&["logs", &pod]).await.out().contains("simulated"), "the log comes from over there");

    let mut closed = store.engine(engine.id).await.unwrap().unwrap();
    closed.status = EngineStatus::Disabled;
    assert!(store.change_engine(&closed, None, &event(Action::EngineDisabled, &engine)).await.unwrap());
    eventually("the node takes nothing new", async || {
        let node = shown("node", &name).await;
        if node["spec"]["unschedulable"] == true { Ok(()) } else { Err(app.nodes_log()) }
    })
    .await;
    assert!(is_ready(&shown("pod", &pod).await), "what runs goes on");

    assert!(store.delete_engine(engine.id, &event(Action::EngineDeleted, &engine)).await.unwrap());
    eventually("node and pod are gone, here and there", async || {
        let here = plane.admin(&["get", "node", &name]).await;
        let there = imported.plane.admin(&["get", "pods", "-n", PLACE, "--output=name"]).await.stdout;
        if here.stderr.contains("not found") && there.is_empty() { Ok(()) } else { Err((there, app.nodes_log())) }
    })
    .await;
}
