//! The kubeconfig download: no secret inside, so a GET; noted in the audit (RULINGS 39).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Result;
use domain::audit::Action;
use domain::credential::Access;
use domain::kubeconfig::{KubeconfigView, Variant, render};
use domain::permission::Permission;

use crate::{Backend, Caller, namespace};

impl Backend {
    /// The kubeconfig of a namespace. A viewer gets one that asks for `view`, whatever was wanted.
    ///
    /// # Errors
    /// `not_ready` (409) unless the namespace is active.
    pub async fn kubeconfig(
        &self,
        caller: &Caller,
        id: &str,
        variant: Variant,
        access: Access,
    ) -> Result<KubeconfigView> {
        let namespace = self.namespace(caller, id, Permission::Read).await?;
        namespace.ready()?;
        let access = if caller.may(Permission::Deploy) { access } else { Access::View };
        let ca = STANDARD.encode(&self.inner.endpoints.cluster_ca_pem);
        let view = render(&namespace, &self.inner.endpoints, &ca, variant, access)?;
        let target = namespace::target(namespace.id);
        let audit = self.audit(caller, Action::KubeconfigDownloaded, target, access.as_str());
        self.inner.store.record(&audit).await?;
        Ok(view)
    }
}
