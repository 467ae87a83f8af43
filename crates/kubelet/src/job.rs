//! The Job that a pod belongs to: its annotations count where the pod has none of its own.
//! They may forbid places and prices, so nothing is rented for a pod whose Job cannot be read.
use std::collections::BTreeMap;

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::Api;

use crate::{env::Problem, kubelet::Shared};

/// The annotations of the owning Job, if its UID is still the one that the pod names.
///
/// # Errors
/// The Job could not be read: nothing is concluded.
pub(crate) async fn annotations(shared: &Shared, pod: &Pod) -> Result<BTreeMap<String, String>, Problem> {
    let owners = pod.metadata.owner_references.iter().flatten();
    let Some(owner) = owners.into_iter().find(|owner| owner.kind == "Job" && owner.api_version.starts_with("batch/"))
    else {
        return Ok(BTreeMap::new());
    };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let found = Api::<Job>::namespaced(shared.client.clone(), namespace).get_opt(&owner.name).await;
    let found = found.map_err(|error| {
        let message = format!("The annotations of Job {} could not be read: {error}", owner.name);
        Problem { reason: "FailedToReadJob".into(), message }
    })?;
    let job = found.filter(|job| job.metadata.uid.as_deref() == Some(&owner.uid));
    Ok(job.and_then(|job| job.metadata.annotations).unwrap_or_default())
}
