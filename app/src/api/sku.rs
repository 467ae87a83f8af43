//! The catalogue.

use domain::sku::SkuView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Every SKU on sale; with a namespace, `granted` says whether it may be used there.
#[server(prefix = "/api", endpoint = "sku/list")]
pub async fn list_skus(namespace: String) -> Result<Packed<Vec<SkuView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    let namespace = Some(namespace.as_str()).filter(|id| !id.is_empty());
    Packed::new(&crate::ssr::backend()?.list_skus(&caller, namespace).await?)
}
