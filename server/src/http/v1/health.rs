//! How the installation is, for the operators of the platform. Probes have [`crate::http::health`].

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::health::HealthView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::SignedIn;
use crate::http::problem::Problem;
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(show))
}

/// How the installation is, as the console that answers sees it
#[utoipa::path(get, path = "/platform/health", operation_id = "get_health", tag = "Platform",
    responses((status = 200, body = HealthView)))]
async fn show(SignedIn(caller): SignedIn, State(backend): State<Backend>) -> Result<Json<HealthView>, Problem> {
    Ok(Json(backend.health(&caller).await?))
}
