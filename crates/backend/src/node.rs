//! Virtual nodes for operators: what engines give and earn, closing one to new pods, emptying one.

use domain::audit::{Action, AuditEvent};
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
        let change = Change { action: Action::NodeCordoned, cordoned: true, drain: self.any_node(name)?.draining() };
        Ok(self.change_node(caller, name, change, "").await?.view())
    }

    /// New pods may come again; a drain ends.
    ///
    /// # Errors
    /// As [`Self::cordon_node`].
    pub async fn uncordon_node(&self, caller: &Caller, name: &str) -> Result<NodeView> {
        caller.require(Permission::ManagePlatform)?;
        self.any_node(name)?;
        let change = Change { action: Action::NodeUncordoned, cordoned: false, drain: false };
        Ok(self.change_node(caller, name, change, "").await?.view())
    }

    /// Closes the node and takes its pods away, each with its grace period; what made them makes new ones elsewhere.
    ///
    /// # Errors
    /// As [`Self::cordon_node`], [`Error::Invalid`] on field `confirm`, and `reauthentication_required`.
    pub async fn drain_node(&self, caller: &Caller, name: &str, confirm: &str) -> Result<NodeDrain> {
        caller.require(Permission::ManagePlatform)?;
        let pods = self.any_node(name)?.view().pods;
        domain::name::confirmed(name, confirm)?;
        self.require_recent_login(caller)?;
        let change = Change { action: Action::NodeDrained, cordoned: true, drain: true };
        let node = self.change_node(caller, name, change, &format!("{pods} pods")).await?;
        Ok(NodeDrain { pods, node: node.view() })
    }

    fn any_node(&self, name: &str) -> Result<NodeState> {
        // A text that cannot be a name must not become part of a path.
        if !may_exist(name) {
            return Err(Error::NotFound);
        }
        self.inner.cluster.node(name)?.ok_or(Error::NotFound)
    }

    /// The row comes first: what cannot be written down is not done (RULINGS 45). What then does not work has a second one.
    async fn change_node(&self, caller: &Caller, name: &str, change: Change, detail: &str) -> Result<NodeState> {
        let Change { action, cordoned, drain } = change;
        self.inner.store.record(&self.on_node(caller, action, name, detail)).await?;
        let changed = self.inner.cluster.set_node(name, cordoned, drain).await;
        if let Err(error) = &changed {
            let failed = self.on_node(caller, action, name, detail).failed(error.code());
            if let Err(error) = self.inner.store.record(&failed).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, node.name = name, "that a node was not changed could not be written down");
            }
        }
        changed
    }

    /// Nodes belong to no account: their changes stand in the platform's log.
    fn on_node(&self, caller: &Caller, action: Action, name: &str, detail: &str) -> AuditEvent {
        let event = self.audit_for(&caller.origin, None, caller.actor(), action, format!("node:{name}"), detail);
        event.by(caller.user.email.as_str()).named(name)
    }
}

/// What is done to a node, and what the log calls it.
#[derive(Clone, Copy)]
struct Change {
    action: Action,
    cordoned: bool,
    drain: bool,
}
