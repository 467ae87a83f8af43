//! The catalogue (`console-api.md` §6).

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use backend::Backend;
use domain::page::Page;
use domain::sku::SkuView;
use serde::Deserialize;

use super::whole;
use crate::http::extract::{ApiPath, ApiQuery, SignedIn};
use crate::http::problem::Problem;
use crate::http::state::AppState;

#[derive(Deserialize)]
struct SkuQuery {
    namespace_id: Option<String>,
}

pub fn routes() -> Router<AppState> {
    Router::new().route("/skus", get(list)).route("/skus/{code}", get(read))
}

/// `GET /v1/skus?namespace_id=`
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiQuery(query): ApiQuery<SkuQuery>,
) -> Result<Json<Page<SkuView>>, Problem> {
    Ok(whole(backend.list_skus(&caller, query.namespace_id.as_deref()).await?))
}

/// `GET /v1/skus/{code}?namespace_id=`
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(code): ApiPath<String>,
    ApiQuery(query): ApiQuery<SkuQuery>,
) -> Result<Json<SkuView>, Problem> {
    Ok(Json(backend.get_sku(&caller, &code, query.namespace_id.as_deref()).await?))
}
