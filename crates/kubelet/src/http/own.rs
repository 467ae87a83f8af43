//! `/metrics`: figures of the node's own work, for Prometheus (`virtual-node.md` §3.15).
//! What an engine does not count is left out.
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};

use super::{
    Api,
    lines::{Lines, seconds},
};
use crate::{Provider, kubelet::Shared, metrics::Metrics, records::Records};

/// `GET /metrics`
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    let mut lines = Lines::default();
    let shared = &api.shared;
    pods(&mut lines, &shared.records);
    engine(&mut lines, shared);
    work(&mut lines, &shared.metrics);
    lines.add("remotegpu_node_queue_depth", "gauge", "", shared.queue.depth().to_string());
    provider(&mut lines, shared.provider.as_ref());
    lines.into_response()
}

fn pods(lines: &mut Lines, records: &Records) {
    lines.add("remotegpu_node_pods", "gauge", "", records.len().to_string());
    lines.add("remotegpu_node_instances", "gauge", "", records.instances().to_string());
    for (phase, count) in records.phases() {
        lines.add("remotegpu_node_pods_by_phase", "gauge", &format!("phase={phase:?}"), count.to_string());
    }
}

/// How it answers, as the node sees it.
fn engine(lines: &mut Lines, shared: &Shared) {
    let health = shared.health.borrow().clone();
    lines.add("remotegpu_node_engine_ready", "gauge", "", u8::from(health.is_ready()).to_string());
    lines.add("remotegpu_node_engine_list_failures_in_a_row", "gauge", "", health.failures.to_string());
    let metrics = &shared.metrics;
    for (call, calls) in [("create", &metrics.creates), ("delete", &metrics.deletes), ("list", &metrics.lists)] {
        for (outcome, figure) in [("ok", &calls.ok), ("failed", &calls.failed)] {
            let labels = format!("call=\"{call}\",outcome=\"{outcome}\"");
            lines.add("remotegpu_node_engine_calls_total", "counter", &labels, figure.get().to_string());
        }
    }
    lines.add("remotegpu_node_engine_list_seconds", "gauge", "", seconds(metrics.list_microseconds.get() * 1000));
    if let Some(bytes) = shared.provider.list_bytes() {
        lines.add("remotegpu_node_engine_list_bytes", "gauge", "", bytes.to_string());
    }
}

fn work(lines: &mut Lines, metrics: &Metrics) {
    for (metric, figure) in [
        ("remotegpu_node_status_writes_total", &metrics.status_writes),
        ("remotegpu_node_refusals_total", &metrics.refusals),
        ("remotegpu_node_orphans_terminated_total", &metrics.orphans_terminated),
    ] {
        lines.add(metric, "counter", "", figure.get().to_string());
    }
    lines.histogram("remotegpu_node_create_to_running_seconds", &metrics.create_to_running);
}

/// What an engine that rents knows of its provider.
fn provider(lines: &mut Lines, provider: &dyn Provider) {
    for cost in provider.costs() {
        let labels = format!("namespace={:?}", cost.namespace);
        lines.add("remotegpu_node_dollars_per_hour", "gauge", &labels, dollars(cost.micros_per_hour));
        lines.add("remotegpu_node_dollars_total", "counter", &labels, dollars(cost.accrued_micros));
    }
    for calls in provider.calls() {
        let status = calls.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let labels = format!("route={:?},status={status:?}", calls.route);
        lines.add("remotegpu_node_provider_calls_total", "counter", &labels, calls.count.to_string());
    }
    for left in provider.quota_left() {
        let labels = format!("window={:?}", left.window);
        lines.add("remotegpu_node_provider_quota_left", "gauge", &labels, left.calls.to_string());
    }
}

fn dollars(micros: i64) -> String {
    let micros = micros.max(0);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
