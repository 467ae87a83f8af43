//! SkyPilot access of a namespace: files, rights, verification, kubeconfigs (`skypilot.md` §7).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::page::Page;
use domain::skypilot::{
    IssuedSkypilotKubeconfig, NewSkypilotKubeconfig, SkypilotChoice, SkypilotFiles, SkypilotKubeconfigView,
    SkypilotView, SkypilotWanted, Verification,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::extract::{ApiJson, ApiPath, Paging, PagingQuery, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(read, change, remove))
        .routes(routes!(files))
        .routes(routes!(verification))
        .routes(routes!(kubeconfigs, issue))
        .routes(routes!(kubeconfig, revoke))
}

/// Where SkyPilot access of a namespace is
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/skypilot", operation_id = "get_skypilot",
    tag = "SkyPilot", responses((status = 200, body = SkypilotView), MissingOrConflicting))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Json<SkypilotView>, Problem> {
    Ok(Json(backend.get_skypilot(&caller, &namespace_id).await?))
}

/// Apply SkyPilot access, or change it
///
/// Account and bindings follow at once, or within moments if the cluster does not answer. What reaches beyond the
/// namespace waits until an operator allows it.
#[utoipa::path(put, path = "/kubernetes/namespaces/{namespace_id}/skypilot", operation_id = "set_skypilot",
    tag = "SkyPilot", request_body = SkypilotWanted,
    responses((status = 200, body = SkypilotView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(wanted): ApiJson<SkypilotWanted>,
) -> Result<Json<SkypilotView>, Problem> {
    Ok(Json(backend.set_skypilot(&caller, &namespace_id, wanted).await?))
}

/// Take SkyPilot access away: rights, account and every kubeconfig of it
#[utoipa::path(delete, path = "/kubernetes/namespaces/{namespace_id}/skypilot", operation_id = "remove_skypilot",
    tag = "SkyPilot", responses((status = 204), MissingOrConflicting))]
async fn remove(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.remove_skypilot(&caller, &namespace_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The files for one choice: create-sky-sa.yaml and config.yaml
///
/// Changes nothing: an administrator may apply the file instead of letting the console do it.
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/skypilot/files",
    operation_id = "render_skypilot_files", tag = "SkyPilot", request_body = SkypilotChoice,
    responses((status = 200, body = SkypilotFiles), MissingOrConflicting))]
async fn files(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(choice): ApiJson<SkypilotChoice>,
) -> Result<Json<SkypilotFiles>, Problem> {
    Ok(Json(backend.skypilot_files(&caller, &namespace_id, &choice).await?))
}

/// Ask the API server about every right that SkyPilot needs, for both identities that need it
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/skypilot/verification",
    operation_id = "verify_skypilot", tag = "SkyPilot",
    responses((status = 200, body = Verification), MissingOrConflicting))]
async fn verification(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Json<Verification>, Problem> {
    Ok(Json(backend.verify_skypilot(&caller, &namespace_id).await?))
}

/// Kubeconfigs whose identity is the ServiceAccount, newest first
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/skypilot/kubeconfigs",
    operation_id = "list_skypilot_kubeconfigs", tag = "SkyPilot", params(PagingQuery),
    responses((status = 200, body = Page<SkypilotKubeconfigView>), MissingOrConflicting))]
async fn kubeconfigs(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    Paging(page): Paging,
) -> Result<Json<Page<SkypilotKubeconfigView>>, Problem> {
    Ok(Json(backend.list_skypilot_kubeconfigs(&caller, &namespace_id, &page).await?))
}

/// Issue a kubeconfig whose identity is the ServiceAccount
///
/// It holds a token, shown this once. The API server may give it a shorter life than was asked for.
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/skypilot/kubeconfigs",
    operation_id = "issue_skypilot_kubeconfig", tag = "SkyPilot", request_body = NewSkypilotKubeconfig,
    responses((status = 201, body = IssuedSkypilotKubeconfig), MissingOrConflicting))]
async fn issue(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(new): ApiJson<NewSkypilotKubeconfig>,
) -> Result<Created<IssuedSkypilotKubeconfig>, Problem> {
    let made = backend.issue_skypilot_kubeconfig(&caller, &namespace_id, new).await?;
    let id = &made.issued.id;
    Ok(Created::secret(format!("/v1/kubernetes/namespaces/{namespace_id}/skypilot/kubeconfigs/{id}"), made))
}

/// One issued kubeconfig; its token is nowhere
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/skypilot/kubeconfigs/{kubeconfig_id}",
    operation_id = "get_skypilot_kubeconfig", tag = "SkyPilot",
    responses((status = 200, body = SkypilotKubeconfigView), MissingOrConflicting))]
async fn kubeconfig(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, kubeconfig_id)): ApiPath<(String, String)>,
) -> Result<Json<SkypilotKubeconfigView>, Problem> {
    Ok(Json(backend.get_skypilot_kubeconfig(&caller, &namespace_id, &kubeconfig_id).await?))
}

/// End an issued kubeconfig
///
/// The API server refuses its token about ten seconds later. Repeating it changes nothing.
#[utoipa::path(delete, path = "/kubernetes/namespaces/{namespace_id}/skypilot/kubeconfigs/{kubeconfig_id}",
    operation_id = "revoke_skypilot_kubeconfig", tag = "SkyPilot",
    responses((status = 204), MissingOrConflicting))]
async fn revoke(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, kubeconfig_id)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    backend.revoke_skypilot_kubeconfig(&caller, &namespace_id, &kubeconfig_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
