//! What runs in a namespace, whoever made it.

use domain::namespace::NamespaceView;
use domain::workload::{WorkloadDetail, WorkloadList};
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// What the filters of a query string leave: `kind` and `q`.
#[server(prefix = "/api", endpoint = "workload/list")]
pub async fn list_workloads(namespace: String, query: String) -> Result<Packed<WorkloadList>, AppError> {
    let caller = crate::ssr::caller().await?;
    let filter = crate::ssr::query::<domain::workload::WorkloadFilter>(&query)?;
    Packed::new(&crate::ssr::backend()?.list_workloads(&caller, &namespace, &filter).await?)
}

/// One workload with its pods and events, and the namespace it is in.
#[server(prefix = "/api", endpoint = "workload/get")]
pub async fn get_workload(
    namespace: String,
    kind: String,
    name: String,
) -> Result<Packed<(NamespaceView, WorkloadDetail)>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let kind = crate::ssr::workload_kind(&kind)?;
    let detail = backend.get_workload(&caller, &namespace, kind, &name).await?;
    Packed::new(&(backend.get_namespace(&caller, &namespace).await?, detail))
}

/// Deletes a workload with its pods and goes to the list. `confirm` must equal the name.
#[server(prefix = "/api", endpoint = "workload/delete")]
pub async fn delete_workload(namespace: String, kind: String, name: String, confirm: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let kind = crate::ssr::workload_kind(&kind)?;
    crate::ssr::confirmed(&name, &confirm)?;
    crate::ssr::backend()?.delete_workload(&caller, &namespace, kind, &name).await?;
    leptos_axum::redirect(&Notice::WorkloadDeleted.after(&crate::paths::workloads(&namespace), &name));
    Ok(())
}
