//! Two processes with one node's name: one acts, the other waits and takes over, and no pod is ever rented for twice. Killed,
//! ended by signal, and with the Lease taken away.

use serde_json::{Value, json};
use testkit::{Plane, eventually, in_time, unique};
use tokio::process::{Child, Command};

use crate::account::{Account, KUBELET, Node, free_port, plenty};
use crate::kills::{Pods, doubled, settled};

/// A process that bears the node's name, and where it answers probes.
struct Twin {
    node: Node,
    identity: String,
    probes: u16,
}

// === impl Twin ===

impl Twin {
    fn new(account: &Account, name: &str, which: &str) -> Self {
        let (identity, probes, taint) = (format!("{name}-{which}"), free_port(), format!("--taint-value={name}"));
        let health = format!("--health-server-address=127.0.0.1:{probes}");
        // Shorter than the default, so that the test is; long enough for a busy machine.
        let times = ["--leader-elect-lease-duration=10s", "--leader-elect-renew-deadline=8s"];
        let flags = [
            "--reconcile-interval=1",
            "--list-lag=3",
            "--leader-elect-retry-period=1s",
            taint.as_str(),
            health.as_str(),
        ];
        let node = Node::new(account, name, &[&flags[..], &times[..]].concat()).called(&identity);
        Self { node, identity, probes }
    }

    /// What `/readyz` says: the status and the text.
    async fn ready(&self) -> (String, String) {
        let url = format!("http://127.0.0.1:{}/readyz", self.probes);
        let output = Command::new("curl").args(["-s", "-w", "%{http_code}", &url]).output().await.unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = text.split_off(text.len().saturating_sub(3));
        (status, text)
    }

    async fn leads(&self) {
        eventually("it leads", async || {
            let (status, text) = self.ready().await;
            if status == "200" { Ok(()) } else { Err((status, text, self.node.log())) }
        })
        .await;
        assert_eq!(lease(&self.node.name).await["holderIdentity"], self.identity);
    }

    /// Waits until it says, to people and to probes, that `other` acts and it does not.
    async fn waits_for(&self, other: &Self) {
        let line = format!("{} leads the node {}: this process waits", other.identity, self.node.name);
        eventually("it waits for its turn", async || {
            let (seen, log) = (self.ready().await, self.node.log());
            let waits = seen.0 == "503" && seen.1.contains("another process leads this node") && log.contains(&line);
            if waits { Ok(()) } else { Err((seen, log)) }
        })
        .await;
        let url = format!("http://127.0.0.1:{}/healthz", self.probes);
        let alive = Command::new("curl").args(["-sf", &url]).output().await.unwrap();
        assert!(alive.status.success(), "who waits is alive");
    }
}

/// How many instances this process has rented, by its own count.
async fn rented(twin: &Twin) -> Option<u64> {
    let labels = r#"route="POST /v2/pods",status="201""#;
    twin.node.figure("remotegpu_node_provider_calls_total", labels).await
}

/// What stands in the Lease of the lead.
async fn lease(node: &str) -> Value {
    let name = format!("{node}.leader");
    let ran = Plane::current().admin(&["get", "lease", &name, "--namespace=kube-node-lease", "--output=json"]).await;
    serde_json::from_str::<Value>(&ran.stdout).unwrap_or_default()["spec"].clone()
}

async fn terminated(mut process: Child) {
    let id = process.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let ended = in_time("the process ends on SIGTERM", process.wait()).await;
    assert!(ended.unwrap().success(), "an end that was asked for is no failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_with_one_name_one_rents_and_the_other_takes_over_what_runs() {
    let plane = Plane::current();
    let settings = json!({"boot_seconds": 0, "port_seconds": 0, "list_lag_seconds": 1, "quota": plenty()});
    let account = Account::open(KUBELET, &settings).await;
    account.control(&json!({"do": "foreign", "name": "somebody-else"})).await;
    let name = unique("twins");
    let (first, second) = (Twin::new(&account, &name, "first"), Twin::new(&account, &name, "second"));
    let mut leader = first.node.started().await;
    first.leads().await;
    let successor = second.node.start();
    second.waits_for(&first).await;
    let mut pods = Pods::of(&first.node);
    pods.make(4).await;
    settled(&pods, &account, &first.node).await;
    let before = pods.told().await.unwrap();
    assert_eq!(rented(&first).await, Some(4));

    // Killed: the other waits until the Lease has run out, then adopts what runs.
    leader.kill().await.unwrap();
    pods.make(2).await;
    settled(&pods, &account, &second.node).await;
    second.leads().await;
    let after = pods.told().await.unwrap();
    assert_eq!(rented(&second).await, Some(2), "only what nobody had rented");
    assert!(before.iter().all(|(uid, id)| after.get(uid) == Some(id)), "{before:?} {after:?}");

    // Ended by signal: it gives the Lease back, and the first goes on.
    let mut leader = first.node.start();
    first.waits_for(&second).await;
    terminated(successor).await;
    assert!(second.node.log().contains("The lead is given back"), "{}", second.node.log());
    first.leads().await;
    pods.make(1).await;
    settled(&pods, &account, &first.node).await;
    let adopted = pods.told().await.unwrap();
    assert!(after.iter().all(|(uid, id)| adopted.get(uid) == Some(id)), "{after:?} {adopted:?}");
    let changes = lease(&name).await["leaseTransitions"].clone();
    assert_eq!(changes, 2, "from the first to the second and back");

    let selector = format!("run={}", pods.label);
    plane.admin(&["delete", "pods", "--selector", &selector, "--timeout=80s"]).await.out();
    assert_eq!(account.billed().await.len(), 1, "nothing of ours costs anything any more");
    let report = account.report().await;
    assert_eq!(doubled(&report), Vec::<String>::new(), "rented twice for one pod");
    assert_eq!(report["violations"], json!([]), "the simulator kept to the official schema");

    // Taken away: the process acts no longer and says why.
    let lead = format!("{name}.leader");
    let theirs = json!({"spec": {"holderIdentity": "another-machine"}}).to_string();
    let patch = ["patch", "lease", lead.as_str(), "--namespace=kube-node-lease", "--type=merge", "--patch"];
    plane.admin(&[&patch[..], &[theirs.as_str()]].concat()).await.out();
    assert_eq!(in_time("whose lead was taken ends", leader.wait()).await.unwrap().code(), Some(1));
    let log = first.node.log();
    assert!(
        log.contains(&format!("leads the node {name} no longer")) && log.contains("another-machine holds it"),
        "{log}"
    );
    plane.admin(&["delete", "node", &name]).await.out();
    plane.admin(&["delete", "lease", &lead, "--namespace=kube-node-lease"]).await.out();
}
