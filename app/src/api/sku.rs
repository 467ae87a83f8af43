//! The catalogue.

use domain::sku::SkuView;
use leptos::prelude::*;

use crate::api::error::AppError;

/// Every SKU on sale; with a namespace, `granted` says whether it may be used there.
#[server(prefix = "/api", endpoint = "sku/list")]
pub async fn list_skus(namespace: Option<String>) -> Result<Vec<SkuView>, AppError> {
    let caller = crate::ssr::caller().await?;
    Ok(crate::ssr::backend()?.list_skus(&caller, namespace.as_deref()).await?)
}
