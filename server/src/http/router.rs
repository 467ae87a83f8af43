//! The route table and the order of the layers. Two stacks: session routes, and the key route without any session.

use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use axum::{Extension, Router};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;

use super::state::AppState;
use super::v1::contract::{Contract, known_query};
use super::v1::document::ApiDocument;
use super::{
    assets, cli_login, docs, download, drain, failure, health, idempotency, k8sgpu_v1, live, middleware, observe, oidc,
    pages, rate_limit, session, v1,
};

// security.md §9: 1 MiB for JSON.
const BODY_LIMIT: usize = 1024 * 1024;

/// The whole site.
///
/// # Errors
/// When the public URL cannot be a trusted origin.
pub fn build(state: AppState) -> anyhow::Result<Router> {
    let csrf = CsrfLayer::new().add_trusted_origin(state.public_url.as_str())?;
    let sessions = ServiceBuilder::new()
        .layer(from_fn(session::bearer_alone))
        .layer(csrf.with_rejection_response(middleware::cross_site))
        .layer(from_fn_with_state(state.public_url.clone(), session::complete_removal))
        .layer(from_fn_with_state(state.limits.clone(), rate_limit::by_address))
        .layer(session::layer(&state))
        .layer(from_fn_with_state(state.clone(), session::resolve_caller))
        .layer(from_fn_with_state(state.limits.clone(), rate_limit::by_caller));
    let assets = ServiceBuilder::new()
        .layer(from_fn(assets::cache))
        .service(assets::service(std::path::Path::new(&*state.leptos.site_root)));
    let document = v1::api_document(&state.public_url)?;
    let contract = Contract::of(&document);
    let api = Router::from(v1::session_routes())
        .layer(Extension(ApiDocument::of(&document)))
        .layer(from_fn_with_state((state.clone(), contract.clone()), idempotency::once))
        .layer(from_fn_with_state(contract, known_query));
    let signed_in = Router::new()
        .merge(pages::routes(&state))
        .merge(live::routes(&state))
        .merge(download::routes())
        .merge(cli_login::routes())
        .merge(oidc::routes())
        .nest("/v1", api)
        .layer(from_fn_with_state(BODY_LIMIT, middleware::limit_body))
        .layer(sessions);
    let everything = signed_in
        .merge(Router::from(v1::credential::routes(&state.limits)))
        .merge(k8sgpu_v1::routes(&state))
        .merge(health::routes())
        .merge(docs::routes(&document))
        .nest_service("/pkg", assets)
        .route("/live/{*rest}", any(middleware::not_found))
        .route("/download/{*rest}", any(middleware::not_found));
    let outermost = ServiceBuilder::new()
        .layer(from_fn_with_state(state.proxies, middleware::identify))
        .layer(from_fn(observe::observe))
        // The whole state, not the part: every layer outside of one clones what that one holds, for each request.
        .layer(from_fn_with_state(state.clone(), drain::send_away))
        .layer(from_fn_with_state(state.public_url.is_https(), middleware::secure))
        .layer(from_fn_with_state(state.clone(), failure::page_for_people))
        .layer(from_fn(k8sgpu_v1::with_message))
        .layer(from_fn(middleware::net))
        .layer(from_fn(middleware::limit_head))
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn(middleware::limit_time));
    Ok(everything.layer(outermost).with_state(state))
}
