//! A person's accounts at identity providers (`security.md` §4.5). Linking itself goes through the browser.

use app::ssr::SessionPort as _;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::identity::{IdentityView, ProviderView};
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::extract::{ApiPath, SignedIn};
use crate::http::problem::{Conflicting, Problem};
use crate::http::session::BrowserSession;
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(providers)).routes(routes!(list)).routes(routes!(unlink))
}

/// The identity providers one can sign in with
///
/// A browser begins at `/auth/oidc/{id}/start`.
#[utoipa::path(get, path = "/auth/providers", operation_id = "list_providers", tag = "Sign-in",
    responses((status = 200, body = Page<ProviderView>)))]
async fn providers(browser: BrowserSession) -> Json<Page<ProviderView>> {
    whole(browser.providers())
}

/// The identities linked to the caller
#[utoipa::path(get, path = "/auth/identities", operation_id = "list_identities", tag = "Sign-in",
    responses((status = 200, body = Page<IdentityView>)))]
async fn list(SignedIn(caller): SignedIn, State(backend): State<Backend>) -> Result<Json<Page<IdentityView>>, Problem> {
    Ok(whole(backend.list_identities(&caller).await?))
}

/// Unlink an identity
///
/// The caller's other sessions end. The last way to sign in stays: 409.
#[utoipa::path(delete, path = "/auth/identities/{identity_id}", operation_id = "unlink_identity", tag = "Sign-in",
    responses((status = 204), Conflicting))]
async fn unlink(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.unlink_identity(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
