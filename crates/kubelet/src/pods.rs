//! The intake: watches the pods of this node and keeps the records in step.
//! A pod missing from a new complete list was deleted while nobody watched, or the list is wrong: the sweep asks.
use std::{collections::HashSet, sync::Arc};

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, runtime::watcher::Event};

use crate::{kubelet::Shared, sweep};

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut events = shared.pods.watch();
    let mut seen = HashSet::new();
    loop {
        let next = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            next = events.try_next() => next,
        };
        match next {
            Ok(Some(event)) => take_in(&shared, event, &mut seen),
            Ok(None) => return,
            Err(error) => tracing::warn!(%error, "Watching the pods of this node failed; trying again"),
        }
    }
}

fn take_in(shared: &Arc<Shared>, event: Event<Pod>, seen: &mut HashSet<String>) {
    match event {
        Event::Init => seen.clear(),
        Event::InitApply(pod) => {
            seen.extend(pod.uid());
            put(shared, pod);
        }
        Event::InitDone => {
            shared.enqueue(shared.records.set_listed(seen));
            *seen = HashSet::new();
            shared.pods_known.cancel();
            tokio::spawn(sweep::confirm_missing(shared.clone()));
        }
        Event::Apply(pod) => put(shared, pod),
        Event::Delete(pod) => {
            // The last state carries the grace period that was asked for.
            put(shared, pod.clone());
            remove(shared, &pod.uid().unwrap_or_default());
        }
    }
}

fn put(shared: &Shared, mut pod: Pod) {
    pod.metadata.managed_fields = None;
    if shared.records.put_pod(&pod)
        && let Some(uid) = pod.metadata.uid
    {
        shared.queue.add(uid.into());
    }
    shared.pods_changed.notify_one();
}

pub(crate) fn remove(shared: &Shared, uid: &str) {
    shared.enqueue(shared.records.mark_removed(uid));
    shared.pods_changed.notify_one();
}
