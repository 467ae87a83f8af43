//! The catalogue as an account sees it.

use domain::permission::Permission;
use domain::sku::SkuView;
use domain::{Error, Result};

use crate::{Backend, Caller};

impl Backend {
    /// Every SKU on sale, by code; with a namespace, `granted` says whether it may be used there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the catalogue has not been read once.
    pub async fn list_skus(&self, caller: &Caller, namespace_id: Option<&str>) -> Result<Vec<SkuView>> {
        caller.require(Permission::Read)?;
        let policy = match namespace_id {
            Some(id) => {
                let namespace = self.namespace(caller, id, Permission::Read).await?;
                self.inner.cluster.tenant_facts(&namespace.kubernetes_name).policy
            }
            None => Default::default(),
        };
        let skus = self.inner.cluster.skus()?;
        let on_sale = skus.values().filter(|sku| !sku.spec.retired);
        Ok(on_sale.map(|sku| sku.view(policy.grants(&sku.code))).collect())
    }

    /// One SKU, retired ones included.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown code.
    pub async fn get_sku(&self, caller: &Caller, code: &str, namespace_id: Option<&str>) -> Result<SkuView> {
        let listed = self.list_skus(caller, namespace_id).await?;
        match listed.into_iter().find(|sku| sku.code == code) {
            Some(view) => Ok(view),
            None => self.inner.cluster.skus()?.get(code).map(|sku| sku.view(false)).ok_or(Error::NotFound),
        }
    }
}
