//! F21 with the node itself: its process is killed between any two of its own steps, a thousand times and more. A step is a
//! call that it sends or an answer that it gets, from the provider as well as from the pods: the list of its pods, a status,
//! the instance's id on the pod, the last word before a pod is let go, a look before an orphan is ended. The next process has
//! nothing but what stands at the provider and on the pods, which are in memory, the only stand-in for Kubernetes there is
//! (RULINGS 51).

use std::sync::{Mutex, atomic::AtomicUsize};

use axum::http;
use futures::FutureExt;
use kubelet::{Capacity, InMemoryPods, Kubelet, Link, NodeConfig, Step};
use runpod_sim::Random;

use super::{
    kill::{LONGEST, TICK, faults},
    *,
};

/// Kills each seed must survive, and seeds: 1,008 kills.
const KILLS: usize = 16;
const SEEDS: u64 = 63;
/// Of all kills so many at least fall on a step towards the pods.
const AT_PODS: usize = 50;
/// One in so many steps towards the pods fails.
const FAILING: u64 = 20;
const NODE: &str = "node";
/// Longer than a list may lag and an orphan may stand.
const AFTERWARDS: Duration = Duration::from_secs(120);

/// What outlives each process: the provider and the pods, and those who make and delete pods.
struct Cluster {
    simulator: Arc<Simulator>,
    pods: Arc<InMemoryPods>,
    client: kube::Client,
    config: RunPodConfig,
    dice: Random,
    made: u32,
    /// Kills on a step towards the pods.
    at_pods: Arc<AtomicUsize>,
}

impl Cluster {
    fn new(seed: u64, at_pods: &Arc<AtomicUsize>) -> Self {
        let base: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
        let settings =
            Settings { list_lag_seconds: seed % 3 * 10, quota: None, check_replies: false, ..Settings::default() };
        let simulator = Arc::new(Simulator::new(settings, runpod_sim::Clock::new(base, 1.0), seed));
        simulator.control(Control::Foreign { name: "somebody-else".into() });
        if seed.is_multiple_of(2) {
            faults(&simulator);
        }
        // Some read back the ids that stand on the pods.
        let config =
            RunPodConfig { max_pending: None, adopt_by_annotation: seed % 5 < 2, ..RunPodConfig::new("cluster", NODE) };
        let (pods, dice) = (Arc::new(InMemoryPods::default()), Random::new(seed));
        Self { simulator, pods, client: refusing(), config, dice, made: 0, at_pods: at_pods.clone() }
    }

    /// A process that knows nothing yet.
    fn process(&mut self, fuse: &Arc<Fuse>, fails: bool) -> (Kubelet, Link) {
        let engine = engine(&self.simulator, self.config.clone(), fuse.clone());
        let kubelet = Kubelet::new(self.client.clone(), node_config(), Arc::new(engine));
        let simulator = self.simulator.clone();
        let clock = Arc::new(move || simulator.clock.now());
        let step = step(fuse.clone(), self.at_pods.clone(), fails.then(|| Random::new(self.dice.below(u64::MAX))));
        (kubelet, Link { pods: self.pods.clone(), step, clock })
    }

    fn create(&mut self) {
        self.made += 1;
        let mut pod = (*request(&format!("pod{}", self.made), self.simulator.clock.now(), |_| {}).pod).clone();
        pod.spec.get_or_insert_default().node_name = Some(NODE.into());
        self.pods.create(pod);
    }

    fn delete(&self, pod: &Pod, forced: bool) {
        self.pods.delete(uid(pod), forced, self.simulator.clock.now());
    }

    /// Makes a pod or deletes one; those that have failed are deleted anyway.
    fn change(&mut self) {
        let all = self.pods.all();
        all.iter().filter(|pod| is_final(pod)).for_each(|pod| self.delete(pod, false));
        let living: Vec<&Pod> = all.iter().filter(|pod| lives(pod)).collect();
        if living.len() < 2 || self.dice.below(3) > 0 && living.len() < 5 {
            self.create();
        } else if let Some(pod) = living.get(usize::try_from(self.dice.below(2)).unwrap()) {
            // Forced: the object is gone at once, and only the sweep finds what it leaves.
            let forced = self.dice.below(4) == 0;
            self.delete(pod, forced);
        }
    }

    async fn keep_changing(&mut self) {
        loop {
            if self.dice.below(2) == 0 {
                self.change();
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Whether each pod is over, or runs on the instance whose id stands on it.
    fn is_settled(&self) -> bool {
        let report = self.simulator.report();
        let billed = report.billed("rgpu-");
        let runs = |pod: &Pod| {
            let id = pod.metadata.annotations.as_ref().and_then(|notes| notes.get(POD_ID));
            let ending = format!("-{}", uid(pod));
            is_ready(pod) && billed.iter().any(|one| Some(&one.id) == id && one.name.ends_with(&ending))
        };
        let is_leaving = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
        self.pods.all().iter().all(|pod| !is_leaving(pod) && (is_final(pod) || runs(pod)))
    }

    /// A process that nobody kills brings everything in order.
    async fn settle(&mut self) {
        let (kubelet, link) = self.process(&Fuse::new(i64::MAX), false);
        let settling = async {
            loop {
                while !self.is_settled() {
                    tokio::time::sleep(TICK).await;
                }
                tokio::time::sleep(AFTERWARDS).await;
                if self.is_settled() {
                    return;
                }
            }
        };
        tokio::select! {
            () = kubelet.run_in_memory(link) => panic!("the node has ended by itself"),
            settled = tokio::time::timeout(LONGEST, settling) => {
                assert!(settled.is_ok(), "never settles: {:?}", self.pods.all());
            }
        }
    }

    /// The money test: what runs is paid once, and nothing else is.
    fn money(&self, at_least: usize) {
        let all = self.pods.all();
        let living: Vec<&str> = all.iter().filter(|pod| lives(pod)).map(uid).collect();
        assert!(living.len() >= at_least, "{all:?}");
        money(&self.simulator, &living, self.config.lag);
    }
}

/// Reaches no API server: these pods refer to nothing, so nothing but the pods themselves is ever asked for.
fn refusing() -> kube::Client {
    let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("there is no API server"))
    });
    kube::Client::new(service, "default")
}

fn node_config() -> NodeConfig {
    NodeConfig {
        name: NODE.into(),
        engine: "runpod".into(),
        address: [192, 0, 2, 9].into(),
        port: 10250,
        capacity: Capacity::default(),
        gpu: None,
        taints: Vec::new(),
        labels: BTreeMap::new(),
        require_pod_label: None,
        reconcile_interval: TICK,
        tls: None,
        client_ca: None,
        service_account_tokens: false,
        strict: false,
        api_access: None,
        endpoint_slices: None,
        workers: 8,
    }
}

/// A step towards the pods; `failing` says which of them fail.
fn step(fuse: Arc<Fuse>, at_pods: Arc<AtomicUsize>, failing: Option<Random>) -> Step {
    let failing = failing.map(Mutex::new);
    Arc::new(move || {
        let (fuse, at_pods) = (fuse.clone(), at_pods.clone());
        let fails = failing.as_ref().is_some_and(|dice| dice.lock().unwrap().below(FAILING) == 0);
        let taken = async move {
            if fuse.left.load(Ordering::SeqCst) == 0 {
                at_pods.fetch_add(1, Ordering::SeqCst);
            }
            fuse.step().await;
            let busy = || kube::core::Status::failure("the API server is busy", "InternalError").with_code(500).boxed();
            if fails { Err(kube::Error::Api(busy())) } else { Ok(()) }
        };
        taken.boxed()
    })
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap()
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

fn is_final(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

fn lives(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && !is_final(pod)
}

fn is_ready(pod: &Pod) -> bool {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    phase(pod) == "Running" && statuses.clone().count() == 1 && statuses.clone().all(|status| status.ready)
}

async fn survive(seed: u64, at_pods: &Arc<AtomicUsize>) -> usize {
    let mut cluster = Cluster::new(seed, at_pods);
    let mut kills = 0;
    while kills < KILLS {
        let fuse = Fuse::new(i64::try_from(cluster.dice.below(160)).unwrap());
        let (kubelet, link) = cluster.process(&fuse, true);
        tokio::select! {
            () = kubelet.run_in_memory(link) => panic!("the node has ended by itself"),
            () = cluster.keep_changing() => {}
            () = fuse.blown.notified() => kills += 1,
        }
    }
    cluster.simulator.control(Control::ClearFaults);
    cluster.create();
    cluster.create();
    cluster.settle().await;
    cluster.money(2);
    cluster.pods.all().iter().for_each(|pod| cluster.delete(pod, false));
    cluster.settle().await;
    assert_eq!(cluster.pods.all(), Vec::<Pod>::new());
    cluster.money(0);
    assert_eq!(cluster.simulator.report().billed("").len(), 1, "what is not ours is untouched");
    kills
}

#[tokio::test(start_paused = true)]
async fn f21_a_node_killed_between_any_two_of_its_steps_leaks_nothing_and_doubles_nothing() {
    let (mut kills, at_pods) = (0, Arc::new(AtomicUsize::new(0)));
    for seed in 0..SEEDS {
        kills += survive(seed, &at_pods).await;
    }
    let at_pods = at_pods.load(Ordering::SeqCst);
    assert!(kills >= 1000 && at_pods >= AT_PODS, "{kills} kills, {at_pods} of them on a step towards the pods");
}
