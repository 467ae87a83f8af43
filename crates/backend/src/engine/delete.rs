//! The end of an engine. Its row says so first and stays, credentials included, until its nodes are gone and
//! `remotegpu nodes` has seen that nothing of it is left: that process may start again meanwhile and must find out what
//! it is to end, and how to get there (RULINGS 36). It holds the row before it starts the first node: neither a node that
//! registers at this moment nor Nodes that somebody deleted by hand make anybody forget what still costs money.

use domain::audit::Action;
use domain::engine::view::DeleteEngine;
use domain::engine::{Engine, EngineStatus, EngineView};
use domain::node::NodeState;
use domain::{Code, Error, Result};

use crate::{Backend, Caller};

/// Shown while an engine is on its way out.
const ENDS: &str = "It goes when its pods have ended and its nodes are gone";
/// The same where nobody agreed to the end of pods.
const WAITS: &str = "It goes when nothing runs on it any more; deleted again with force, it ends what runs";

impl Backend {
    /// Ends an engine and forgets its credentials: at once where it never had nodes, else when its pods have ended
    /// and its nodes are gone; it is shown as it is until that. Pods of tenants are ended only with `force`: those that come
    /// while it is asked for are waited for without. One that is on its way out already is forgotten at once with
    /// `abandon`, and one behind whose address is another cluster only so. One that is gone, or never was, is none: done
    /// twice it is done once.
    ///
    /// # Errors
    /// `forbidden`, [`Error::Invalid`] on field `confirm`, `conflict` while a SKU is placed on it or pods run on it, or
    /// where it must be abandoned, `reauthentication_required` where pods may be ended or left behind,
    /// [`Error::Unavailable`] when that cannot be told.
    pub async fn delete_engine(&self, caller: &Caller, id: &str, asked: &DeleteEngine) -> Result<Option<EngineView>> {
        let old = match self.engine_to_change(caller, id).await {
            // Gone is as good as deleted, if anything was typed that could be a name.
            Err(Error::NotFound) if (1..=63).contains(&asked.confirm.chars().count()) => return Ok(None),
            Err(Error::NotFound) => return Err(Error::field("confirm", "length", "Type the engine's name to confirm")),
            found => found?,
        };
        domain::name::confirmed(&old.name, &asked.confirm)?;
        if old.status == EngineStatus::Deleting {
            if asked.force && old.facts.waits_for_pods {
                return self.end_pods(caller, &old).await.map(Some);
            }
            return self.abandon(caller, &old, asked.abandon).await;
        }
        self.refuse_while_placed_on(&old)?;
        let nodes = self.inner.cluster.nodes()?;
        if old.status == EngineStatus::Mismatch && self.may_run_something(&old, &nodes).await? {
            may_abandon(asked.abandon)?;
            return self.abandon(caller, &old, true).await;
        }
        let pods = old.pods_on(&nodes);
        if pods > 0 {
            may_end(pods, asked.force)?;
        }
        if asked.force {
            // Also where none was counted: one may come before the nodes are closed.
            self.require_recent_login(caller)?;
        }
        let audit = self.on_engine(caller, &old, Action::EngineDeleted, &old.settings.address());
        if !old.has_nodes(&nodes) && self.inner.store.forget_engine(old.id, &audit).await? {
            return Ok(None);
        }
        let reason = if asked.force { ENDS } else { WAITS };
        let mut engine = Engine { status: EngineStatus::Deleting, status_reason: reason.to_owned(), ..old.clone() };
        engine.facts.waits_for_pods = !asked.force;
        self.keep(&old, &mut engine, None, &audit).await?;
        Ok(Some(self.shown_engine(&engine)))
    }

    /// Ends what an engine on its way out has waited for until now.
    async fn end_pods(&self, caller: &Caller, old: &Engine) -> Result<EngineView> {
        self.require_recent_login(caller)?;
        let audit = self.on_engine(caller, old, Action::EngineDeleted, "what still runs on it is ended");
        let mut engine = Engine { status_reason: ENDS.to_owned(), ..old.clone() };
        engine.facts.waits_for_pods = false;
        self.keep(old, &mut engine, None, &audit).await?;
        Ok(self.shown_engine(&engine))
    }

    /// Also where somebody deleted its Nodes by hand.
    async fn may_run_something(&self, engine: &Engine, nodes: &[NodeState]) -> Result<bool> {
        Ok(engine.has_nodes(nodes) || self.inner.store.engine_is_held(engine.id).await?)
    }

    /// Forgets the engines that were to end, have no node any more, and of which nothing is left.
    pub(super) async fn forget_ended(&self) {
        if let Err(error) = self.try_forget_ended().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the engines that are on their way out could not be looked at");
        }
    }

    async fn try_forget_ended(&self) -> Result<()> {
        let mut ending = self.inner.store.every_engine().await?;
        ending.retain(|engine| engine.status == EngineStatus::Deleting);
        if ending.is_empty() {
            return Ok(());
        }
        let nodes = self.inner.cluster.nodes()?;
        for engine in ending.iter().filter(|engine| !engine.has_nodes(&nodes)) {
            let audit = self.by_itself(engine, Action::EngineDeleted, "its nodes are gone, its credentials forgotten");
            self.inner.store.forget_engine(engine.id, &audit).await?;
        }
        Ok(())
    }

    /// Whatever still runs there is left to whoever has that cluster.
    async fn abandon(&self, caller: &Caller, engine: &Engine, asked: bool) -> Result<Option<EngineView>> {
        if !asked {
            return Ok(Some(self.shown_engine(engine)));
        }
        self.require_recent_login(caller)?;
        let audit = self.on_engine(caller, engine, Action::EngineDeleted, "abandoned with what still runs there");
        self.inner.store.delete_engine(engine.id, &audit).await?;
        Ok(None)
    }

    fn refuse_while_placed_on(&self, engine: &Engine) -> Result<()> {
        let (skus, label) = (self.inner.cluster.skus()?, engine.node_label());
        let placed = |sku: &&domain::sku::Sku| !sku.spec.retired && sku.spec.placement.engines.contains(&label);
        let Some(sku) = skus.values().find(placed) else { return Ok(()) };
        let detail = format!("SKU {} is placed on this engine: retire it or place it elsewhere first", sku.code);
        Err(Error::conflict(Code::Conflict, detail))
    }
}

/// Whoever is at the address now has none of its pods: asked to end them it would say that all have ended.
fn may_abandon(asked: bool) -> Result<()> {
    if asked {
        return Ok(());
    }
    let detail = "Another cluster is at the address of this engine, so nothing can be ended there: give it credentials \
                  that lead to its own cluster, or abandon it with what still runs there";
    Err(Error::conflict(Code::Conflict, detail))
}

fn may_end(pods: u32, force: bool) -> Result<()> {
    if force {
        return Ok(());
    }
    let run = if pods == 1 { "1 pod runs".to_owned() } else { format!("{pods} pods run") };
    let detail = format!("{run} on this engine: drain its nodes first, or delete it with force, which ends them");
    Err(Error::conflict(Code::Conflict, detail))
}
