//! A node on pods in memory: the seeded kill runs stop its process between any two of its calls, thousands of times, which
//! takes no API server (RULINGS 51). Pods are taken in, worked on, written to and let go by the very parts that do it in a
//! cluster; only what has nothing to do with pods is left out: node object, Lease, events, the kubelet API.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::BoxFuture,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Pod, PodStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    core::Status,
    runtime::watcher::{self, Event},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    EngineInfo, Kubelet, PodRef,
    events::Events,
    kubelet::{Around, Shared},
    pod_store::PodStore,
    pods, reports, tick, worker,
};

/// How long a call takes on its way, and its answer on the way back.
const WAY: Duration = Duration::from_millis(5);

/// Awaited before a call is sent, and again before its answer is there; it never returns once the process was killed. An error
/// is what the call fails with: the second time it has been carried out all the same.
pub type Step = Arc<dyn Fn() -> BoxFuture<'static, Result<(), kube::Error>> + Send + Sync>;

/// The pods of one node. They outlive each of its processes.
#[derive(Default)]
pub struct InMemoryPods(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    by_uid: BTreeMap<String, Pod>,
    version: u64,
    watches: Vec<UnboundedSender<Event<Pod>>>,
}

/// What one process of the node has of them.
#[derive(Clone)]
pub struct Link {
    /// The pods.
    pub pods: Arc<InMemoryPods>,
    /// Between them and the process.
    pub step: Step,
    /// The time, which moves with tokio's clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

// === impl InMemoryPods ===

impl InMemoryPods {
    /// Binds a pod to the node. It has its UID, its name and its time of creation already.
    pub fn create(&self, pod: Pod) {
        self.lock().put(pod);
    }

    /// What a user's delete does: the pod is asked to go, or is gone at once if that is forced.
    pub fn delete(&self, uid: &str, forced: bool, now: Timestamp) {
        let mut inner = self.lock();
        if forced {
            inner.remove(uid);
        } else if let Some(mut pod) = inner.by_uid.get(uid).cloned()
            && pod.metadata.deletion_timestamp.is_none()
        {
            pod.metadata.deletion_timestamp = Some(Time(now));
            pod.metadata.deletion_grace_period_seconds = Some(30);
            inner.put(pod);
        }
    }

    /// All that there are, in the order of their UIDs.
    #[must_use]
    pub fn all(&self) -> Vec<Pod> {
        self.lock().by_uid.values().cloned().collect()
    }

    /// All that there are, and what changes from now on.
    fn subscribe(&self) -> (Vec<Pod>, UnboundedReceiver<Event<Pod>>) {
        let mut inner = self.lock();
        let (sender, changes) = unbounded();
        inner.watches.push(sender);
        (inner.by_uid.values().cloned().collect(), changes)
    }

    fn change(&self, uid: &str, change: impl FnOnce(&mut Pod)) -> Result<Pod, kube::Error> {
        let mut inner = self.lock();
        let mut pod = inner.by_uid.get(uid).cloned().ok_or_else(gone)?;
        change(&mut pod);
        Ok(inner.put(pod))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    fn put(&mut self, mut pod: Pod) -> Pod {
        self.version += 1;
        pod.metadata.resource_version = Some(self.version.to_string());
        self.by_uid.insert(pod.metadata.uid.clone().unwrap_or_default(), pod.clone());
        self.tell(&Event::Apply(pod.clone()));
        pod
    }

    fn remove(&mut self, uid: &str) -> Option<()> {
        let mut pod = self.by_uid.remove(uid)?;
        self.version += 1;
        pod.metadata.resource_version = Some(self.version.to_string());
        self.tell(&Event::Delete(pod));
        Some(())
    }

    fn tell(&mut self, event: &Event<Pod>) {
        self.watches.retain(|watch| watch.unbounded_send(event.clone()).is_ok());
    }
}

fn gone() -> kube::Error {
    kube::Error::Api(Status::failure("There is no such pod", "NotFound").with_code(404).boxed())
}

// === impl Link ===

impl Link {
    async fn call<T>(&self, act: impl FnOnce(&InMemoryPods) -> Result<T, kube::Error> + Send) -> Result<T, kube::Error>
    where
        T: Send,
    {
        (self.step)().await?;
        tokio::time::sleep(WAY).await;
        let answer = act(&self.pods);
        tokio::time::sleep(WAY).await;
        (self.step)().await?;
        answer
    }
}

#[async_trait]
impl PodStore for Link {
    fn watch(&self) -> BoxStream<'static, Result<Event<Pod>, watcher::Error>> {
        let link = self.clone();
        let begun = async move {
            // A list that fails is asked for again.
            let listed = loop {
                if let Ok(listed) = link.call(|pods| Ok(pods.subscribe())).await {
                    break listed;
                }
            };
            let (all, changes) = listed;
            let first = std::iter::once(Event::Init).chain(all.into_iter().map(Event::InitApply));
            stream::iter(first.chain(std::iter::once(Event::InitDone))).chain(changes).map(Ok::<_, watcher::Error>)
        };
        stream::once(begun).flatten().boxed()
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Pod>, kube::Error> {
        let is = |pod: &Pod| {
            pod.metadata.namespace.as_deref() == Some(namespace) && pod.metadata.name.as_deref() == Some(name)
        };
        self.call(|pods| Ok(pods.lock().by_uid.values().find(|pod| is(pod)).cloned())).await
    }

    async fn uids(&self) -> Result<Vec<String>, kube::Error> {
        self.call(|pods| Ok(pods.lock().by_uid.keys().cloned().collect())).await
    }

    async fn write_status(&self, pod: &Pod, status: &PodStatus) -> Result<Option<Pod>, kube::Error> {
        if pod.status.as_ref() == Some(status) {
            return Ok(None);
        }
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        self.call(|pods| pods.change(uid, |pod| pod.status = Some(status.clone())).map(Some)).await
    }

    async fn annotate(&self, pod: &PodRef, annotations: &[(String, String)]) -> Result<(), kube::Error> {
        let write =
            |pod: &mut Pod| pod.metadata.annotations.get_or_insert_default().extend(annotations.iter().cloned());
        self.call(|pods| pods.change(&pod.uid, write).map(drop)).await
    }

    async fn remove(&self, pod: &Pod) -> Result<(), kube::Error> {
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        self.call(|pods| pods.lock().remove(uid).ok_or_else(gone)).await
    }
}

// === impl Kubelet ===

impl Kubelet {
    /// Works on these pods until it is dropped. What is then under way ends with its next step at the latest, if steps do not
    /// return any more: so a process is killed.
    pub async fn run_in_memory(self, link: Link) {
        let Self { client, config, provider, .. } = self;
        let shutdown = CancellationToken::new();
        let _killed = shutdown.clone().drop_guard();
        provider.begins();
        let around = Around {
            client,
            clock: link.clock.clone(),
            pods: Arc::new(link),
            events: Events::mute(),
            server_version: String::new(),
        };
        let shared = Arc::new(Shared::new(around, config, provider, EngineInfo::default(), shutdown));
        let mut parts = JoinSet::new();
        parts.spawn(reports::run(shared.clone()));
        parts.spawn(pods::run(shared.clone()));
        parts.spawn(tick::run(shared.clone()));
        parts.spawn(worker::run(shared));
        while let Some(ended) = parts.join_next().await {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}
