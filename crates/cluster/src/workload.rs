//! Workloads with the token of the person who asks: the API server decides what they may (RULINGS 34).

pub(crate) mod change;
pub(crate) mod dry_run;
pub(crate) mod state;
pub(crate) mod written;

use std::fmt::Debug;
use std::sync::Arc;

use domain::namespace::KubernetesName;
use domain::workload::{EventView, WorkloadKind, WorkloadState};
use domain::{Code, Error, Result};
use futures::future::try_join5;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::{CALL_LIMIT, within};
use crate::error::{Doing, translate_for_person};
use state::{PodRow, join};

/// Creates the Deployment, Job or Pod that a manifest says.
///
/// # Errors
/// `Conflict` `AdmissionDenied` or `NameTaken`; `Invalid` for what the API server cannot read.
pub(crate) async fn create(client: Client, tenant: &KubernetesName, manifest: &Value) -> Result<()> {
    let unreadable = |why: String| Error::field("manifest", "invalid", why);
    let kind = manifest["kind"].as_str().unwrap_or_default();
    let known = WorkloadKind::ALL.into_iter().find(|known| known.word() == kind);
    let known = known.ok_or_else(|| unreadable(format!("Not a workload: {kind}")))?;
    let wanted: DynamicObject =
        serde_json::from_value(manifest.clone()).map_err(|error| unreadable(format!("Not a {kind}: {error}")))?;
    let api: Api<DynamicObject> = Api::namespaced_with(client, tenant.as_str(), &resource(known));
    let made = call("creating a workload", api.create(&PostParams::default(), &wanted)).await;
    made.map(drop).map_err(|error| match error {
        Error::Conflict { code: Code::NameTaken, .. } => {
            let detail = format!("{kind} {} already exists", wanted.name_any());
            Error::conflict(Code::NameTaken, detail)
        }
        other => other,
    })
}

/// Every workload with its pods, or those of one kind; of the pods those that are `held`, if somebody has them. What they
/// belong to is asked for in any case, with the rights of the person.
pub(crate) async fn list(
    client: Client,
    tenant: &KubernetesName,
    only: Option<WorkloadKind>,
    held: Option<Vec<Arc<PodRow>>>,
) -> Result<Vec<WorkloadState>> {
    let wanted = |kind| only.is_none_or(|only| only == kind);
    let (deployments, sets, cron_jobs, jobs, pods) = try_join5(
        all(&client, tenant, "listing Deployments", wanted(WorkloadKind::Deployment), state::deployment),
        all(&client, tenant, "listing StatefulSets", wanted(WorkloadKind::StatefulSet), state::stateful_set),
        all(&client, tenant, "listing CronJobs", wanted(WorkloadKind::CronJob), state::cron_job),
        all(&client, tenant, "listing Jobs", wanted(WorkloadKind::Job), state::job),
        all(&client, tenant, "listing pods", held.is_none(), |pod: &Pod| Arc::new(state::pod(pod))),
    )
    .await?;
    let pods = held.unwrap_or(pods);
    let tops = deployments.into_iter().chain(sets).chain(cron_jobs).chain(jobs);
    Ok(join(tops, &pods, wanted(WorkloadKind::Pod)).into_values().collect())
}

/// One workload with its pods.
pub(crate) async fn get(
    client: Client,
    tenant: &KubernetesName,
    kind: WorkloadKind,
    name: &str,
) -> Result<Option<WorkloadState>> {
    let top = match kind {
        WorkloadKind::Deployment => one(&client, tenant, "reading a Deployment", name, with_selector).await?,
        WorkloadKind::StatefulSet => one(&client, tenant, "reading a StatefulSet", name, set_with_selector).await?,
        WorkloadKind::CronJob => return one(&client, tenant, "reading a CronJob", name, state::cron_job).await,
        WorkloadKind::Job => one(&client, tenant, "reading a Job", name, job_with_selector).await?,
        WorkloadKind::Pod => {
            let alone = |pod: &Pod| state::alone(&Arc::new(state::pod(pod)));
            return one(&client, tenant, "reading a pod", name, alone).await;
        }
    };
    let Some((top, selector)) = top else { return Ok(None) };
    let api: Api<Pod> = Api::namespaced(client, tenant.as_str());
    let pods = call("listing a workload's pods", api.list(&selector)).await?;
    let pods: Vec<_> = pods.items.iter().map(|pod| Arc::new(state::pod(pod))).collect();
    Ok(join([top], &pods, false).into_values().next())
}

/// What was reported about a workload and its pods.
pub(crate) async fn events(
    client: Client,
    tenant: &KubernetesName,
    workload: &WorkloadState,
) -> Result<Vec<EventView>> {
    let found = all(&client, tenant, "listing events", true, state::event).await?;
    Ok(state::newest_first(found.into_iter().filter(|event| workload.concerns(&event.about))))
}

/// Deletes a workload; Kubernetes takes its pods after it. False when there is none.
pub(crate) async fn delete(client: Client, tenant: &KubernetesName, kind: WorkloadKind, name: &str) -> Result<bool> {
    let api: Api<DynamicObject> = Api::namespaced_with(client, tenant.as_str(), &resource(kind));
    match call("deleting a workload", api.delete(name, &DeleteParams::background())).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

/// How the API calls a kind.
pub(crate) fn resource(kind: WorkloadKind) -> ApiResource {
    match kind {
        WorkloadKind::Deployment => ApiResource::erase::<Deployment>(&()),
        WorkloadKind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        WorkloadKind::CronJob => ApiResource::erase::<CronJob>(&()),
        WorkloadKind::Job => ApiResource::erase::<Job>(&()),
        WorkloadKind::Pod => ApiResource::erase::<Pod>(&()),
    }
}

async fn all<K, T>(
    client: &Client,
    tenant: &KubernetesName,
    doing: Doing,
    wanted: bool,
    read: impl Fn(&K) -> T,
) -> Result<Vec<T>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    if !wanted {
        return Ok(Vec::new());
    }
    let api: Api<K> = Api::namespaced(client.clone(), tenant.as_str());
    let list = call(doing, api.list(&ListParams::default())).await?;
    Ok(list.items.iter().map(read).collect())
}

async fn one<K, T>(
    client: &Client,
    tenant: &KubernetesName,
    doing: Doing,
    name: &str,
    read: impl Fn(&K) -> T,
) -> Result<Option<T>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), tenant.as_str());
    Ok(call(doing, api.get_opt(name)).await?.as_ref().map(read))
}

fn with_selector(deployment: &Deployment) -> (WorkloadState, ListParams) {
    let selector = deployment.spec.as_ref().map(|spec| &spec.selector);
    (state::deployment(deployment), narrowed(selector))
}

fn set_with_selector(set: &StatefulSet) -> (WorkloadState, ListParams) {
    (state::stateful_set(set), narrowed(set.spec.as_ref().map(|spec| &spec.selector)))
}

fn job_with_selector(job: &Job) -> (WorkloadState, ListParams) {
    (state::job(job), narrowed(job.spec.as_ref().and_then(|spec| spec.selector.as_ref())))
}

/// Narrows the list on the server; what the selector lets through is checked for its owner anyway.
fn narrowed(selector: Option<&LabelSelector>) -> ListParams {
    let labels = selector.and_then(|selector| selector.match_labels.as_ref());
    let terms: Vec<_> = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    ListParams::default().labels(&terms.join(","))
}

/// A call with a person's token.
pub(crate) async fn call<T>(doing: Doing, work: impl Future<Output = kube::Result<T>>) -> Result<T> {
    within(doing, CALL_LIMIT, work).await?.map_err(|error| translate_for_person(doing, error))
}
