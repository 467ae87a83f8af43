//! The kubelet API: what the API server calls for logs, exec, figures and lists of pods.
//! HTTPS only; every request is authenticated and authorised by the cluster before a route sees it.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use rustls::ServerConfig;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

use crate::{NodeConfig, StartError, kubelet::Shared};

mod access;
mod auth;
mod channel_forward;
mod command;
mod exec;
mod frames;
mod lines;
mod listener;
mod logs;
mod own;
mod port_forward;
mod problem;
mod serving;
mod serving_files;
mod spdy;
mod spdy_command;
mod stats;
pub(crate) mod tls;
mod upgrade;
mod websocket;

use auth::Reviewer;
use listener::{Peer, TlsListener};
use problem::Problem;

/// What the routes share.
#[derive(Clone)]
struct Api {
    shared: Arc<Shared>,
    reviewer: Arc<Reviewer>,
}

pub(crate) async fn bind(config: &NodeConfig) -> Result<TcpListener, StartError> {
    let address = SocketAddr::new(config.address, config.port);
    TcpListener::bind(address).await.map_err(|error| {
        StartError(format!("Cannot listen on {address} for the kubelet API ({error}); choose --address and --port"))
    })
}

pub(crate) async fn serve(shared: Arc<Shared>, listener: TcpListener, tls: Arc<ServerConfig>) {
    let reviewer = Arc::new(Reviewer::new(shared.client.clone(), shared.config.name.clone()));
    let shutdown = shared.shutdown.clone();
    let service = router(Api { shared, reviewer }).into_make_service_with_connect_info::<Peer>();
    let listener = TlsListener::new(listener, tls);
    let served = axum::serve(listener, service).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    // Streams are cut off soon after: they would hold the process for ever.
    tokio::select! {
        result = served => if let Err(error) = result {
            tracing::error!(%error, "The kubelet API has stopped");
        },
        () = async { shutdown.cancelled().await; tokio::time::sleep(Duration::from_secs(2)).await } => {}
    }
}

fn router(api: Api) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/pods", get(pods))
        .route("/pods/", get(pods))
        .route("/runningpods/", get(running_pods))
        .route("/containerLogs/{namespace}/{pod}/{container}", get(logs::logs))
        .route("/exec/{namespace}/{pod}/{container}", any(exec::exec))
        .route("/exec/{namespace}/{pod}/{uid}/{container}", any(exec::exec_by_uid))
        .route("/attach/{namespace}/{pod}/{container}", any(exec::attach))
        .route("/attach/{namespace}/{pod}/{uid}/{container}", any(exec::attach_by_uid))
        .route("/portForward/{namespace}/{pod}", any(port_forward::port_forward))
        .route("/portForward/{namespace}/{pod}/{uid}", any(port_forward::port_forward_by_uid))
        .route("/stats/summary", get(stats::summary))
        .route("/metrics/resource", get(stats::resource))
        .route("/metrics", get(own::metrics))
        .route("/configz", get(configz))
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(api.clone(), auth::guard))
        .with_state(api)
}

async fn healthz() -> &'static str {
    "ok"
}

async fn configz(State(api): State<Api>) -> Json<serde_json::Value> {
    let config = &api.shared.config;
    Json(serde_json::json!({
        "nodeName": config.name,
        "engine": config.engine,
        "provider": api.shared.provider.kind(),
        "reconcileIntervalSeconds": config.reconcile_interval.as_secs(),
        "requirePodLabel": config.require_pod_label,
        "workers": config.workers,
    }))
}

async fn pods(State(api): State<Api>) -> Result<Response, Problem> {
    let items = api.shared.records.pods_json();
    let items: Result<Vec<Box<RawValue>>, _> = items.iter().map(|json| serde_json::from_slice(json)).collect();
    pod_list(&items.map_err(|error| Problem::internal(&error))?)
}

/// What the engine runs now, as bare pods.
async fn running_pods(State(api): State<Api>) -> Result<Response, Problem> {
    let instances = api.shared.provider.list().await?;
    let items: Vec<_> = instances
        .iter()
        .map(|instance| {
            let containers: Vec<_> =
                instance.containers.iter().map(|one| serde_json::json!({"name": one.name, "resources": {}})).collect();
            serde_json::json!({
                "metadata": {"name": instance.name, "namespace": instance.namespace, "uid": instance.uid},
                "spec": {"containers": containers}, "status": {},
            })
        })
        .collect();
    pod_list(&items)
}

fn pod_list<T: serde::Serialize>(items: &[T]) -> Result<Response, Problem> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct PodList<'a, T> {
        kind: &'static str,
        api_version: &'static str,
        metadata: serde_json::Value,
        items: &'a [T],
    }
    let list = PodList { kind: "PodList", api_version: "v1", metadata: serde_json::json!({}), items };
    let body = serde_json::to_vec(&list).map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn unknown(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("The kubelet API has no {}", uri.path()))
}
