//! The node's Lease: 40 seconds, renewed every 10, owned by the Node object.
//! It says that this process can serve the cluster; trouble of the engine is told by the Ready condition instead.
use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::{coordination::v1::Lease, core::v1::Node},
    apimachinery::pkg::apis::meta::v1::{MicroTime, OwnerReference},
};
use kube::{Api, api::PostParams};
use tokio::time::MissedTickBehavior;

use crate::kubelet::Shared;

pub(crate) const NAMESPACE: &str = "kube-node-lease";
const DURATION_SECONDS: i32 = 40;
const RENEW: Duration = Duration::from_secs(10);

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(RENEW);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = None;
    loop {
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        match tokio::time::timeout(RENEW, renew(&shared, known.take())).await {
            Ok(Ok(None)) => interval.reset_after(Duration::from_secs(1)),
            Ok(Ok(lease)) => known = lease,
            Ok(Err(error)) => {
                tracing::warn!(%error, "Renewing the Lease failed; trying again");
                interval.reset_after(Duration::from_secs(2));
            }
            Err(_) => tracing::warn!("The API server did not answer in time to renew the Lease"),
        }
    }
}

/// Renews the Lease, or makes it; `None` while there is no Node to own it.
async fn renew(shared: &Shared, known: Option<Lease>) -> Result<Option<Lease>, kube::Error> {
    let api: Api<Lease> = Api::namespaced(shared.client.clone(), NAMESPACE);
    let name = &shared.config.name;
    let found = match known {
        Some(lease) => Some(lease),
        None => api.get_opt(name).await?,
    };
    let mut lease = match found {
        Some(lease) => lease,
        None => {
            let nodes: Api<Node> = Api::all(shared.client.clone());
            let Some(node) = nodes.get_opt(name).await? else { return Ok(None) };
            return api.create(&PostParams::default(), &new_lease(&node)).await.map(Some);
        }
    };
    lease.spec.get_or_insert_default().renew_time = Some(MicroTime(Timestamp::now()));
    match api.replace(name, &PostParams::default(), &lease).await {
        Ok(lease) => Ok(Some(lease)),
        // Gone with its Node, or written by another hand: looked at afresh.
        Err(kube::Error::Api(error)) if error.code == 404 || error.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}

fn new_lease(node: &Node) -> Lease {
    let name = node.metadata.name.clone().unwrap_or_default();
    let mut lease = Lease::default();
    lease.metadata.name = Some(name.clone());
    lease.metadata.namespace = Some(NAMESPACE.into());
    lease.metadata.owner_references = Some(vec![OwnerReference {
        api_version: "v1".into(),
        kind: "Node".into(),
        name: name.clone(),
        uid: node.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    }]);
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(name);
    spec.lease_duration_seconds = Some(DURATION_SECONDS);
    spec.renew_time = Some(MicroTime(Timestamp::now()));
    lease
}
