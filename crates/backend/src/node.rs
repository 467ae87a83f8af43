//! Virtual nodes for operators: what engines give and earn, closing one to new pods, emptying one.

use domain::audit::Action;
use domain::name::may_exist;
use domain::node::{NodeDetail, NodeDrain, NodeState, NodeView};
use domain::permission::Permission;
use domain::{Error, Result};
use futures::StreamExt as _;
use futures::stream::BoxStream;

use crate::{Backend, Caller};

impl Backend {
    /// Every virtual node by name.
    ///
    /// # Errors
    /// `forbidden` for everybody but operators, as all of these; [`Error::Unavailable`] without the cluster.
    pub async fn list_nodes(&self, caller: &Caller) -> Result<Vec<NodeView>> {
        caller.require(Permission::ManagePlatform)?;
        Ok(self.inner.cluster.nodes()?.iter().map(NodeState::view).collect())
    }

    /// One virtual node with its pods.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_node(&self, caller: &Caller, name: &str) -> Result<NodeDetail> {
        caller.require(Permission::ManagePlatform)?;
        Ok(self.any_node(name)?.detail())
    }

    /// Every virtual node, now and after each change.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn watch_nodes(&self, caller: &Caller) -> Result<BoxStream<'static, Vec<NodeView>>> {
        caller.require(Permission::ManagePlatform)?;
        let nodes = self.inner.cluster.watch_nodes();
        Ok(nodes.map(|nodes| nodes.iter().map(NodeState::view).collect()).boxed())
    }

    /// One virtual node with its pods, now and after each change; `None` once it is gone.
    ///
    /// # Errors
    /// `forbidden`, [`Error::NotFound`].
    pub async fn watch_node(&self, caller: &Caller, name: &str) -> Result<BoxStream<'static, Option<NodeDetail>>> {
        caller.require(Permission::ManagePlatform)?;
        self.any_node(name)?;
        let name = name.to_owned();
        let nodes = self.inner.cluster.watch_nodes();
        Ok(nodes.map(move |nodes| nodes.iter().find(|node| node.name == name).map(NodeState::detail)).boxed())
    }

    /// No new pods come; those on it run on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn cordon_node(&self, caller: &Caller, name: &str) -> Result<NodeView> {
        caller.require(Permission::ManagePlatform)?;
        let old = self.any_node(name)?;
        let node = self.inner.cluster.set_node(name, true, old.draining()).await?;
        if !old.cordoned {
            self.record_node(caller, Action::NodeCordoned, name, String::new()).await?;
        }
        Ok(node.view())
    }

    /// New pods may come again; a drain ends.
    ///
    /// # Errors
    /// As [`Self::cordon_node`].
    pub async fn uncordon_node(&self, caller: &Caller, name: &str) -> Result<NodeView> {
        caller.require(Permission::ManagePlatform)?;
        let old = self.any_node(name)?;
        let node = self.inner.cluster.set_node(name, false, false).await?;
        if old.cordoned || old.draining() {
            self.record_node(caller, Action::NodeUncordoned, name, String::new()).await?;
        }
        Ok(node.view())
    }

    /// Closes the node and takes its pods away, each with its grace period; what made them makes new ones elsewhere.
    ///
    /// # Errors
    /// As [`Self::cordon_node`], and `reauthentication_required`.
    pub async fn drain_node(&self, caller: &Caller, name: &str) -> Result<NodeDrain> {
        caller.require(Permission::ManagePlatform)?;
        let pods = self.any_node(name)?.view().pods;
        self.require_recent_login(caller)?;
        let node = self.inner.cluster.set_node(name, true, true).await?;
        self.record_node(caller, Action::NodeDrained, name, format!("{pods} pods")).await?;
        Ok(NodeDrain { pods, node: node.view() })
    }

    fn any_node(&self, name: &str) -> Result<NodeState> {
        // A text that cannot be a name must not become part of a path.
        let nodes = if may_exist(name) { self.inner.cluster.nodes()? } else { Vec::new() };
        nodes.into_iter().find(|node| node.name == name).ok_or(Error::NotFound)
    }

    /// Nodes belong to no account: their changes stand in the platform's log.
    async fn record_node(&self, caller: &Caller, action: Action, name: &str, detail: String) -> Result<()> {
        let event = self.audit_for(&caller.origin, None, caller.actor(), action, format!("node:{name}"), detail);
        self.inner.store.record(&event.by(caller.user.email.as_str()).named(name)).await
    }
}
