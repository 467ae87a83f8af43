//! Prometheus text at `/metrics` of a listener of its own, and nothing else there. Without `--metrics-listen` nothing is
//! measured.
//!
//! Source: `security.md` §9 (metrics on another port, no tenant names or ids as labels), `stack.md` §2.7.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use backend::Backend;
use backend::ports::Clock;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use store::SqlStore;
use tokio_util::sync::CancellationToken;

use crate::listeners;

// From a reused credential (1 ms) to a hanging API server (10 s).
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
// What was measured and not yet fetched is folded this often.
const UPKEEP: Duration = Duration::from_secs(5);

/// The listener with what it serves.
pub struct Exporter {
    listener: TcpListener,
    handle: PrometheusHandle,
}

/// Figures that are read when somebody looks.
#[derive(Clone)]
pub struct Sources {
    /// For the queue of password hashing.
    pub backend: Backend,
    /// For sessions and pools.
    pub store: SqlStore,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

// === impl Exporter ===

impl Exporter {
    /// Takes the port and begins to measure.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn install(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = listeners::bind(address, "--metrics-listen")?;
        let buckets = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("duration_seconds".to_owned()), &SECONDS)?;
        let handle = buckets.install_recorder().context("The metrics cannot be recorded")?;
        describe();
        metrics::gauge!("remotegpu_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        tracing::info!("Metrics on http://{}/metrics", listener.local_addr()?);
        Ok(Self { listener, handle })
    }

    /// Serves until `shutdown`.
    pub async fn serve(self, sources: Sources, shutdown: CancellationToken) {
        let (folded, stop) = (self.handle.clone(), shutdown.clone());
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(UPKEEP);
            while !stop.is_cancelled() {
                tick.tick().await;
                folded.run_upkeep();
            }
        });
        let router = Router::new().route("/metrics", get(text)).with_state((self.handle, sources));
        let served = match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            tracing::error!(%error, "The metrics are no longer served");
        }
    }
}

/// `GET /metrics`
async fn text(State((handle, sources)): State<(PrometheusHandle, Sources)>) -> impl IntoResponse {
    sources.read().await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
}

// === impl Sources ===

impl Sources {
    /// What cannot be read keeps its last value: the database may be what somebody looks for.
    async fn read(&self) {
        let (waiting, running) = self.backend.password_queue();
        metrics::gauge!("remotegpu_password_hashes", "state" => "waiting").set(count(waiting));
        metrics::gauge!("remotegpu_password_hashes", "state" => "running").set(count(running));
        for pool in self.store.pools().await {
            let of = |name: &'static str| metrics::gauge!(name, "pool" => pool.name);
            of("remotegpu_store_connections_in_use").set(f64::from(pool.in_use));
            of("remotegpu_store_connections_open").set(f64::from(pool.open));
            of("remotegpu_store_connections_limit").set(f64::from(pool.limit));
            of("remotegpu_store_wait_seconds").set(pool.wait.as_secs_f64());
        }
        if let Ok(live) = self.store.live_sessions(self.clock.now()).await {
            metrics::gauge!("remotegpu_sessions_live").set(count(usize::try_from(live).unwrap_or(usize::MAX)));
        }
    }
}

fn count(n: usize) -> f64 {
    n as f64
}

fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    gauge!("remotegpu_build_info", "Always 1; the label says which version runs");
    histogram!("remotegpu_http_request_duration_seconds", "Time to the beginning of the answer, by route template");
    counter!("remotegpu_credentials_total", "Kubernetes tokens handed out, by outcome and kind of holder");
    counter!("remotegpu_credentials_refused_total", "Refused exec-credential calls, by code");
    histogram!("remotegpu_cluster_call_duration_seconds", "Calls of the home cluster's API, TokenRequest among them");
    gauge!("remotegpu_reconcile_queue", "Orders that the last look found");
    gauge!("remotegpu_reconcile_last_success_timestamp_seconds", "When the loop last got through without a failure");
    counter!("remotegpu_reconcile_failures_total", "Failed steps of the loop; each is tried again");
    counter!("remotegpu_webhook_attempts_total", "Tries to deliver to webhooks, by outcome");
    gauge!("remotegpu_usage_open_records", "Pods that are charged now");
    counter!("remotegpu_usage_failures_total", "Failed looks of the usage meter; each is tried again");
    counter!("remotegpu_budget_failures_total", "Budgets that could not be judged; each is tried again");
    gauge!("remotegpu_sessions_live", "Browser sessions that have not ended");
    gauge!("remotegpu_store_connections_in_use", "Database connections at work");
    gauge!("remotegpu_store_connections_open", "Database connections that are open");
    gauge!("remotegpu_store_connections_limit", "Most database connections");
    gauge!("remotegpu_store_wait_seconds", "How long this scrape waited for a database connection");
    gauge!("remotegpu_password_hashes", "Passwords being hashed and waiting for it");
}
