//! Figures of pods and node: `/stats/summary` and `/metrics/resource`.
//! What the engine does not measure is left out; nothing is invented.
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Api, Problem,
    lines::{Lines, seconds},
};
use crate::{ContainerStats, GpuStats, InstanceStats, kubelet::Shared};

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
            memory_working_set_bytes: sum(all().map(|one| one.memory_working_set_bytes)),
        }
    }
}

/// Of all, if each was measured. Engines belong to others: no figure of theirs may be too large to add.
fn sum(mut parts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    parts.try_fold(0, |sum: u64, part| Some(sum.saturating_add(part?)))
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
    if !stats.gpus.is_empty() {
        summary["accelerators"] = stats.gpus.iter().map(accelerator).collect();
    }
    summary
}

/// `AcceleratorStats` of the kubelet's Summary API.
fn accelerator(gpu: &GpuStats) -> Value {
    let mut stats = json!({"make": gpu.make, "model": gpu.model, "id": gpu.id});
    let figures = [
        ("memoryTotal", gpu.memory_total_bytes),
        ("memoryUsed", gpu.memory_used_bytes),
        ("dutyCycle", gpu.duty_percent.map(u64::from)),
    ];
    for (name, figure) in figures {
        if let Some(figure) = figure {
            stats[name] = json!(figure);
        }
    }
    stats
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

// === impl Lines ===

impl Lines {
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
        let cpu = sum(containers.iter().map(|one| one.cpu_nanoseconds));
        let memory = sum(containers.iter().map(|one| one.memory_working_set_bytes));
        if let Some(nanoseconds) = cpu {
            self.add("pod_cpu_usage_seconds_total", "counter", labels, seconds(nanoseconds));
        }
        if let Some(bytes) = memory {
            self.add("pod_memory_working_set_bytes", "gauge", labels, bytes.to_string());
        }
    }
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
            gpus: Vec::new(),
        };
        let mut lines = Lines::default();
        let both = [measured("a", Some(1_500_000_000), Some(10)), measured("b", None, Some(20))];
        for one in &both {
            lines.container("namespace=\"n\",pod=\"p\"", one);
        }
        lines.pod("namespace=\"n\",pod=\"p\"", &both);
        let text = lines.text();
        assert!(
            text.contains("container_cpu_usage_seconds_total{container=\"a\",namespace=\"n\",pod=\"p\"} 1.500000000\n")
        );
        assert!(text.contains("pod_memory_working_set_bytes{namespace=\"n\",pod=\"p\"} 30\n"));
        assert!(!text.contains("pod_cpu_usage"));
    }

    #[test]
    fn gpus_are_told_as_the_summary_api_names_them() {
        let gpu = GpuStats {
            make: "nvidia".into(),
            model: "H100".into(),
            id: "GPU-a".into(),
            memory_total_bytes: Some(80),
            memory_used_bytes: None,
            duty_percent: Some(7),
        };
        let mut stats = ContainerStats {
            name: "app".into(),
            taken: "2026-01-01T00:00:00Z".parse().unwrap(),
            started: None,
            cpu_nanoseconds: None,
            memory_working_set_bytes: None,
            gpus: Vec::new(),
        };
        assert!(container_summary(&stats).get("accelerators").is_none());
        stats.gpus.push(gpu);
        let told = json!([{"make": "nvidia", "model": "H100", "id": "GPU-a", "memoryTotal": 80, "dutyCycle": 7}]);
        assert_eq!(container_summary(&stats)["accelerators"], told);
    }
}
