//! Changing a password, and links that reset one (`security.md` §4.4).

use app::ssr::SessionPort as _;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::{Backend, Origin};
use domain::password::ResetLink;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{Conflicting, MissingOrConflicting, Problem};
use crate::http::session::BrowserSession;
use crate::http::state::AppState;

/// Body of `POST /v1/auth/password`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangePassword {
    /// The present password; left out by people who have none yet.
    #[serde(default)]
    #[schema(format = Password)]
    current: String,
    /// 12 to 1024 characters.
    #[schema(format = Password, min_length = 12, max_length = 1024)]
    new: String,
}

/// Body of `POST /v1/auth/password/reset`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UseReset {
    /// The last part of the link.
    token: String,
    /// 12 to 1024 characters.
    #[schema(format = Password, min_length = 12, max_length = 1024)]
    new: String,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(change)).routes(routes!(create_reset)).routes(routes!(reset))
}

/// Change one's password
///
/// Every other session of the person ends; this one gets a new cookie.
#[utoipa::path(post, path = "/auth/password", operation_id = "change_password", tag = "Sign-in",
    request_body = ChangePassword, responses((status = 204)))]
async fn change(
    _: SignedIn,
    browser: BrowserSession,
    ApiJson(change): ApiJson<ChangePassword>,
) -> Result<StatusCode, Problem> {
    browser.change_password(SecretString::from(change.current), SecretString::from(change.new)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a link that resets a member's password
///
/// The link works once, for an hour, and is in this answer only: there is no mail server, whoever asks hands it over.
#[utoipa::path(post, path = "/members/{user_id}/password-reset", operation_id = "create_password_reset",
    tag = "Members", responses((status = 200, body = ResetLink), MissingOrConflicting))]
async fn create_reset(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(user_id): ApiPath<String>,
) -> Result<Json<ResetLink>, Problem> {
    Ok(Json(backend.create_member_password_reset(&caller, &user_id).await?))
}

/// Set a new password with a reset link
///
/// Every session of the person ends and their soft lock opens. A link that is not live is 409 `link_invalid`.
#[utoipa::path(post, path = "/auth/password/reset", operation_id = "reset_password", tag = "Sign-in",
    request_body = UseReset, responses((status = 204), Conflicting))]
async fn reset(
    axum::Extension(origin): axum::Extension<Origin>,
    State(backend): State<Backend>,
    ApiJson(reset): ApiJson<UseReset>,
) -> Result<StatusCode, Problem> {
    backend.reset_password(&origin, &reset.token, &SecretString::from(reset.new)).await?;
    Ok(StatusCode::NO_CONTENT)
}
