//! Keeps the Node object: makes it, watches it, makes it again when somebody deletes it, and reports its health.
//! The taints come with the object itself, so a new node never stands open for a moment.
use std::{pin::pin, sync::Arc, time::Duration};

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher::watch_object},
};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    kubelet::Shared,
    node_object::{Facts, labels, new_node, status_patch, taints},
};

/// Without a change the status is written this often.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// Pause after an error of the API server.
const PAUSE: Duration = Duration::from_secs(2);

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut changes = pin!(watch_object(api(&shared), &shared.config.name).default_backoff());
    let (mut health, mut size) = (shared.health.subscribe(), shared.allocatable.subscribe());
    let (mut orphans, mut unpaid) = (shared.orphans.subscribe(), shared.unpaid.subscribe());
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = tokio::time::sleep_until(due) => {}
            Ok(()) = health.changed() => {}
            Ok(()) = size.changed() => {}
            Ok(()) = orphans.changed() => {}
            Ok(()) = unpaid.changed() => {}
            Some(seen) = changes.next() => match seen {
                Ok(node) => if node.is_some_and(|node| is_ours(&shared, &node)) { continue },
                // It goes on by itself, after a pause.
                Err(error) => {
                    tracing::debug!(%error, "Watching the Node object failed");
                    continue;
                }
            },
        }
        health.mark_unchanged();
        size.mark_unchanged();
        orphans.mark_unchanged();
        unpaid.mark_unchanged();
        let kept = keep(&shared).await;
        if let Err(error) = &kept {
            tracing::warn!(%error, "Keeping the Node object failed; trying again");
        }
        due = Instant::now() + if kept.is_ok() { HEARTBEAT } else { PAUSE };
    }
}

fn api(shared: &Shared) -> Api<Node> {
    Api::all(shared.client.clone())
}

/// One round: the object exists with labels and taints, and its status is current.
async fn keep(shared: &Shared) -> Result<(), kube::Error> {
    let (api, allocatable) = (api(shared), shared.allocatable());
    let name = &shared.config.name;
    let mut node = match api.get_opt(name).await? {
        Some(node) => node,
        None => {
            tracing::info!(node.name = name, "Creating the Node object");
            let new = new_node(&shared.config, shared.provider.kind(), &allocatable);
            api.create(&PostParams::default(), &new).await?
        }
    };
    if !is_ours(shared, &node) {
        node = repair(shared, &api, node).await?;
    }
    let (health, orphans) = (shared.health.borrow().clone(), shared.orphans.borrow().clone());
    let unpaid = shared.unpaid.borrow().clone();
    let facts = Facts {
        config: &shared.config,
        engine: &shared.engine,
        kind: shared.provider.kind(),
        allocatable: &allocatable,
        server_version: &shared.server_version,
        health: &health,
        orphans: &orphans,
        unpaid: unpaid.as_deref(),
        now: Timestamp::now(),
    };
    let patch = Patch::Strategic(status_patch(&facts, Some(&node)));
    api.patch_status(name, &PatchParams::default(), &patch).await.map(drop)
}

fn is_ours(shared: &Shared, node: &Node) -> bool {
    let known = node.metadata.labels.as_ref();
    let labelled = labels(&shared.config).iter().all(|(key, value)| known.and_then(|all| all.get(key)) == Some(value));
    labelled && has_taints(shared, node)
}

fn has_taints(shared: &Shared, node: &Node) -> bool {
    let known = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    taints(&shared.config).iter().all(|wanted| {
        known.iter().any(|one| one.key == wanted.key && one.value == wanted.value && one.effect == wanted.effect)
    })
}

/// Puts back our labels and taints; those of the cluster's own controllers stay.
async fn repair(shared: &Shared, api: &Api<Node>, node: Node) -> Result<Node, kube::Error> {
    let wanted = taints(&shared.config);
    let mut all = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    all.retain(|one| wanted.iter().all(|own| own.key != one.key));
    all.extend(wanted);
    let patch = json!({
        // A list is replaced whole: somebody else's taint of this very moment must not be lost.
        "metadata": {"labels": labels(&shared.config), "resourceVersion": node.metadata.resource_version},
        "spec": {"taints": all},
    });
    api.patch(&shared.config.name, &PatchParams::default(), &Patch::Merge(patch)).await
}
