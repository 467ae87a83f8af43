//! Namespaces of the caller's account.

use std::collections::BTreeMap;

use domain::namespace::NamespaceView;
use domain::page::Page;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// One page of namespaces, oldest first.
#[server(prefix = "/api", endpoint = "namespace/list")]
pub async fn list_namespaces(cursor: String) -> Result<Packed<Page<NamespaceView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    let page = domain::page::PageRequest::new(None, Some(cursor).filter(|c| !c.is_empty()))?;
    Packed::new(&crate::ssr::backend()?.list_namespaces(&caller, &page).await?)
}

/// One namespace with its quota.
#[server(prefix = "/api", endpoint = "namespace/get")]
pub async fn get_namespace(id: String) -> Result<Packed<NamespaceView>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.get_namespace(&caller, &id).await?)
}

/// Creates a namespace and goes to its access page, the next step of a first visit.
#[server(prefix = "/api", endpoint = "namespace/create")]
pub async fn create_namespace(name: String) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    let new = domain::namespace::NewNamespace { name };
    let made = crate::ssr::backend()?.create_namespace(&caller, new).await?;
    leptos_axum::redirect(&crate::paths::access(&made.id));
    Ok(())
}

/// Changes the console name and goes back to the settings; the Kubernetes name stays.
#[server(prefix = "/api", endpoint = "namespace/rename")]
pub async fn rename_namespace(id: String, name: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let change = domain::namespace::ChangeNamespace { name: Some(name), share: None };
    let renamed = crate::ssr::backend()?.change_namespace(&caller, &id, change, None).await?;
    leptos_axum::redirect(&Notice::NamespaceRenamed.after(&crate::paths::namespace_settings(&id), &renamed.name));
    Ok(())
}

/// Sets a namespace's share of what the account may have; an empty field lifts its limit.
#[server(prefix = "/api", endpoint = "namespace/share")]
pub async fn set_namespace_share(
    id: String,
    #[server(default)] share: BTreeMap<String, String>,
) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let share = Some(crate::features::gpu_limits::share(share)?);
    let change = domain::namespace::ChangeNamespace { name: None, share };
    crate::ssr::backend()?.change_namespace(&caller, &id, change, None).await?;
    leptos_axum::redirect(&Notice::LimitsChanged.after(&crate::paths::namespace_quota(&id), ""));
    Ok(())
}

/// Orders the deletion and goes to the list. `confirm` must equal the name.
#[server(prefix = "/api", endpoint = "namespace/delete")]
pub async fn delete_namespace(id: String, confirm: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let body = domain::namespace::DeleteNamespace { confirm: Some(confirm.clone()) };
    crate::ssr::backend()?.delete_namespace(&caller, &id, body).await?;
    leptos_axum::redirect(&Notice::NamespaceDeleted.after(&crate::paths::namespaces(), &confirm));
    Ok(())
}
