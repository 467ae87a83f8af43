//! What the use cases need of the cluster's virtual nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Result;
use domain::node::NodeState;
use futures::stream::BoxStream;

/// Virtual nodes, seen by the shared watches and changed by the reconciler identity.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Every virtual node with its pods, by name. `Unavailable` until the first lists arrived.
    fn nodes(&self) -> Result<Arc<Vec<NodeState>>>;
    /// The same for who only shows them: what happened in the last moment may be missing, so that requests share it while
    /// pods come and go.
    fn nodes_shown(&self) -> Result<Arc<Vec<NodeState>>> {
        self.nodes()
    }
    /// One of them, if there is one of this name.
    fn node(&self, name: &str) -> Result<Option<NodeState>>;
    /// Kind of each engine that has a virtual node, by the engine's name; empty while unknown.
    fn engine_kinds(&self) -> BTreeMap<String, String>;
    /// All of them: at once, then after each change; endless.
    fn watch_nodes(&self) -> BoxStream<'static, Arc<Vec<NodeState>>>;
    /// Opens or closes a node to new pods; `drain` also makes Kubernetes take its pods away, or stops that. Gives the
    /// node as it stands then. `NotFound` without such a virtual node.
    async fn set_node(&self, name: &str, cordoned: bool, drain: bool) -> Result<NodeState>;
}
