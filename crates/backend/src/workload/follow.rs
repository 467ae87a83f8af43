//! One workload as it changes, with since when nothing new is known of it: what was last seen stays while the cluster is
//! away, and says so.

use domain::Result;
use domain::id::AccountId;
use domain::permission::Permission;
use domain::workload::{EventView, Waits, WorkloadDetail, WorkloadKind, WorkloadState};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

use super::Viewer;
use crate::{Backend, Caller};

/// What the watches know of a workload; none once it is gone.
type Known = Option<(WorkloadState, Vec<EventView>)>;

struct Follow {
    backend: Backend,
    account: AccountId,
    states: BoxStream<'static, Known>,
    interrupted: BoxStream<'static, Option<Timestamp>>,
    /// Told when its pods may wait for another reason, while its state stays as it is.
    counted: BoxStream<'static, ()>,
    /// The reasons why its pods wait for a place, as told last; none where every pod has one.
    said: Option<Waits>,
    /// Since when the cluster says nothing.
    stale: Option<Timestamp>,
    /// What it was when it was last seen; none before the first time.
    seen: Option<Known>,
}

impl Backend {
    /// One workload, now and after each change; `None` once it and its pods are gone.
    ///
    /// # Errors
    /// [`domain::Error::NotFound`] for a foreign namespace.
    pub async fn watch_workload(
        &self,
        caller: &Caller,
        id: &str,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<BoxStream<'static, Option<WorkloadDetail>>> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        let follow = Follow {
            backend: self.clone(),
            account: tenant.account_id,
            states: self.inner.cluster.watch_workload(&tenant.kubernetes_name, kind, name),
            interrupted: self.inner.cluster.interrupted().chain(stream::pending()).boxed(),
            counted: self.inner.cluster.counted().chain(stream::pending()).boxed(),
            said: None,
            stale: None,
            seen: None,
        };
        Ok(stream::unfold(follow, Follow::next).boxed())
    }
}

// === impl Follow ===

impl Follow {
    async fn next(mut self) -> Option<(Option<WorkloadDetail>, Self)> {
        loop {
            tokio::select! {
                state = self.states.next() => self.seen = Some(state?),
                stale = self.interrupted.next() => {
                    let stale = stale.flatten();
                    if stale == self.stale {
                        continue;
                    }
                    self.stale = stale;
                }
                // Only who shows a pod without a place is woken for this.
                _ = self.counted.next(), if self.said.is_some() => {
                    if self.reasons(&self.backend.viewer(self.account)) == self.said {
                        continue;
                    }
                }
            }
            let viewer = self.backend.viewer(self.account);
            self.said = self.reasons(&viewer);
            if let Some(known) = &self.seen {
                let told = known.as_ref().map(|known| self.draw(&viewer, known));
                return Some((told, self));
            }
        }
    }

    fn reasons(&self, viewer: &Viewer) -> Option<Waits> {
        let (state, _) = self.seen.as_ref()?.as_ref()?;
        viewer.reasons(std::slice::from_ref(state))
    }

    fn draw(&self, viewer: &Viewer, (state, events): &(WorkloadState, Vec<EventView>)) -> WorkloadDetail {
        WorkloadDetail {
            workload: viewer.detail(state),
            events: events.clone(),
            stale_since: self.stale.map(|since| since.to_string()),
        }
    }
}
