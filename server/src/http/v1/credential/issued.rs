//! Credentials that were handed out: listed and ended by people in a session (`console-api.md` §5).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::credential::CredentialView;
use domain::page::{Page, PageRequest};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiPath, ApiQuery, SignedIn};
use crate::http::problem::{Missing, Problem};
use crate::http::state::AppState;

/// Which credentials are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CredentialQuery {
    /// Only those of this API key.
    #[param(format = Uuid)]
    api_key_id: Option<String>,
    /// Only those for this namespace.
    #[param(format = Uuid)]
    namespace_id: Option<String>,
    /// Rows per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 64)]
    cursor: Option<String>,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(read, revoke))
}

/// Credentials handed out, newest first; never their tokens
#[utoipa::path(get, path = "/credentials", operation_id = "list_credentials", tag = "Credentials",
    params(CredentialQuery), responses((status = 200, body = Page<CredentialView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiQuery(query): ApiQuery<CredentialQuery>,
) -> Result<Json<Page<CredentialView>>, Problem> {
    let page = PageRequest::new(query.limit, query.cursor)?;
    let (key, namespace) = (query.api_key_id.as_deref(), query.namespace_id.as_deref());
    Ok(Json(backend.list_credentials(&caller, key, namespace, &page).await?))
}

/// One credential
#[utoipa::path(get, path = "/credentials/{credential_id}", operation_id = "get_credential", tag = "Credentials",
    responses((status = 200, body = CredentialView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<CredentialView>, Problem> {
    Ok(Json(backend.get_credential(&caller, &id).await?))
}

/// End a credential
///
/// Its token dies at once, with every other of the same key, secret and rights in that namespace. The next
/// exec-credential makes a new one.
#[utoipa::path(delete, path = "/credentials/{credential_id}", operation_id = "revoke_credential", tag = "Credentials",
    responses((status = 204), Missing))]
async fn revoke(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.revoke_credential(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
