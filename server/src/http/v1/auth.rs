//! Sign-in, sign-out and who is signed in (`console-api.md` §1).

use app::ssr::SessionPort as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use backend::Backend;
use domain::account::SwitchAccount;
use domain::session::SessionView;
use secrecy::SecretString;
use serde::Deserialize;

use crate::http::extract::{ApiJson, SignedIn};
use crate::http::problem::Problem;
use crate::http::session::BrowserSession;
use crate::http::state::AppState;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    email: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    password: String,
}

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/auth/login", post(login))
        .route("/auth/logout", post(logout))
        .route("/auth/reauthenticate", post(reauthenticate))
        .route("/auth/session", get(session))
        .route("/auth/session/account", post(switch))
}

/// `POST /v1/auth/login`
async fn login(browser: BrowserSession, ApiJson(login): ApiJson<Login>) -> Result<Json<SessionView>, Problem> {
    Ok(Json(browser.sign_in(&login.email, SecretString::from(login.password)).await?))
}

/// `POST /v1/auth/logout`
async fn logout(_: SignedIn, browser: BrowserSession) -> Result<StatusCode, Problem> {
    browser.sign_out().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/auth/reauthenticate`: what a refusal with `reauthentication_required` asks for.
async fn reauthenticate(
    _: SignedIn,
    browser: BrowserSession,
    ApiJson(proof): ApiJson<Password>,
) -> Result<StatusCode, Problem> {
    browser.reauthenticate(SecretString::from(proof.password)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/auth/session/account`
async fn switch(
    _: SignedIn,
    browser: BrowserSession,
    ApiJson(to): ApiJson<SwitchAccount>,
) -> Result<Json<SessionView>, Problem> {
    Ok(Json(browser.switch_account(&to.account_id).await?))
}

/// `GET /v1/auth/session`
async fn session(SignedIn(caller): SignedIn, State(backend): State<Backend>) -> Json<SessionView> {
    Json(backend.session_view(&caller))
}
