//! Virtual nodes, for the operators of the platform (`ui.md` §1).

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::node::{DrainNode, NodeDetail, NodeDrain, NodeView};
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{Missing, MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(cordon))
        .routes(routes!(uncordon))
        .routes(routes!(drain))
}

/// Every virtual node
///
/// Its engine, what it has, what of it is taken, what that earns, and what is wrong with it.
#[utoipa::path(get, path = "/nodes", operation_id = "list_nodes", tag = "Platform",
    responses((status = 200, body = Page<NodeView>)))]
async fn list(SignedIn(caller): SignedIn, State(backend): State<Backend>) -> Result<Json<Page<NodeView>>, Problem> {
    Ok(whole(backend.list_nodes(&caller).await?))
}

/// One virtual node with its pods
#[utoipa::path(get, path = "/nodes/{name}", operation_id = "get_node", tag = "Platform",
    responses((status = 200, body = NodeDetail), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<NodeDetail>, Problem> {
    Ok(Json(backend.get_node(&caller, &name).await?))
}

/// Close a node to new pods
///
/// Those on it run on.
#[utoipa::path(post, path = "/nodes/{name}/cordon", operation_id = "cordon_node", tag = "Platform",
    responses((status = 200, body = NodeView), MissingOrConflicting))]
async fn cordon(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<NodeView>, Problem> {
    Ok(Json(backend.cordon_node(&caller, &name).await?))
}

/// Open a node to new pods
///
/// A drain ends.
#[utoipa::path(post, path = "/nodes/{name}/uncordon", operation_id = "uncordon_node", tag = "Platform",
    responses((status = 200, body = NodeView), MissingOrConflicting))]
async fn uncordon(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<NodeView>, Problem> {
    Ok(Json(backend.uncordon_node(&caller, &name).await?))
}

/// Empty a node
///
/// It is closed, and its pods are taken away, each with its grace period. What made them makes new ones elsewhere.
#[utoipa::path(post, path = "/nodes/{name}/drain", operation_id = "drain_node", tag = "Platform",
    request_body = DrainNode, responses((status = 200, body = NodeDrain), MissingOrConflicting))]
async fn drain(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(name): ApiPath<String>,
    ApiJson(body): ApiJson<DrainNode>,
) -> Result<Json<NodeDrain>, Problem> {
    Ok(Json(backend.drain_node(&caller, &name, &body.confirm).await?))
}
