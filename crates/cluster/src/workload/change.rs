//! Changes of workloads that run, with the token of the person who asks.

use domain::manifest::stale;
use domain::namespace::KubernetesName;
use domain::sku::SKU_LABEL;
use domain::workload::{Revision, WorkloadKind, WorkloadPatch};
use domain::{Code, Error, Result};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams, ValidationDirective};
use serde_json::Value;

use super::{call, resource};
use crate::tenant::objects::FIELD_MANAGER;

const REVISION: &str = "deployment.kubernetes.io/revision";

/// Sends a patch.
pub(crate) async fn patch(
    client: Client,
    tenant: &KubernetesName,
    kind: WorkloadKind,
    name: &str,
    patch: &WorkloadPatch,
) -> Result<()> {
    let (api, params) = (api(client, tenant, kind), PatchParams::default());
    let done = match patch {
        WorkloadPatch::Strategic(value) => {
            call("changing a workload", api.patch(name, &params, &Patch::Strategic(value))).await
        }
        WorkloadPatch::Json(operations) => {
            let operations = serde_json::from_value(operations.clone()).map_err(Error::internal)?;
            call("changing a workload", api.patch(name, &params, &Patch::Json::<()>(operations))).await
        }
    };
    done.map(drop)
}

/// The templates that a Deployment's ReplicaSets still hold, newest first.
pub(crate) async fn revisions(client: Client, tenant: &KubernetesName, name: &str) -> Result<Vec<(Revision, Value)>> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), tenant.as_str());
    let deployment = call("reading a Deployment", deployments.get(name)).await?;
    let sets: Api<ReplicaSet> = Api::namespaced(client, tenant.as_str());
    let sets = call("listing ReplicaSets", sets.list(&ListParams::default())).await?;
    let now = revision_of(deployment.metadata.annotations.as_ref());
    let owned = |set: &&ReplicaSet| {
        let owners = set.metadata.owner_references.iter().flatten();
        owners.into_iter().any(|owner| Some(&owner.uid) == deployment.metadata.uid.as_ref())
    };
    let mut found: Vec<_> = sets.items.iter().filter(owned).filter_map(|set| read(set, now)).collect();
    found.sort_by_key(|(revision, _)| std::cmp::Reverse(revision.revision));
    Ok(found)
}

/// The whole object.
pub(crate) async fn object(
    client: Client,
    tenant: &KubernetesName,
    kind: WorkloadKind,
    name: &str,
) -> Result<Option<Value>> {
    let found = call("reading a workload", api(client, tenant, kind).get_opt(name)).await?;
    found.map(|object| serde_json::to_value(object).map_err(Error::internal)).transpose()
}

/// Puts an object in its place.
///
/// # Errors
/// `conflict` when its version is no longer the newest; [`Error::Invalid`] for what the API server cannot read.
pub(crate) async fn replace(
    client: Client,
    tenant: &KubernetesName,
    kind: WorkloadKind,
    object: &Value,
    dry_run: bool,
) -> Result<Value> {
    let wanted: DynamicObject = serde_json::from_value(object.clone())
        .map_err(|error| Error::field("manifest", "invalid", format!("Not an object of Kubernetes: {error}")))?;
    let name = wanted.metadata.name.clone().unwrap_or_default();
    let params = PostParams { dry_run, ..PostParams::default() };
    let done = call("replacing a workload", api(client, tenant, kind).replace(&name, &params, &wanted)).await;
    let object = done.map_err(|error| if error.code() == Code::Conflict { stale() } else { error })?;
    serde_json::to_value(object).map_err(Error::internal)
}

/// Makes an object or changes what is there, by server-side apply under the name that the dry run used.
///
/// # Errors
/// `admission_denied`; `conflict` with the fields that somebody else manages, unless they are to be taken over;
/// [`Error::Invalid`] for what the API server cannot read.
pub(crate) async fn apply(
    client: Client,
    tenant: &KubernetesName,
    kind: WorkloadKind,
    object: &Value,
    take_over: bool,
) -> Result<()> {
    let resource = resource(kind);
    let mut object = object.clone();
    // An apply insists on all three; who leaves them out means these.
    object["apiVersion"] = resource.api_version.clone().into();
    object["metadata"]["namespace"] = tenant.as_str().into();
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let api: Api<DynamicObject> = Api::namespaced_with(client, tenant.as_str(), &resource);
    let params = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        force: take_over,
        ..PatchParams::apply(FIELD_MANAGER)
    };
    let done = call("applying a manifest", api.patch(&name, &params, &Patch::Apply(&object))).await;
    done.map(drop)
}

fn api(client: Client, tenant: &KubernetesName, kind: WorkloadKind) -> Api<DynamicObject> {
    Api::namespaced_with(client, tenant.as_str(), &resource(kind))
}

fn read(set: &ReplicaSet, now: Option<u64>) -> Option<(Revision, Value)> {
    let revision = revision_of(set.metadata.annotations.as_ref())?;
    let template = set.spec.as_ref()?.template.as_ref()?;
    let labels = template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    let container = template.spec.as_ref().and_then(|spec| spec.containers.first());
    let made = set.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string());
    let row = Revision {
        revision,
        image: container.and_then(|c| c.image.clone()).unwrap_or_default(),
        sku_code: labels.and_then(|labels| labels.get(SKU_LABEL)).cloned().unwrap_or_default(),
        created_at: made.unwrap_or_default(),
        current: now == Some(revision),
    };
    Some((row, serde_json::to_value(template).ok()?))
}

fn revision_of(annotations: Option<&std::collections::BTreeMap<String, String>>) -> Option<u64> {
    annotations?.get(REVISION)?.parse().ok()
}
