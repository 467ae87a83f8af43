//! Signing in with a token as the answer, and one's own password.

use axum::extract::State;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use backend::{Backend, Origin};
use domain::jwt::{Login, LoginAnswer, NewPassword, UserAnswer};
use secrecy::SecretString;

use super::auth::TenantCaller;
use super::refused::Refused;
use super::{at, for_tenants};
use crate::http::extract::ApiJson;
use crate::http::middleware::accepts_json;
use crate::http::rate_limit::{Class, RateLimits, address_of};
use crate::http::state::AppState;

pub fn routes(state: &AppState) -> Router<AppState> {
    let own = at("/user", &get(read).put(change).patch(change));
    at("/user/login", &post(login)).layer(from_fn(accepts_json)).merge(for_tenants(own, state))
}

/// `POST user/login/`
async fn login(
    State(backend): State<Backend>,
    State(limits): State<RateLimits>,
    Extension(origin): Extension<Origin>,
    ApiJson(login): ApiJson<Login>,
) -> Result<Json<LoginAnswer>, Refused> {
    limits.take(Class::SignIn, &address_of(&origin))?;
    Ok(Json(backend.tenant_login(&origin, &login.username, &SecretString::from(login.password)).await?))
}

/// `GET user/`
async fn read(TenantCaller(caller): TenantCaller) -> Json<UserAnswer> {
    Json(UserAnswer { username: caller.user.email.as_str().to_owned() })
}

/// `PUT user` and `PATCH user`
async fn change(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewPassword>,
) -> Result<Json<UserAnswer>, Refused> {
    backend.tenant_change_password(&caller, &SecretString::from(new.password)).await?;
    Ok(Json(UserAnswer { username: caller.user.email.as_str().to_owned() }))
}
