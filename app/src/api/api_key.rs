//! API keys. The secret crosses once, in the answer of the creation.

use domain::api_key::{ApiKeyView, CreatedApiKey};
use domain::page::Page;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::features::key_form::KeyForm;

/// One page of keys, newest first.
#[server(prefix = "/api", endpoint = "api-key/list")]
pub async fn list_api_keys(cursor: Option<String>) -> Result<Page<ApiKeyView>, AppError> {
    let caller = crate::ssr::caller().await?;
    let page = domain::page::PageRequest::new(None, cursor)?;
    Ok(crate::ssr::backend()?.list_api_keys(&caller, &page).await?)
}

/// Creates a key. Refused to a plain form post, whose redirect could not carry the secret back safely.
#[server(prefix = "/api", endpoint = "api-key/create")]
pub async fn create_api_key(form: KeyForm) -> Result<CreatedApiKey, AppError> {
    let caller = crate::ssr::caller().await?;
    if crate::ssr::is_plain_form_post() {
        return Err(AppError::refuse(KeyForm::needs_javascript()));
    }
    crate::ssr::do_not_store();
    Ok(crate::ssr::backend()?.create_api_key(&caller, form.into_new_key()).await?)
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
