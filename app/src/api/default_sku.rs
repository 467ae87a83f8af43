//! The SKU of a namespace's pods that name none.

use domain::sku::SkuView;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// What a form for it shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DefaultSkuPage {
    /// What the account may choose from, cheapest first.
    pub skus: Vec<SkuView>,
    /// What is chosen.
    pub sku_code: Option<String>,
}

/// What is chosen in a namespace, and from what.
#[server(prefix = "/api", endpoint = "default-sku/get")]
pub async fn get_default_sku(namespace: String) -> Result<Packed<DefaultSkuPage>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let sku_code = backend.get_default_sku(&caller, &namespace).await?.sku_code;
    let skus = backend.list_skus(&caller, None).await?;
    Packed::new(&DefaultSkuPage { skus: crate::features::sku_facts::cheapest_first(skus), sku_code })
}

/// Chooses one, or none for the empty text.
#[server(prefix = "/api", endpoint = "default-sku/set")]
pub async fn set_default_sku(namespace: String, sku_code: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let wanted = domain::default_sku::DefaultSku { sku_code: Some(sku_code).filter(|code| !code.is_empty()) };
    crate::ssr::backend()?.set_default_sku(&caller, &namespace, wanted).await?;
    leptos_axum::redirect(&Notice::DefaultSkuSaved.after(&crate::paths::namespace_settings(&namespace), ""));
    Ok(())
}
