//! The SKU of a namespace's pods that name none (`skypilot.md` §7).

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::default_sku::DefaultSku;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{Missing, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(read, change))
}

/// The SKU of pods that name none
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/default-sku", operation_id = "get_default_sku",
    tag = "Namespaces", responses((status = 200, body = DefaultSku), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Json<DefaultSku>, Problem> {
    Ok(Json(backend.get_default_sku(&caller, &namespace_id).await?))
}

/// Choose the SKU of pods that name none
///
/// `null` makes each pod name one. A pod's label and runtime class come first, and the GPUs that a pod of SkyPilot's
/// asks for. Running pods keep what they were admitted with.
#[utoipa::path(put, path = "/kubernetes/namespaces/{namespace_id}/default-sku", operation_id = "set_default_sku",
    tag = "Namespaces", request_body = DefaultSku, responses((status = 200, body = DefaultSku), Missing))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(wanted): ApiJson<DefaultSku>,
) -> Result<Json<DefaultSku>, Problem> {
    Ok(Json(backend.set_default_sku(&caller, &namespace_id, wanted).await?))
}
