//! Deployments and other plans, the check that comes before them, and what they may refer to.

use std::collections::BTreeMap;

use domain::admission::Verdict;
use domain::sku::SkuView;
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
    let made = crate::ssr::backend()?.create_offered(&caller, &namespace, plan).await?;
    leptos_axum::redirect(&crate::paths::workload(&namespace, made.kind, &made.name));
    Ok(())
}

/// What a form may offer: SKUs, keys of ConfigMaps and Secrets as the form writes them, names of pull secrets, and the
/// SKUs under which nothing is mounted, each with the reason.
pub type PlanSourcesView = (Vec<SkuView>, Vec<String>, Vec<String>, BTreeMap<String, String>);

/// What a plan may refer to, in one answer: a page that asks in turns is drawn in turns.
#[server(prefix = "/api", endpoint = "deployment/sources")]
pub async fn plan_sources(namespace: String) -> Result<Packed<PlanSourcesView>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let skus = crate::features::sku_facts::cheapest_first(backend.list_skus(&caller, Some(&namespace)).await?);
    let secrets = offered(backend.list_secrets(&caller, &namespace).await)?;
    let maps = offered(backend.list_config_maps(&caller, &namespace).await)?;
    let (values, pulls) = crate::features::plan_lines::offers(&secrets, &maps);
    let bare = backend.skus_without_volumes(&caller, &namespace).await?;
    Packed::new(&(skus, values, pulls, bare))
}

/// Offers are a convenience: who may not read what holds them, or comes before the namespace is active, has the form
/// without. Anything else is a fault and said.
#[cfg(feature = "ssr")]
fn offered<T>(found: domain::Result<Vec<T>>) -> domain::Result<Vec<T>> {
    use domain::{Code, Error};
    match found {
        Err(Error::Forbidden { .. } | Error::NamespaceNotReady | Error::Conflict { code: Code::NotReady, .. }) => {
            Ok(Vec::new())
        }
        found => found,
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use domain::{Code, Error};

    #[test]
    fn only_a_missing_right_and_a_namespace_that_is_not_ready_leave_a_form_without_offers() {
        for quiet in [
            Error::Forbidden { code: Code::Forbidden },
            Error::NamespaceNotReady,
            Error::conflict(Code::NotReady, "Namespace is not active yet"),
        ] {
            assert!(offered::<u8>(Err(quiet)).unwrap().is_empty());
        }
        for fault in [Error::NotFound, Error::cluster("gone"), Error::conflict(Code::Conflict, "changed")] {
            assert!(offered::<u8>(Err(fault)).is_err());
        }
        assert_eq!(offered(Ok(vec![1])).unwrap(), [1]);
    }
}
