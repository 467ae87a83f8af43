//! The caller's own accounts.

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::account::AccountView;
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::extract::SignedIn;
use crate::http::problem::Problem;
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list))
}

/// The caller's accounts
#[utoipa::path(get, path = "/accounts", operation_id = "list_accounts", tag = "Accounts",
    responses((status = 200, body = Page<AccountView>)))]
async fn list(SignedIn(caller): SignedIn, State(backend): State<Backend>) -> Result<Json<Page<AccountView>>, Problem> {
    Ok(whole(backend.list_accounts(&caller).await?))
}
