//! The orphan sweep: instances of this cluster and node without a pod are terminated.
//! Seen in two regular lists and confirmed by a direct read of the API server; without an answer nothing happens.
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::task::JoinHandle;

use crate::{Instance, events::about_pod, kubelet::Shared, orphans::Orphans};

/// What a container gets to end in order: its pod, and with it the true grace period, is gone.
const GRACE: Duration = Duration::from_secs(10);
/// Orphans terminated in one go; the rest follow with the next lists.
const AT_ONCE: usize = 50;

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
        let again: Vec<_> =
            by_uid.values().filter(|instance| self.suspects.contains(&instance.uid)).take(AT_ONCE).cloned().collect();
        self.suspects = by_uid.into_keys().collect();
        shared.orphans.send_if_modified(|known| known.forget_but(&self.suspects));
        if !again.is_empty() && self.round.as_ref().is_none_or(JoinHandle::is_finished) {
            self.round = Some(tokio::spawn(terminate_all(shared.clone(), again)));
        }
    }
}

async fn terminate_all(shared: Arc<Shared>, orphans: Vec<Arc<Instance>>) {
    // One word to the Node for all of them.
    let mut known = shared.orphans.borrow().clone();
    for orphan in orphans {
        match has_pod(&shared, &orphan).await {
            Ok(true) => {}
            Ok(false) => terminate(&shared, &orphan, &mut known).await,
            Err(error) => tracing::warn!(pod.uid = orphan.uid, %error, "Could not confirm that an instance has no pod"),
        }
    }
    shared.orphans.send_if_modified(|told| std::mem::replace(told, known.clone()) != known);
}

async fn has_pod(shared: &Shared, orphan: &Instance) -> Result<bool, kube::Error> {
    let pods: Api<Pod> = Api::namespaced(shared.client.clone(), &orphan.namespace);
    let pod = pods.get_opt(&orphan.name).await?;
    Ok(pod.is_some_and(|pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        pod.metadata.uid.as_deref() == Some(&orphan.uid) && node == Some(&shared.config.name)
    }))
}

async fn terminate(shared: &Shared, orphan: &Instance, known: &mut Orphans) {
    let pod = format!("{}/{}", orphan.namespace, orphan.name);
    match shared.provider.delete(&orphan.uid, GRACE).await {
        Ok(_) => {
            shared.metrics.orphans_terminated.add();
            tracing::warn!(pod.uid = orphan.uid, pod.name = pod, "Terminated an instance without a pod");
            let (namespace, name) = (Some(orphan.namespace.clone()), Some(orphan.name.clone()));
            let about = about_pod(&namespace, &name, &Some(orphan.uid.clone()));
            shared.events.warning(about, "OrphanTerminated", "An instance without a pod was terminated");
            known.end(&orphan.uid, pod, Timestamp::now());
        }
        Err(error) => {
            tracing::warn!(pod.uid = orphan.uid, %error, "Terminating an instance without a pod failed");
            known.keep(&orphan.uid, pod, error.to_string());
        }
    }
}
