//! What workloads and pods use, as their nodes tell (`ui.md` §1, Metrics).

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::metric::MetricView;
use domain::workload::WorkloadKind;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::workload::Named;
use crate::http::extract::{ApiPath, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(of_pod)).routes(routes!(of_workload))
}

/// What a pod used in the last hour
///
/// Nodes are asked only while somebody looks or pods with GPUs run: the first answer may hold nothing yet.
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/pods/{pod}/metrics",
    operation_id = "get_pod_metrics", tag = "Workloads",
    responses((status = 200, body = MetricView), MissingOrConflicting))]
async fn of_pod(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, pod)): ApiPath<(String, String)>,
) -> Result<Json<MetricView>, Problem> {
    Ok(Json(backend.workload_metrics(&caller, &namespace_id, WorkloadKind::Pod, &pod).await?))
}

/// What the pods of a workload used together in the last hour
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}/metrics",
    operation_id = "get_workload_metrics", tag = "Workloads",
    responses((status = 200, body = MetricView), MissingOrConflicting))]
async fn of_workload(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
) -> Result<Json<MetricView>, Problem> {
    Ok(Json(backend.workload_metrics(&caller, &named.namespace_id, named.kind, &named.name).await?))
}
