//! A namespace's share of what its account may have in all.

use domain::account::{Share, ShareChange};
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::{Error, Result};

use crate::{Backend, Caller, Grant};

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
}
