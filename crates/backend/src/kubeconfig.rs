//! The kubeconfig download: no secret inside, so a GET; noted in the audit (RULINGS 39).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Result;
use domain::audit::Action;
use domain::credential::Access;
use domain::kubeconfig::{self, KubeconfigFacts, KubeconfigView, Variant, render};
use domain::namespace::Namespace;
use domain::permission::Permission;
use sha2::{Digest as _, Sha256};

use crate::{Backend, Caller, namespace, pepper};

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
        let view = self.rendered(&namespace, variant, access)?;
        let target = namespace::target(namespace.id);
        let audit = self.audit(caller, Action::KubeconfigDownloaded, target, access.as_str());
        self.handed_out(caller, &audit.named(namespace.name.as_str())).await?;
        Ok(view)
    }

    /// What the page says of a kubeconfig before anybody downloads it: its checksum, and the command it runs.
    ///
    /// # Errors
    /// As [`Backend::kubeconfig`].
    pub async fn kubeconfig_facts(
        &self,
        caller: &Caller,
        id: &str,
        variant: Variant,
        access: Access,
    ) -> Result<KubeconfigFacts> {
        let namespace = self.namespace(caller, id, Permission::Read).await?;
        namespace.ready()?;
        let access = if caller.may(Permission::Deploy) { access } else { Access::View };
        let view = self.rendered(&namespace, variant, access)?;
        let command = kubeconfig::command(&namespace, &self.inner.endpoints, variant, access)?;
        let sha256 = pepper::hex(&Sha256::digest(view.kubeconfig.as_bytes()));
        Ok(KubeconfigFacts { variant, access, filename: view.filename, sha256, command })
    }

    fn rendered(&self, namespace: &Namespace, variant: Variant, access: Access) -> Result<KubeconfigView> {
        let ca = STANDARD.encode(&self.inner.endpoints.cluster_ca_pem);
        render(namespace, &self.inner.endpoints, &ca, variant, access)
    }
}
