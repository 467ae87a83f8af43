//! The catalogue.

use domain::sku::SkuView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Every SKU on sale, cheapest first; with a namespace, `granted` says whether it may be used there.
#[server(prefix = "/api", endpoint = "sku/list")]
pub async fn list_skus(namespace: String) -> Result<Packed<Vec<SkuView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    let namespace = Some(namespace.as_str()).filter(|id| !id.is_empty());
    let skus = crate::ssr::backend()?.list_skus(&caller, namespace).await?;
    Packed::new(&crate::features::sku_facts::cheapest_first(skus))
}
