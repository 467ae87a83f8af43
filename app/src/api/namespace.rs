//! Namespaces of the caller's account.

use domain::namespace::NamespaceView;
use domain::page::Page;
use leptos::prelude::*;

use crate::api::error::AppError;

/// One page of namespaces, newest first.
#[server(prefix = "/api", endpoint = "namespace/list")]
pub async fn list_namespaces(cursor: Option<String>) -> Result<Page<NamespaceView>, AppError> {
    let caller = crate::ssr::caller().await?;
    let page = domain::page::PageRequest::new(None, cursor)?;
    Ok(crate::ssr::backend()?.list_namespaces(&caller, &page).await?)
}

/// One namespace with its quota.
#[server(prefix = "/api", endpoint = "namespace/get")]
pub async fn get_namespace(id: String) -> Result<NamespaceView, AppError> {
    let caller = crate::ssr::caller().await?;
    Ok(crate::ssr::backend()?.get_namespace(&caller, &id).await?)
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

/// Changes the console name; the Kubernetes name stays.
#[server(prefix = "/api", endpoint = "namespace/rename")]
pub async fn rename_namespace(id: String, name: String) -> Result<NamespaceView, AppError> {
    let caller = crate::ssr::caller().await?;
    let new = domain::namespace::NewNamespace { name };
    Ok(crate::ssr::backend()?.rename_namespace(&caller, &id, new).await?)
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
