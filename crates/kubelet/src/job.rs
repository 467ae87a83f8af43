//! The Job that a pod belongs to: its annotations count where the pod has none of its own.
//! A Job that cannot be read is said in an event; it never passes for one without annotations in silence.
use std::collections::BTreeMap;

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::Api;

use crate::{events::about, kubelet::Shared};

/// The annotations of the owning Job, if its UID is still the one that the pod names.
pub(crate) async fn annotations(shared: &Shared, pod: &Pod) -> BTreeMap<String, String> {
    let owners = pod.metadata.owner_references.iter().flatten();
    let Some(owner) = owners.into_iter().find(|owner| owner.kind == "Job" && owner.api_version.starts_with("batch/"))
    else {
        return BTreeMap::new();
    };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    match Api::<Job>::namespaced(shared.client.clone(), namespace).get_opt(&owner.name).await {
        Ok(Some(job)) if job.metadata.uid.as_deref() == Some(&owner.uid) => {
            job.metadata.annotations.unwrap_or_default()
        }
        Ok(_) => BTreeMap::new(),
        Err(error) => {
            let message = format!("The annotations of Job {} could not be read: {error}", owner.name);
            shared.events.warning(about(pod), "JobUnreadable", message);
            BTreeMap::new()
        }
    }
}
