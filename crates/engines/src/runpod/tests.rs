//! The engine against the simulator, in process and on tokio's paused clock. Every scenario ends with the money test.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::body::Bytes;
use domain::outbound::AddressPolicy;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kubelet::{ContainerRequest, ContainerRun};
use runpod_sim::{
    Body, Call, Control, Follower, Settings, Simulator,
    fault::{Effect, Fault, Shape},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::*;

mod adoption;
mod annotations;
mod crashes;
mod defects;
mod exec;
mod faults;
mod files;
mod kill;
mod kill_node;
mod lifetime;
mod probes;
mod scenarios;

/// Lets a number of steps pass, then nothing any more: the process has been killed.
#[derive(Debug)]
struct Fuse {
    left: AtomicI64,
    blown: Notify,
}

/// Straight into the simulator. Each call takes two steps: it is sent, and it is answered.
struct InProcess {
    simulator: Arc<Simulator>,
    fuse: Arc<Fuse>,
}

impl Fuse {
    fn new(steps: i64) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(steps), blown: Notify::new() })
    }

    async fn step(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.blown.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

impl InProcess {
    async fn call(&self, request: HttpRequest) -> runpod_sim::Reply {
        self.fuse.step().await;
        tokio::time::sleep(Duration::from_millis(40)).await;
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let reply = self.simulator.handle(&Call {
            method: request.method.into(),
            path: path.into(),
            query: query.into(),
            bearer: Some("rpa_test".into()),
            last_event_id: request.last_event_id,
            body: request.body.unwrap_or_default(),
        });
        self.fuse.step().await;
        reply
    }
}

#[async_trait]
impl Transport for InProcess {
    async fn send(&self, request: HttpRequest) -> Result<HttpReply, TransportError> {
        let reply = self.call(request).await;
        let headers = reply.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        let body = match reply.body {
            Body::Json(body) => Bytes::from(body.to_string()),
            Body::Html(page) => Bytes::from(page),
            Body::Cut(_) => return Err(TransportError::Unknown("the connection broke".into())),
            Body::Never => std::future::pending().await,
            Body::Empty | Body::Events { .. } => Bytes::new(),
        };
        Ok(HttpReply { status: reply.status, headers, body })
    }

    async fn stream(
        &self,
        request: HttpRequest,
    ) -> Result<Result<BoxStream<'static, Result<Bytes, TransportError>>, u16>, TransportError> {
        let reply = self.call(request).await;
        let Body::Events { id, from, source, effects } = reply.body else { return Ok(Err(reply.status)) };
        let state = (self.simulator.clone(), Follower::new(id, from, source, effects));
        let events = futures::stream::unfold(state, |(simulator, mut follower)| async move {
            loop {
                let text = follower.next(&simulator)?;
                if !text.is_empty() {
                    return Some((Ok(Bytes::from(text)), (simulator, follower)));
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        Ok(Ok(events.boxed()))
    }
}

/// A provider, and an engine that rents from it.
struct World {
    simulator: Arc<Simulator>,
    engine: RunPod,
}

impl World {
    fn new() -> Self {
        Self::with(Settings::default(), RunPodConfig::new("cluster", "virtual-runpod"))
    }

    fn with(settings: Settings, config: RunPodConfig) -> Self {
        let base: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
        let simulator = Arc::new(Simulator::new(settings, runpod_sim::Clock::new(base, 1.0), 7));
        let engine = engine(&simulator, config, Fuse::new(i64::MAX));
        Self { simulator, engine }
    }

    /// A request for a pod that was created some seconds from now, so that it is younger than the engine.
    fn request(&self, uid: &str, change: impl FnOnce(&mut Value)) -> InstanceRequest {
        let later = self.simulator.clock.now() + jiff::SignedDuration::from_secs(5);
        request(uid, later, change)
    }

    fn fault(&self, route: &str, effect: Effect) {
        self.add(Fault::on(route, effect));
    }

    fn add(&self, fault: Fault) {
        self.simulator.control(Control::Fault { fault: Box::new(fault) });
    }

    async fn tick(&self) -> Vec<Arc<Instance>> {
        tokio::time::sleep(Duration::from_secs(10)).await;
        self.engine.list().await.unwrap()
    }

    /// Ticks until the only container of `uid` satisfies `wanted`.
    async fn until(
        &self,
        uid: &str,
        wanted: impl Fn(&kubelet::ContainerInstance) -> bool,
    ) -> kubelet::ContainerInstance {
        for _ in 0..60 {
            let all = self.tick().await;
            let found = all.iter().find(|one| one.uid == uid).and_then(|one| one.containers.first());
            if let Some(found) = found.filter(|found| wanted(found)) {
                return found.clone();
            }
        }
        panic!("never: {:?}", self.tick().await)
    }

    async fn until_running(&self, uid: &str) -> kubelet::ContainerInstance {
        self.until(uid, |one| matches!(one.run, ContainerRun::Running { .. }) && one.hold.is_none()).await
    }

    /// Deletes until it works, as the node does.
    async fn delete(&self, uid: &str) {
        for _ in 0..60 {
            if self.engine.delete(uid, Duration::ZERO).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        panic!("never deleted");
    }

    /// The money test (`virtual-node.md` §5.7): exactly these pods cost something, once each, and we know what.
    async fn money(&self, living: &[&str]) {
        let _ = self.engine.list().await;
        money(&self.simulator, living, Duration::from_secs(30));
        let report = self.simulator.report();
        let ours: i64 = report.pods.iter().filter(|pod| pod.name.starts_with("rgpu-")).map(|pod| pod.micros).sum();
        let difference = (ours - self.engine.accrued_micros()).abs();
        // A tick at the highest spending there ever was.
        let tick = report.peak_micros * 45 / 3600;
        assert!(difference <= tick, "ledger {ours}, ours {}, a tick {tick}", self.engine.accrued_micros());
        let told: i64 = self.engine.costs().iter().map(|cost| cost.accrued_micros).sum();
        let rounded = (self.engine.accrued_micros() - told).abs();
        assert!(rounded <= 10, "all {}, by namespace {told}", self.engine.accrued_micros());
        assert_eq!(report.violations, Vec::<String>::new());
    }
}

fn engine(simulator: &Arc<Simulator>, config: RunPodConfig, fuse: Arc<Fuse>) -> RunPod {
    let transport = InProcess { simulator: simulator.clone(), fuse };
    RunPod::new(config, Arc::new(transport), Clock::starting_at(simulator.clock.now()))
}

fn request(uid: &str, created: Timestamp, change: impl FnOnce(&mut Value)) -> InstanceRequest {
    // The example of the published page.
    let mut pod = json!({"metadata": {"name": format!("pod-{uid}"), "namespace": "team", "uid": uid}, "spec": {
        "containers": [{"name": "gpu-container", "image": "nvidia/cuda:11.7.1-base-ubuntu22.04",
            "command": ["nvidia-smi", "-L"], "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}});
    change(&mut pod);
    let texts = |value: &Value| {
        value.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let container = &pod["spec"]["containers"][0];
    let containers = vec![ContainerRequest {
        command: texts(&container["command"]),
        args: texts(&container["args"]),
        spec: serde_json::from_value(container.clone()).unwrap(),
        attempt: 0,
        env: vec![("GREETING".into(), "hello".into())],
    }];
    let mut pod: Pod = serde_json::from_value(pod).unwrap();
    pod.metadata.creation_timestamp = Some(Time(created));
    InstanceRequest {
        pod: Arc::new(pod),
        containers,
        files: Vec::new(),
        registry_logins: Vec::new(),
        job_annotations: BTreeMap::new(),
    }
}

/// For instances that listen on this machine.
fn here() -> RunPodConfig {
    let addresses = reach::and_this_machine(AddressPolicy::default());
    RunPodConfig { addresses, ..RunPodConfig::new("cluster", "node") }
}

/// No instance of ours without a pod, none missing, and never two for one pod for longer than `lag`.
fn money(simulator: &Simulator, living: &[&str], lag: Duration) {
    let report = simulator.report();
    let uid = |name: &str| {
        name.rsplit_once("rgpu-").and_then(|(_, rest)| rest.split_once('-')).map(|(_, uid)| uid.to_owned())
    };
    let mut billed: Vec<String> = report.billed("rgpu-").iter().filter_map(|pod| uid(&pod.name)).collect();
    billed.sort();
    let mut wanted: Vec<&str> = living.to_vec();
    wanted.sort_unstable();
    assert_eq!(billed, wanted, "leaked, lost or doubled");
    for (n, one) in report.pods.iter().enumerate() {
        for other in
            report.pods.iter().skip(n + 1).filter(|other| other.name == one.name && one.name.starts_with("rgpu-"))
        {
            let from = one.created.max(other.created);
            let until = one.ended.unwrap_or(report.at).min(other.ended.unwrap_or(report.at));
            let together = until.duration_since(from).as_secs();
            assert!(together <= i64::try_from(lag.as_secs()).unwrap(), "two for {} during {together} s", one.name);
        }
    }
}

fn reason(result: Result<Arc<Instance>, ProviderError>) -> (String, String) {
    match result {
        Err(
            ProviderError::Waiting { reason, message }
            | ProviderError::Refused { reason, message }
            | ProviderError::GaveUp { reason, message },
        ) => (reason.to_owned(), message),
        Err(ProviderError::Unsupported(message)) => ("UnsupportedPod".into(), message),
        other => panic!("{other:?}"),
    }
}
