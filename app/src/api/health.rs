//! How the installation is, for the operators of the platform.

use domain::health::HealthView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// The installation now.
#[server(prefix = "/api", endpoint = "health/get")]
pub async fn get_health() -> Result<Packed<HealthView>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.health(&caller).await?)
}
