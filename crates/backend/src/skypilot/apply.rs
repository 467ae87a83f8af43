//! Bringing the cluster to where the row is: at once if it answers, else from the queue.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::credential::FoundIdentity;
use domain::id::NamespaceId;
use domain::namespace::{Namespace, NamespaceStatus};
use domain::skypilot::SkypilotAccess;
use domain::{Error, Result};

use crate::Backend;

// A look takes what comes first; the next one takes the rest.
const BATCH: u32 = 100;
// Whoever changes the row faster than it is applied gets the rest from the queue.
const TRIES: usize = 3;
// Of the 7 s that a token may take; the next look at the namespace does what was not done.
const BIND_LIMIT: Duration = Duration::from_secs(2);

impl Backend {
    /// Carries out the order about one namespace now, if the cluster answers; else the loop does.
    pub(crate) async fn settle_skypilot_now(&self, id: NamespaceId) {
        let backend = self.clone();
        let settled = uncut(async move { backend.settle_skypilot(id).await });
        self.inline("applying SkyPilot access", settled).await;
    }

    /// One look at the queue.
    pub(crate) async fn skypilot_orders(&self) {
        match self.inner.store.skypilot_orders(BATCH).await {
            Ok(ids) => {
                for id in ids {
                    if let Err(error) = self.settle_skypilot(id).await {
                        self.log("applying SkyPilot access", &error);
                    }
                }
            }
            Err(error) => self.log("reading the SkyPilot accesses to apply", &error),
        }
    }

    /// What stands of SkyPilot in an active namespace is made as it must be; without an access, nothing stands.
    pub(crate) async fn repair_skypilot(&self, tenant: &Namespace) -> Result<()> {
        self.follow_skypilot(tenant).await.map(drop)
    }

    /// Deletes what this installation made for namespaces that have no row, as a restored database leaves them: the net
    /// under [`Self::repair_skypilot`], which looks at every namespace that has one. The cluster is read before the
    /// database, and a namespace has its row before anything stands in it.
    pub(crate) async fn sweep_skypilot(&self) {
        let swept = async {
            let found = self.inner.cluster.skypilot_tenants().await?;
            let mut known = BTreeSet::new();
            for batch in found.chunks(BATCH as usize) {
                known.extend(self.inner.store.known_namespaces(batch).await?);
            }
            let stray: Vec<NamespaceId> = found.into_iter().filter(|id| !known.contains(id)).collect();
            if stray.is_empty() {
                return Ok(());
            }
            tracing::info!(count = stray.len(), "removing SkyPilot access of namespaces that are not known");
            self.inner.cluster.remove_stray_skypilot(&stray).await
        };
        if let Err(error) = swept.await {
            self.log("sweeping SkyPilot access", &error);
        }
    }

    /// A key's first token in a namespace must open what SkyPilot reads (RULINGS 17). A failure costs SkyPilot its
    /// reads until the next look, never the key its token.
    pub(crate) async fn bind_key_to_skypilot(&self, tenant: &Namespace) {
        let (backend, tenant) = (self.clone(), tenant.clone());
        let bound = uncut(async move { backend.rebind_skypilot(&tenant).await });
        let bound = tokio::time::timeout(BIND_LIMIT, bound).await;
        let bound = bound.unwrap_or_else(|_| Err(Error::cluster("binding a key took too long")));
        if let Err(error) = bound {
            self.log("binding a key to SkyPilot's reads", &error);
        }
    }

    /// Identities that went are subjects no more.
    pub(crate) async fn unbind_from_skypilot(&self, gone: &[FoundIdentity]) -> Result<()> {
        let mut ids: Vec<NamespaceId> = gone.iter().map(|identity| identity.namespace).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            if let Some(tenant) = self.active(id).await? {
                self.rebind_skypilot(&tenant).await?;
            }
        }
        Ok(())
    }

    /// Before a namespace goes: what stands outside of it would stay. Looked for without asking the row, which says
    /// nothing of what a late apply left.
    pub(crate) async fn tear_down_skypilot(&self, tenant: &Namespace) -> Result<()> {
        self.inner.cluster.remove_skypilot(tenant).await
    }

    async fn settle_skypilot(&self, id: NamespaceId) -> Result<()> {
        let Some(tenant) = self.active(id).await? else { return Ok(()) };
        match self.follow_skypilot(&tenant).await? {
            Some(held) => self.inner.store.skypilot_settled(id, held.ticket).await,
            None => Ok(()),
        }
    }

    /// The keys that reach a namespace are others now; without an access nothing is bound to them.
    async fn rebind_skypilot(&self, tenant: &Namespace) -> Result<()> {
        match self.inner.store.skypilot_access(tenant.id).await? {
            Some(access) if access.wanted => self.follow_skypilot(tenant).await.map(drop),
            _ => Ok(()),
        }
    }

    /// Makes the cluster as the row says, and again until the row still says so afterwards: a write that comes late
    /// must not bring back what was taken away meanwhile. Returns the row that the cluster holds.
    async fn follow_skypilot(&self, tenant: &Namespace) -> Result<Option<SkypilotAccess>> {
        let mut wish = self.skypilot_wish(tenant.id).await?;
        for _ in 0..TRIES {
            // Judged after the second look: a write that failed may have done half of it.
            let done = self.carry_out_skypilot(tenant, wish.as_ref()).await;
            let now = self.skypilot_wish(tenant.id).await?;
            if same(wish.as_ref(), now.as_ref()) {
                return done.map(|()| now);
            }
            wish = now;
        }
        Err(Error::cluster("SkyPilot access was changed all the time while it was applied"))
    }

    async fn carry_out_skypilot(&self, tenant: &Namespace, wish: Option<&SkypilotAccess>) -> Result<()> {
        let cluster = &self.inner.cluster;
        // Tokens end before the right to end them does.
        for kubeconfig in self.inner.store.skypilot_kubeconfigs_to_end(tenant.id).await? {
            match cluster.end_skypilot_token(tenant, kubeconfig).await {
                Ok(()) | Err(Error::NotFound) => self.inner.store.skypilot_kubeconfig_ended(kubeconfig).await?,
                Err(error) => return Err(error),
            }
        }
        match wish {
            Some(access) if access.wanted => cluster.apply_skypilot(tenant, &access.rights()).await,
            _ => cluster.remove_skypilot(tenant).await,
        }
    }

    /// The row; none once the namespace is on its way out.
    async fn skypilot_wish(&self, id: NamespaceId) -> Result<Option<SkypilotAccess>> {
        let access = self.inner.store.skypilot_access(id).await?;
        Ok(if self.active(id).await?.is_some() { access } else { None })
    }

    /// A namespace that is being made or removed has its turn later, or needs none.
    async fn active(&self, id: NamespaceId) -> Result<Option<Namespace>> {
        let found = self.inner.store.namespace_by_id(id).await?;
        Ok(found.filter(|tenant| tenant.status == NamespaceStatus::Active))
    }
}

/// A task of its own: whoever stops waiting must not stop it between its write and its second look.
async fn uncut(work: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
    tokio::spawn(work).await.unwrap_or_else(|panic| Err(Error::internal(panic)))
}

/// Whether two looks at the row want the same of the cluster. The ticket alone is not enough: a row that went and was made
/// anew counts from one again.
fn same(before: Option<&SkypilotAccess>, after: Option<&SkypilotAccess>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            (before.ticket, before.wanted) == (after.ticket, after.wanted) && before.rights() == after.rights()
        }
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use domain::skypilot::Feature;
    use jiff::Timestamp;

    use super::*;

    fn access(features: &[Feature], ticket: i64) -> SkypilotAccess {
        SkypilotAccess {
            namespace_id: NamespaceId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap(),
            service_account: "sky-sa".into(),
            features: features.iter().copied().collect(),
            approved: BTreeSet::new(),
            wanted: true,
            suspended: false,
            ticket,
            applied: 0,
            changed_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_row_that_changed_or_went_while_it_was_applied_is_not_the_one_that_the_cluster_holds() {
        let before = access(&[Feature::Base, Feature::Ssh], 1);
        let settled = SkypilotAccess { applied: 1, ..before.clone() };
        assert!(same(Some(&before), Some(&settled)), "how far the cluster is changes nothing");
        assert!(same(None, None));
        assert!(!same(Some(&before), None));
        assert!(!same(None, Some(&before)));
        let later = access(&[Feature::Base, Feature::Ssh], 2);
        let gone = SkypilotAccess { wanted: false, ..before.clone() };
        let anew = access(&[Feature::Base], 1);
        let suspended = SkypilotAccess { suspended: true, ..before.clone() };
        for other in [later, gone, anew, suspended] {
            assert!(!same(Some(&before), Some(&other)), "{other:?}");
        }
    }
}
