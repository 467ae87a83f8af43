//! The caller's own accounts.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use backend::Backend;
use domain::account::AccountView;
use domain::page::Page;

use super::whole;
use crate::http::extract::SignedIn;
use crate::http::problem::Problem;
use crate::http::state::AppState;

pub fn routes() -> Router<AppState> {
    Router::new().route("/accounts", get(list))
}

/// `GET /v1/accounts`
async fn list(SignedIn(caller): SignedIn, State(backend): State<Backend>) -> Result<Json<Page<AccountView>>, Problem> {
    Ok(whole(backend.list_accounts(&caller).await?))
}
