//! `/healthz` and `/readyz`.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::time::timeout;

use super::problem::Problem;
use super::state::AppState;

// Probes give up after a few seconds; a dependency that is slower than this is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    database: &'static str,
    cluster: &'static str,
}

/// Routes that need no session.
pub fn routes() -> Router<AppState> {
    Router::new().route("/healthz", get(health)).route("/readyz", get(ready))
}

/// `GET /healthz`: the process lives.
async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "ok"}))
}

/// `GET /readyz`: the database answers. The cluster is told, not demanded: the console works without it.
async fn ready(State(state): State<AppState>) -> Result<Json<Readiness>, Problem> {
    if state.shutdown.is_cancelled() {
        return Err(Problem::from_status(StatusCode::SERVICE_UNAVAILABLE));
    }
    let (database, cluster) =
        tokio::join!(timeout(PATIENCE, state.backend.ready()), timeout(PATIENCE, state.backend.cluster_ready()));
    database.map_err(domain::Error::database)??;
    let cluster = if matches!(cluster, Ok(Ok(()))) { "ok" } else { "unreachable" };
    Ok(Json(Readiness { status: "ready", database: "ok", cluster }))
}
