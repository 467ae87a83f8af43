//! Imported clusters: what one `remotegpu nodes` needs for many of them, and how long a preflight of a healthy one takes.
//! A second real control plane with one simulated GPU node stands behind every address.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use backend::ports::{Engines as _, Random as _};
use backend::{Envelope, seal_engine_credentials};
use domain::audit::{Action, AuditEvent, Outcome};
use domain::engine::{Engine, EngineForm, EngineStatus, Facts};
use domain::engine_manifest::{EngineFeature, NewEngineManifest};
use domain::id::{AuditId, EngineId};
use jiff::{SignedDuration, Timestamp};
use server::system::SystemRandom;
use store::SqlStore;
use testkit::{FaultProxy, KEK, OtherPlane, Plane, TestApp, unique};
use tokio::process::{Child, Command};

use crate::{CONSOLE, p50};
use testkit::resident_mib;

const ENGINES: usize = 200;
const PREFLIGHTS: usize = 20;
const SPACE: &str = "aichor";
/// Between two looks at how far the nodes are; there are too many for one event to wait for.
const PACE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(480);
/// The watches have their lists, and nothing changes any more.
const SETTLE: Duration = Duration::from_secs(30);

/// Prints memory and preflight time.
pub async fn measure() {
    let there = OtherPlane::start().await;
    let _node = node(&there).await;
    let form = form(&there).await;
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
    preflights(&app, &form).await;
    let prefix = unique("bench");
    let store = crate::store(&app.database_url()).await;
    for number in 0..ENGINES {
        let api_url = FaultProxy::to(&there.server()).await.server();
        import(&store, &EngineForm { name: format!("{prefix}-{number}"), api_url, ..form.clone() }).await;
    }
    let (begun, process) = (Instant::now(), app.nodes());
    let pid = process.id().expect("it runs");
    let mut ready = 0;
    while ready < ENGINES && begun.elapsed() < PATIENCE {
        tokio::time::sleep(PACE).await;
        ready = ready_nodes(&prefix).await;
    }
    println!("nodes: {ready} of {ENGINES} engines have a ready node after {:.1} s", begun.elapsed().as_secs_f64());
    tokio::time::sleep(SETTLE).await;
    println!("nodes: {:.1} MiB resident with {ready} engines watched (aim 150)", resident_mib(pid));
    drop(process);
    let all = ["delete", "nodes", "--wait=false", "-l", "remotegpu.ai/run-by=nodes"];
    Plane::current().admin(&all).await.out();
}

/// One preflight after the other, each with every right of every feature.
async fn preflights(app: &TestApp, form: &EngineForm) {
    let operator = app.operator().await.unchecked();
    let body = serde_json::to_value(form).unwrap();
    let (mut times, mut rights) = (Vec::new(), 0);
    for _ in 0..PREFLIGHTS {
        let begun = Instant::now();
        let seen = operator.post("/v1/engines/preflight", body.clone()).await;
        times.push(begun.elapsed());
        assert_eq!(seen.status, 200, "{}", seen.text);
        let rows = seen.json()["report"]["rows"].as_array().unwrap().clone();
        rights = rows.iter().filter(|row| row["id"].as_str().unwrap().starts_with("rbac/")).count();
        assert!(!seen.json()["preflight_id"].is_null(), "the engine is healthy: {}", seen.text);
    }
    let slowest = times.iter().max().unwrap().as_secs_f64() * 1000.0;
    println!(
        "preflight: {rights} rights, p50 {:.0} ms, slowest {slowest:.0} ms of {PREFLIGHTS} (aim 2000)",
        p50(times)
    );
}

async fn node(there: &OtherPlane) -> Child {
    let (cert, key) = there.kubelet_certificate("gpu-1");
    let port = testkit::free_port();
    let mut command = Command::new(Path::new(CONSOLE).with_file_name("remotegpu-kubelet"));
    command.args(["--nodename", "gpu-1", "--address", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--provider", "simulated", "--gpu-model", "H100", "--gpu-count", "8", "--gpu-memory-gib", "80"]);
    command.arg("--kubeconfig").arg(there.kubeconfig()).arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().expect("remotegpu-kubelet is built")
}

/// A form with the generated rights of every feature, and a token for them.
async fn form(there: &OtherPlane) -> EngineForm {
    let input = NewEngineManifest { namespace: SPACE.to_owned(), ..NewEngineManifest::for_engine("bench") };
    let input = input.checked().unwrap();
    there.admin_apply(&input.yaml()).await.out();
    let token = there.admin(&["-n", SPACE, "create", "token", &input.service_account, "--duration=24h"]).await.out();
    EngineForm {
        name: "bench".to_owned(),
        platform: true,
        api_url: there.server(),
        load_balancer_ip: "203.0.113.10".to_owned(),
        ca_data: there.ca(),
        bearer_token: token.trim().to_owned(),
        features: EngineFeature::ALL.to_vec(),
        namespaces: vec![SPACE.to_owned()],
        ..EngineForm::default()
    }
}

/// As the console would have kept it; the same cluster twice is what the console itself refuses.
async fn import(store: &SqlStore, form: &EngineForm) {
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    let checked = form.check(now, false).unwrap();
    let engine = Engine {
        id: EngineId::new(SystemRandom.uuid()),
        account_id: None,
        name: checked.name,
        ecosystem: checked.ecosystem,
        settings: checked.settings,
        auth: checked.credentials.facts(now),
        status: EngineStatus::Ready,
        status_reason: String::new(),
        failures: 0,
        facts: Facts::default(),
        last_check_at: None,
        last_full_at: None,
        // The console's own checks are not what is measured.
        next_check_at: now + SignedDuration::from_hours(24),
        created_at: now,
        revision: 0,
    };
    let envelope = Envelope::from_hex_lines(KEK).unwrap();
    let sealed = seal_engine_credentials(&envelope, &SystemRandom, engine.id, &checked.credentials).unwrap();
    store.create_engine(&engine, &sealed, &event(&engine)).await.unwrap();
}

fn event(engine: &Engine) -> AuditEvent {
    AuditEvent {
        id: AuditId::new(SystemRandom.uuid()),
        at: engine.created_at,
        account_id: None,
        actor: "system".to_owned(),
        actor_name: String::new(),
        action: Action::EngineCreated,
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

async fn ready_nodes(prefix: &str) -> usize {
    let row =
        "jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=='Ready')].status}{\"\\n\"}{end}";
    let ran = Plane::current().admin(&["get", "nodes", "-l", "remotegpu.ai/run-by=nodes", "-o", row]).await;
    ran.stdout.lines().filter(|line| line.starts_with(prefix) && line.ends_with(" True")).count()
}
