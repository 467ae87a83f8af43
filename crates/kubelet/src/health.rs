//! The plain listener of liveness and readiness probes, which have no certificate to show. It tells nobody anything but
//! whether the loops go on and whether the engine answered last; it never asks the engine itself.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, time::Instant};

use crate::{StartError, kubelet::Shared};

/// A tick waits for the engine's answer, which has a limit of its own below this.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone)]
struct Probes {
    shared: Arc<Shared>,
    started: Instant,
}

pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        StartError(format!("Cannot listen on {address} for probes ({error}); choose --health-server-address"))
    })
}

pub(crate) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let shutdown = shared.shutdown.clone();
    let probes = Probes { shared, started: Instant::now() };
    let router = Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(probes);
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        result = served => if let Err(error) = result {
            tracing::error!(%error, "The listener of probes has stopped");
        },
        () = shutdown.cancelled() => {}
    }
}

/// Fails when the tick has not come round for several intervals: a restart is what helps then.
async fn alive(State(Probes { shared, started }): State<Probes>) -> Response {
    let age = shared.records.last_list().unwrap_or(started).elapsed();
    if age > limit(shared.config.reconcile_interval) {
        let text = format!("the engine was last listed {} s ago\n", age.as_secs());
        return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    }
    "ok\n".into_response()
}

/// The outcome of the last list, as the node's condition Ready says it.
async fn ready(State(Probes { shared, .. }): State<Probes>) -> Response {
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
