//! Figures of running containers, asked for only when somebody reads them.
//! The working set is the memory in use without the file cache that could be given back.
use std::collections::BTreeMap;

use bollard::{models::ContainerStatsResponse, query_parameters::StatsOptionsBuilder};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use kubelet::{ContainerRun, ContainerStats, InstanceStats, ProviderError};

use super::Docker;

/// Questions at the same time.
const PARALLEL: usize = 16;

// === impl Docker ===

impl Docker {
    pub(super) async fn all_stats(&self) -> Result<Vec<InstanceStats>, ProviderError> {
        let instances = self.instances(None).await?;
        let running = instances.iter().flat_map(|instance| {
            instance.containers.iter().filter_map(|container| match container.run {
                ContainerRun::Running { started } => Some((instance.uid.clone(), container.clone(), started)),
                _ => None,
            })
        });
        let asked = stream::iter(running.collect::<Vec<_>>()).map(|(uid, container, started)| async move {
            let id = container.id.rsplit('/').next().unwrap_or_default();
            let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
            let found = self.client.stats(id, Some(options)).boxed().next().await?.ok()?;
            Some((uid, figures(container.name, started, &found)))
        });
        let mut by_pod: BTreeMap<String, Vec<ContainerStats>> = BTreeMap::new();
        for (uid, stats) in asked.buffer_unordered(PARALLEL).collect::<Vec<_>>().await.into_iter().flatten() {
            by_pod.entry(uid).or_default().push(stats);
        }
        Ok(by_pod.into_iter().map(|(uid, containers)| InstanceStats { uid, containers }).collect())
    }
}

fn figures(name: String, started: Timestamp, found: &ContainerStatsResponse) -> ContainerStats {
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
    }
}
