//! SKUs and who may use them, for the operators of the platform.

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::page::Page;
use domain::platform_sku::{ChangeSku, NewSku, PlatformSkuView};
use domain::sku::SkuGrantsView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{Conflicting, Missing, MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(read, change)).routes(routes!(grants, grant))
}

/// Every SKU, retired ones included
#[utoipa::path(get, path = "/platform/skus", operation_id = "list_platform_skus", tag = "Platform",
    responses((status = 200, body = Page<PlatformSkuView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
) -> Result<Json<Page<PlatformSkuView>>, Problem> {
    Ok(whole(backend.list_platform_skus(&caller).await?))
}

/// Put a SKU on sale
#[utoipa::path(post, path = "/platform/skus", operation_id = "create_platform_sku", tag = "Platform",
    request_body = NewSku, responses((status = 201, body = PlatformSkuView), Conflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewSku>,
) -> Result<Created<PlatformSkuView>, Problem> {
    let made = backend.create_platform_sku(&caller, new).await?;
    Ok(Created::at(format!("/v1/platform/skus/{}", made.code), made))
}

/// One SKU as the cluster has it
#[utoipa::path(get, path = "/platform/skus/{code}", operation_id = "get_platform_sku", tag = "Platform",
    responses((status = 200, body = PlatformSkuView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(code): ApiPath<String>,
) -> Result<Tagged<PlatformSkuView>, Problem> {
    Ok(Tagged(backend.get_platform_sku(&caller, &code).await?))
}

/// Change, retire or sell again
///
/// Pods that run keep the price and the shape they were admitted with.
#[utoipa::path(patch, path = "/platform/skus/{code}", operation_id = "change_platform_sku", tag = "Platform",
    request_body = ChangeSku, responses((status = 200, body = PlatformSkuView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(code): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<ChangeSku>,
) -> Result<Tagged<PlatformSkuView>, Problem> {
    let saw = if_match.check(backend.get_platform_sku(&caller, &code)).await?;
    let version = saw.as_ref().map(|saw| saw.version.as_str());
    Ok(Tagged(backend.change_platform_sku(&caller, &code, change, version).await?))
}

/// Which SKUs an account may use
#[utoipa::path(get, path = "/platform/accounts/{account_id}/skus", operation_id = "get_sku_grants", tag = "Platform",
    responses((status = 200, body = SkuGrantsView), Missing))]
async fn grants(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(account): ApiPath<String>,
) -> Result<Tagged<SkuGrantsView>, Problem> {
    Ok(Tagged(backend.get_sku_grants(&caller, &account).await?))
}

/// Set which SKUs an account may use
///
/// Its namespaces follow within moments; pods that run go on.
#[utoipa::path(put, path = "/platform/accounts/{account_id}/skus", operation_id = "set_sku_grants", tag = "Platform",
    request_body = SkuGrantsView, responses((status = 200, body = SkuGrantsView), MissingOrConflicting))]
async fn grant(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(account): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(wanted): ApiJson<SkuGrantsView>,
) -> Result<Tagged<SkuGrantsView>, Problem> {
    let saw = if_match.check(backend.get_sku_grants(&caller, &account)).await?;
    Ok(Tagged(backend.set_sku_grants(&caller, &account, &wanted, saw.as_ref()).await?))
}
