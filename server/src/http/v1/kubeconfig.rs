//! The kubeconfig of a namespace (`console-api.md` §4).

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::credential::Access;
use domain::kubeconfig::{KubeconfigView, Variant};
use domain::{Error, Result};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiPath, ApiQuery, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

/// What kind of kubeconfig is wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KubeconfigQuery {
    /// How it fetches credentials; `sh` when unsaid.
    #[param(inline, value_type = Option<Variant>)]
    variant: Option<String>,
    /// With what rights; `edit` when unsaid.
    #[param(inline, value_type = Option<Access>)]
    access: Option<String>,
}

// === impl KubeconfigQuery ===

impl KubeconfigQuery {
    /// How credentials are fetched; `sh` when unsaid.
    pub fn variant(&self) -> Result<Variant> {
        Variant::parse(self.variant.as_deref().unwrap_or("sh"))
    }

    /// With what rights; `edit` when unsaid.
    pub fn access(&self) -> Result<Access> {
        parse_access(self.access.as_deref())
    }
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(read))
}

/// Reads `?access=`; `edit` when unsaid.
pub fn parse_access(text: Option<&str>) -> Result<Access> {
    match text {
        None | Some("edit") => Ok(Access::Edit),
        Some("view") => Ok(Access::View),
        Some(_) => Err(Error::field("access", "unknown", "access must be edit or view")),
    }
}

/// The kubeconfig of a namespace
///
/// It holds no secret: `kubectl` fetches a short-lived token with the API key of its user.
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/kubeconfig", operation_id = "get_kubeconfig",
    tag = "Namespaces", params(KubeconfigQuery),
    responses((status = 200, body = KubeconfigView), MissingOrConflicting))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiQuery(query): ApiQuery<KubeconfigQuery>,
) -> Result<Json<KubeconfigView>, Problem> {
    Ok(Json(backend.kubeconfig(&caller, &id, query.variant()?, query.access()?).await?))
}
