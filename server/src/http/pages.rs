//! Pages and server functions of the crate `app`, with the contexts they expect.
//!
//! Source: `stack.md` §2.1 and §2.2.

use std::sync::Arc;

use app::ssr::SessionPort;
use axum::Router;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use axum::response::Response;
use axum::routing::any;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{LeptosRoutes as _, generate_route_list_with_exclusions_and_ssg_and_context};
use tower_http::compression::CompressionLayer;

use super::middleware::not_found;
use super::session::BrowserSession;
use super::state::AppState;

/// All pages, all server functions, and the page for unknown paths.
pub fn routes(state: &AppState) -> Router<AppState> {
    let context = context(state.clone());
    // The list needs the contexts too: the app is run once to learn its routes.
    let (pages, _) = generate_route_list_with_exclusions_and_ssg_and_context(app::App, None, context.clone());
    let options = state.leptos.clone();
    let shell = move || app::shell(options.clone());
    let page = leptos_axum::render_app_async_with_context(context.clone(), shell.clone());
    let unknown = move |request: Request| {
        let page = page.clone();
        async move { as_unknown(page(request).await) }
    };
    Router::new()
        .leptos_routes_with_context(state, pages, context, shell)
        .route("/api/{*function}", any(not_found))
        .fallback(unknown)
        .layer(CompressionLayer::new().compress_when(is_page))
}

/// What pages and server functions find in their context; runs once per request, after leptos has put in the parts.
fn context(state: AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        provide_context(state.backend.clone());
        let session = use_context::<Parts>().and_then(|parts| BrowserSession::from_parts(&parts, &state));
        if let Some(session) = session {
            provide_context::<Arc<dyn SessionPort>>(Arc::new(session));
        }
    }
}

/// The page of an unknown path is a 404, unless the app redirected (to the sign-in).
fn as_unknown(mut response: Response) -> Response {
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// Only documents are compressed: an answer that may hold a secret beside reflected text is not (BREACH), assets
/// already are.
fn is_page(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/html"))
}
