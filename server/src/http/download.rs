//! Files that a link on a page downloads.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use backend::Backend;
use domain::skypilot::SkypilotChoice;
use domain::usage::UsageListQuery;

use super::extract::{ApiPath, ApiQuery, SignedIn};
use super::k8sgpu_v1::cluster::attachment;
use super::problem::Problem;
use super::state::AppState;
use super::v1::kubeconfig::KubeconfigQuery;
use super::v1::usage;

/// Routes under `/download`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/download/kubeconfig/{namespace_id}", get(kubeconfig))
        .route("/download/skypilot/{namespace_id}", get(skypilot))
        .route("/download/usage", get(usage_file))
        .route("/download/connector/{namespace_id}", post(connector))
}

/// `GET /download/kubeconfig/{id}?variant=&access=`
async fn kubeconfig(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiQuery(query): ApiQuery<KubeconfigQuery>,
) -> Result<impl IntoResponse, Problem> {
    let view = backend.kubeconfig(&caller, &id, query.variant()?, query.access()?).await?;
    // The file name holds a DNS label only, so it needs no escaping.
    let attachment = format!("attachment; filename=\"{}\"", view.filename);
    let headers = [(CONTENT_DISPOSITION, attachment), (CONTENT_TYPE, "application/yaml".to_owned())];
    Ok((headers, view.kubeconfig))
}

/// `GET /download/skypilot/{id}?file=config&…`: the files of the choice that the query holds.
async fn skypilot(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Problem> {
    let query = query.unwrap_or_default();
    let choice = SkypilotChoice::from_query(&query).unwrap_or_default();
    let files = backend.skypilot_files(&caller, &id, &choice).await?;
    let config = query.split('&').any(|pair| pair == "file=config");
    let (name, text) = if config { ("config.yaml", files.config) } else { ("create-sky-sa.yaml", files.manifest) };
    let headers = [
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (CONTENT_TYPE, "application/yaml".to_owned()),
    ];
    Ok((headers, text))
}

/// `GET /download/usage?month=&namespace=&sku=`
async fn usage_file(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiQuery(query): ApiQuery<UsageListQuery>,
) -> Result<Response, Problem> {
    usage::file(&backend, &caller, query).await
}

/// `POST /download/connector/{id}`: makes a credential, so no link does it.
async fn connector(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(attachment(&backend.connector_kubeconfig(&caller, &id).await?))
}
