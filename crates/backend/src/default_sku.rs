//! The SKU of pods that name none: a wish in the database, written into the namespace by the reconciler.
//!
//! Source: `skypilot.md` §7, RULINGS 13 and 36.

use domain::audit::Action;
use domain::default_sku::DefaultSku;
use domain::permission::Permission;
use domain::{Error, Result};

use crate::sku::usable;
use crate::{Backend, Caller, namespace};

impl Backend {
    /// What is chosen in a namespace.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn get_default_sku(&self, caller: &Caller, namespace_id: &str) -> Result<DefaultSku> {
        let namespace = self.namespace(caller, namespace_id, Permission::Read).await?;
        Ok(DefaultSku { sku_code: self.inner.store.default_sku(namespace.id).await? })
    }

    /// Chooses one, or none; new pods follow within moments, running ones keep theirs. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `sku_code`, `forbidden` for members who did not create the namespace.
    pub async fn set_default_sku(&self, caller: &Caller, namespace_id: &str, wanted: DefaultSku) -> Result<DefaultSku> {
        let namespace = self.managed_namespace(caller, namespace_id).await?;
        let before = DefaultSku { sku_code: self.inner.store.default_sku(namespace.id).await? };
        if before == wanted {
            return Ok(wanted);
        }
        if wanted.sku_code.is_some() {
            let skus = self.inner.cluster.skus()?;
            wanted.check(&skus, |sku| usable(caller, sku))?;
        }
        let detail = format!("{} → {}", before.word(), wanted.word());
        let target = namespace::target(namespace.id);
        let audit = self.audit(caller, Action::NamespaceDefaultSkuChanged, target, detail);
        let audit = audit.named(namespace.name.as_str());
        let (code, now) = (wanted.sku_code.as_deref(), self.inner.clock.now());
        if !self.inner.store.set_default_sku(namespace.id, code, now, &audit).await? {
            return Err(Error::NotFound);
        }
        self.inner.wake.notify_one();
        Ok(wanted)
    }
}
