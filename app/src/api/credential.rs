//! Credentials that were handed out; never their tokens.

use domain::credential::CredentialView;
use domain::page::Page;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// One page of credentials, newest first. `of` is `key/{id}` or `namespace/{id}`.
#[server(prefix = "/api", endpoint = "credential/list")]
pub async fn list_credentials(of: String, cursor: String) -> Result<Packed<Page<CredentialView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    let page = domain::page::PageRequest::new(Some(20), Some(cursor).filter(|c| !c.is_empty()))?;
    let (key, namespace) = (of.strip_prefix("key/"), of.strip_prefix("namespace/"));
    Packed::new(&crate::ssr::backend()?.list_credentials(&caller, key, namespace, &page).await?)
}

/// Ends a credential and goes back to where it was listed.
#[server(prefix = "/api", endpoint = "credential/revoke")]
pub async fn revoke_credential(id: String, back: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.revoke_credential(&caller, &id).await?;
    let overview = crate::paths::overview();
    leptos_axum::redirect(&Notice::CredentialRevoked.after(crate::paths::local(&back).unwrap_or(&overview), ""));
    Ok(())
}
