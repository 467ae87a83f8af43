//! What the use cases need of the cluster's virtual nodes.

use async_trait::async_trait;
use domain::Result;
use domain::node::NodeState;
use futures::stream::BoxStream;

/// Virtual nodes, seen by the shared watches and changed by the reconciler identity.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Every virtual node with its pods, by name. `Unavailable` until the first lists arrived.
    fn nodes(&self) -> Result<Vec<NodeState>>;
    /// The same: at once, then after each change; endless.
    fn watch_nodes(&self) -> BoxStream<'static, Vec<NodeState>>;
    /// Opens or closes a node to new pods; `drain` also makes Kubernetes take its pods away, or stops that. Gives the
    /// node as it stands then. `NotFound` without such a virtual node.
    async fn set_node(&self, name: &str, cordoned: bool, drain: bool) -> Result<NodeState>;
}
