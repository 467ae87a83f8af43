//! Services of a namespace: the addresses of its deployments.

use domain::service::ServiceView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Services, and the names of the deployments that can be exposed.
#[server(prefix = "/api", endpoint = "service/list")]
pub async fn list_services(namespace: String) -> Result<Packed<(Vec<ServiceView>, Vec<String>)>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let services = backend.list_services(&caller, &namespace).await?;
    let deployments = backend.list_deployments(&caller, &namespace).await?;
    Packed::new(&(services, deployments.into_iter().map(|d| d.name).collect::<Vec<_>>()))
}

/// Exposes a port of a deployment and goes to the list.
#[server(prefix = "/api", endpoint = "service/create")]
pub async fn create_service(
    namespace: String,
    name: String,
    deployment: String,
    port: String,
    #[server(default)] target_port: String,
    #[server(default)] outside: String,
) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    backend.get_namespace(&caller, &namespace).await?;
    let new = crate::features::service_form::read(&name, &deployment, &port, &target_port, outside == "true")?;
    let made = backend.create_service(&caller, &namespace, new).await?;
    leptos_axum::redirect(&Notice::ServiceCreated.after(&crate::paths::network(&namespace), &made.name));
    Ok(())
}

/// Deletes a Service and goes to the list. `confirm` must equal the name.
#[server(prefix = "/api", endpoint = "service/delete")]
pub async fn delete_service(namespace: String, name: String, confirm: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::confirmed(&name, &confirm)?;
    crate::ssr::backend()?.delete_service(&caller, &namespace, &name).await?;
    leptos_axum::redirect(&Notice::ServiceDeleted.after(&crate::paths::network(&namespace), &name));
    Ok(())
}
