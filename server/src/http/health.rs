//! `/healthz` and `/readyz`.
//!
//! Source: `security.md` §9 (liveness without detail; Shutdown), RULINGS 36.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::time::timeout;

use super::state::AppState;

// Probes give up after a few seconds; a dependency that is slower than this is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Readiness {
    /// `ready`, `degraded` (serves, without the cluster), `not_ready` or `stopping`.
    status: &'static str,
    /// What does not answer: `database`, `cluster`.
    missing: Vec<&'static str>,
}

/// Routes that need no session.
pub fn routes() -> Router<AppState> {
    Router::new().route("/healthz", get(health)).route("/readyz", get(ready))
}

/// `GET /healthz`: the process lives.
async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "ok"}))
}

/// `GET /readyz`: the database answers and we are not leaving. The cluster is told, not demanded: without it the console
/// takes orders and revokes keys, and a load balancer that sent everybody away would stop just that.
async fn ready(State(state): State<AppState>) -> (StatusCode, Json<Readiness>) {
    if state.draining.0.is_cancelled() || state.shutdown.is_cancelled() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "stopping", Vec::new());
    }
    let (database, cluster) =
        tokio::join!(timeout(PATIENCE, state.backend.ready()), timeout(PATIENCE, state.backend.cluster_ready()));
    let answers = [("database", matches!(database, Ok(Ok(())))), ("cluster", matches!(cluster, Ok(Ok(()))))];
    let missing: Vec<_> = answers.into_iter().filter(|(_, answered)| !answered).map(|(name, _)| name).collect();
    match missing.first() {
        None => answer(StatusCode::OK, "ready", missing),
        Some(&"database") => answer(StatusCode::SERVICE_UNAVAILABLE, "not_ready", missing),
        Some(_) => answer(StatusCode::OK, "degraded", missing),
    }
}

fn answer(code: StatusCode, status: &'static str, missing: Vec<&'static str>) -> (StatusCode, Json<Readiness>) {
    (code, Json(Readiness { status, missing }))
}
