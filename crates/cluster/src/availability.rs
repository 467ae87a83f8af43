//! Writes into each SKU's status how many pods of it fit now: counted from the watched nodes and pods, after each
//! change, patched only when a number differs; and makes the RuntimeClasses and PriorityClasses that follow from SKUs.
//! Several replicas come to the same numbers, so none needs to lead.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Result;
use domain::capacity::{Amounts, NodeRoom, availability};
use domain::sku::{Sku, SkuStatus};
use jiff::Timestamp;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::client::call;
use crate::runtime_class::{self, Classes};
use crate::sku::{Catalogue, api};
use crate::views::Views;
use crate::{priority_class, requests, tenant};

// A rollout of a hundred pods makes hundreds of events: count once for all of them.
const SETTLE: Duration = Duration::from_millis(250);
// Somebody may have changed or deleted what was written: look again even where nothing else changed.
const FORGET: Duration = Duration::from_secs(5 * 60);
// After a failed patch.
const AGAIN: Duration = Duration::from_secs(2);

/// Starts the task.
pub(crate) fn start(client: &Client, catalogue: &Arc<Catalogue>, views: &Arc<Views>, shutdown: &CancellationToken) {
    let (client, catalogue, views) = (client.clone(), catalogue.clone(), views.clone());
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let work = async {
            let (mut mirrored, mut counted_by) = (None, None);
            loop {
                tokio::select! { () = views.capacity.notified() => {}, () = tokio::time::sleep(FORGET) => {} }
                tokio::time::sleep(SETTLE).await;
                // The numbers first: people wait for them.
                let counted = count(&client, &catalogue, &views).await;
                // What was written comes back as a change of a SKU and is counted, and told of, once more.
                views.counted.send_replace(());
                let named = mirror(&client, &catalogue, &mut mirrored).await;
                let marked = mark(&client, &catalogue, &mut counted_by).await;
                if let Err(error) = counted.and(named).and(marked) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "writing what follows from the SKUs failed"
                    );
                    tokio::time::sleep(AGAIN).await;
                    views.capacity.notify_one();
                }
            }
        };
        tokio::select! { () = shutdown.cancelled() => {}, () = work => {} }
    });
}

/// The RuntimeClasses of the SKUs, written when the SKUs come to others than the last time or the last time is long ago.
async fn mirror(client: &Client, catalogue: &Catalogue, last: &mut Option<(Classes, Instant)>) -> Result<()> {
    let Ok(skus) = catalogue.skus() else { return Ok(()) };
    let wanted = runtime_class::wanted(&skus);
    let known = last.as_ref().is_some_and(|(classes, at)| *classes == wanted && at.elapsed() < FORGET);
    if !known {
        runtime_class::apply(client, &wanted).await?;
        *last = Some((wanted, Instant::now()));
    }
    Ok(())
}

/// The PriorityClasses of the SKUs' GPUs, made as RuntimeClasses are; then the SKUs say which of them is theirs.
async fn mark(client: &Client, catalogue: &Catalogue, last: &mut Option<(BTreeSet<String>, Instant)>) -> Result<()> {
    let Ok(skus) = catalogue.skus() else { return Ok(()) };
    let wanted = priority_class::wanted(&skus);
    let known = last.as_ref().is_some_and(|(classes, at)| *classes == wanted && at.elapsed() < FORGET);
    if !known {
        priority_class::apply(client, &wanted).await?;
        *last = Some((wanted, Instant::now()));
    }
    priority_class::mark(client, &skus).await
}

async fn count(client: &Client, catalogue: &Catalogue, views: &Views) -> Result<()> {
    // Half a view would say "all free" or "nothing at all".
    let (Ok(skus), Some(nodes)) = (catalogue.skus(), nodes(views)) else { return Ok(()) };
    let mut result = Ok(());
    for sku in skus.values() {
        let now = availability(sku, &nodes);
        if !same(&sku.status, &now) {
            // One SKU that cannot be written must not hide the numbers of those after it.
            result = tenant::ignore_gone(write(client, sku, &now).await).and(result);
        }
    }
    result
}

/// Nodes with what their pods take.
fn nodes(views: &Views) -> Option<Vec<NodeRoom>> {
    let mut used: HashMap<String, Amounts> = HashMap::new();
    for (_, pod) in views.pods.all()? {
        if let Some(node) = &pod.state.node {
            requests::add(used.entry(node.clone()).or_default(), &pod.taken);
        }
    }
    let with_use = |(name, room): (String, Arc<NodeRoom>)| NodeRoom {
        used: used.remove(&name).unwrap_or_default(),
        ..(*room).clone()
    };
    Some(views.nodes.all()?.into_iter().map(with_use).collect())
}

fn same(old: &SkuStatus, new: &SkuStatus) -> bool {
    old.as_of.is_some() && (old.free, old.total, &old.engines) == (new.free, new.total, &new.engines)
}

async fn write(client: &Client, sku: &Sku, status: &SkuStatus) -> Result<()> {
    let patch = json!({"status": {
        "free": status.free,
        "total": status.total,
        "engines": status.engines,
        "asOf": Timestamp::now().to_string(),
    }});
    let (api, params) = (api(client), PatchParams::default());
    call("writing SKU availability", api.patch_status(&sku.code, &params, &Patch::Merge(&patch))).await.map(drop)
}
