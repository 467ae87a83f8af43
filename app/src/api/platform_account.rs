//! Accounts, for the operators of the platform.

use std::collections::BTreeMap;

use domain::account::QuotaChange;
use domain::invitation::InvitationLink;
use domain::page::Page;
use domain::platform_account::{CreatedAccount, PlatformAccountView};
use domain::sku::SkuGrantsView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::gpu_limits::GpuLimit;
use crate::features::sku_form::GrantForm;

/// One page of accounts; `sort` as in the page's address.
#[server(prefix = "/api", endpoint = "platform-account/list")]
pub async fn list_platform_accounts(
    cursor: String,
    #[server(default)] sort: String,
) -> Result<Packed<Page<PlatformAccountView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    let page = crate::ssr::ordered(cursor, &sort)?;
    Packed::new(&crate::ssr::backend()?.list_platform_accounts(&caller, &page).await?)
}

/// An account, its limits by class of GPUs, which SKUs it may use, and the codes of all.
pub type PlatformAccountDetail = (PlatformAccountView, Vec<GpuLimit>, SkuGrantsView, Vec<String>);

/// One account.
#[server(prefix = "/api", endpoint = "platform-account/get")]
pub async fn get_platform_account(id: String) -> Result<Packed<PlatformAccountDetail>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let account = backend.get_platform_account(&caller, &id).await?;
    let grants = backend.get_sku_grants(&caller, &id).await?;
    // While the cluster is away only what is granted and limited already can be shown.
    let skus = backend.list_platform_skus(&caller).await.unwrap_or_default();
    let limits = crate::features::gpu_limits::gpu_limits(&skus, &account.quota);
    let codes: std::collections::BTreeSet<String> =
        skus.into_iter().map(|sku| sku.code).chain(grants.codes.iter().cloned()).collect();
    Packed::new(&(account, limits, grants, codes.into_iter().collect()))
}

/// Sets which SKUs an account may use.
#[server(prefix = "/api", endpoint = "platform-account/grant")]
pub async fn grant_skus(id: String, form: GrantForm) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.set_sku_grants(&caller, &id, &form.wanted(), None).await?;
    leptos_axum::redirect(&crate::features::notice::Notice::SkuGranted.after(&crate::paths::platform_account(&id), ""));
    Ok(())
}

/// Makes an account with the invitation of its first owner.
#[server(prefix = "/api", endpoint = "platform-account/create")]
pub async fn create_platform_account(name: String, owner_email: String) -> Result<Packed<CreatedAccount>, AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::link_needs_javascript("POST /v1/platform/accounts")?;
    let owner_email = Some(owner_email).filter(|email| !email.trim().is_empty());
    let new = domain::platform_account::NewAccount { name, owner_email };
    Packed::new(&crate::ssr::backend()?.create_platform_account(&caller, new).await?)
}

/// Invites an owner into an account that exists.
#[server(prefix = "/api", endpoint = "platform-account/invite")]
pub async fn invite_owner(id: String, email: String) -> Result<Packed<InvitationLink>, AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::link_needs_javascript("POST /v1/platform/accounts/{account_id}/invitations")?;
    let new = domain::invitation::NewInvitation { email, role: domain::user::Role::Owner };
    Packed::new(&crate::ssr::backend()?.invite_into_account(&caller, &id, new).await?)
}

/// Suspends or resumes an account.
#[server(prefix = "/api", endpoint = "platform-account/suspend")]
pub async fn suspend_account(id: String, suspended: bool) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    let change = domain::platform_account::ChangeAccount { suspended: Some(suspended), quota: None };
    crate::ssr::backend()?.change_platform_account(&caller, &id, change, None).await?;
    leptos_axum::redirect(&crate::paths::platform_account(&id));
    Ok(())
}

/// Changes an account's limits; an empty one of a class of GPUs or of the total lifts it.
#[server(prefix = "/api", endpoint = "platform-account/quota")]
pub async fn set_account_quota(
    id: String,
    quota: QuotaChange,
    #[server(default)] gpu_classes: BTreeMap<String, String>,
    #[server(default)] total: BTreeMap<String, String>,
) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    let gpu_classes = Some(crate::features::gpu_limits::filled_in(gpu_classes)?);
    let total = Some(crate::features::gpu_limits::share(total)?);
    let quota = QuotaChange { gpu_classes, total, ..quota };
    let change = domain::platform_account::ChangeAccount { suspended: None, quota: Some(quota) };
    crate::ssr::backend()?.change_platform_account(&caller, &id, change, None).await?;
    leptos_axum::redirect(
        &crate::features::notice::Notice::LimitsChanged.after(&crate::paths::platform_account(&id), ""),
    );
    Ok(())
}

/// Deletes an account and goes to the list. `confirm` must equal the name.
#[server(prefix = "/api", endpoint = "platform-account/delete")]
pub async fn delete_platform_account(id: String, confirm: String) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.delete_platform_account(&caller, &id, &confirm).await?;
    leptos_axum::redirect(
        &crate::features::notice::Notice::AccountDeleted.after(&crate::paths::platform_accounts(), &confirm),
    );
    Ok(())
}

/// Looks into an account, read only. Posted by a plain form: every part of the page changes.
#[server(prefix = "/api", endpoint = "platform-account/support")]
pub async fn begin_support(id: String, reason: String) -> Result<(), AppError> {
    crate::ssr::caller().await?;
    let request = domain::platform_account::SupportRequest { reason };
    crate::ssr::sessions()?.begin_support(&id, &request).await?;
    leptos_axum::redirect(&crate::paths::overview());
    Ok(())
}

/// Back to one's own account.
#[server(prefix = "/api", endpoint = "platform-account/leave-support")]
pub async fn leave_support() -> Result<(), AppError> {
    crate::ssr::caller().await?;
    crate::ssr::sessions()?.leave_support().await?;
    leptos_axum::redirect(&crate::paths::platform_accounts());
    Ok(())
}
