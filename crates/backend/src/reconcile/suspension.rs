//! While an account is suspended its connectors have no rights: their bindings in the tenant's namespace go, and come back
//! when it is resumed. Their ServiceAccounts stay, so a kubeconfig that was downloaded before works again afterwards.
//! SkyPilot's bindings follow the same way (`SkypilotAccess::rights`), keys have a queue of their own.

use domain::Result;
use domain::credential::{FoundIdentity, Identity};
use domain::namespace::Namespace;

use crate::Backend;
use crate::ports::IdentityFilter;

impl Backend {
    /// Repeating it changes nothing. A connector that is being made at this moment has no row yet and gets none.
    pub(super) async fn unbind_connectors(&self, tenant: &Namespace) -> Result<()> {
        let (_, standing) = self.connectors(tenant).await?;
        self.inner.cluster.unbind_identities(&standing).await
    }

    /// Those that nobody revoked are bound again, where they are not.
    pub(super) async fn bind_connectors(&self, tenant: &Namespace) -> Result<()> {
        let (living, standing) = self.connectors(tenant).await?;
        let bound = |found: &FoundIdentity| found.bound_in.iter().any(|at| at == tenant.kubernetes_name.as_str());
        let unbound = standing.into_iter().filter(|found| living.contains(&found.name) && !bound(found));
        let unbound: Vec<Identity> = unbound.map(|found| found.identity).collect();
        self.inner.cluster.bind_identities(tenant, &unbound).await
    }

    /// The accounts that the book names, and what the cluster has; most namespaces have none, which costs no call.
    async fn connectors(&self, tenant: &Namespace) -> Result<(Vec<String>, Vec<FoundIdentity>)> {
        let living = self.inner.store.connectors_of(tenant.id).await?;
        if living.is_empty() {
            return Ok((living, Vec::new()));
        }
        let standing = self.inner.cluster.list_identities(&IdentityFilter::Connectors(tenant.id)).await?;
        Ok((living, standing))
    }
}
