//! Services that ask to be reached from outside, the nodes of all engines, and the pods of the namespaces that ask:
//! each watched once, however many engines there are. While the link is down the last state stands.
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use engines::{ENGINE_LABEL, EXPOSE_HTTP, EXPOSE_LABEL, RUN_BY_FLEET, RUN_BY_LABEL};
use futures::{Stream, StreamExt};
use k8s_openapi::{
    api::core::v1::{Node, Pod, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Resource,
    api::{ListParams, PartialObjectMeta},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::home::in_time;

/// For the first list of a watch.
const LISTED: Duration = Duration::from_secs(10);

/// Engine and name of a node.
type NodeRow = (String, String);
/// Node of a pod that has not ended, and what a Service selects it by.
type PodRow = (String, ObjectMeta);
/// By namespace.
type Pods = BTreeMap<String, Arc<Watched<PodRow>>>;

/// What is asked for at home. Nothing is watched before somebody looks.
pub(super) struct Board {
    client: Client,
    services: OnceLock<Watched<Arc<Service>>>,
    nodes: OnceLock<Watched<NodeRow>>,
    pods: Mutex<Pods>,
}

/// What one watch knows; it ends with this.
struct Watched<T> {
    known: watch::Receiver<Known<T>>,
    _stop: DropGuard,
}

struct Known<T> {
    /// By UID.
    rows: BTreeMap<String, T>,
    /// Whether they were all listed once.
    complete: bool,
}

// === impl Board ===

impl Board {
    pub(super) fn new(client: Client) -> Self {
        Self { client, services: OnceLock::new(), nodes: OnceLock::new(), pods: Mutex::default() }
    }

    /// The Services that ask now.
    ///
    /// # Errors
    /// When the home cluster has not listed them yet.
    pub(super) async fn now(&self) -> Result<Vec<Arc<Service>>> {
        let watched = self.services.get_or_init(|| {
            let config = watcher::Config::default().labels(&format!("{EXPOSE_LABEL}={EXPOSE_HTTP}"));
            Watched::start(watcher(Api::<Service>::all(self.client.clone()), config), service_row)
        });
        watched.read(|rows| rows.values().cloned().collect()).await
    }

    /// Names of an engine's nodes.
    ///
    /// # Errors
    /// As [`Board::now`].
    pub(super) async fn nodes_of(&self, engine: &str) -> Result<Vec<String>> {
        let watched = self.nodes.get_or_init(|| {
            let config = watcher::Config::default().labels(&format!("{RUN_BY_LABEL}={RUN_BY_FLEET}"));
            Watched::start(watcher(Api::<PartialObjectMeta<Node>>::all(self.client.clone()), config), node_row)
        });
        let own = |rows: &BTreeMap<String, NodeRow>| {
            rows.values().filter(|row| row.0 == engine).map(|row| row.1.clone()).collect()
        };
        watched.read(own).await
    }

    /// The pods on these nodes that run or will, of the namespaces where Services ask.
    ///
    /// # Errors
    /// As [`Board::now`].
    pub(super) async fn pods_on(&self, nodes: &[String], namespaces: &BTreeSet<String>) -> Result<Vec<ObjectMeta>> {
        let mut all = Vec::new();
        for pods in self.pods_of(namespaces) {
            let there: Vec<ObjectMeta> = pods
                .read(|rows| rows.values().filter(|row| nodes.contains(&row.0)).map(|row| row.1.clone()).collect())
                .await?;
            all.extend(there);
        }
        Ok(all)
    }

    /// Watches the pods of these namespaces, and of no others any more.
    fn pods_of(&self, namespaces: &BTreeSet<String>) -> Vec<Arc<Watched<PodRow>>> {
        let mut watched = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|namespace, _| namespaces.contains(namespace));
        let watch_pods = |namespace: &String| {
            let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
            Arc::new(Watched::start(watcher(api, watcher::Config::default()), pod_row))
        };
        let of = |namespace: &String| watched.entry(namespace.clone()).or_insert_with(|| watch_pods(namespace)).clone();
        namespaces.iter().map(of).collect()
    }

    /// The Services that ask, listed anew.
    ///
    /// # Errors
    /// When the home cluster does not answer.
    pub(super) async fn asking(&self) -> Result<Vec<Service>> {
        let asking = ListParams::default().labels(&format!("{EXPOSE_LABEL}={EXPOSE_HTTP}"));
        Ok(in_time(Api::<Service>::all(self.client.clone()).list(&asking)).await?.items)
    }

    /// Services of one namespace, to be changed.
    pub(super) fn services_in(&self, namespace: &str) -> Api<Service> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

// === impl Watched ===

impl<T: Send + Sync + 'static> Watched<T> {
    /// Keeps what `row` makes of each object.
    fn start<K, S>(events: S, row: fn(K) -> Option<T>) -> Self
    where
        K: Resource + Send + 'static,
        S: Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    {
        let (sender, known) = watch::channel(Known::default());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = follow(events, &sender, row) => {}
            }
        });
        Self { known, _stop: stop.drop_guard() }
    }

    /// Waits for the first list.
    async fn read<R>(&self, read: impl FnOnce(&BTreeMap<String, T>) -> R) -> Result<R> {
        let mut known = self.known.clone();
        let listed = timeout(LISTED, known.wait_for(|known| known.complete)).await;
        let listed = listed.map_err(|_| anyhow!("The cluster does not answer"))?.context("The watch has ended")?;
        Ok(read(&listed.rows))
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), complete: false }
    }
}

/// Keeps the rows in step. What a new list does not have any more went while nobody watched.
async fn follow<K, T, S>(events: S, sender: &watch::Sender<Known<T>>, row: fn(K) -> Option<T>)
where
    K: Resource,
    S: Stream<Item = Result<Event<K>, watcher::Error>>,
{
    let mut events = pin!(events.default_backoff());
    let mut listed = BTreeMap::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => put(&mut listed, object, row),
            Ok(Event::InitDone) => {
                let rows = std::mem::take(&mut listed);
                sender.send_modify(|known| *known = Known { rows, complete: true });
            }
            Ok(Event::Apply(object)) => sender.send_modify(|known| put(&mut known.rows, object, row)),
            Ok(Event::Delete(object)) => {
                let uid = object.meta().uid.as_deref().unwrap_or_default();
                sender.send_modify(|known| drop(known.rows.remove(uid)));
            }
            Err(error) => tracing::warn!(%error, "Watching what asks to be exposed failed; trying again"),
        }
    }
}

fn put<K: Resource, T>(rows: &mut BTreeMap<String, T>, object: K, row: fn(K) -> Option<T>) {
    let Some(uid) = object.meta().uid.clone() else { return };
    match row(object) {
        Some(row) => rows.insert(uid, row),
        None => rows.remove(&uid),
    };
}

fn service_row(mut service: Service) -> Option<Arc<Service>> {
    service.metadata.managed_fields = None;
    Some(Arc::new(service))
}

fn node_row(node: PartialObjectMeta<Node>) -> Option<NodeRow> {
    let ObjectMeta { name, labels, .. } = node.metadata;
    Some((labels?.remove(ENGINE_LABEL)?, name?))
}

/// Nobody sends anything to a pod that has ended.
fn pod_row(pod: Pod) -> Option<PodRow> {
    let phase = pod.status.and_then(|status| status.phase);
    if phase.is_some_and(|phase| phase == "Succeeded" || phase == "Failed") {
        return None;
    }
    let ObjectMeta { uid, namespace, labels, .. } = pod.metadata;
    Some((pod.spec?.node_name?, ObjectMeta { uid, namespace, labels, ..ObjectMeta::default() }))
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, node: Option<&str>, phase: &str) -> Pod {
        let metadata = json!({"uid": uid, "name": uid, "namespace": "team", "annotations": {"much": "more"}});
        let spec = json!({"nodeName": node, "containers": []});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": {"phase": phase}})).unwrap()
    }

    /// UIDs and nodes after these events, and whether they count.
    async fn seen(events: Vec<Event<Pod>>) -> (Vec<(String, String)>, bool) {
        let sender = watch::Sender::new(Known::default());
        follow(stream::iter(events.into_iter().map(Ok)), &sender, pod_row).await;
        let known = sender.borrow();
        (known.rows.iter().map(|(uid, row)| (uid.clone(), row.0.clone())).collect(), known.complete)
    }

    fn on(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(uid, node)| ((*uid).to_owned(), (*node).to_owned())).collect()
    }

    #[tokio::test]
    async fn pods_that_have_a_node_and_have_not_ended_are_kept() {
        let listed = || vec![Event::Init, Event::InitApply(pod("a", Some("n"), "Running"))];
        assert_eq!(seen(listed()).await, (Vec::new(), false), "the list is not complete yet");
        let mut events = listed();
        events.extend([
            Event::InitDone,
            Event::Apply(pod("b", None, "Pending")),
            Event::Apply(pod("c", Some("m"), "Pending")),
        ]);
        assert_eq!(seen(events.clone()).await, (on(&[("a", "n"), ("c", "m")]), true));
        events.extend([Event::Apply(pod("a", Some("n"), "Failed")), Event::Delete(pod("c", Some("m"), "Running"))]);
        assert_eq!(seen(events).await, (Vec::new(), true));
    }

    #[tokio::test]
    async fn what_went_while_nobody_watched_is_gone_with_the_next_complete_list() {
        let mut events =
            vec![Event::Init, Event::InitApply(pod("a", Some("n"), "Running")), Event::InitDone, Event::Init];
        assert_eq!(seen(events.clone()).await.0, on(&[("a", "n")]), "until that it stands");
        events.extend([Event::InitApply(pod("b", Some("n"), "Running")), Event::InitDone]);
        assert_eq!(seen(events).await.0, on(&[("b", "n")]));
    }

    #[tokio::test]
    async fn pods_are_watched_once_for_all_engines_and_only_where_services_ask() {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        // Nobody answers there.
        let mut nowhere = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
        nowhere.root_cert = Some(Vec::new());
        let board = Board::new(Client::try_from(nowhere).unwrap());
        let of = |all: &[&str]| board.pods_of(&all.iter().map(|name| (*name).to_owned()).collect());
        let (first, second) = (of(&["a", "b"]), of(&["a", "b"]));
        assert!(first.iter().zip(&second).all(|(one, other)| Arc::ptr_eq(one, other)));
        assert!(Arc::ptr_eq(&first[0], &of(&["a"])[0]));
        assert!(!Arc::ptr_eq(&first[1], &of(&["a", "b"])[1]), "its watch had ended with the last Service there");
    }
}
