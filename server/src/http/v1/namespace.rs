//! Namespaces and the admission check (`console-api.md` §2 and §6).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use backend::Backend;
use domain::admission::Verdict;
use domain::deployment::AdmissionCheck;
use domain::namespace::{ChangeNamespace, DeleteNamespace, NamespaceView, NewNamespace};
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, OptionalJson, Paging, PagingQuery, SignedIn};
use crate::http::problem::{Conflicting, Missing, MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(read, rename, delete)).routes(routes!(check))
}

/// The account's namespaces
#[utoipa::path(get, path = "/kubernetes/namespaces", operation_id = "list_namespaces", tag = "Namespaces",
    params(PagingQuery), responses((status = 200, body = Page<NamespaceView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<NamespaceView>>, Problem> {
    Ok(Json(backend.list_namespaces(&caller, &page).await?))
}

/// Create a namespace
#[utoipa::path(post, path = "/kubernetes/namespaces", operation_id = "create_namespace", tag = "Namespaces",
    request_body = NewNamespace, responses((status = 201, body = NamespaceView), Conflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewNamespace>,
) -> Result<Created<NamespaceView>, Problem> {
    let namespace = backend.create_namespace(&caller, new).await?;
    Ok(Created::at(format!("/v1/kubernetes/namespaces/{}", namespace.id), namespace))
}

/// One namespace
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}", operation_id = "get_namespace", tag = "Namespaces",
    responses((status = 200, body = NamespaceView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Tagged<NamespaceView>, Problem> {
    Ok(Tagged(backend.get_namespace(&caller, &id).await?))
}

/// Rename a namespace, or set its share of what the account may have
///
/// The Kubernetes name stays, so every kubeconfig and key goes on working. Owners and admins set the share: limits of
/// its own, below what every namespace may use; with all others they stay within the account's total.
#[utoipa::path(patch, path = "/kubernetes/namespaces/{namespace_id}", operation_id = "rename_namespace",
    tag = "Namespaces", request_body = ChangeNamespace,
    responses((status = 200, body = NamespaceView), MissingOrConflicting))]
async fn rename(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<ChangeNamespace>,
) -> Result<Tagged<NamespaceView>, Problem> {
    let saw = if_match.check(backend.get_namespace(&caller, &id)).await?;
    Ok(Tagged(backend.change_namespace(&caller, &id, change, saw.as_ref()).await?))
}

/// Delete a namespace
///
/// It is gone when reading it answers 404; repeating the call changes nothing.
#[utoipa::path(delete, path = "/kubernetes/namespaces/{namespace_id}", operation_id = "delete_namespace",
    tag = "Namespaces", request_body = Option<DeleteNamespace>,
    responses((status = 202, body = NamespaceView), Missing))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    OptionalJson(body): OptionalJson<DeleteNamespace>,
) -> Result<impl IntoResponse, Problem> {
    let namespace = backend.delete_namespace(&caller, &id, body).await?;
    Ok((StatusCode::ACCEPTED, Json(namespace)))
}

/// Whether a plan or manifest would be admitted, rule by rule
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/admission-check", operation_id = "check_deployment",
    tag = "Deployments", request_body = AdmissionCheck, responses((status = 200, body = Verdict), MissingOrConflicting))]
async fn check(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(check): ApiJson<AdmissionCheck>,
) -> Result<Json<Verdict>, Problem> {
    Ok(Json(backend.check_deployment(&caller, &id, check).await?))
}
