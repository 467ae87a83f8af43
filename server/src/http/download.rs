//! Files that a link on a page downloads, and what a form is given where a redirect could not carry it.

use app::api::api_key::CreateApiKey;
use app::failure::POLICY;
use app::features::key_form::KeyForm;
use app::new_key::new_key_page;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERER,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use backend::Backend;
use domain::skypilot::SkypilotChoice;
use domain::usage::UsageListQuery;
use leptos::config::LeptosOptions;
use openidconnect::url::{Url, form_urlencoded};

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
        .route("/download/api-key", post(api_key))
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

/// `POST /download/api-key`: the form for a new key as a browser without JavaScript posts it. The answer is the page with
/// the secret; what is refused goes back to the form, which says it.
async fn api_key(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    State(options): State<LeptosOptions>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let form = KeyForm::posted(form_urlencoded::parse(&body));
    let refused = match backend.create_api_key(&caller, form.into_new_key()).await {
        Ok(created) => {
            let kind = (CONTENT_TYPE, "text/html; charset=utf-8");
            let headers = [kind, (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")];
            return Ok((headers, new_key_page(options, created)).into_response());
        }
        Err(error) => error,
    };
    let from = headers.get(REFERER).and_then(|value| value.to_str().ok()).filter(|from| Url::parse(from).is_ok());
    let Some(from) = from else { return Err(refused.into()) };
    let back = app::ssr::back_to_form::<CreateApiKey>(from, refused);
    Ok((StatusCode::FOUND, [(LOCATION, back)]).into_response())
}
