//! The kubelet's Summary API, as far as it is read. What it holds comes from engines that belong to others: no answer may be
//! longer, and no number larger, than is good for us.

use std::pin::pin;

use domain::metric::{GpuFigures, PodReading};
use domain::{Error, Result};
use futures::AsyncReadExt as _;
use jiff::Timestamp;
use kube::Client;
use serde::Deserialize;

use super::ASKING;
use crate::error::translate;

/// Most of an answer that is read; ten thousand pods of one container are about 4 MiB.
const MOST: usize = 32 << 20;

/// Asks a node.
pub(super) async fn read(client: &Client) -> Result<Vec<PodReading>> {
    let request = http::Request::get("/stats/summary").body(Vec::new()).map_err(Error::internal)?;
    let answer = client.request_stream(request).await.map_err(|error| translate(ASKING, error))?;
    // One byte more than allowed tells an answer that is too long from one that just fits.
    let mut answer = pin!(answer.take(MOST as u64 + 1));
    let mut text = Vec::new();
    let broken = |error: &dyn std::fmt::Display| Error::cluster(format!("{ASKING}: {error}"));
    answer.read_to_end(&mut text).await.map_err(|error| broken(&error))?;
    if text.len() > MOST {
        return Err(broken(&format_args!("the answer is longer than {} MiB", MOST >> 20)));
    }
    let summary: Summary = serde_json::from_slice(&text).map_err(|error| broken(&error))?;
    Ok(summary.pods.into_iter().map(reading).collect())
}

#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    pods: Vec<PodStats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStats {
    pod_ref: PodRef,
    #[serde(default)]
    containers: Vec<ContainerStats>,
}

#[derive(Deserialize)]
struct PodRef {
    name: String,
    namespace: String,
    #[serde(default)]
    uid: String,
}

#[derive(Deserialize)]
struct ContainerStats {
    cpu: Option<CpuStats>,
    memory: Option<MemoryStats>,
    #[serde(default)]
    accelerators: Vec<AcceleratorStats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CpuStats {
    time: Timestamp,
    usage_core_nano_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemoryStats {
    working_set_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AcceleratorStats {
    #[serde(default)]
    model: String,
    #[serde(default)]
    id: String,
    memory_total: Option<u64>,
    memory_used: Option<u64>,
    duty_cycle: Option<u32>,
}

/// Sums over the containers, each only if all of them were measured.
fn reading(pod: PodStats) -> PodReading {
    let cpus = || pod.containers.iter().filter_map(|container| container.cpu.as_ref());
    let cpu = pod.containers.iter().map(|container| container.cpu.as_ref()?.usage_core_nano_seconds);
    let memory = pod.containers.iter().map(|container| container.memory.as_ref()?.working_set_bytes);
    let (some, all) = (!pod.containers.is_empty(), pod.containers.iter().flat_map(|c| &c.accelerators));
    let gpu = |found: &AcceleratorStats| GpuFigures {
        model: found.model.clone(),
        id: found.id.clone(),
        memory_total_bytes: found.memory_total,
        memory_used_bytes: found.memory_used,
        duty_percent: found.duty_cycle.map(|percent| percent.min(100)),
    };
    PodReading {
        taken: cpus().map(|cpu| cpu.time).max().unwrap_or(Timestamp::UNIX_EPOCH),
        cpu_nanoseconds: total(cpu).filter(|_| some),
        memory_bytes: total(memory).filter(|_| some),
        gpus: all.map(gpu).collect(),
        namespace: pod.pod_ref.namespace,
        name: pod.pod_ref.name,
        uid: pod.pod_ref.uid,
    }
}

fn total(mut parts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    parts.try_fold(0, |sum: u64, part| Some(sum.saturating_add(part?)))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use kube::client::Body;
    use serde_json::json;

    use super::*;

    /// A node that answers with this.
    fn node(answer: Vec<u8>) -> Client {
        let service = tower::service_fn(move |_request: http::Request<Body>| {
            let answer = answer.clone();
            async move { Ok::<_, Infallible>(http::Response::new(Body::from(answer))) }
        });
        Client::new(service, "default")
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_broken_off() {
        let short = br#"{"pods": [{"podRef": {"name": "a", "namespace": "team"}}]}"#.to_vec();
        assert_eq!(read(&node(short.clone())).await.unwrap().len(), 1);
        // Still JSON, so that nothing but its length can be wrong.
        let long = [short, vec![b' '; MOST]].concat();
        let refused = format!("{:?}", read(&node(long)).await.unwrap_err());
        assert!(refused.contains("longer than 32 MiB"), "{refused}");
    }

    #[test]
    fn a_summary_is_read_and_what_is_not_measured_is_left_out() {
        let cpu = json!({"time": "2026-01-01T00:00:00Z", "usageCoreNanoSeconds": 5});
        let gpu = json!({"make": "nvidia", "model": "H100", "id": "GPU-a", "memoryTotal": 80, "dutyCycle": 7});
        let summary = json!({
            "node": {"nodeName": "n"},
            "pods": [
                {"podRef": {"name": "a", "namespace": "team", "uid": "u"}, "containers": [
                    {"name": "x", "cpu": cpu, "memory": {"time": "2026-01-01T00:00:00Z", "workingSetBytes": 3}},
                    {"name": "y", "cpu": cpu, "accelerators": [gpu]},
                ]},
                {"podRef": {"name": "b", "namespace": "team"}},
            ],
        });
        let summary: Summary = serde_json::from_value(summary).unwrap();
        let all: Vec<PodReading> = summary.pods.into_iter().map(reading).collect();
        assert_eq!((all[0].cpu_nanoseconds, all[0].memory_bytes), (Some(10), None));
        assert_eq!((all[0].gpus[0].duty_percent, all[0].gpus[0].memory_used_bytes), (Some(7), None));
        assert_eq!((all[1].cpu_nanoseconds, all[1].gpus.len()), (None, 0));
    }

    #[test]
    fn figures_too_large_to_add_are_cut_and_break_nothing() {
        let cpu = json!({"time": "2026-01-01T00:00:00Z", "usageCoreNanoSeconds": u64::MAX});
        let container = json!({"cpu": cpu, "accelerators": [{"dutyCycle": u32::MAX}]});
        let pod = json!({"podRef": {"name": "a", "namespace": "team"}, "containers": [container, container]});
        let read = reading(serde_json::from_value(pod).unwrap());
        let duties: Vec<_> = read.gpus.iter().map(|gpu| gpu.duty_percent).collect();
        assert_eq!((read.cpu_nanoseconds, duties), (Some(u64::MAX), vec![Some(100), Some(100)]));
    }
}
