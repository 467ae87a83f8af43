//! Tenants, which this API calls clusters.

use std::future::{Ready, ready};

use axum::extract::{FromRequestParts, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use backend::{Backend, ConnectorKubeconfig};
use domain::tenant::{NewTenant, RenameTenant, TenantOrdered, TenantView};
use domain::{Error, Result};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::auth::{TenantCaller, authenticate};
use super::refused::Refused;
use super::{at, for_tenants};
use crate::http::answer::Keep;
use crate::http::extract::{ApiJson, ApiPath, OptionalJson};
use crate::http::negotiate::preferred;
use crate::http::state::AppState;

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

type Ordered = (StatusCode, Extension<Keep>, Json<TenantOrdered>);

/// Which tenant a path names. Bytes that are no text name none, as every other malformed name does.
struct Named(String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let named = ApiPath::<String>::from_request_parts(parts, state).await;
        named.map(|ApiPath(name)| Self(name)).map_err(|_| Error::NotFound.into())
    }
}

pub fn routes(state: &AppState) -> Router<AppState> {
    let clusters = at("/cluster", &get(list).post(create));
    let one = at("/cluster/{name}", &get(read).put(rename).patch(rename).delete(delete));
    // A client that asks for YAML only is welcome here. Each GET makes a credential, so HEAD is no GET here.
    let file = at("/cluster/{name}/kubeconfig", &get(kubeconfig).head(not_allowed).fallback(not_allowed));
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
    Named(name): Named,
) -> Result<Json<TenantView>, Refused> {
    Ok(Json(backend.get_tenant(&caller, &name).await?))
}

/// `PUT cluster/{name}` and `PATCH cluster/{name}`
async fn rename(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    Named(name): Named,
    ApiJson(new): ApiJson<RenameTenant>,
) -> Result<Json<TenantView>, Refused> {
    Ok(Json(backend.rename_tenant(&caller, &name, new).await?))
}

/// `DELETE cluster/{name}`
async fn delete(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    Named(name): Named,
) -> Result<Ordered, Refused> {
    Ok(ordered(backend.delete_tenant(&caller, &name).await?))
}

/// `GET cluster/{name}/kubeconfig`: a file, or the same inside JSON for who asks for that.
async fn kubeconfig(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    Named(name): Named,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let file = backend.tenant_kubeconfig(&caller, &name).await?;
    let mut response = match wants_json(&headers) {
        true => {
            let text = file.kubeconfig.expose_secret();
            Json(json!({"cluster": file.tenant, "filename": file.filename, "kubeconfig": text})).into_response()
        }
        false => attachment(&file),
    };
    response.headers_mut().insert(VARY, ACCEPT.into());
    Ok(response)
}

/// JSON is for who names it and would not rather have YAML; whoever takes anything gets the file.
fn wants_json(headers: &HeaderMap) -> bool {
    let named = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains(JSON));
    headers.get_all(ACCEPT).iter().any(named) && preferred(headers, &[JSON, YAML]) == Some(JSON)
}

/// A tenant's kubeconfig as a file.
pub fn attachment(file: &ConnectorKubeconfig) -> Response {
    // The name is `skg…` and needs no escaping.
    let disposition = format!("attachment; filename=\"{}\"", file.filename);
    let headers = [(CONTENT_DISPOSITION, disposition), (CONTENT_TYPE, YAML.to_owned())];
    (headers, file.kubeconfig.expose_secret().to_owned()).into_response()
}

/// `HEAD` where a GET makes something; and every other method there, or axum would name HEAD as allowed.
fn not_allowed() -> Ready<(StatusCode, [(HeaderName, &'static str); 1])> {
    ready((StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET")]))
}

fn ordered(answer: TenantOrdered) -> Ordered {
    (StatusCode::ACCEPTED, Extension(Keep), Json(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_is_a_file_unless_json_is_asked_for() {
        let cases: [(&[&'static str], bool); 10] = [
            (&[], false),
            (&["*/*"], false),
            (&["application/*"], false),
            (&["application/yaml"], false),
            (&["application/json"], true),
            (&["Application/JSON"], true),
            (&["application/json, text/plain, */*"], true),
            (&["text/plain", "application/json"], true),
            (&["application/yaml, application/json;q=0.5"], false),
            (&["application/json;q=0, */*"], false),
        ];
        for (accept, wanted) in cases {
            let headers: HeaderMap = accept.iter().map(|&value| (ACCEPT, HeaderValue::from_static(value))).collect();
            assert_eq!(wants_json(&headers), wanted, "{accept:?}");
        }
    }
}
