//! What is done about idle GPUs in a namespace.

use domain::idle_gpu::IdleGpuRule;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// The rule of a namespace.
#[server(prefix = "/api", endpoint = "idle-gpu/get")]
pub async fn get_idle_gpu(namespace: String) -> Result<Packed<IdleGpuRule>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.get_idle_gpu(&caller, &namespace).await?)
}

/// Changes the rule and goes back to the settings.
#[server(prefix = "/api", endpoint = "idle-gpu/set")]
pub async fn set_idle_gpu(
    namespace: String,
    action: String,
    warn_after_minutes: u32,
    stop_after_minutes: u32,
) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let action = domain::idle_gpu::IdleGpuAction::parse(&action)?;
    let rule = IdleGpuRule { action, warn_after_minutes, stop_after_minutes };
    crate::ssr::backend()?.set_idle_gpu(&caller, &namespace, rule).await?;
    leptos_axum::redirect(&Notice::IdleGpuChanged.after(&crate::paths::namespace_settings(&namespace), ""));
    Ok(())
}
