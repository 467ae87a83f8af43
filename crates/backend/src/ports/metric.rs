//! What the use cases need to know of what pods use.

use async_trait::async_trait;
use domain::Result;
use domain::metric::{GpuPod, PodReading};
use domain::namespace::KubernetesName;
use domain::workload::WorkloadKind;
use jiff::Timestamp;

/// Figures that nodes tell, asked for with an identity that may do nothing else.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// Whether this console has such an identity.
    fn reads_metrics(&self) -> bool;
    /// What a node tells of its pods now: one question, whatever their number. [`domain::Error::Unavailable`] for a node
    /// that does not answer, has no address, or does not prove that it is that node.
    async fn node_metrics(&self, node: &str) -> Result<Vec<PodReading>>;
    /// The pods with GPUs that run or start on a node, in tenant namespaces, from the shared watches; none while those are
    /// incomplete.
    fn gpu_pods(&self) -> Vec<GpuPod>;
    /// Reports to the cluster that a workload was stopped at `at`, where its people look for reasons: as an event.
    async fn report_stop(
        &self,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<()>;
}
