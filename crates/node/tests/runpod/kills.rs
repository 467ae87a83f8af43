//! The money test with real kills (`virtual-node.md` §5.7): the process dies of SIGKILL while RunPod holds one of its calls,
//! again and again, while pods come and go. The same seed takes the same decisions; the thousand kill points on the
//! test's clock are in `crates/engines/src/runpod/tests/kill.rs`.

use std::collections::BTreeMap;

use runpod_sim::Random;
use serde_json::{Value, json};
use testkit::{Plane, eventually, unique};

use crate::account::{Account, KUBELET, Node, bound_pod, plenty};

const SEED: u64 = 6;
const KILLS: u64 = 20;
const PODS: usize = 32;
const LIST: &str = "GET /v2/pods";
const CREATE: &str = "POST /v2/pods";

/// The pods that are wanted, oldest first.
pub struct Pods {
    pub label: String,
    node: String,
    names: Vec<String>,
    made: usize,
}

// === impl Pods ===

impl Pods {
    pub fn of(node: &Node) -> Self {
        Self { label: unique("rented"), node: node.name.clone(), names: Vec::new(), made: 0 }
    }

    pub async fn make(&mut self, count: usize) {
        let numbers = self.made..self.made + count;
        let names: Vec<String> = numbers.map(|number| format!("{}-{number}", self.label)).collect();
        let labels = json!({"run": self.label});
        let items: Vec<Value> = names.iter().map(|name| bound_pod(name, &self.node, &labels)).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        Plane::current().admin_apply(&list.to_string()).await.out();
        self.made += count;
        self.names.extend(names);
    }

    /// Forced: the object is gone at once, and only the sweep finds what it leaves.
    pub async fn delete(&mut self, index: usize, forced: bool) {
        let name = self.names.remove(index);
        let mut arguments = vec!["delete", "pod", &name, "--wait=false"];
        if forced {
            arguments.extend(["--force", "--grace-period=0"]);
        }
        Plane::current().admin(&arguments).await.out();
    }

    /// Two come; the oldest goes, and one of the youngest, which may not have an instance yet.
    async fn change(&mut self, random: &mut Random, forced: bool) {
        self.make(2).await;
        self.delete(0, forced).await;
        let youngest = usize::try_from(random.below(3)).unwrap();
        self.delete(self.names.len() - 1 - youngest, random.below(4) == 0).await;
    }

    /// Instance by UID, as the pods tell it; nothing before all of them run.
    pub async fn told(&self) -> Result<BTreeMap<String, String>, Value> {
        let selector = format!("run={}", self.label);
        let ran = Plane::current().admin(&["get", "pods", "--selector", &selector, "--output=json"]).await;
        let list: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let mut told = BTreeMap::new();
        for pod in &items {
            let id = pod["metadata"]["annotations"]["runpod.io/pod-id"].as_str().unwrap_or_default();
            let status = &pod["status"]["containerStatuses"][0];
            if status["ready"] != true || status["containerID"] != format!("runpod://{id}") {
                return Err(json!([pod["metadata"]["annotations"], pod["status"]]));
            }
            told.insert(pod["metadata"]["uid"].as_str().unwrap().to_owned(), id.to_owned());
        }
        if told.len() == self.names.len() { Ok(told) } else { Err(json!(told)) }
    }
}

/// Instance by the UID in its name. Two of one pod would be two with one UID: the older would be missing.
fn rented(billed: &[Value]) -> BTreeMap<String, String> {
    let ours = billed.iter().filter_map(|one| Some((one["name"].as_str()?, one["id"].as_str()?)));
    let ours = ours.filter_map(|(name, id)| Some((name.strip_prefix("rgpu-")?.split_once('-')?.1, id)));
    ours.map(|(uid, id)| (uid.to_owned(), id.to_owned())).collect()
}

/// Waits until each pod runs on an instance of its own, and nothing else but the foreign one costs anything.
pub async fn settled(pods: &Pods, account: &Account, node: &Node) {
    eventually("each pod has its instance and each instance its pod", async || -> Result<(), (Value, String)> {
        let told = match pods.told().await {
            Ok(told) => told,
            Err(seen) => return Err((json!([seen, account.report().await["pods"]]), node.log())),
        };
        let billed = account.billed().await;
        let right = rented(&billed) == told && billed.len() == told.len() + 1;
        if right { Ok(()) } else { Err((json!([told, billed]), node.log())) }
    })
    .await;
}

/// Names that were rented under more than once, ever: a name stands for a pod.
pub fn doubled(report: &Value) -> Vec<String> {
    let all = report["pods"].as_array().unwrap();
    let mut names: Vec<&str> = all.iter().filter_map(|one| one["name"].as_str()).collect();
    names.sort_unstable();
    names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned()).collect()
}

/// What the node is doing when it dies: the route whose call is held, how many calls pass before, and whether RunPod
/// still carries out what it never answers.
fn point(kill: u64, random: &mut Random) -> (Option<&'static str>, u64, bool) {
    let (route, skip) = match kill % 4 {
        0 => (Some(CREATE), 0),
        1 => (Some("DELETE /v2/pods/{id}"), 0),
        2 => (Some("GET /v2/pods/{id}"), 0),
        _ => (None, random.below(8)),
    };
    (route, skip, random.below(2) == 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_twenty_times_leaks_nothing_and_doubles_nothing() {
    eprintln!("seed {SEED}");
    let settings = json!({"boot_seconds": 0, "port_seconds": 0, "list_lag_seconds": 1, "quota": plenty()});
    let account = Account::open(KUBELET, &settings).await;
    account.control(&json!({"do": "foreign", "name": "somebody-else"})).await;
    let name = unique("kills");
    let taint = format!("--taint-value={name}");
    let flags = ["--reconcile-interval=1", "--list-lag=3", "--health-server-address=", taint.as_str()];
    let (node, mut random) = (Node::new(&account, &name, &flags), Random::new(SEED));
    let mut pods = Pods::of(&node);
    let mut process = node.start();
    pods.make(PODS).await;
    settled(&pods, &account, &node).await;
    process.kill().await.unwrap();

    for kill in 1..=KILLS {
        let (route, skip, acts) = point(kill, &mut random);
        let effect = json!({"kind": "hang", "acts": acts});
        let fault = json!({"route": route, "skip": skip, "times": 1, "effect": effect});
        account.control(&json!({"do": "fault", "fault": fault})).await;
        let lists = account.calls(Some(LIST), 200).await;
        let mut process = node.start();
        if route == Some(CREATE) {
            // A pod that a process has seen come is rented for at once; an older one only after a look round.
            eventually("the node has been looking for a while", async || {
                let more = account.calls(Some(LIST), 200).await - lists;
                if more >= 4 { Ok(()) } else { Err((more, node.log())) }
            })
            .await;
        }
        let forced = route.is_none() && random.below(2) == 0;
        pods.change(&mut random, forced).await;
        eventually(&format!("seed {SEED}: kill {kill} at {fault}"), async || {
            let held = account.calls(None, 0).await;
            if held == kill { Ok(()) } else { Err((held, node.log())) }
        })
        .await;
        process.kill().await.unwrap();
        account.control(&json!({"do": "clear_faults"})).await;
    }

    let process = node.start();
    settled(&pods, &account, &node).await;
    let selector = format!("run={}", pods.label);
    Plane::current().admin(&["delete", "pods", "--selector", &selector, "--timeout=80s"]).await.out();
    let report = account.report().await;
    let billed = account.billed().await;
    assert_eq!(billed.len(), 1, "seed {SEED}: leaked: {billed:?}");
    assert_eq!(billed[0]["name"], "somebody-else", "what is not ours is untouched");
    assert_eq!(doubled(&report), Vec::<String>::new(), "seed {SEED}: rented twice for one pod");
    assert_eq!(report["violations"], json!([]), "the simulator kept to the official schema");
    node.end(process).await;
}
