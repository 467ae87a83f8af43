//! Deployments and the check that comes before them.

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
    let made = crate::ssr::backend()?.create_deployment(&caller, &namespace, plan).await?;
    leptos_axum::redirect(&crate::paths::deployment(&namespace, &made.name));
    Ok(())
}
