//! Deployments and other plans, the check that comes before them, and what they may refer to.

use domain::admission::Verdict;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::plan_form::PlanForm;

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
    let made = crate::ssr::backend()?.create_workload(&caller, &namespace, plan).await?;
    leptos_axum::redirect(&crate::paths::workload(&namespace, made.kind, &made.name));
    Ok(())
}

/// What a plan may refer to: keys of ConfigMaps and Secrets as the form writes them, and names of pull secrets.
#[server(prefix = "/api", endpoint = "deployment/sources")]
pub async fn plan_sources(namespace: String) -> Result<Packed<(Vec<String>, Vec<String>)>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let secrets = backend.list_secrets(&caller, &namespace).await?;
    let maps = backend.list_config_maps(&caller, &namespace).await?;
    Packed::new(&crate::features::plan_lines::offers(&secrets, &maps))
}
