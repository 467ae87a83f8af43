//! Virtual nodes as they change, for operators.

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use backend::Backend;
use domain::permission::Permission;
use futures::StreamExt as _;

use super::events;
use crate::http::extract::ApiPath;
use crate::http::problem::Problem;
use crate::http::stream_guard::{Sees, StreamGuard};

/// `GET /live/nodes`: every virtual node, after each change.
pub(super) async fn all(State(backend): State<Backend>, guard: StreamGuard) -> Result<Response, Problem> {
    let nodes = backend.watch_nodes(guard.caller()).await?;
    let nodes = nodes.map(|nodes| Event::default().json_data(nodes));
    Ok(events(guard.watch_events_of(Sees::Permitted(Permission::ManagePlatform), nodes)))
}

/// `GET /live/nodes/{name}`: one with its pods, after each change; `null` once it is gone.
pub(super) async fn one(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, Problem> {
    let node = backend.watch_node(guard.caller(), &name).await?;
    let node = node.map(|node| Event::default().json_data(node));
    Ok(events(guard.watch_events_of(Sees::Permitted(Permission::ManagePlatform), node)))
}
