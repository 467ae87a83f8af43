//! Which GPUs of the machine a container gets. An engine that is asked for a number of them gives everybody the first ones:
//! two pods would share one, and each pay for it.
use std::collections::BTreeSet;

use bollard::models::DeviceRequest;
use k8s_openapi::api::core::v1::Container;
use kubelet::ProviderError;

use super::{Docker, GPUS, body::gpu_count, raw::Listed};

/// States of containers that use nothing any more; they are never started again.
const OVER: [&str; 4] = ["exited", "stopped", "dead", "removing"];
/// More than any machine has.
const MOST: usize = 1024;

// === impl Docker ===

impl Docker {
    /// Numbers of GPUs that no container of this node has, as many as this one asks for. The caller sees to it that nobody
    /// else chooses before it is made.
    pub(super) async fn free_gpus(&self, spec: &Container) -> Result<Vec<u32>, ProviderError> {
        let Some(count) = gpu_count(spec) else { return Ok(Vec::new()) };
        let count = usize::try_from(count).unwrap_or(MOST).min(MOST);
        Ok(free(&self.list_containers(&self.selector(None)).await?, count))
    }
}

fn free(containers: &[Listed], count: usize) -> Vec<u32> {
    let held = containers.iter().filter(|one| !OVER.contains(&one.state.as_str()));
    let taken: BTreeSet<u32> = held.flat_map(numbers).collect();
    (0..u32::MAX).filter(|number| !taken.contains(number)).take(count).collect()
}

/// The GPUs that a container was given.
pub(super) fn numbers(container: &Listed) -> Vec<u32> {
    let label = container.labels.as_ref().and_then(|labels| labels.get(GPUS));
    label.into_iter().flat_map(|list| list.split(',')).filter_map(|number| number.parse().ok()).collect()
}

/// What the engine is asked for.
pub(super) fn requests(gpus: &[u32], cdi: bool) -> Option<Vec<DeviceRequest>> {
    if gpus.is_empty() {
        return None;
    }
    let id = |gpu: &u32| if cdi { format!("nvidia.com/gpu={gpu}") } else { gpu.to_string() };
    let driver = if cdi { "cdi" } else { "nvidia" };
    Some(vec![DeviceRequest {
        driver: Some(driver.to_owned()),
        device_ids: Some(gpus.iter().map(id).collect()),
        capabilities: (!cdi).then(|| vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    }])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(state: &str, gpus: &str) -> Listed {
        serde_json::from_value(json!({"Id": "a", "State": state, "Labels": {GPUS: gpus}})).unwrap()
    }

    #[test]
    fn no_two_containers_have_the_same_gpu_and_what_is_over_has_none() {
        assert_eq!(free(&[], 2), [0, 1]);
        let all = [listed("running", "0,2"), listed("created", "3"), listed("exited", "1"), listed("running", "")];
        assert_eq!(free(&all, 2), [1, 4]);
        assert_eq!(numbers(&all[0]), [0, 2]);
    }

    #[test]
    fn docker_is_told_numbers_and_podman_names() {
        let asked = |cdi| requests(&[1, 3], cdi).map(|mut all| all.remove(0));
        let told = |one: DeviceRequest| (one.driver.unwrap_or_default(), one.device_ids.unwrap_or_default(), one.count);
        let docker = asked(false).map(told).unwrap();
        assert_eq!(docker, ("nvidia".to_owned(), vec!["1".to_owned(), "3".to_owned()], None));
        let podman = asked(true).map(told).unwrap();
        assert_eq!(podman.0, "cdi");
        assert_eq!(podman.1, ["nvidia.com/gpu=1", "nvidia.com/gpu=3"]);
        assert!(requests(&[], false).is_none());
    }
}
