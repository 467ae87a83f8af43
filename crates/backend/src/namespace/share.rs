//! A namespace's share of what its account may have in all.

use domain::account::ShareChange;
use domain::audit::Action;
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::version::stale;
use domain::{Error, Result};

use super::target;
use crate::{Backend, Caller, Grant};

impl Backend {
    /// Sets and lifts limits of a namespace's own. What runs in it keeps its place: a share is not lowered below.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each limit out of range, `quota_exceeded` with numbers, `conflict` when somebody was
    /// faster, [`Error::Unavailable`] while it is not known what runs.
    pub(super) async fn change_share(
        &self,
        caller: &Caller,
        namespace: &Grant<Namespace>,
        change: &ShareChange,
    ) -> Result<()> {
        caller.require(Permission::ManageAccount)?;
        let quota = self.inner.store.account(namespace.account_id).await?.ok_or(Error::NotFound)?.quota;
        let share = namespace.share.clone().with(change, "share", &quota).map_err(Error::Invalid)?;
        if share == namespace.share {
            return Ok(());
        }
        let lines = self.inner.cluster.tenant_facts(&namespace.kubernetes_name).quota;
        if lines.is_empty() && namespace.activated_at.is_some() {
            return Err(Error::cluster("the quota of the namespace is not known yet"));
        }
        quota.in_namespace(&share).covers_use(&lines)?;
        let detail = share.differences(&namespace.share).join(", ");
        let audit = self.audit(caller, Action::NamespaceShareChanged, target(namespace.id), detail);
        let audit = audit.named(namespace.name.as_str());
        let now = self.inner.clock.now();
        let changed = self.inner.store.set_namespace_share(namespace, &share, now, &audit).await?;
        changed.then_some(()).ok_or_else(stale)?;
        self.inner.wake.notify_one();
        Ok(())
    }
}
