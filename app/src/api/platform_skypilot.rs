//! SkyPilot accesses that reach beyond their namespace, for operators.

use domain::page::Page;
use domain::skypilot::SkypilotRequest;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// One page of them.
#[server(prefix = "/api", endpoint = "platform-skypilot/list")]
pub async fn list_skypilot_requests(
    #[server(default)] cursor: String,
) -> Result<Packed<Page<SkypilotRequest>>, AppError> {
    let caller = crate::ssr::caller().await?;
    let page = domain::page::PageRequest::new(None, Some(cursor).filter(|cursor| !cursor.is_empty()))?;
    Packed::new(&crate::ssr::backend()?.list_skypilot_requests(&caller, &page).await?)
}

/// Allows `features` (words of the wire, comma separated) and takes all others back.
#[server(prefix = "/api", endpoint = "platform-skypilot/approve")]
pub async fn approve_skypilot(
    id: String,
    #[server(default)] features: String,
    #[server(default)] name: String,
) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let approved = features.split(',').filter_map(domain::skypilot::Feature::parse).collect();
    let approval = domain::skypilot::SkypilotApproval { approved };
    crate::ssr::backend()?.approve_skypilot(&caller, &id, &approval).await?;
    leptos_axum::redirect(&Notice::SkypilotApproved.after(&crate::paths::platform_skypilot(), &name));
    Ok(())
}
