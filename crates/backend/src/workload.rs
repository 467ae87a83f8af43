//! What runs in a namespace, whoever made it: lists, live views, logs. Read with the namespace's console identity, or
//! from the shared watches after the same check of the person's right.
//!
//! Source: RULINGS 34, `ui.md` §2 (Workload).

mod change;
mod follow;
mod live;
mod log;
mod running;

use domain::audit::Action;
use domain::id::AccountId;
use domain::log::LogOptions;
use domain::name::may_exist;
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::workload::{
    self, MOST_ROWS, Waits, WorkloadDetail, WorkloadFilter, WorkloadKind, WorkloadList, WorkloadState, WorkloadView,
};
use domain::{Error, Result};
use futures::future::join_all;
use futures::stream::BoxStream;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::{Backend, Caller, Grant, namespace};

pub(crate) use change::orderer;
pub(crate) use live::LiveLists;
pub use log::PodLog;

// Calls of one deletion of several workloads.
const AT_ONCE: usize = 8;

impl Backend {
    /// Everything that runs in a namespace, whoever made it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a page that cannot be, [`Error::Unavailable`] without the cluster.
    pub async fn list_workloads(&self, caller: &Caller, id: &str, filter: &WorkloadFilter) -> Result<WorkloadList> {
        filter.check()?;
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        let states = self.inner.cluster.list_workloads(&token, &tenant.kubernetes_name, None).await?;
        Ok(self.viewer(tenant.account_id).list(&states, filter))
    }

    /// The same for a page, which goes on by [`Self::watch_workloads`]: from the same watches, where they are up to date.
    ///
    /// # Errors
    /// As [`Self::list_workloads`].
    pub async fn show_workloads(&self, caller: &Caller, id: &str, filter: &WorkloadFilter) -> Result<WorkloadList> {
        filter.check()?;
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        tenant.ready()?;
        match self.inner.cluster.known_workloads(&tenant.kubernetes_name) {
            Some(states) => Ok(self.viewer(tenant.account_id).list(&states, filter)),
            None => self.list_workloads(caller, id, filter).await,
        }
    }

    /// One workload with its pods and what was reported about them.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn get_workload(
        &self,
        caller: &Caller,
        id: &str,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<WorkloadDetail> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        possible(name)?;
        let state = self.inner.cluster.get_workload(&token, &tenant.kubernetes_name, kind, name).await?;
        let state = state.ok_or(Error::NotFound)?;
        let events = self.inner.cluster.workload_events(&token, &tenant.kubernetes_name, &state).await?;
        let workload = self.viewer(tenant.account_id).detail(&state);
        Ok(WorkloadDetail { workload, events, stale_since: None })
    }

    /// Deletes a workload and its pods.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn delete_workload(&self, caller: &Caller, id: &str, kind: WorkloadKind, name: &str) -> Result<()> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        self.delete_one(caller, (&*tenant, &token), kind, name).await
    }

    /// Deletes some workloads of a namespace and their pods. One that is gone already is no fault.
    ///
    /// # Errors
    /// [`Error::Invalid`] for none or more than a page of them; [`Error::Unavailable`], and then some of them, the first
    /// ones, may be deleted.
    pub async fn delete_workloads(&self, caller: &Caller, id: &str, which: &[(WorkloadKind, String)]) -> Result<()> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        if which.is_empty() || which.len() > MOST_ROWS {
            return Err(Error::field("items", "range", format!("Choose 1 to {MOST_ROWS} workloads")));
        }
        for some in which.chunks(AT_ONCE) {
            let deleting = some.iter().map(|(kind, name)| self.delete_one(caller, (&*tenant, &token), *kind, name));
            // None is broken off because of another: what was deleted is written down.
            for outcome in join_all(deleting).await {
                match outcome {
                    Ok(()) | Err(Error::NotFound) => {}
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(())
    }

    async fn delete_one(
        &self,
        caller: &Caller,
        (tenant, token): (&Namespace, &SecretString),
        kind: WorkloadKind,
        name: &str,
    ) -> Result<()> {
        possible(name)?;
        if !self.inner.cluster.delete_workload(token, &tenant.kubernetes_name, kind, name).await? {
            return Err(Error::NotFound);
        }
        let action = if kind == WorkloadKind::Deployment { Action::DeploymentDeleted } else { Action::WorkloadDeleted };
        let event = self.audit(caller, action, target(tenant, kind, name), "");
        self.inner.store.record(&event.named(name)).await
    }

    /// The log of one container of a pod.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a pod or container; `not_ready` while it has no log yet.
    pub async fn pod_log(
        &self,
        caller: &Caller,
        id: &str,
        pod: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<Vec<u8>>>> {
        options.check()?;
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        possible(pod)?;
        self.inner.cluster.pod_log(&token, &tenant.kubernetes_name, pod, options).await
    }

    /// Proves `permission`, that the namespace is ready, and fetches the person's token for it.
    pub(crate) async fn workspace(
        &self,
        caller: &Caller,
        id: &str,
        permission: Permission,
    ) -> Result<(Grant<Namespace>, SecretString)> {
        let tenant = self.namespace(caller, id, permission).await?;
        tenant.ready()?;
        let token = self.workload_token(caller, &tenant).await?;
        Ok((tenant, token))
    }

    /// What turns states into what members of an account see of them now.
    pub(crate) fn viewer(&self, account: AccountId) -> Viewer {
        // Without the catalogue the scheduler speaks for itself.
        let waits = self.inner.cluster.skus().map(|skus| {
            let full = skus.values().any(|sku| sku.status.free == 0);
            if full { workload::waits(&skus, &self.inner.cluster.occupied(account)) } else { Waits::new() }
        });
        Viewer { now: self.inner.clock.now(), waits: waits.unwrap_or_default() }
    }
}

/// The moment and the reasons that a view is drawn with.
pub(crate) struct Viewer {
    now: Timestamp,
    waits: Waits,
}

// === impl Viewer ===

impl Viewer {
    /// One workload with its pods.
    pub(crate) fn draw(&self, state: &WorkloadState) -> WorkloadView {
        state.view(self.now, &self.waits)
    }

    /// The same for a page of its own: of very many pods only some.
    fn detail(&self, state: &WorkloadState) -> WorkloadView {
        state.detail(self.now, &self.waits)
    }

    /// The reasons that pods without a place are drawn with; none where every pod has one.
    pub(crate) fn reasons(&self, states: &[WorkloadState]) -> Option<Waits> {
        workload::reasons_shown(states, &self.waits)
    }

    fn list(&self, states: &[WorkloadState], filter: &WorkloadFilter) -> WorkloadList {
        WorkloadList::of(states, filter, self.now, &self.waits)
    }
}

/// A text that cannot be a name is the name of nothing; it must not become part of a path either.
pub(crate) fn possible(name: &str) -> Result<()> {
    if may_exist(name) { Ok(()) } else { Err(Error::NotFound) }
}

/// The audit target of a workload.
pub(crate) fn target(tenant: &Namespace, kind: WorkloadKind, name: &str) -> String {
    format!("{}/{}:{name}", namespace::target(tenant.id), kind.as_str())
}
