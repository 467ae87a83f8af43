//! Changes of workloads that run: scale, image, restart, roll back, edit.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::manifest::Manifest;
use domain::page::Page;
use domain::workload::{Revision, RollBack, WorkloadChange, WorkloadDetail, WorkloadView};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use super::workload::Named;
use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiQuery, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EditQuery {
    /// Only ask: change nothing, answer what it would become.
    #[serde(default)]
    dry_run: bool,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(change))
        .routes(routes!(restart))
        .routes(routes!(run))
        .routes(routes!(revisions))
        .routes(routes!(roll_back))
        .routes(routes!(manifest, edit))
}

/// Scale a workload, change its image or its environment
#[utoipa::path(patch, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}",
    operation_id = "change_workload", tag = "Workloads", request_body = WorkloadChange,
    responses((status = 200, body = WorkloadDetail), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
    if_match: IfMatch,
    ApiJson(change): ApiJson<WorkloadChange>,
) -> Result<Tagged<WorkloadDetail>, Problem> {
    let Named { namespace_id, kind, name } = named;
    let saw = if_match.check(backend.get_workload(&caller, &namespace_id, kind, &name)).await?;
    backend.change_workload(&caller, &namespace_id, (kind, &name), &change, saw.as_ref()).await?;
    Ok(Tagged(backend.get_workload(&caller, &namespace_id, kind, &name).await?))
}

/// Replace every pod of a workload by a new one
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}/restart",
    operation_id = "restart_workload", tag = "Workloads", responses((status = 204), MissingOrConflicting))]
async fn restart(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
) -> Result<StatusCode, Problem> {
    backend.restart_workload(&caller, &named.namespace_id, named.kind, &named.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Start a Job of a CronJob at once
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}/run",
    operation_id = "run_workload", tag = "Workloads",
    responses((status = 201, body = WorkloadView), MissingOrConflicting))]
async fn run(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
) -> Result<Created<WorkloadView>, Problem> {
    let Named { namespace_id, kind, name } = named;
    let made = backend.run_workload(&caller, &namespace_id, kind, &name).await?;
    let place = format!("/v1/kubernetes/namespaces/{namespace_id}/workloads/{}/{}", made.kind.as_str(), made.name);
    Ok(Created::at(place, made))
}

/// Earlier templates of a workload
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}/revisions",
    operation_id = "list_workload_revisions", tag = "Workloads",
    responses((status = 200, body = Page<Revision>), MissingOrConflicting))]
async fn revisions(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
) -> Result<Json<Page<Revision>>, Problem> {
    Ok(whole(backend.workload_revisions(&caller, &named.namespace_id, named.kind, &named.name).await?))
}

/// Go back to an earlier template
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}/rollback",
    operation_id = "roll_back_workload", tag = "Workloads", request_body = RollBack,
    responses((status = 204), MissingOrConflicting))]
async fn roll_back(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
    ApiJson(to): ApiJson<RollBack>,
) -> Result<StatusCode, Problem> {
    let Named { namespace_id, kind, name } = named;
    backend.roll_back_workload(&caller, &namespace_id, (kind, &name), to.revision).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The object behind a workload, to read and to edit
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}/manifest",
    operation_id = "get_workload_manifest", tag = "Workloads",
    responses((status = 200, body = Manifest), MissingOrConflicting))]
async fn manifest(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
) -> Result<Json<Manifest>, Problem> {
    Ok(Json(backend.workload_manifest(&caller, &named.namespace_id, named.kind, &named.name).await?))
}

/// Put an edited object in place
///
/// `version` is that of the object which was read: when somebody changed it meanwhile the answer is a 409.
#[utoipa::path(put, path = "/kubernetes/namespaces/{namespace_id}/workloads/{kind}/{name}/manifest",
    operation_id = "edit_workload", tag = "Workloads", params(EditQuery), request_body = Manifest,
    responses((status = 200, body = Manifest), MissingOrConflicting))]
async fn edit(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    named: Named,
    ApiQuery(query): ApiQuery<EditQuery>,
    ApiJson(edited): ApiJson<Manifest>,
) -> Result<Json<Manifest>, Problem> {
    let Named { namespace_id, kind, name } = named;
    Ok(Json(backend.edit_workload(&caller, &namespace_id, (kind, &name), &edited, query.dry_run).await?))
}
