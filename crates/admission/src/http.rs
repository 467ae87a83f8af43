//! The four paths of the webhook: `/mutate`, `/validate`, `/healthz`, `/readyz`.
//!
//! The answer depends on the object only: nothing is stored and nothing revealed (`security.md` §6.1).

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use domain::admission::{NamespacePolicy, Refusal};

use crate::review::{Phase, needs_tables, review};
use crate::tables::Tables;
use crate::watch::get_namespace;
use crate::wire::{self, Answer, Request};

// `security.md` §9, body limits: the largest object etcd takes is 1.5 MiB, and an update carries two.
const BODY_LIMIT: usize = 3 << 20;

/// What handlers share.
#[derive(Clone)]
pub struct App {
    /// SKUs and namespaces.
    pub tables: Arc<Tables>,
    /// For a namespace not seen yet; absent in tests without a cluster.
    pub client: Option<kube::Client>,
}

/// All routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/mutate", post(|state, body| answer(state, Phase::Mutate, body)))
        .route("/validate", post(|state, body| answer(state, Phase::Validate, body)))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(app)
}

async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.tables.ready() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "SKUs and namespaces are still loading")
    }
}

async fn answer(State(app): State<App>, phase: Phase, body: Bytes) -> Response {
    match wire::read(&body) {
        Ok(request) => {
            let answer = decide(&app, &request, phase).await;
            log(&request, phase, &answer);
            Json(wire::write(&request.uid, &answer)).into_response()
        }
        Err((Some(uid), reason)) => {
            Json(wire::write(&uid, &Answer::Deny(vec![Refusal::new("malformed", "", reason)]))).into_response()
        }
        // Without a uid there is nothing to answer to; the API server refuses the request (failurePolicy Fail).
        Err((None, reason)) => (StatusCode::BAD_REQUEST, reason).into_response(),
    }
}

async fn decide(app: &App, request: &Request, phase: Phase) -> Answer {
    if !needs_tables(request, phase) {
        return review(request, phase, &NamespacePolicy::default(), &Default::default());
    }
    if !app.tables.skus.loaded() {
        return Answer::Unavailable("RemoteGPU admission is still loading the SKUs: try again".to_owned());
    }
    let name = request.namespace.as_deref().unwrap_or_default();
    let known = app.tables.namespaces.rows().get(name).cloned();
    let policy = match (known, &app.client) {
        (Some(policy), _) => Ok(policy),
        (None, Some(client)) => get_namespace(client, name).await,
        (None, None) => Err(format!("Namespace {name} does not exist")),
    };
    match policy {
        Ok(policy) => review(request, phase, &policy, &app.tables.skus.rows()),
        Err(reason) => Answer::Unavailable(reason),
    }
}

fn log(request: &Request, phase: Phase, answer: &Answer) {
    let (Answer::Deny(_) | Answer::Unavailable(_)) = answer else { return };
    tracing::debug!(
        ?phase,
        namespace.kubernetes_name = request.namespace.as_deref(),
        resource = request.resource.resource,
        sub_resource = request.sub_resource.as_deref(),
        ?answer,
        "refused"
    );
}

#[cfg(test)]
mod tests;
