//! Whether the cluster at an address is the one that was imported.
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};

use super::error::in_time;

/// Whether another cluster is there than the one of this `uid`, that of its namespace `kube-system`. Nothing is known of one
/// that does not say it, or whose was never told.
pub async fn is_other(client: &Client, uid: &str) -> bool {
    if uid.is_empty() {
        return false;
    }
    let api: Api<Namespace> = Api::all(client.clone());
    let found = in_time(api.get_metadata("kube-system")).await;
    found.is_ok_and(|found| found.metadata.uid.is_some_and(|found| found != uid))
}
