//! The orphan sweep: instances of this cluster and node without a pod are terminated.
//! Seen in two regular lists and confirmed by a direct read of the API server; without an answer nothing happens.
//! Pods that a list of the API server lacks are asked for in the same way, and a list without any pod ends nothing
//! (`virtual-node.md` §5.4).
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinHandle;

use crate::{Instance, events::about_pod, kubelet::Shared, orphans::Orphans, pods};

/// What a container gets to end in order: its pod, and with it the true grace period, is gone.
const GRACE: Duration = Duration::from_secs(10);
/// Orphans terminated in one go; the rest follow with the next lists.
const AT_ONCE: usize = 50;
/// Instances that may end although the API server has no pod of this node at all: of its last pod there was one.
const LAST: usize = 1;

#[derive(Default)]
pub(crate) struct Sweep {
    suspects: HashSet<String>,
    /// The last round, which may still wait for containers to end.
    round: Option<JoinHandle<()>>,
}

// === impl Sweep ===

impl Sweep {
    /// Takes the instances without a known pod of one regular list.
    pub(crate) fn consider(&mut self, shared: &Arc<Shared>, unknown: Vec<Arc<Instance>>) {
        let by_uid: HashMap<String, Arc<Instance>> =
            unknown.into_iter().map(|instance| (instance.uid.clone(), instance)).collect();
        let mut again: Vec<_> =
            by_uid.values().filter(|instance| self.suspects.contains(&instance.uid)).cloned().collect();
        self.suspects = by_uid.into_keys().collect();
        shared.orphans.send_if_modified(|known| known.forget_but(&self.suspects));
        if is_doubtful(shared, again.len()) {
            return;
        }
        again.truncate(AT_ONCE);
        let is_due = !again.is_empty() || !shared.records.unlisted().is_empty();
        if is_due && self.round.as_ref().is_none_or(JoinHandle::is_finished) {
            self.round = Some(tokio::spawn(round(shared.clone(), again)));
        }
    }
}

async fn round(shared: Arc<Shared>, orphans: Vec<Arc<Instance>>) {
    confirm_missing(shared.clone()).await;
    terminate_all(shared, orphans).await;
}

/// Whether the list of pods is not to be believed: it is empty, and all that runs would end for it. So looks an emptied
/// store, or the wrong cluster.
fn is_doubtful(shared: &Shared, orphans: usize) -> bool {
    let (listed, unlisted) = shared.records.at_stake();
    let stake = orphans + unlisted;
    let doubted = if listed == 0 && stake > LAST { stake } else { 0 };
    let is_news = shared.orphans.send_if_modified(|known| known.doubt(doubted));
    if is_news && doubted > 0 {
        tracing::error!(instances = doubted, "The API server has no pod of this node: nothing is ended for that");
    }
    doubted > 0
}

/// Asks for each pod that the last list lacks: one that is gone was deleted while nobody watched.
pub(crate) async fn confirm_missing(shared: Arc<Shared>) {
    if is_doubtful(&shared, 0) {
        return;
    }
    for uid in shared.records.unlisted() {
        let Some(view) = shared.records.view(&uid) else { continue };
        let meta = &view.pod.metadata;
        let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
        match has_pod(&shared, namespace.unwrap_or_default(), name.unwrap_or_default(), &uid).await {
            Ok(true) => {
                shared.records.set_there(&uid);
                shared.queue.add(uid);
            }
            Ok(false) => pods::remove(&shared, &uid),
            Err(error) => tracing::warn!(pod.uid = %uid, %error, "Could not confirm that a pod is gone; trying again"),
        }
    }
}

async fn terminate_all(shared: Arc<Shared>, orphans: Vec<Arc<Instance>>) {
    // One word to the Node for all of them.
    let mut known = shared.orphans.borrow().clone();
    for orphan in orphans {
        match has_pod(&shared, &orphan.namespace, &orphan.name, &orphan.uid).await {
            Ok(true) => {}
            Ok(false) => terminate(&shared, &orphan, &mut known).await,
            Err(error) => tracing::warn!(pod.uid = orphan.uid, %error, "Could not confirm that an instance has no pod"),
        }
    }
    shared.orphans.send_if_modified(|told| std::mem::replace(told, known.clone()) != known);
}

async fn has_pod(shared: &Shared, namespace: &str, name: &str, uid: &str) -> Result<bool, kube::Error> {
    if name.is_empty() {
        // An instance that says no more than the UID, and no record has that.
        return Ok(shared.pods.uids().await?.iter().any(|known| known == uid));
    }
    let pod = shared.pods.get(namespace, name).await?;
    Ok(pod.is_some_and(|pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        pod.metadata.uid.as_deref() == Some(uid) && node == Some(&shared.config.name)
    }))
}

async fn terminate(shared: &Shared, orphan: &Instance, known: &mut Orphans) {
    let is_named = !orphan.name.is_empty();
    let pod = if is_named { format!("{}/{}", orphan.namespace, orphan.name) } else { format!("UID {}", orphan.uid) };
    match shared.provider.delete(&orphan.uid, GRACE).await {
        Ok(_) => {
            shared.metrics.orphans_terminated.add();
            tracing::warn!(pod.uid = orphan.uid, pod.name = pod, "Terminated an instance without a pod");
            if is_named {
                let (namespace, name) = (Some(orphan.namespace.clone()), Some(orphan.name.clone()));
                let about = about_pod(&namespace, &name, &Some(orphan.uid.clone()));
                shared.events.warning(about, "OrphanTerminated", "An instance without a pod was terminated");
            }
            known.end(&orphan.uid, pod, shared.now());
        }
        Err(error) => {
            tracing::warn!(pod.uid = orphan.uid, %error, "Terminating an instance without a pod failed");
            known.keep(&orphan.uid, pod, error.to_string());
        }
    }
}
