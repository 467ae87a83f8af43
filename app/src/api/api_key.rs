//! API keys. The secret crosses once, in the answer of the creation.

use domain::api_key::{ApiKeyView, CreatedApiKey, KeyReport};
use domain::namespace::NamespaceView;
use domain::page::Page;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::key_form::KeyForm;

/// A key with the namespaces its scope may speak of, what it opens now, and whether the caller may change all of it.
pub type KeyDetail = (ApiKeyView, Vec<NamespaceView>, KeyReport, bool);

/// Keys, and the namespaces their scopes speak of.
pub type KeysAndNamespaces = (Page<ApiKeyView>, Vec<NamespaceView>);

/// One page of keys; `sort` as in the page's address.
#[server(prefix = "/api", endpoint = "api-key/list")]
pub async fn list_api_keys(
    cursor: String,
    #[server(default)] sort: String,
) -> Result<Packed<KeysAndNamespaces>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = crate::ssr::ordered(cursor, &sort)?;
    let keys = backend.list_api_keys(&caller, &page).await?;
    let namespaces = backend.list_namespaces(&caller, &domain::page::PageRequest::default()).await?.items;
    Packed::new(&(keys, namespaces))
}

/// Creates a key. Refused to a plain form post, whose redirect could not carry the secret back safely: a browser without
/// JavaScript sends the form to [`crate::paths::new_key_page`].
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

/// Revokes some keys for good and goes to the list. `items` are their ids.
#[server(prefix = "/api", endpoint = "api-key/revoke-many")]
pub async fn revoke_api_keys(items: Vec<String>) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.revoke_api_keys(&caller, &items).await?;
    let words = crate::features::words::count(items.len() as u32, "key");
    leptos_axum::redirect(&Notice::KeysRevoked.after(&crate::paths::api_keys(), &words));
    Ok(())
}

/// One key with all that its page shows.
#[server(prefix = "/api", endpoint = "api-key/get")]
pub async fn get_api_key(id: String) -> Result<Packed<KeyDetail>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let key = backend.get_api_key(&caller, &id).await?;
    let namespaces = backend.list_namespaces(&caller, &domain::page::PageRequest::default()).await?.items;
    let report = backend.test_api_key(&caller, &domain::api_key::TestApiKey { api_key_id: id }).await?;
    let own = key.owner_id == caller.user.id.to_string();
    Packed::new(&(key, namespaces, report, own))
}

/// Changes a key and comes back to its page.
#[server(prefix = "/api", endpoint = "api-key/update")]
pub async fn update_api_key(id: String, form: KeyForm) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let changed = crate::ssr::backend()?.update_api_key(&caller, &id, &form.into_changes(), None).await?;
    leptos_axum::redirect(&Notice::KeyChanged.after(&crate::paths::api_key(&id), &changed.name));
    Ok(())
}

/// Switches a key off or on and comes back to its page.
#[server(prefix = "/api", endpoint = "api-key/switch")]
pub async fn switch_api_key(id: String, disabled: bool) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let changes = domain::api_key::ApiKeyChanges { disabled: Some(disabled), ..Default::default() };
    let changed = crate::ssr::backend()?.update_api_key(&caller, &id, &changes, None).await?;
    let notice = if disabled { Notice::KeyDisabled } else { Notice::KeyEnabled };
    leptos_axum::redirect(&notice.after(&crate::paths::api_key(&id), &changed.name));
    Ok(())
}

/// Gives a key a new secret. Refused to a plain form post, as the creation is.
#[server(prefix = "/api", endpoint = "api-key/rotate")]
pub async fn rotate_api_key(id: String, overlap_seconds: u32) -> Result<Packed<CreatedApiKey>, AppError> {
    let caller = crate::ssr::caller().await?;
    if crate::ssr::is_plain_form_post() {
        return Err(AppError::refuse(KeyForm::needs_javascript()));
    }
    crate::ssr::do_not_store();
    let rotate = domain::api_key::RotateApiKey { overlap_seconds };
    Packed::new(&crate::ssr::backend()?.rotate_api_key(&caller, &id, rotate).await?)
}
