//! SKUs, for the operators of the platform.

use domain::platform_sku::PlatformSkuView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::sku_form::SkuForm;

/// Every SKU, retired ones included.
#[server(prefix = "/api", endpoint = "platform-sku/list")]
pub async fn list_platform_skus() -> Result<Packed<Vec<PlatformSkuView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.list_platform_skus(&caller).await?)
}

/// One SKU as the cluster has it.
#[server(prefix = "/api", endpoint = "platform-sku/get")]
pub async fn get_platform_sku(code: String) -> Result<Packed<PlatformSkuView>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.get_platform_sku(&caller, &code).await?)
}

/// Puts a SKU on sale and goes to its page.
#[server(prefix = "/api", endpoint = "platform-sku/create")]
pub async fn create_platform_sku(form: SkuForm) -> Result<(), AppError> {
    use crate::features::sku_form::at_the_fields;
    let caller = crate::ssr::caller().await?;
    let new = form.into_new().map_err(at_the_fields)?;
    let made = crate::ssr::backend()?.create_platform_sku(&caller, new).await.map_err(at_the_fields)?;
    leptos_axum::redirect(
        &crate::features::notice::Notice::SkuCreated.after(&crate::paths::platform_sku(&made.code), &made.code),
    );
    Ok(())
}

/// Changes a SKU, unless somebody else did since `version`.
#[server(prefix = "/api", endpoint = "platform-sku/change")]
pub async fn change_platform_sku(version: String, form: SkuForm) -> Result<(), AppError> {
    use crate::features::sku_form::at_the_fields;
    let caller = crate::ssr::caller().await?;
    let (code, change) = (form.code.clone(), form.into_change().map_err(at_the_fields)?);
    let backend = crate::ssr::backend()?;
    backend.change_platform_sku(&caller, &code, change, Some(&version)).await.map_err(at_the_fields)?;
    leptos_axum::redirect(
        &crate::features::notice::Notice::SkuChanged.after(&crate::paths::platform_sku(&code), &code),
    );
    Ok(())
}

/// Retires a SKU, or sells it again.
#[server(prefix = "/api", endpoint = "platform-sku/retire")]
pub async fn retire_platform_sku(code: String, retired: bool) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let change = domain::platform_sku::ChangeSku { retired: Some(retired), ..Default::default() };
    crate::ssr::backend()?.change_platform_sku(&caller, &code, change, None).await?;
    let notice = if retired { Notice::SkuRetired } else { Notice::SkuOffered };
    leptos_axum::redirect(&notice.after(&crate::paths::platform_sku(&code), &code));
    Ok(())
}
