//! REST: extract, one use case, answer. The contract is `console-api.md`.

mod account;
mod api_key;
mod auth;
pub mod credential;
mod deployment;
mod deployment_log;
pub mod kubeconfig;
mod namespace;
mod sku;

use axum::Router;
use axum::middleware::from_fn;
use domain::page::Page;

use super::middleware::{accepts_json, accepts_text, not_found};
use super::state::AppState;

/// Everything under `/v1` that a browser session opens; unknown paths are a 404 of the API, not of the pages.
pub fn session_routes() -> Router<AppState> {
    let json = Router::new()
        .merge(auth::routes())
        .merge(account::routes())
        .merge(namespace::routes())
        .merge(kubeconfig::routes())
        .merge(api_key::routes())
        .merge(sku::routes())
        .merge(deployment::routes())
        .layer(from_fn(accepts_json));
    let text = deployment_log::routes().layer(from_fn(accepts_text));
    json.merge(text).fallback(not_found)
}

/// A list that is never long enough for pages.
fn whole<T>(items: Vec<T>) -> axum::Json<Page<T>> {
    axum::Json(Page { items, next_cursor: None })
}
