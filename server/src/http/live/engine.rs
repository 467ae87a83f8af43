//! What the preflight of somebody who adds an engine has found so far.

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use backend::Backend;
use domain::permission::Permission;
use futures::StreamExt as _;

use super::events;
use crate::http::problem::Problem;
use crate::http::stream_guard::{Sees, StreamGuard};

/// `GET /live/engine-preflight`: the rows of the caller's own one, after each further row.
pub(super) async fn preflight(State(backend): State<Backend>, guard: StreamGuard) -> Result<Response, Problem> {
    let rows = backend.watch_preflight(guard.caller())?;
    let own = guard.caller().may(Permission::ManageEngines);
    let sees = if own { Permission::ManageEngines } else { Permission::ManagePlatform };
    let rows = rows.map(|rows| Event::default().json_data(rows));
    Ok(events(guard.watch_events_of(Sees::Permitted(sees), rows)))
}
