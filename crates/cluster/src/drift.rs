//! Notices when somebody else changes or deletes what we apply into tenant namespaces.
//! Our own applies and Kubernetes' status writes are not drift: they must not wake the reconciler.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use domain::credential::ACCESS_NAMESPACE;
use domain::id::NamespaceId;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::{LimitRange, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::Api;
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Client, Resource};
use tokio_util::sync::CancellationToken;

use crate::tenant::objects::{ACCOUNT_ID, FIELD_MANAGER, NAMESPACE_ID};
use crate::watch::changes::Changes;
use crate::watch::run;
use crate::watch::tracker::{Mark, Tracker};

/// Tenant namespaces that drifted.
#[derive(Default)]
pub(crate) struct Drift {
    changes: Changes<NamespaceId>,
}

// === impl Drift ===

impl Drift {
    /// Ids of namespaces to look at; endless.
    pub fn changes(&self) -> BoxStream<'static, NamespaceId> {
        self.changes.listen()
    }

    /// Tells the reconciler.
    pub fn report(&self, ids: Vec<NamespaceId>) {
        self.changes.publish(ids);
    }
}

/// Watches the metadata of the kinds that nobody else in this crate watches.
pub(crate) fn watch(reconciler: &Client, drift: &Arc<Drift>, shutdown: &CancellationToken) {
    follow::<LimitRange>("LimitRanges", reconciler, drift, shutdown);
    follow::<NetworkPolicy>("NetworkPolicies", reconciler, drift, shutdown);
    follow::<ServiceAccount>("default ServiceAccounts", reconciler, drift, shutdown);
}

/// Objects that belong to a tenant namespace.
pub(crate) fn of_tenants() -> watcher::Config {
    watcher::Config::default().labels(NAMESPACE_ID)
}

fn follow<K>(what: &'static str, client: &Client, drift: &Arc<Drift>, shutdown: &CancellationToken)
where
    K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    // Keys' accounts bear the label too; the identity watch looks after them.
    let config = of_tenants().fields(&format!("metadata.namespace!={ACCESS_NAMESPACE}"));
    let (drift, mut tracker) = (drift.clone(), Tracker::default());
    let events = watcher(Api::<PartialObjectMeta<K>>::all(client.clone()), config);
    run(what, events, shutdown, move |event| drift.report(tracker.feed(&event, mark)));
}

/// Whose an object is, and a fingerprint of who wrote which of its fields.
///
/// Server-side apply keeps that record for us: a write by somebody else adds an entry of theirs and takes fields from
/// ours. The time of our own entry is left out, and so is everything on the status.
pub(crate) fn mark(meta: &ObjectMeta) -> Option<Mark<NamespaceId>> {
    let id = meta.labels.as_ref()?.get(NAMESPACE_ID)?;
    let mut hasher = DefaultHasher::new();
    (&meta.uid, meta.deletion_timestamp.is_some()).hash(&mut hasher);
    meta.labels.as_ref().and_then(|labels| labels.get(ACCOUNT_ID)).hash(&mut hasher);
    for entry in meta.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none()) {
        hash_entry(entry, &mut hasher);
    }
    Some((NamespaceId::parse(id).ok()?, hasher.finish()))
}

fn hash_entry(entry: &ManagedFieldsEntry, hasher: &mut DefaultHasher) {
    (&entry.manager, &entry.operation).hash(hasher);
    entry.fields_v1.as_ref().map(|fields| fields.0.to_string()).hash(hasher);
    if entry.manager.as_deref() != Some(FIELD_MANAGER) {
        entry.time.as_ref().map(|time| time.0.as_nanosecond()).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hash(entries: serde_json::Value) -> u64 {
        let meta: ObjectMeta = serde_json::from_value(json!({
            "uid": "u",
            "labels": {NAMESPACE_ID: "019c1b2e-7f00-7abc-8def-0123456789ab"},
            "managedFields": entries,
        }))
        .unwrap();
        mark(&meta).unwrap().1
    }

    fn entry(manager: &str, fields: serde_json::Value, second: u32, subresource: Option<&str>) -> serde_json::Value {
        let mut entry = json!({
            "manager": manager, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": fields, "time": format!("2026-01-01T00:00:{second:02}Z"),
        });
        if let Some(subresource) = subresource {
            entry["subresource"] = json!(subresource);
        }
        entry
    }

    #[test]
    fn our_own_applies_and_status_writes_are_no_drift() {
        let ours = |second| entry("remotegpu", json!({"f:spec": {"f:hard": {}}}), second, None);
        let before = hash(json!([ours(1)]));
        assert_eq!(before, hash(json!([ours(2)])));
        let status = entry("kube-controller-manager", json!({"f:status": {}}), 3, Some("status"));
        assert_eq!(before, hash(json!([ours(1), status])));
    }

    #[test]
    fn a_foreign_write_is_drift_each_time() {
        let ours = entry("remotegpu", json!({"f:spec": {"f:hard": {}}}), 1, None);
        let foreign = |second| entry("kubectl-edit", json!({"f:spec": {"f:hard": {"f:pods": {}}}}), second, None);
        let (one, two) = (hash(json!([ours, foreign(2)])), hash(json!([ours, foreign(3)])));
        assert_ne!(hash(json!([ours])), one);
        assert_ne!(one, two);
    }
}
