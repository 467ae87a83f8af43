//! Deployments with the token of the person who asks: the API server decides what they may (RULINGS 34).

pub(crate) mod dry_run;
pub(crate) mod state;

use std::sync::Arc;

use domain::deployment::DeploymentState;
use domain::namespace::KubernetesName;
use domain::{Code, Error, Result};
use futures::future::try_join;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use crate::client::{CALL_LIMIT, within};
use crate::error::{Doing, translate_for_person};

/// Creates a Deployment.
///
/// # Errors
/// `Conflict` `AdmissionDenied` or `NameTaken`; `Invalid` for what the API server cannot read.
pub(crate) async fn create(client: Client, tenant: &KubernetesName, manifest: &Value) -> Result<()> {
    let wanted: Deployment = serde_json::from_value(manifest.clone())
        .map_err(|error| Error::field("manifest", "invalid", format!("Not a Deployment: {error}")))?;
    let api: Api<Deployment> = Api::namespaced(client, tenant.as_str());
    let made = call("creating a Deployment", api.create(&PostParams::default(), &wanted)).await;
    made.map(drop).map_err(|error| match error {
        Error::Conflict { code: Code::NameTaken, .. } => {
            let detail = format!("Deployment {} already exists", wanted.name_any());
            Error::conflict(Code::NameTaken, detail)
        }
        other => other,
    })
}

/// Every Deployment with its pods, by name.
pub(crate) async fn list(client: Client, tenant: &KubernetesName) -> Result<Vec<DeploymentState>> {
    let (deployments, pods) = apis(client, tenant);
    let params = ListParams::default();
    let (deployments, pods) =
        try_join(call("listing Deployments", deployments.list(&params)), call("listing pods", pods.list(&params)))
            .await?;
    let pods: Vec<_> = pods.items.iter().map(|pod| Arc::new(state::pod(pod))).collect();
    Ok(deployments.items.iter().map(|d| state::with_pods(state::deployment(d), &pods)).collect())
}

/// One Deployment with its pods.
pub(crate) async fn get(client: Client, tenant: &KubernetesName, name: &str) -> Result<Option<DeploymentState>> {
    let (deployments, pods) = apis(client, tenant);
    let Some(deployment) = call("reading a Deployment", deployments.get_opt(name)).await? else { return Ok(None) };
    let pods = call("listing a Deployment's pods", pods.list(&selector(&deployment))).await?;
    let pods: Vec<_> = pods.items.iter().map(|pod| Arc::new(state::pod(pod))).collect();
    Ok(Some(state::with_pods(state::deployment(&deployment), &pods)))
}

/// Deletes a Deployment; Kubernetes takes its pods after it. False when there is none.
pub(crate) async fn delete(client: Client, tenant: &KubernetesName, name: &str) -> Result<bool> {
    let (deployments, _) = apis(client, tenant);
    match call("deleting a Deployment", deployments.delete(name, &DeleteParams::background())).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

fn apis(client: Client, tenant: &KubernetesName) -> (Api<Deployment>, Api<Pod>) {
    (Api::namespaced(client.clone(), tenant.as_str()), Api::namespaced(client, tenant.as_str()))
}

/// Narrows the list on the server; what the selector lets through is checked for its owner anyway.
fn selector(deployment: &Deployment) -> ListParams {
    let labels = deployment.spec.as_ref().and_then(|spec| spec.selector.match_labels.as_ref());
    let terms: Vec<_> = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    ListParams::default().labels(&terms.join(","))
}

/// A call with a person's token.
pub(crate) async fn call<T>(doing: Doing, work: impl Future<Output = kube::Result<T>>) -> Result<T> {
    within(doing, CALL_LIMIT, work).await?.map_err(|error| translate_for_person(doing, error))
}
