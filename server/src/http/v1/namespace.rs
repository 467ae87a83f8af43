//! Namespaces and the admission check (`console-api.md` §2 and §6).

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use backend::Backend;
use domain::admission::Verdict;
use domain::deployment::AdmissionCheck;
use domain::namespace::{DeleteNamespace, NamespaceView, NewNamespace};
use domain::page::Page;

use crate::http::extract::{ApiJson, ApiPath, OptionalJson, Paging, SignedIn};
use crate::http::problem::Problem;
use crate::http::state::AppState;

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/kubernetes/namespaces", get(list).post(create))
        .route("/kubernetes/namespaces/{namespace_id}", get(read).patch(rename).delete(delete))
        .route("/kubernetes/namespaces/{namespace_id}/admission-check", post(check))
}

/// `GET /v1/kubernetes/namespaces`
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<NamespaceView>>, Problem> {
    Ok(Json(backend.list_namespaces(&caller, &page).await?))
}

/// `POST /v1/kubernetes/namespaces`
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewNamespace>,
) -> Result<impl IntoResponse, Problem> {
    let namespace = backend.create_namespace(&caller, new).await?;
    let location = format!("/v1/kubernetes/namespaces/{}", namespace.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(namespace)))
}

/// `GET /v1/kubernetes/namespaces/{id}`
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<NamespaceView>, Problem> {
    Ok(Json(backend.get_namespace(&caller, &id).await?))
}

/// `PATCH /v1/kubernetes/namespaces/{id}`
async fn rename(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(new): ApiJson<NewNamespace>,
) -> Result<Json<NamespaceView>, Problem> {
    Ok(Json(backend.rename_namespace(&caller, &id, new).await?))
}

/// `DELETE /v1/kubernetes/namespaces/{id}`
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    OptionalJson(body): OptionalJson<DeleteNamespace>,
) -> Result<impl IntoResponse, Problem> {
    let namespace = backend.delete_namespace(&caller, &id, body).await?;
    Ok((StatusCode::ACCEPTED, Json(namespace)))
}

/// `POST /v1/kubernetes/namespaces/{id}/admission-check`
async fn check(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(check): ApiJson<AdmissionCheck>,
) -> Result<Json<Verdict>, Problem> {
    Ok(Json(backend.check_deployment(&caller, &id, check).await?))
}
