//! Sign-in, sign-out and who is signed in (`console-api.md` §1).

use app::ssr::SessionPort as _;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::account::SwitchAccount;
use domain::session::SessionView;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiJson, SignedIn};
use crate::http::problem::{Missing, Problem, Refused};
use crate::http::session::BrowserSession;
use crate::http::state::AppState;

/// Body of `POST /v1/auth/login`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// As it was registered; case does not matter.
    #[schema(example = "ada@example.com")]
    email: String,
    /// In clear, over TLS.
    #[schema(format = Password)]
    password: String,
}

/// Body of `POST /v1/auth/reauthenticate`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    /// In clear, over TLS.
    #[schema(format = Password)]
    password: String,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(reauthenticate))
        .routes(routes!(session))
        .routes(routes!(switch))
}

/// Sign in with e-mail and password
///
/// The answer sets the session cookie. Every wrong combination is the same 401.
#[utoipa::path(post, path = "/auth/login", operation_id = "login", tag = "Sign-in",
    request_body = Login, responses((status = 200, body = SessionView), Refused))]
async fn login(browser: BrowserSession, ApiJson(login): ApiJson<Login>) -> Result<Json<SessionView>, Problem> {
    Ok(Json(browser.sign_in(&login.email, SecretString::from(login.password)).await?))
}

/// Sign out
#[utoipa::path(post, path = "/auth/logout", operation_id = "logout", tag = "Sign-in", responses((status = 204)))]
async fn logout(_: SignedIn, browser: BrowserSession) -> Result<StatusCode, Problem> {
    browser.sign_out().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Confirm who is signed in
///
/// What a refusal with `reauthentication_required` asks for, before what is dangerous.
#[utoipa::path(post, path = "/auth/reauthenticate", operation_id = "reauthenticate", tag = "Sign-in",
    request_body = Password, responses((status = 204)))]
async fn reauthenticate(
    _: SignedIn,
    browser: BrowserSession,
    ApiJson(proof): ApiJson<Password>,
) -> Result<StatusCode, Problem> {
    browser.reauthenticate(SecretString::from(proof.password)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Act in another of one's accounts
#[utoipa::path(post, path = "/auth/session/account", operation_id = "switch_account", tag = "Sign-in",
    request_body = SwitchAccount, responses((status = 200, body = SessionView), Missing))]
async fn switch(
    _: SignedIn,
    browser: BrowserSession,
    ApiJson(to): ApiJson<SwitchAccount>,
) -> Result<Json<SessionView>, Problem> {
    Ok(Json(browser.switch_account(&to.account_id).await?))
}

/// Who is signed in
#[utoipa::path(get, path = "/auth/session", operation_id = "get_session", tag = "Sign-in",
    responses((status = 200, body = SessionView)))]
async fn session(SignedIn(caller): SignedIn, State(backend): State<Backend>) -> Json<SessionView> {
    Json(backend.session_view(&caller))
}
