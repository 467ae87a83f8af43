//! What runs in a namespace, whoever made it (`console-api.md` §6, `ui.md` §2).

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use backend::Backend;
use domain::Error;
use domain::deployment::DeploymentPlan;
use domain::workload::{WorkloadDetail, WorkloadFilter, WorkloadKind, WorkloadList, WorkloadView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::etag::Tagged;
use crate::http::extract::{ApiJson, ApiPath, ApiQuery, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

/// Which workload a path names. A kind that does not exist is not found, as a name that does not.
pub struct Named {
    /// Id of the namespace.
    pub namespace_id: String,
    /// Kind.
    pub kind: WorkloadKind,
    /// Name.
    pub name: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let ApiPath((namespace_id, kind, name)) =
            ApiPath::<(String, String, String)>::from_request_parts(parts, state).await?;
        let kind = WorkloadKind::parse(&kind).ok_or(Error::NotFound)?;
        Ok(Self { namespace_id, kind, name })
    }
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(read, delete))
}

/// Everything that runs in a namespace
///
/// Deployments, StatefulSets, Jobs, and pods that none of them made; what needs a person first, without their pods.
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/workloads", operation_id = "list_workloads",
    tag = "Workloads", params(WorkloadFilter), responses((status = 200, body = WorkloadList), MissingOrConflicting))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiQuery(filter): ApiQuery<WorkloadFilter>,
) -> Result<Json<WorkloadList>, Problem> {
    Ok(Json(backend.list_workloads(&caller, &namespace_id, &filter).await?))
}

/// Run something: a Deployment, a Job or one interactive pod
///
/// The admission check comes first; its refusal is a 409 that carries the verdict.
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/workloads", operation_id = "create_workload",
    tag = "Workloads", request_body = DeploymentPlan,
    responses((status = 201, body = WorkloadView), MissingOrConflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(plan): ApiJson<DeploymentPlan>,
) -> Result<Created<WorkloadView>, Problem> {
    let made = backend.create_workload(&caller, &namespace_id, plan).await?;
    let place = format!("/v1/kubernetes/namespaces/{namespace_id}/workloads/{}/{}", made.kind.as_str(), made.name);
    Ok(Created::at(place, made))
}

/// One workload with its pods and events
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}",
    operation_id = "get_workload", tag = "Workloads",
    responses((status = 200, body = WorkloadDetail), MissingOrConflicting))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
) -> Result<Tagged<WorkloadDetail>, Problem> {
    Ok(Tagged(backend.get_workload(&caller, &named.namespace_id, named.kind, &named.name).await?))
}

/// Delete a workload and its pods
#[utoipa::path(delete, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}",
    operation_id = "delete_workload", tag = "Workloads", responses((status = 204), MissingOrConflicting))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
) -> Result<StatusCode, Problem> {
    backend.delete_workload(&caller, &named.namespace_id, named.kind, &named.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
