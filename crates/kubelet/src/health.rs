//! The plain listener of liveness and readiness probes, which have no certificate to show. It tells nobody anything but
//! whether the process acts, the loops go on and the engine answered last; it never asks the engine itself.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{StartError, kubelet::Shared};

/// A tick waits for the engine's answer, which has a limit of its own below this.
const PATIENCE: Duration = Duration::from_secs(120);

/// How far the process is.
#[derive(Clone)]
pub(crate) enum Stage {
    /// It does not act yet: what it waits for.
    Waits(&'static str),
    /// Its parts run, since this moment.
    Acts(Arc<Shared>, Instant),
}

// === impl Stage ===

impl Stage {
    /// At the start, and again once it is this process's turn.
    pub(crate) const STARTS: Self = Self::Waits("the node waits for its cluster and its engine");
}

pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        StartError(format!("Cannot listen on {address} for probes ({error}); choose --health-server-address"))
    })
}

pub(crate) async fn serve(stage: watch::Receiver<Stage>, listener: TcpListener, shutdown: CancellationToken) {
    let router = Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(stage);
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        result = served => if let Err(error) = result {
            tracing::error!(%error, "The listener of probes has stopped");
        },
        () = shutdown.cancelled() => {}
    }
}

/// Fails when the tick has not come round for several intervals: a restart is what helps then. It does not help who waits.
async fn alive(State(stage): State<watch::Receiver<Stage>>) -> Response {
    let now = stage.borrow().clone();
    let Stage::Acts(shared, since) = now else { return "ok\n".into_response() };
    let age = shared.records.last_list().unwrap_or(since).elapsed();
    if age > limit(shared.config.reconcile_interval) {
        let text = format!("the engine was last listed {} s ago\n", age.as_secs());
        return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    }
    "ok\n".into_response()
}

/// The outcome of the last list, as the node's condition Ready says it.
async fn ready(State(stage): State<watch::Receiver<Stage>>) -> Response {
    let now = stage.borrow().clone();
    let shared = match now {
        Stage::Waits(what) => return (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")).into_response(),
        Stage::Acts(shared, _) => shared,
    };
    let health = shared.health.borrow().clone();
    let age = shared.records.last_list().map(|at| format!(", last list begun {} s ago", at.elapsed().as_secs()));
    let age = age.unwrap_or_default();
    match health.is_ready() {
        true => format!("ok{age}\n").into_response(),
        false if health.message.is_empty() => {
            (StatusCode::SERVICE_UNAVAILABLE, "the engine was not listed yet\n").into_response()
        }
        false => (StatusCode::SERVICE_UNAVAILABLE, format!("{}{age}\n", health.message)).into_response(),
    }
}

fn limit(interval: Duration) -> Duration {
    interval * 3 + PATIENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_lists_seldom_is_given_as_much_more_time() {
        assert_eq!(limit(Duration::from_secs(30)), Duration::from_secs(210));
        assert_eq!(limit(Duration::from_secs(600)), Duration::from_secs(1920));
    }
}
