//! What runs in a namespace, whoever made it.

use domain::manifest::Manifest;
use domain::namespace::NamespaceView;
use domain::workload::{Revision, WorkloadDetail, WorkloadList};
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// What the filters of a query string leave: `kind` and `q`.
#[server(prefix = "/api", endpoint = "workload/list")]
pub async fn list_workloads(namespace: String, query: String) -> Result<Packed<WorkloadList>, AppError> {
    let caller = crate::ssr::caller().await?;
    let filter = crate::ssr::query::<domain::workload::WorkloadFilter>(&query)?;
    Packed::new(&crate::ssr::backend()?.show_workloads(&caller, &namespace, &filter).await?)
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

/// Deletes some workloads with their pods and goes to the list. Each is `<kind>/<name>`; `confirm` must equal the name of
/// one, or say how many they are.
#[server(prefix = "/api", endpoint = "workload/delete-many")]
pub async fn delete_workloads(namespace: String, items: Vec<String>, confirm: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let mut which = Vec::new();
    for item in &items {
        let (kind, name) = item.split_once('/').unwrap_or_default();
        which.push((crate::ssr::workload_kind(kind)?, name.to_owned()));
    }
    crate::ssr::confirmed(&crate::features::words::to_type(&items), &confirm)?;
    crate::ssr::backend()?.delete_workloads(&caller, &namespace, &which).await?;
    let words = crate::features::words::count(items.len() as u32, "workload");
    leptos_axum::redirect(&Notice::WorkloadsDeleted.after(&crate::paths::workloads(&namespace), &words));
    Ok(())
}

/// Changes how many pods are wanted and goes back to the page.
#[server(prefix = "/api", endpoint = "workload/scale")]
pub async fn scale_workload(namespace: String, kind: String, name: String, replicas: u32) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let change = domain::workload::WorkloadChange { replicas: Some(replicas), ..Default::default() };
    change_workload(Notice::WorkloadChanged, &namespace, &kind, &name, change).await
}

/// Changes the image of a container and goes back to the page.
#[server(prefix = "/api", endpoint = "workload/image")]
pub async fn change_image(
    namespace: String,
    kind: String,
    name: String,
    container: String,
    image: String,
) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (image, container) = (Some(image.trim().to_owned()), Some(container));
    let change = domain::workload::WorkloadChange { image, container, ..Default::default() };
    change_workload(Notice::WorkloadChanged, &namespace, &kind, &name, change).await
}

#[cfg(feature = "ssr")]
async fn change_workload(
    notice: crate::features::notice::Notice,
    namespace: &str,
    kind: &str,
    name: &str,
    change: domain::workload::WorkloadChange,
) -> Result<(), AppError> {
    let (caller, kind) = (crate::ssr::caller().await?, crate::ssr::workload_kind(kind)?);
    crate::ssr::backend()?.change_workload(&caller, namespace, (kind, name), &change, None).await?;
    back(notice, namespace, kind, name);
    Ok(())
}

/// To the page of the workload, with a notice.
#[cfg(feature = "ssr")]
fn back(notice: crate::features::notice::Notice, namespace: &str, kind: domain::workload::WorkloadKind, name: &str) {
    leptos_axum::redirect(&notice.after(&crate::paths::workload(namespace, kind, name), name));
}

/// Replaces every pod by a new one and goes back to the page.
#[server(prefix = "/api", endpoint = "workload/restart")]
pub async fn restart_workload(namespace: String, kind: String, name: String) -> Result<(), AppError> {
    let (caller, kind) = (crate::ssr::caller().await?, crate::ssr::workload_kind(&kind)?);
    crate::ssr::backend()?.restart_workload(&caller, &namespace, kind, &name).await?;
    back(crate::features::notice::Notice::WorkloadRestarted, &namespace, kind, &name);
    Ok(())
}

/// Lets a CronJob start no Jobs by the clock, or start them again, and goes back to the page.
#[server(prefix = "/api", endpoint = "workload/suspend")]
pub async fn suspend_workload(namespace: String, kind: String, name: String, suspended: bool) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let change = domain::workload::WorkloadChange { suspended: Some(suspended), ..Default::default() };
    let notice = if suspended { Notice::ScheduleSuspended } else { Notice::ScheduleResumed };
    change_workload(notice, &namespace, &kind, &name, change).await
}

/// Starts a Job of a CronJob at once and goes to its page.
#[server(prefix = "/api", endpoint = "workload/run")]
pub async fn run_workload(namespace: String, kind: String, name: String) -> Result<(), AppError> {
    let (caller, kind) = (crate::ssr::caller().await?, crate::ssr::workload_kind(&kind)?);
    let made = crate::ssr::backend()?.run_workload(&caller, &namespace, kind, &name).await?;
    leptos_axum::redirect(&crate::paths::workload(&namespace, made.kind, &made.name));
    Ok(())
}

/// Earlier templates of a Deployment, newest first.
#[server(prefix = "/api", endpoint = "workload/revisions")]
pub async fn list_revisions(namespace: String, name: String) -> Result<Packed<Vec<Revision>>, AppError> {
    let (caller, kind) = (crate::ssr::caller().await?, domain::workload::WorkloadKind::Deployment);
    Packed::new(&crate::ssr::backend()?.workload_revisions(&caller, &namespace, kind, &name).await?)
}

/// Goes back to an earlier template, and to the page.
#[server(prefix = "/api", endpoint = "workload/roll-back")]
pub async fn roll_back(namespace: String, kind: String, name: String, revision: u64) -> Result<(), AppError> {
    let (caller, kind) = (crate::ssr::caller().await?, crate::ssr::workload_kind(&kind)?);
    crate::ssr::backend()?.roll_back_workload(&caller, &namespace, (kind, &name), revision).await?;
    back(crate::features::notice::Notice::WorkloadChanged, &namespace, kind, &name);
    Ok(())
}

/// The object behind a workload, to read and to edit.
#[server(prefix = "/api", endpoint = "workload/manifest")]
pub async fn get_manifest(namespace: String, kind: String, name: String) -> Result<Packed<Manifest>, AppError> {
    let (caller, kind) = (crate::ssr::caller().await?, crate::ssr::workload_kind(&kind)?);
    Packed::new(&crate::ssr::backend()?.workload_manifest(&caller, &namespace, kind, &name).await?)
}

/// What the object would become, as the cluster says; changes nothing.
#[server(prefix = "/api", endpoint = "workload/preview")]
pub async fn preview_manifest(
    namespace: String,
    kind: String,
    name: String,
    version: String,
    yaml: String,
) -> Result<Packed<(String, Manifest)>, AppError> {
    let (caller, kind) = (crate::ssr::caller().await?, crate::ssr::workload_kind(&kind)?);
    let edited = Manifest { object: crate::ssr::yaml("yaml", &yaml)?, version };
    let next = crate::ssr::backend()?.edit_workload(&caller, &namespace, (kind, &name), &edited, true).await?;
    Packed::new(&(yaml, next))
}

/// Puts the edited object in place and goes to the page of the workload.
#[server(prefix = "/api", endpoint = "workload/apply")]
pub async fn apply_manifest(
    namespace: String,
    kind: String,
    name: String,
    version: String,
    yaml: String,
) -> Result<(), AppError> {
    let (caller, kind) = (crate::ssr::caller().await?, crate::ssr::workload_kind(&kind)?);
    let edited = Manifest { object: crate::ssr::yaml("yaml", &yaml)?, version };
    crate::ssr::backend()?.edit_workload(&caller, &namespace, (kind, &name), &edited, false).await?;
    back(crate::features::notice::Notice::WorkloadChanged, &namespace, kind, &name);
    Ok(())
}
