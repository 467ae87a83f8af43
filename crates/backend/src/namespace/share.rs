//! A namespace's share of what its account may have in all.

use std::time::Duration;

use domain::account::{Share, ShareChange};
use domain::id::NamespaceId;
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::{Error, Result};

use crate::{Backend, Caller, Grant};

// An answer waits no longer; what takes longer is carried out later.
const IN_FORCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

impl Backend {
    /// The share with some limits set or lifted. What runs in the namespace keeps its place: none is lowered below.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each limit out of range, `quota_exceeded` with numbers, [`Error::Unavailable`] while it
    /// is not known what runs.
    pub(super) async fn changed_share(
        &self,
        caller: &Caller,
        namespace: &Grant<Namespace>,
        change: &ShareChange,
    ) -> Result<Share> {
        caller.require(Permission::ManageAccount)?;
        let quota = self.inner.store.account(namespace.account_id).await?.ok_or(Error::NotFound)?.quota;
        let share = namespace.share.clone().with(change, "share", &quota).map_err(Error::Invalid)?;
        if share == namespace.share {
            return Ok(share);
        }
        let lines = self.inner.cluster.tenant_facts(&namespace.kubernetes_name).quota;
        if lines.is_empty() && namespace.activated_at.is_some() {
            return Err(Error::cluster("the quota of the namespace is not known yet"));
        }
        quota.in_namespace(&share).covers_use(&lines)?;
        Ok(share)
    }

    /// Waits until Kubernetes holds the namespace to the share that was written, a short while at most: who gives what is
    /// left to another one after the answer finds that nothing starts here by the old share.
    pub(super) async fn share_in_force(&self, id: NamespaceId) {
        let applied = async {
            // The order is written; of a database that does not answer nothing more is to be learned.
            while self.inner.store.is_outdated(id).await.unwrap_or(false) {
                tokio::time::sleep(LOOK).await;
            }
        };
        let _later = tokio::time::timeout(IN_FORCE, applied).await;
    }
}
