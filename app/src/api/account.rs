//! The caller's accounts.

use domain::account::AccountView;
use domain::member::MemberView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Acts in another of the caller's accounts from now on. Posted by a plain form: every part of the page changes.
#[server(prefix = "/api", endpoint = "account/switch")]
pub async fn switch_account(account_id: String) -> Result<(), AppError> {
    crate::ssr::caller().await?;
    crate::ssr::sessions()?.switch_account(&account_id).await?;
    leptos_axum::redirect(&crate::paths::overview());
    Ok(())
}

/// The account one acts in, and the people it could be handed over to.
pub type AccountAndMembers = (AccountView, Vec<MemberView>);

/// The account one acts in.
#[server(prefix = "/api", endpoint = "account/get")]
pub async fn get_account() -> Result<Packed<AccountAndMembers>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let account = caller.account.view(caller.role, true);
    let page = domain::page::PageRequest { limit: 200, after: None };
    let mut others = backend.list_members(&caller, &page).await?.items;
    others.retain(|member| member.user_id != caller.user.id.to_string());
    Packed::new(&(account, others))
}

/// Its limits with what is used of them.
#[server(prefix = "/api", endpoint = "account/quota")]
pub async fn get_account_quota() -> Result<Packed<Vec<domain::namespace::QuotaLine>>, AppError> {
    let caller = crate::ssr::caller().await?;
    let id = caller.account.id.to_string();
    Packed::new(&crate::ssr::backend()?.account_quota(&caller, &id).await?)
}

/// Renames the account.
#[server(prefix = "/api", endpoint = "account/rename")]
pub async fn rename_account(id: String, name: String) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    let change = domain::account::AccountChange { name: Some(name), ecosystem_required: None };
    crate::ssr::backend()?.change_account(&caller, &id, &change, None).await?;
    leptos_axum::redirect(&crate::paths::account_settings());
    Ok(())
}

/// Says whether engines of the account must be imported with an ecosystem.
#[server(prefix = "/api", endpoint = "account/ecosystem")]
pub async fn require_ecosystem(id: String, #[server(default)] required: bool) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    let change = domain::account::AccountChange { name: None, ecosystem_required: Some(required) };
    crate::ssr::backend()?.change_account(&caller, &id, &change, None).await?;
    leptos_axum::redirect(&crate::paths::account_settings());
    Ok(())
}

/// Hands ownership over to another member.
#[server(prefix = "/api", endpoint = "account/transfer")]
pub async fn transfer_account(id: String, user_id: String, confirm: String) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    let to = domain::account::TransferAccount { user_id, confirm };
    crate::ssr::backend()?.transfer_account(&caller, &id, to).await?;
    leptos_axum::redirect(&crate::paths::account_settings());
    Ok(())
}

/// Deletes the account. `confirm` must equal the name.
#[server(prefix = "/api", endpoint = "account/delete")]
pub async fn delete_account(id: String, confirm: String) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.delete_account(&caller, &id, &confirm).await?;
    leptos_axum::redirect(&crate::paths::overview());
    Ok(())
}
