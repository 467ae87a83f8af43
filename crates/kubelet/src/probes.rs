//! Probes: what each container's probes say now, as pure rules; the running of them is in `prober`.
//! Thresholds, periods and delays are those of Kubernetes. A container without probes is started and ready once it runs.
use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, Probe};

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Startup,
    Readiness,
    Liveness,
}

/// What the probes of one attempt of a container have shown so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probed {
    pub(crate) attempt: u32,
    pub(crate) started: bool,
    pub(crate) ready: bool,
}

/// By container name; containers without probes are missing.
pub(crate) type Probes = BTreeMap<String, Probed>;

/// One series of results in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    last: Option<bool>,
    count: i32,
}

// === impl Kind ===

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Startup, Self::Readiness, Self::Liveness];

    pub(crate) fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Startup => container.startup_probe.as_ref(),
            Self::Readiness => container.readiness_probe.as_ref(),
            Self::Liveness => container.liveness_probe.as_ref(),
        }
    }

    /// As events name it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Readiness => "Readiness",
            Self::Liveness => "Liveness",
        }
    }
}

// === impl Row ===

impl Row {
    /// Takes in a result; `Some` once it has been the same often enough.
    pub(crate) fn add(&mut self, probe: &Probe, success: bool) -> Option<bool> {
        self.count = if self.last == Some(success) { self.count.saturating_add(1) } else { 1 };
        self.last = Some(success);
        let threshold =
            if success { probe.success_threshold.unwrap_or(1) } else { probe.failure_threshold.unwrap_or(3) };
        (self.count >= threshold.max(1)).then_some(success)
    }
}

/// What is left of an initial delay: it counts from the start of the container, whoever has watched it since. The clock of
/// an engine may be ahead of ours.
pub(crate) fn left_of(delay: Duration, started: Timestamp, now: Timestamp) -> Duration {
    delay.saturating_sub(Duration::try_from(now.duration_since(started)).unwrap_or_default())
}

pub(crate) fn has_probes(container: &Container) -> bool {
    Kind::ALL.iter().any(|kind| kind.of(container).is_some())
}

/// Before the first result: nothing is started or ready that has a probe to say so.
pub(crate) fn unprobed(container: &Container, attempt: u32) -> Probed {
    let started = container.startup_probe.is_none();
    Probed { attempt, started, ready: started && container.readiness_probe.is_none() }
}

/// The same, for an attempt that was there before this process: what its status shows goes on. An engine that starts a
/// container anew in place keeps its id, so the attempt counts as well.
pub(crate) fn resumed(pod: &Pod, container: &Container, id: &str, attempt: u32) -> Probed {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let is_same = |status: &&ContainerStatus| {
        status.name == container.name
            && status.container_id.as_deref() == Some(id)
            && u32::try_from(status.restart_count) == Ok(attempt)
    };
    let same = statuses.iter().find(is_same);
    let Some(status) = same else { return unprobed(container, attempt) };
    // Of what has no probe nobody would ever say it: the status may be one from before it ran, or while its engine held it.
    let started = container.startup_probe.is_none() || status.started == Some(true);
    let ready = started && (container.readiness_probe.is_none() || status.ready);
    Probed { attempt, started, ready }
}

/// Whether this running attempt is started and ready.
pub(crate) fn shown(probes: &Probes, container: &Container, attempt: u32, probed: bool) -> (bool, bool) {
    if !probed || !has_probes(container) {
        return (true, true);
    }
    let known = probes.get(&container.name).filter(|known| known.attempt == attempt).copied();
    let Probed { started, ready, .. } = known.unwrap_or_else(|| unprobed(container, attempt));
    (started, started && ready)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(probes: serde_json::Value) -> Container {
        let mut container = json!({"name": "app"});
        container.as_object_mut().unwrap().extend(probes.as_object().unwrap().clone());
        serde_json::from_value(container).unwrap()
    }

    #[test]
    fn thresholds_count_results_in_a_row() {
        let probe: Probe = serde_json::from_value(json!({"successThreshold": 2})).unwrap();
        let mut row = Row::default();
        let told: Vec<_> = [true, false, false, true, true, false, false, false].map(|one| row.add(&probe, one)).into();
        assert_eq!(told, [None, None, None, None, Some(true), None, None, Some(false)]);
    }

    #[test]
    fn an_initial_delay_counts_from_the_start_of_the_container() {
        let at = |second: i64| Timestamp::from_second(1_000_000 + second).unwrap();
        let left = |now: i64| left_of(Duration::from_secs(30), at(0), at(now)).as_secs();
        assert_eq!([0, 10, 30, 90].map(left), [30, 20, 0, 0]);
        assert_eq!(left(-5), 30, "its clock is ahead");
    }

    #[test]
    fn a_container_without_probes_is_ready_and_one_with_probes_is_not_until_they_say_so() {
        let none = Probes::new();
        assert_eq!(shown(&none, &container(json!({})), 0, true), (true, true));
        assert_eq!(shown(&none, &container(json!({"livenessProbe": {}})), 0, true), (true, true));
        assert_eq!(shown(&none, &container(json!({"readinessProbe": {}})), 0, true), (true, false));
        assert_eq!(shown(&none, &container(json!({"startupProbe": {}})), 0, true), (false, false));
        assert_eq!(shown(&none, &container(json!({"startupProbe": {}})), 0, false), (true, true));
    }

    #[test]
    fn results_of_an_older_attempt_do_not_count() {
        let probed = Probed { attempt: 1, started: true, ready: true };
        let probes = Probes::from([("app".to_owned(), probed)]);
        let container = container(json!({"readinessProbe": {}}));
        assert_eq!(shown(&probes, &container, 1, true), (true, true));
        assert_eq!(shown(&probes, &container, 2, true), (true, false));
    }

    #[test]
    fn a_restart_of_the_node_goes_on_with_what_the_status_shows() {
        let pod: Pod =
            serde_json::from_value(json!({"status": {"containerStatuses": [{"name": "app", "image": "", "imageID": "",
            "ready": true, "started": true, "restartCount": 3, "containerID": "docker://a"}]}}))
            .unwrap();
        let container = container(json!({"readinessProbe": {}}));
        assert!(resumed(&pod, &container, "docker://a", 3).ready);
        assert!(!resumed(&pod, &container, "docker://b", 3).ready);
        assert!(!resumed(&pod, &container, "docker://a", 4).ready, "started anew in place");
    }

    #[test]
    fn a_status_from_before_a_container_ran_holds_up_nothing_that_has_no_probe() {
        let pod: Pod =
            serde_json::from_value(json!({"status": {"containerStatuses": [{"name": "app", "image": "", "imageID": "",
            "ready": false, "started": false, "restartCount": 0, "containerID": "runpod://a"}]}}))
            .unwrap();
        let told = |probes: serde_json::Value| {
            let Probed { started, ready, .. } = resumed(&pod, &container(probes), "runpod://a", 0);
            (started, ready)
        };
        assert_eq!(told(json!({"livenessProbe": {}})), (true, true));
        assert_eq!(told(json!({"readinessProbe": {}})), (true, false));
        assert_eq!(told(json!({"startupProbe": {}})), (false, false));
    }
}
