//! Usage records while the console is killed, for real and again and again: each pod is charged once, from the second in
//! which its container began to the second in which it ended, as the cluster tells both. When a kill strikes comes from a
//! seed; `crates/store/tests/contract/meter.rs` does the same in one process with thousands of lives.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Client, Plane, TestApp, eventually, local_image};

use crate::{CONSOLE, usage};

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const LIVES: usize = 5;
// Lives two seconds at least, so that its end is another second than its start; then until it is told to end.
const PROGRAM: &str = "sleep 2; while [ ! -e /end ]; do sleep 1; done";

/// Numbers from a seed (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// When the console is killed in the life of a pod.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kill {
    Begins,
    Runs,
    Ends,
}

struct Room {
    app: TestApp,
    since: Timestamp,
    member: Client,
    namespace: String,
    up: bool,
}

impl Room {
    async fn new() -> Self {
        let since = Timestamp::now();
        let app = TestApp::start(CONSOLE).await;
        let member = app.operator().await;
        let namespace = app.namespace(&member).await["kubernetes_name"].as_str().unwrap().to_owned();
        Self { app, since, member, namespace, up: true }
    }

    /// Does something in the cluster, and kills the console at whatever point it has come to meanwhile.
    async fn struck(&mut self, deed: impl Future<Output = ()>, kill: bool) {
        if kill && self.up {
            self.up = false;
            tokio::join!(deed, self.app.kill());
        } else {
            deed.await;
        }
    }

    async fn revived(&mut self) {
        if !self.up {
            self.app.restart().await;
            self.up = true;
        }
    }

    async fn lives(&mut self, name: &str, kill: Kill, dice: &mut Dice) {
        let (plane, namespace) = (self.app.plane, self.namespace.clone());
        self.struck(begun(plane, &namespace, name), kill == Kill::Begins).await;
        if kill == Kill::Runs {
            eventually("its record is open", async || {
                let spans = self.spans().await;
                if spans.iter().any(|(pod, _)| pod == name) { Ok(()) } else { Err(spans) }
            })
            .await;
            self.app.kill().await;
            self.up = false;
        }
        if dice.roll(2) == 0 {
            self.revived().await;
        }
        self.struck(ended(plane, &namespace, name), kill == Kill::Ends || dice.roll(2) == 0).await;
        self.revived().await;
    }

    /// Pod, start and end of each record.
    async fn spans(&self) -> Vec<(String, (String, String))> {
        let text = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
        let span = |record: &Value| (text(record, "pod"), (text(record, "started_at"), text(record, "ended_at")));
        usage::records(&self.member, self.since).await.iter().map(span).collect()
    }

    async fn seconds(&self) -> i64 {
        usage::sums(&self.member, self.since).await["seconds"].as_i64().unwrap()
    }
}

async fn pod(plane: &Plane, namespace: &str, name: &str) -> Value {
    let ran = plane.admin(&["get", "pod", name, "--namespace", namespace, "--output=json"]).await;
    serde_json::from_str(&ran.stdout).unwrap_or_default()
}

async fn begun(plane: &Plane, namespace: &str, name: &str) {
    let container = json!({"name": "app", "image": local_image().await, "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", PROGRAM]});
    let manifest = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"remotegpu.ai/sku-code": "cpu-shared-8g"}},
        "spec": {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}});
    plane.admin_apply(&manifest.to_string()).await.out();
    eventually(&format!("{name} runs"), async || {
        let pod = pod(plane, namespace, name).await;
        if pod["status"]["phase"] == "Running" { Ok(()) } else { Err(pod["status"].clone()) }
    })
    .await;
}

async fn ended(plane: &Plane, namespace: &str, name: &str) {
    plane.admin(&["exec", name, "--namespace", namespace, "--", "touch", "/end"]).await.out();
    eventually(&format!("{name} has ended"), async || {
        let pod = pod(plane, namespace, name).await;
        if pod["status"]["phase"] == "Succeeded" { Ok(()) } else { Err(pod["status"].clone()) }
    })
    .await;
}

/// When a pod's container began and ended, as Kubernetes tells it.
async fn truth(room: &Room, name: &str) -> (String, String) {
    let pod = pod(room.app.plane, &room.namespace, name).await;
    let over = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    let text = |key: &str| over[key].as_str().unwrap_or_default().to_owned();
    (text("startedAt"), text("finishedAt"))
}

fn lasted((start, end): &(String, String)) -> i64 {
    let second = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
    second(end) - second(start)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_is_killed_at_any_moment_charges_each_pod_once_and_to_the_second() {
    let (mut room, mut dice) = (Room::new().await, Dice(SEED));
    let mut happened = BTreeMap::new();
    for number in 0..LIVES {
        let name = format!("life-{number}");
        let kill = [Kill::Begins, Kill::Runs, Kill::Ends][usize::try_from(dice.roll(3)).unwrap()];
        room.lives(&name, kill, &mut dice).await;
        happened.insert(name.clone(), truth(&room, &name).await);
    }
    let spans = eventually("every pod's record has ended", async || {
        let spans = room.spans().await;
        let over = spans.len() >= LIVES && spans.iter().all(|(_, (_, end))| !end.is_empty());
        if over { Ok(spans) } else { Err(spans) }
    })
    .await;
    assert_eq!(spans.len(), LIVES, "one record for each pod: {spans:?}");
    assert_eq!(spans.into_iter().collect::<BTreeMap<_, _>>(), happened, "to the second");
    let all: i64 = happened.values().map(lasted).sum();
    assert!(all >= 2 * i64::try_from(LIVES).unwrap());
    assert_eq!(room.seconds().await, all, "the sums follow the records");
}
