//! The caller's accounts.

use leptos::prelude::*;

use crate::api::error::AppError;

/// Acts in another of the caller's accounts from now on. Posted by a plain form: every part of the page changes.
#[server(prefix = "/api", endpoint = "account/switch")]
pub async fn switch_account(account_id: String) -> Result<(), AppError> {
    crate::ssr::caller().await?;
    crate::ssr::sessions()?.switch_account(&account_id).await?;
    leptos_axum::redirect(&crate::paths::overview());
    Ok(())
}
