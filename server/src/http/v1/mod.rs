//! REST: extract, one use case, answer. The contract is `console-api.md`.
//!
//! An operation is a handler with `#[utoipa::path]` (path, `operation_id`, one tag, body, answers; the summary is its
//! docstring), a place in its noun's `routes!`, and a row in `permission.rs`. Refusals that any request may meet, path
//! parameters, security and formats are added by `document.rs`; a handler names only [`Missing`] and [`Conflicting`].
//!
//! [`Missing`]: super::problem::Missing
//! [`Conflicting`]: super::problem::Conflicting

mod account;
mod api_key;
mod audit;
mod auth;
mod budget;
mod cli_session;
mod config_map;
pub mod contract;
pub mod credential;
mod default_sku;
mod deployment;
mod deployment_log;
pub mod document;
mod engine;
mod engine_manifest;
mod health;
mod identity;
mod idle_gpu;
mod invitation;
pub mod kubeconfig;
mod member;
mod metric;
mod namespace;
mod node;
mod password;
pub mod permission;
mod platform_account;
mod platform_sku;
mod platform_skypilot;
mod platform_tenant;
mod pod_log;
mod secret;
mod service;
mod session;
mod sku;
mod skypilot;
pub mod usage;
mod webhook;
mod workload;
mod workload_change;

use axum::middleware::from_fn;
use domain::page::Page;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use super::middleware::{accepts_json, accepts_text, not_found};
use super::rate_limit::RateLimits;
use super::state::AppState;
use crate::public_url::PublicUrl;

/// Everything under `/v1` that a browser session opens; unknown paths are a 404 of the API, not of the pages.
pub fn session_routes() -> OpenApiRouter<AppState> {
    let json = OpenApiRouter::default()
        .merge(document::routes())
        .merge(auth::routes())
        .merge(session::routes())
        .merge(password::routes())
        .merge(identity::routes())
        .merge(account::routes())
        .merge(member::routes())
        .merge(invitation::routes())
        .merge(platform_account::routes())
        .merge(platform_sku::routes())
        .merge(platform_skypilot::routes())
        .merge(platform_tenant::routes())
        .merge(health::routes())
        .merge(namespace::routes())
        .merge(default_sku::routes())
        .merge(kubeconfig::routes())
        .merge(api_key::routes())
        .merge(cli_session::routes())
        .merge(credential::issued::routes())
        .merge(sku::routes())
        .merge(deployment::routes())
        .merge(workload::routes())
        .merge(workload_change::routes())
        .merge(metric::routes())
        .merge(idle_gpu::routes())
        .merge(config_map::routes())
        .merge(secret::routes())
        .merge(service::routes())
        .merge(skypilot::routes())
        .merge(webhook::routes())
        .merge(engine::routes())
        .merge(audit::routes())
        .merge(engine_manifest::routes())
        .merge(node::routes())
        .merge(usage::routes())
        .merge(budget::routes())
        .layer(from_fn(accepts_json));
    let text = deployment_log::routes().merge(pod_log::routes()).layer(from_fn(accepts_text));
    let files = audit::file_routes().merge(engine_manifest::file_routes()).merge(usage::file_routes());
    json.merge(text).merge(files).fallback(not_found)
}

/// The OpenAPI document of everything under `/v1`, as it is served at `url`.
///
/// # Errors
/// When an operation is missing from the table of permissions.
pub fn api_document(url: &PublicUrl) -> anyhow::Result<Value> {
    let collected = OpenApiRouter::with_openapi(document::start())
        .nest("/v1", session_routes())
        .merge(credential::routes(&RateLimits::new(0)))
        .into_openapi();
    document::complete(&collected, url)
}

/// A list that is never long enough for pages.
fn whole<T>(items: Vec<T>) -> axum::Json<Page<T>> {
    axum::Json(Page { items, next_cursor: None })
}
