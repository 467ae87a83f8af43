//! Figures: `/stats/summary`, `/metrics/resource` and our own `/metrics`.
//! What the engine does not measure is left out; nothing is invented.
use std::{collections::HashMap, fmt::Write as _};

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Api, Problem};
use crate::{ContainerStats, InstanceStats, kubelet::Shared};

/// `GET /stats/summary`
pub(super) async fn summary(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let stats = api.shared.provider.stats().await?;
    let pods: Vec<Value> = stats.iter().filter_map(|one| pod_summary(&api.shared, one)).collect();
    let mut node = json!({"nodeName": api.shared.config.name});
    let total = Total::of(&api.shared, &stats);
    if let Some(nanoseconds) = total.cpu_nanoseconds {
        node["cpu"] = json!({"time": total.taken, "usageCoreNanoSeconds": nanoseconds});
    }
    if let Some(bytes) = total.memory_working_set_bytes {
        node["memory"] = json!({"time": total.taken, "workingSetBytes": bytes});
    }
    Ok(Json(json!({"node": node, "pods": pods})))
}

/// What a node uses is what its containers use: there is nothing else on it.
struct Total {
    taken: Timestamp,
    cpu_nanoseconds: Option<u64>,
    memory_working_set_bytes: Option<u64>,
}

// === impl Total ===

impl Total {
    /// Over all containers, only if each of them was measured.
    fn of(shared: &Shared, stats: &[InstanceStats]) -> Self {
        let all = || stats.iter().flat_map(|instance| &instance.containers);
        Self {
            taken: all().map(|one| one.taken).min().unwrap_or_else(Timestamp::now),
            cpu_nanoseconds: shared.spent.total(stats),
            memory_working_set_bytes: all().map(|one| one.memory_working_set_bytes).sum(),
        }
    }
}

fn pod_summary(shared: &Shared, stats: &InstanceStats) -> Option<Value> {
    let pod = shared.records.view(&stats.uid)?.pod;
    let started = pod.status.as_ref().and_then(|status| status.start_time.clone());
    let containers: Vec<Value> = stats.containers.iter().map(container_summary).collect();
    Some(json!({
        "podRef": {"name": pod.metadata.name, "namespace": pod.metadata.namespace, "uid": stats.uid},
        "startTime": started,
        "containers": containers,
    }))
}

fn container_summary(stats: &ContainerStats) -> Value {
    let mut summary = json!({"name": stats.name, "startTime": stats.started});
    if let Some(nanoseconds) = stats.cpu_nanoseconds {
        summary["cpu"] = json!({"time": stats.taken, "usageCoreNanoSeconds": nanoseconds});
    }
    if let Some(bytes) = stats.memory_working_set_bytes {
        summary["memory"] = json!({"time": stats.taken, "workingSetBytes": bytes});
    }
    summary
}

/// `GET /metrics/resource`
pub(super) async fn resource(State(api): State<Api>) -> Response {
    let stats = api.shared.provider.stats().await;
    let mut lines = Lines::default();
    lines.add("resource_scrape_error", "gauge", "", if stats.is_ok() { "0".into() } else { "1".into() });
    if let Ok(all) = &stats {
        lines.node(&Total::of(&api.shared, all));
    }
    for one in stats.iter().flatten() {
        let Some(pod) = api.shared.records.view(&one.uid).map(|view| view.pod) else { continue };
        let (namespace, name) = (pod.metadata.namespace.as_deref(), pod.metadata.name.as_deref());
        let labels = format!("namespace={:?},pod={:?}", namespace.unwrap_or_default(), name.unwrap_or_default());
        for container in &one.containers {
            lines.container(&labels, container);
        }
        lines.pod(&labels, &one.containers);
    }
    lines.into_response()
}

/// `GET /metrics`
pub(super) async fn own(State(api): State<Api>) -> Response {
    let mut lines = Lines::default();
    let health = api.shared.health.borrow().clone();
    lines.add("remotegpu_node_pods", "gauge", "", api.shared.records.len().to_string());
    lines.add("remotegpu_node_engine_ready", "gauge", "", u8::from(health.is_ready()).to_string());
    lines.add("remotegpu_node_engine_list_failures_in_a_row", "gauge", "", health.failures.to_string());
    let metrics = &api.shared.metrics;
    for (call, calls) in [("create", &metrics.creates), ("delete", &metrics.deletes), ("list", &metrics.lists)] {
        for (outcome, figure) in [("ok", &calls.ok), ("failed", &calls.failed)] {
            let labels = format!("call=\"{call}\",outcome=\"{outcome}\"");
            lines.add("remotegpu_node_engine_calls_total", "counter", &labels, figure.get().to_string());
        }
    }
    lines.add("remotegpu_node_engine_list_seconds", "gauge", "", seconds(metrics.list_microseconds.get() * 1000));
    for (metric, figure) in [
        ("remotegpu_node_status_writes_total", &metrics.status_writes),
        ("remotegpu_node_refusals_total", &metrics.refusals),
        ("remotegpu_node_orphans_terminated_total", &metrics.orphans_terminated),
    ] {
        lines.add(metric, "counter", "", figure.get().to_string());
    }
    for (phase, count) in api.shared.records.phases() {
        lines.add("remotegpu_node_pods_by_phase", "gauge", &format!("phase={phase:?}"), count.to_string());
    }
    lines.into_response()
}

/// Samples in the Prometheus text format, grouped by metric.
#[derive(Default)]
struct Lines {
    order: Vec<&'static str>,
    groups: HashMap<&'static str, String>,
}

// === impl Lines ===

impl Lines {
    fn add(&mut self, metric: &'static str, kind: &str, labels: &str, value: String) {
        let group = self.groups.entry(metric).or_insert_with(|| {
            self.order.push(metric);
            format!("# TYPE {metric} {kind}\n")
        });
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(group, "{metric}{labels} {value}");
    }

    fn node(&mut self, total: &Total) {
        if let Some(nanoseconds) = total.cpu_nanoseconds {
            self.add("node_cpu_usage_seconds_total", "counter", "", seconds(nanoseconds));
        }
        if let Some(bytes) = total.memory_working_set_bytes {
            self.add("node_memory_working_set_bytes", "gauge", "", bytes.to_string());
        }
    }

    fn container(&mut self, pod: &str, stats: &ContainerStats) {
        let labels = format!("container={:?},{pod}", stats.name);
        if let Some(nanoseconds) = stats.cpu_nanoseconds {
            self.add("container_cpu_usage_seconds_total", "counter", &labels, seconds(nanoseconds));
        }
        if let Some(bytes) = stats.memory_working_set_bytes {
            self.add("container_memory_working_set_bytes", "gauge", &labels, bytes.to_string());
        }
        if let Some(started) = stats.started {
            self.add("container_start_time_seconds", "gauge", &labels, started.as_second().to_string());
        }
    }

    /// Sums over the containers, only if each of them was measured.
    fn pod(&mut self, labels: &str, containers: &[ContainerStats]) {
        let cpu: Option<u64> = containers.iter().map(|one| one.cpu_nanoseconds).sum();
        let memory: Option<u64> = containers.iter().map(|one| one.memory_working_set_bytes).sum();
        if let Some(nanoseconds) = cpu {
            self.add("pod_cpu_usage_seconds_total", "counter", labels, seconds(nanoseconds));
        }
        if let Some(bytes) = memory {
            self.add("pod_memory_working_set_bytes", "gauge", labels, bytes.to_string());
        }
    }
}

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        let text: String = self.order.iter().filter_map(|metric| self.groups.get(metric)).map(String::as_str).collect();
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
    }
}

fn seconds(nanoseconds: u64) -> String {
    format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmeasured_figures_are_left_out() {
        let taken = "2026-01-01T00:00:00Z".parse().unwrap();
        let measured = |name: &str, cpu: Option<u64>, memory: Option<u64>| ContainerStats {
            name: name.into(),
            taken,
            started: None,
            cpu_nanoseconds: cpu,
            memory_working_set_bytes: memory,
        };
        let mut lines = Lines::default();
        let both = [measured("a", Some(1_500_000_000), Some(10)), measured("b", None, Some(20))];
        for one in &both {
            lines.container("namespace=\"n\",pod=\"p\"", one);
        }
        lines.pod("namespace=\"n\",pod=\"p\"", &both);
        let text: String = lines.order.iter().map(|metric| lines.groups[metric].as_str()).collect();
        assert!(
            text.contains("container_cpu_usage_seconds_total{container=\"a\",namespace=\"n\",pod=\"p\"} 1.500000000\n")
        );
        assert!(text.contains("pod_memory_working_set_bytes{namespace=\"n\",pod=\"p\"} 30\n"));
        assert!(!text.contains("pod_cpu_usage"));
    }
}
