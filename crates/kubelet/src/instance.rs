//! What an engine runs for one pod, as the node sees it.
//! Instances are compared whole: a pod is only looked at again when its instance differs from the last one seen.
use jiff::Timestamp;

/// Everything the engine runs for one pod, found again by the marker it was created with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// UID of the pod, from the marker.
    pub uid: String,
    /// Namespace of the pod, from the marker; empty as its name is.
    pub namespace: String,
    /// Name of the pod, from the marker; empty if the engine knows the UID only, see
    /// [`Provider::identify`](crate::Provider::identify).
    pub name: String,
    /// Address of the pod; unique on the node.
    pub pod_ip: Option<String>,
    /// The newest attempt of each container.
    pub containers: Vec<ContainerInstance>,
    /// The engine took the pod away, so it has failed however its containers ended; `None` = it did not.
    pub disruption: Option<Disruption>,
}

/// Why an engine took a pod away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disruption {
    /// `Evicted` …, as the pod's status says it; empty if it does not.
    pub reason: String,
    /// The same in a sentence.
    pub message: String,
    /// `TerminationByKubelet`, `PreemptionByScheduler` …, as its condition says it.
    pub by: String,
}

/// The newest attempt of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerInstance {
    /// Name of the container in the pod.
    pub name: String,
    /// `<engine kind>://<id>`.
    pub id: String,
    /// Resolved image, as the engine names it; empty if it does not say.
    pub image_id: String,
    /// 0 for the first start, plus one with each restart: the restart count.
    pub attempt: u32,
    /// What it does now.
    pub run: ContainerRun,
    /// Why it is not ready although it runs, or waits although it was made; `None` = nothing holds it.
    pub hold: Option<Hold>,
    /// How the attempt before this one ended, if the engine still knows.
    pub previous: Option<Ended>,
}

/// What an engine is still waiting for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// `PortsNotMapped` …
    pub reason: String,
    /// The same in a sentence.
    pub message: String,
}

/// What a container does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerRun {
    /// Made, not started.
    Created,
    /// Its process runs.
    Running {
        /// Start of this attempt.
        started: Timestamp,
    },
    /// Its process is over.
    Ended(Ended),
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Exit code of the process.
    pub exit_code: i32,
    /// `Completed`, `Error`, `OOMKilled` …
    pub reason: String,
    /// The engine's own words; empty if it has none.
    pub message: String,
    /// Start of the attempt.
    pub started: Option<Timestamp>,
    /// End of the attempt.
    pub finished: Option<Timestamp>,
    /// `<engine kind>://<id>` of the attempt.
    pub id: String,
}

// === impl Ended ===

impl Ended {
    /// Reason of a container whose process could not be started at all, as in Kubernetes; its exit code is 128.
    pub const START_ERROR: &str = "StartError";

    /// Reason of a container that was taken away, so that nobody saw how it ended; its exit code is 137.
    pub const LOST: &str = "ContainerStatusUnknown";
}

// === impl Instance ===

impl Instance {
    /// The container named `name`.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&ContainerInstance> {
        self.containers.iter().find(|container| container.name == name)
    }

    /// How a container ended that could not be started.
    pub(crate) fn unstarted(&self, name: &str) -> Option<&Ended> {
        match &self.container(name)?.run {
            ContainerRun::Ended(ended) if ended.reason == Ended::START_ERROR => Some(ended),
            _ => None,
        }
    }

    /// Whether no container of it runs, or is about to.
    pub(crate) fn is_over(&self) -> bool {
        self.containers.iter().all(|container| matches!(container.run, ContainerRun::Ended(_)))
    }
}
