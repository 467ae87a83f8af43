//! Tenants of every account, for the operators of the platform.

use domain::page::Page;
use domain::tenant::PlatformTenantView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// One page of tenants; `sort` as in the page's address.
#[server(prefix = "/api", endpoint = "platform-tenant/list")]
pub async fn list_platform_tenants(
    cursor: String,
    #[server(default)] sort: String,
) -> Result<Packed<Page<PlatformTenantView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    let page = crate::ssr::ordered(cursor, &sort)?;
    Packed::new(&crate::ssr::backend()?.list_platform_tenants(&caller, &page).await?)
}
