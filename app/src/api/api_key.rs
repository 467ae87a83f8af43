//! API keys. The secret crosses once, in the answer of the creation.

use domain::api_key::{ApiKeyView, CreatedApiKey};
use domain::namespace::NamespaceView;
use domain::page::Page;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::key_form::KeyForm;

/// Keys, and the namespaces their scopes speak of.
pub type KeysAndNamespaces = (Page<ApiKeyView>, Vec<NamespaceView>);

/// One page of keys, newest first.
#[server(prefix = "/api", endpoint = "api-key/list")]
pub async fn list_api_keys(cursor: String) -> Result<Packed<KeysAndNamespaces>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = domain::page::PageRequest::new(None, Some(cursor).filter(|c| !c.is_empty()))?;
    let keys = backend.list_api_keys(&caller, &page).await?;
    let namespaces = backend.list_namespaces(&caller, &domain::page::PageRequest::default()).await?.items;
    Packed::new(&(keys, namespaces))
}

/// Creates a key. Refused to a plain form post, whose redirect could not carry the secret back safely.
#[server(prefix = "/api", endpoint = "api-key/create")]
pub async fn create_api_key(form: KeyForm) -> Result<Packed<CreatedApiKey>, AppError> {
    let caller = crate::ssr::caller().await?;
    if crate::ssr::is_plain_form_post() {
        return Err(AppError::refuse(KeyForm::needs_javascript()));
    }
    crate::ssr::do_not_store();
    Packed::new(&crate::ssr::backend()?.create_api_key(&caller, form.into_new_key()).await?)
}

/// Revokes a key for good and goes to the list.
#[server(prefix = "/api", endpoint = "api-key/revoke")]
pub async fn revoke_api_key(id: String, name: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.revoke_api_key(&caller, &id).await?;
    leptos_axum::redirect(&Notice::KeyRevoked.after(&crate::paths::api_keys(), &name));
    Ok(())
}
