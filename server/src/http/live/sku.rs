//! The catalogue as places are taken and left.

use app::features::sku_facts::cheapest_first;
use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use backend::Backend;
use domain::permission::Permission;
use futures::StreamExt as _;

use super::events;
use crate::http::problem::Problem;
use crate::http::stream_guard::{Sees, StreamGuard};

/// `GET /live/skus`: every SKU on sale, cheapest first, after each change.
pub(super) async fn all(State(backend): State<Backend>, guard: StreamGuard) -> Result<Response, Problem> {
    let skus = backend.watch_skus(guard.caller())?;
    let skus = skus.map(|skus| Event::default().json_data(cheapest_first(skus)));
    Ok(events(guard.watch_events_of(Sees::Permitted(Permission::Read), skus)))
}
