//! Tenants of every account, for the operators of the platform.

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::page::Page;
use domain::tenant::PlatformTenantView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{Ordered, OrderedQuery, SignedIn};
use crate::http::problem::Problem;
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list))
}

/// Every tenant with its account and connectors
#[utoipa::path(get, path = "/platform/tenants", operation_id = "list_platform_tenants", tag = "Platform",
    params(OrderedQuery), responses((status = 200, body = Page<PlatformTenantView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Ordered(page): Ordered,
) -> Result<Json<Page<PlatformTenantView>>, Problem> {
    Ok(Json(backend.list_platform_tenants(&caller, &page).await?))
}
