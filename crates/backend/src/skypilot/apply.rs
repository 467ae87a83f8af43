//! Bringing the cluster to where the row is: at once if it answers, else from the queue.

use domain::credential::FoundIdentity;
use domain::id::NamespaceId;
use domain::namespace::{Namespace, NamespaceStatus};
use domain::{Error, Result};

use crate::Backend;

// A look takes what comes first; the next one takes the rest.
const BATCH: u32 = 100;

impl Backend {
    /// Carries out the order about one namespace now, if the cluster answers; else the loop does.
    pub(crate) async fn settle_skypilot_now(&self, id: NamespaceId) {
        self.inline("applying SkyPilot access", self.settle_skypilot(id)).await;
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

    /// What stands of SkyPilot in an active namespace is made as it must be: for repairs, and when keys came or went.
    pub(crate) async fn repair_skypilot(&self, tenant: &Namespace) -> Result<()> {
        match self.inner.store.skypilot_access(tenant.id).await? {
            Some(access) if access.wanted => self.inner.cluster.apply_skypilot(tenant, &access.rights()).await,
            _ => Ok(()),
        }
    }

    /// A key's first token in a namespace must open what SkyPilot reads (RULINGS 17). A failure costs SkyPilot its
    /// reads until the next look, never the key its token.
    pub(crate) async fn bind_key_to_skypilot(&self, tenant: &Namespace) {
        if let Err(error) = self.repair_skypilot(tenant).await {
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
                self.repair_skypilot(&tenant).await?;
            }
        }
        Ok(())
    }

    /// Before a namespace goes: what stands outside of it would stay.
    pub(crate) async fn tear_down_skypilot(&self, tenant: &Namespace) -> Result<()> {
        match self.inner.store.skypilot_access(tenant.id).await? {
            Some(_) => self.inner.cluster.remove_skypilot(tenant).await,
            None => Ok(()),
        }
    }

    async fn settle_skypilot(&self, id: NamespaceId) -> Result<()> {
        let (Some(access), Some(tenant)) = (self.inner.store.skypilot_access(id).await?, self.active(id).await?) else {
            return Ok(());
        };
        // Tokens end before the right to end them does.
        for kubeconfig in self.inner.store.skypilot_kubeconfigs_to_end(id).await? {
            match self.inner.cluster.end_skypilot_token(&tenant, kubeconfig).await {
                Ok(()) | Err(Error::NotFound) => self.inner.store.skypilot_kubeconfig_ended(kubeconfig).await?,
                Err(error) => return Err(error),
            }
        }
        if access.wanted {
            self.inner.cluster.apply_skypilot(&tenant, &access.rights()).await?;
        } else {
            self.inner.cluster.remove_skypilot(&tenant).await?;
        }
        self.inner.store.skypilot_settled(id, access.ticket).await
    }

    /// A namespace that is being made or removed has its turn later, or needs none.
    async fn active(&self, id: NamespaceId) -> Result<Option<Namespace>> {
        let found = self.inner.store.namespace_by_id(id).await?;
        Ok(found.filter(|tenant| tenant.status == NamespaceStatus::Active))
    }
}
