//! The account's namespaces as they are made, change and go.

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use backend::Backend;
use domain::permission::Permission;
use futures::StreamExt as _;

use super::{events, until_broken};
use crate::http::extract::{ApiPath, Paging};
use crate::http::problem::Problem;
use crate::http::stream_guard::{Sees, StreamGuard};

/// `GET /live/namespaces?cursor=`: one page of the list, after each change.
pub(super) async fn all(
    State(backend): State<Backend>,
    guard: StreamGuard,
    Paging(page): Paging,
) -> Result<Response, Problem> {
    let pages = until_broken(backend.watch_namespaces(guard.caller(), &page).await?);
    let pages = pages.map(|page| Event::default().json_data(page));
    Ok(events(guard.watch_events_of(Sees::Permitted(Permission::Read), pages)))
}

/// `GET /live/namespaces/{id}`: one of them, after each change; `null` once it is gone.
pub(super) async fn one(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let states = until_broken(backend.watch_namespace(guard.caller(), &id).await?);
    let states = states.map(|state| Event::default().json_data(state));
    Ok(events(guard.watch_events_of(Sees::Permitted(Permission::Read), states)))
}
