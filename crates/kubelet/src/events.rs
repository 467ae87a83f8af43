//! Kubernetes Events about pods: said once, counted when repeated, limited in rate, and never in the way of the work.
//! Events that cannot be written are dropped: the pod's status says the same.
use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference, Pod};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::{sync::mpsc, time::Instant};

use crate::status::seconds;

/// Events waiting to be written; more are dropped.
const WAITING: usize = 512;
/// Repeats within this time are counted on the first event, at most once per [`RECOUNT`].
const SAME: Duration = Duration::from_secs(600);
/// A repeat is written at most this often.
const RECOUNT: Duration = Duration::from_secs(60);
/// Said things that are remembered.
const REMEMBERED: usize = 4096;
/// Events a second, on average and at once: ten thousand pods must not fill etcd with good news.
const RATE: f64 = 10.0;
const BURST: f64 = 100.0;

/// The mouth of the node; cheap to clone.
#[derive(Clone)]
pub(crate) struct Events {
    sender: mpsc::Sender<Said>,
}

struct Said {
    about: ObjectReference,
    warning: bool,
    reason: String,
    message: String,
}

struct Known {
    name: String,
    count: i32,
    first: Instant,
    written: Instant,
}

// === impl Events ===

impl Events {
    /// Starts the writer; it ends when the last clone is dropped.
    pub(crate) fn start(client: Client, node: String) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(
            Writer { client, node, known: HashMap::new(), credit: BURST, credited: Instant::now() }.run(receiver),
        );
        Self { sender }
    }

    /// Nobody hears it.
    #[cfg(feature = "conformance")]
    pub(crate) fn mute() -> Self {
        Self { sender: mpsc::channel(1).0 }
    }

    pub(crate) fn normal(&self, about: ObjectReference, reason: &str, message: impl Into<String>) {
        self.say(about, false, reason, message.into());
    }

    pub(crate) fn warning(&self, about: ObjectReference, reason: &str, message: impl Into<String>) {
        self.say(about, true, reason, message.into());
    }

    fn say(&self, about: ObjectReference, warning: bool, reason: &str, message: String) {
        let said = Said { about, warning, reason: reason.to_owned(), message };
        if self.sender.try_send(said).is_err() {
            tracing::debug!(event.reason = reason, "Dropped an event: too many are waiting");
        }
    }
}

/// What an event about this pod refers to.
pub(crate) fn about(pod: &Pod) -> ObjectReference {
    let meta = &pod.metadata;
    ObjectReference {
        resource_version: meta.resource_version.clone(),
        ..about_pod(&meta.namespace, &meta.name, &meta.uid)
    }
}

/// The same for a pod of which only the marker is known.
pub(crate) fn about_pod(namespace: &Option<String>, name: &Option<String>, uid: &Option<String>) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        namespace: namespace.clone(),
        name: name.clone(),
        uid: uid.clone(),
        ..ObjectReference::default()
    }
}

struct Writer {
    client: Client,
    node: String,
    known: HashMap<(String, String, String), Known>,
    credit: f64,
    credited: Instant,
}

// === impl Writer ===

impl Writer {
    async fn run(mut self, mut receiver: mpsc::Receiver<Said>) {
        while let Some(said) = receiver.recv().await {
            let result = self.write(said).await;
            if let Err(error) = result {
                tracing::debug!(%error, "An event could not be written");
            }
        }
    }

    async fn write(&mut self, said: Said) -> Result<(), kube::Error> {
        let uid = said.about.uid.clone().unwrap_or_default();
        let key = (uid, said.reason.clone(), said.message.clone());
        let namespace = said.about.namespace.clone().unwrap_or_else(|| "default".into());
        let events: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let now = Instant::now();
        self.known.retain(|_, known| now.duration_since(known.first) < SAME);
        if let Some(known) = self.known.get_mut(&key) {
            known.count += 1;
            if now.duration_since(known.written) < RECOUNT {
                return Ok(());
            }
            known.written = now;
            let body = json!({"count": known.count, "lastTimestamp": seconds(Timestamp::now())});
            return events.patch(&known.name, &PatchParams::default(), &Patch::Merge(body)).await.map(drop);
        }
        if !self.may_speak(now, said.warning) || self.known.len() >= REMEMBERED {
            return Ok(());
        }
        let event = self.event(said);
        let name = event.metadata.name.clone().unwrap_or_default();
        self.known.insert(key, Known { name, count: 1, first: now, written: now });
        events.create(&PostParams::default(), &event).await.map(drop)
    }

    /// Good news leaves half of the burst to warnings.
    fn may_speak(&mut self, now: Instant, warning: bool) -> bool {
        let earned = now.duration_since(self.credited).as_secs_f64() * RATE;
        self.credit = (self.credit + earned).min(BURST);
        self.credited = now;
        let enough = self.credit >= if warning { 1.0 } else { BURST / 2.0 };
        if enough {
            self.credit -= 1.0;
        }
        enough
    }

    fn event(&self, said: Said) -> Event {
        let now = seconds(Timestamp::now());
        Event {
            metadata: ObjectMeta {
                name: Some(unique_name(said.about.name.as_deref().unwrap_or("node"))),
                namespace: said.about.namespace.clone(),
                ..ObjectMeta::default()
            },
            involved_object: said.about,
            type_: Some(if said.warning { "Warning" } else { "Normal" }.into()),
            reason: Some(said.reason),
            message: Some(said.message.chars().take(1024).collect()),
            count: Some(1),
            first_timestamp: Some(now.clone()),
            last_timestamp: Some(now),
            source: Some(EventSource { component: Some("remotegpu-kubelet".into()), host: Some(self.node.clone()) }),
            reporting_component: Some("remotegpu-kubelet".into()),
            reporting_instance: Some(self.node.clone()),
            ..Event::default()
        }
    }
}

/// `<object>.<nanoseconds><counter>`, as other writers of events name theirs.
fn unique_name(object: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let nanoseconds = u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default();
    let number = nanoseconds.wrapping_add(COUNTER.fetch_add(1, Ordering::Relaxed));
    format!("{}.{number:016x}", object.chars().take(200).collect::<String>())
}
