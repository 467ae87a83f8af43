//! Figures of running containers, asked for only when somebody reads them.
//! The working set is the memory in use without the file cache that could be given back.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bollard::{models::ContainerStatsResponse, query_parameters::StatsOptionsBuilder};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use kubelet::{ContainerInstance, ContainerRun, ContainerStats, GpuStats, Instance, InstanceStats, ProviderError};

use super::{Docker, devices::numbers, gpus};

/// Questions at the same time.
const PARALLEL: usize = 16;

// === impl Docker ===

impl Docker {
    pub(super) async fn all_stats(&self) -> Result<Vec<InstanceStats>, ProviderError> {
        let instances = self.instances(None).await?;
        let running = running(&instances);
        let devices = if self.is_remote() { Vec::new() } else { gpus::figures().await };
        let given = if devices.is_empty() { HashMap::new() } else { self.given_gpus().await? };
        let (devices, given) = (&devices, &given);
        let asked = stream::iter(running).map(|(uid, container, started)| async move {
            let id = container.id.rsplit('/').next().unwrap_or_default();
            let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
            let found = self.client.stats(id, Some(options)).boxed().next().await?.ok()?;
            let numbers = given.get(id).map(Vec::as_slice).unwrap_or_default();
            let gpus = numbers.iter().filter_map(|number| devices.get(*number as usize)).cloned().collect();
            Some((uid, figures(container.name, started, &found, gpus)))
        });
        let mut by_pod: BTreeMap<String, Vec<ContainerStats>> = BTreeMap::new();
        for (uid, stats) in asked.buffer_unordered(PARALLEL).collect::<Vec<_>>().await.into_iter().flatten() {
            by_pod.entry(uid).or_default().push(stats);
        }
        Ok(by_pod.into_iter().map(|(uid, containers)| InstanceStats { uid, containers }).collect())
    }

    /// Which GPUs each container was given, by its id.
    async fn given_gpus(&self) -> Result<HashMap<String, Vec<u32>>, ProviderError> {
        let all = self.list_containers(&self.selector(None)).await?;
        Ok(all.into_iter().map(|one| (one.id.clone(), numbers(&one))).collect())
    }
}

fn running(instances: &[Arc<Instance>]) -> Vec<(String, ContainerInstance, Timestamp)> {
    let mut running = Vec::new();
    for instance in instances {
        for container in &instance.containers {
            if let ContainerRun::Running { started } = container.run {
                running.push((instance.uid.clone(), container.clone(), started));
            }
        }
    }
    running
}

fn figures(name: String, started: Timestamp, found: &ContainerStatsResponse, gpus: Vec<GpuStats>) -> ContainerStats {
    let cpu = found.cpu_stats.as_ref().and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
    let memory = found.memory_stats.as_ref().and_then(|memory| {
        let cache =
            memory.stats.as_ref().and_then(|all| all.get("inactive_file").or_else(|| all.get("total_inactive_file")));
        Some(memory.usage?.saturating_sub(cache.copied().unwrap_or(0)))
    });
    ContainerStats {
        name,
        taken: Timestamp::now(),
        started: Some(started),
        cpu_nanoseconds: cpu.filter(|nanoseconds| *nanoseconds > 0),
        memory_working_set_bytes: memory.filter(|bytes| *bytes > 0),
        gpus,
    }
}
