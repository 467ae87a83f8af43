//! The kubeconfig of a namespace (`console-api.md` §4).

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use backend::Backend;
use domain::credential::Access;
use domain::kubeconfig::{KubeconfigView, Variant};
use domain::{Error, Result};
use serde::Deserialize;

use crate::http::extract::{ApiPath, ApiQuery, SignedIn};
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// What kind of kubeconfig is wanted.
#[derive(Deserialize)]
pub struct KubeconfigQuery {
    variant: Option<String>,
    access: Option<String>,
}

// === impl KubeconfigQuery ===

impl KubeconfigQuery {
    /// How credentials are fetched; `sh` when unsaid.
    pub fn variant(&self) -> Result<Variant> {
        match self.variant.as_deref() {
            None | Some("sh") => Ok(Variant::Sh),
            Some("windows") => Ok(Variant::Windows),
            Some("cli") => {
                let message = "The variant cli needs kubectl-remotegpu, which this version does not have: use sh";
                Err(Error::field("variant", "unavailable", message))
            }
            Some(_) => Err(Error::field("variant", "unknown", "variant must be sh or windows")),
        }
    }

    /// With what rights; `edit` when unsaid.
    pub fn access(&self) -> Result<Access> {
        parse_access(self.access.as_deref())
    }
}

pub fn routes() -> Router<AppState> {
    Router::new().route("/kubernetes/namespaces/{namespace_id}/kubeconfig", get(read))
}

/// Reads `?access=`; `edit` when unsaid.
pub fn parse_access(text: Option<&str>) -> Result<Access> {
    match text {
        None | Some("edit") => Ok(Access::Edit),
        Some("view") => Ok(Access::View),
        Some(_) => Err(Error::field("access", "unknown", "access must be edit or view")),
    }
}

/// `GET /v1/kubernetes/namespaces/{id}/kubeconfig?variant=&access=`
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiQuery(query): ApiQuery<KubeconfigQuery>,
) -> Result<Json<KubeconfigView>, Problem> {
    Ok(Json(backend.kubeconfig(&caller, &id, query.variant()?, query.access()?).await?))
}
