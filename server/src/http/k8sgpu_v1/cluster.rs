//! Tenants, which this API calls clusters.

use std::future::{Ready, ready};

use axum::extract::State;
use axum::http::header::{ACCEPT, ALLOW, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use backend::{Backend, ConnectorKubeconfig};
use domain::Result;
use domain::tenant::{NewTenant, RenameTenant, TenantOrdered, TenantView};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::auth::{TenantCaller, authenticate};
use super::refused::Refused;
use super::{at, for_tenants};
use crate::http::answer::Keep;
use crate::http::extract::{ApiJson, ApiPath, OptionalJson};
use crate::http::state::AppState;

type Ordered = (StatusCode, Extension<Keep>, Json<TenantOrdered>);

pub fn routes(state: &AppState) -> Router<AppState> {
    let clusters = at("/cluster", &get(list).post(create));
    let one = at("/cluster/{name}", &get(read).put(rename).patch(rename).delete(delete));
    // A client that asks for YAML only is welcome here. Each GET makes a credential, so HEAD is no GET here.
    let file = at("/cluster/{name}/kubeconfig", &get(kubeconfig).head(not_allowed));
    for_tenants(clusters.merge(one), state).merge(file.layer(from_fn_with_state(state.clone(), authenticate)))
}

/// `GET cluster/`: all active ones, oldest first, as a bare array.
async fn list(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
) -> Result<Json<Vec<TenantView>>, Refused> {
    Ok(Json(backend.list_tenants(&caller).await?))
}

/// `POST cluster/`: documented without a body.
async fn create(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    OptionalJson(new): OptionalJson<NewTenant>,
) -> Result<Ordered, Refused> {
    Ok(ordered(backend.create_tenant(&caller, new).await?))
}

/// `GET cluster/{name}`
async fn read(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<TenantView>, Refused> {
    Ok(Json(backend.get_tenant(&caller, &name).await?))
}

/// `PUT cluster/{name}` and `PATCH cluster/{name}`
async fn rename(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    ApiPath(name): ApiPath<String>,
    ApiJson(new): ApiJson<RenameTenant>,
) -> Result<Json<TenantView>, Refused> {
    Ok(Json(backend.rename_tenant(&caller, &name, new).await?))
}

/// `DELETE cluster/{name}`
async fn delete(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    ApiPath(name): ApiPath<String>,
) -> Result<Ordered, Refused> {
    Ok(ordered(backend.delete_tenant(&caller, &name).await?))
}

/// `GET cluster/{name}/kubeconfig`: a file, or the same inside JSON for who asks for that.
async fn kubeconfig(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    ApiPath(name): ApiPath<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let file = backend.tenant_kubeconfig(&caller, &name).await?;
    let accept = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mut response = match accept.to_ascii_lowercase().contains("application/json") {
        true => {
            let text = file.kubeconfig.expose_secret();
            Json(json!({"cluster": file.tenant, "filename": file.filename, "kubeconfig": text})).into_response()
        }
        false => attachment(&file),
    };
    response.headers_mut().insert(VARY, ACCEPT.into());
    Ok(response)
}

/// A tenant's kubeconfig as a file.
pub fn attachment(file: &ConnectorKubeconfig) -> Response {
    // The name is `skg…` and needs no escaping.
    let disposition = format!("attachment; filename=\"{}\"", file.filename);
    let headers = [(CONTENT_DISPOSITION, disposition), (CONTENT_TYPE, "application/yaml".to_owned())];
    (headers, file.kubeconfig.expose_secret().to_owned()).into_response()
}

/// `HEAD` where a GET makes something.
fn not_allowed() -> Ready<(StatusCode, [(HeaderName, &'static str); 1])> {
    ready((StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET")]))
}

fn ordered(answer: TenantOrdered) -> Ordered {
    (StatusCode::ACCEPTED, Extension(Keep), Json(answer))
}
