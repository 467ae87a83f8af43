//! The catalogue (`console-api.md` §6).

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::page::Page;
use domain::sku::SkuView;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::extract::{ApiPath, ApiQuery, SignedIn};
use crate::http::problem::{Missing, Problem};
use crate::http::state::AppState;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SkuQuery {
    /// Say of each SKU whether this namespace may use it.
    #[param(format = Uuid)]
    namespace_id: Option<String>,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(read))
}

/// The catalogue
#[utoipa::path(get, path = "/skus", operation_id = "list_skus", tag = "SKUs",
    params(SkuQuery), responses((status = 200, body = Page<SkuView>), Missing))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiQuery(query): ApiQuery<SkuQuery>,
) -> Result<Json<Page<SkuView>>, Problem> {
    Ok(whole(backend.list_skus(&caller, query.namespace_id.as_deref()).await?))
}

/// One SKU
#[utoipa::path(get, path = "/skus/{code}", operation_id = "get_sku", tag = "SKUs",
    params(SkuQuery), responses((status = 200, body = SkuView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(code): ApiPath<String>,
    ApiQuery(query): ApiQuery<SkuQuery>,
) -> Result<Json<SkuView>, Problem> {
    Ok(Json(backend.get_sku(&caller, &code, query.namespace_id.as_deref()).await?))
}
