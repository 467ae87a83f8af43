//! Deployments and the check that comes before them.

use domain::admission::Verdict;
use domain::deployment::DeploymentView;
use domain::namespace::NamespaceView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::plan_form::PlanForm;

/// Everything that runs in a namespace, whoever made it.
#[server(prefix = "/api", endpoint = "deployment/list")]
pub async fn list_deployments(namespace: String) -> Result<Packed<Vec<DeploymentView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.list_deployments(&caller, &namespace).await?)
}

/// One deployment with its pods, and the namespace it is in.
#[server(prefix = "/api", endpoint = "deployment/get")]
pub async fn get_deployment(
    namespace: String,
    name: String,
) -> Result<Packed<(NamespaceView, DeploymentView)>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let deployment = backend.get_deployment(&caller, &namespace, &name).await?;
    Packed::new(&(backend.get_namespace(&caller, &namespace).await?, deployment))
}

/// Whether a plan would be admitted, with every number; creates nothing.
#[server(prefix = "/api", endpoint = "deployment/check")]
pub async fn check_deployment(namespace: String, form: PlanForm) -> Result<Packed<Verdict>, AppError> {
    let caller = crate::ssr::caller().await?;
    let check = domain::deployment::AdmissionCheck { deployment: Some(form.plan()?), ..Default::default() };
    Packed::new(&crate::ssr::backend()?.check_deployment(&caller, &namespace, check).await?)
}

/// Creates what the form says and goes to its page.
#[server(prefix = "/api", endpoint = "deployment/create")]
pub async fn create_deployment(namespace: String, form: PlanForm) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    let plan = form.plan()?;
    let made = crate::ssr::backend()?.create_deployment(&caller, &namespace, plan).await?;
    leptos_axum::redirect(&crate::paths::deployment(&namespace, &made.name));
    Ok(())
}

/// Deletes a deployment with its pods and goes to the list.
#[server(prefix = "/api", endpoint = "deployment/delete")]
pub async fn delete_deployment(namespace: String, name: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.delete_deployment(&caller, &namespace, &name).await?;
    leptos_axum::redirect(&Notice::DeploymentDeleted.after(&crate::paths::workloads(&namespace), &name));
    Ok(())
}
