//! The catalogue as an account sees it.

use domain::capacity::open_to;
use domain::permission::Permission;
use domain::sku::{Sku, SkuView};
use domain::{Error, Result};

use crate::{Backend, Caller};

impl Backend {
    /// Every SKU on sale that the account may use, by code; with a namespace, `granted` says whether it may be used there.
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
        let on_sale = skus.values().filter(|sku| !sku.spec.retired && usable(caller, sku));
        Ok(on_sale.map(|sku| sku.view(policy.grants(&sku.code))).collect())
    }

    /// One SKU that the account may use, retired ones included.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown code, and for one of others.
    pub async fn get_sku(&self, caller: &Caller, code: &str, namespace_id: Option<&str>) -> Result<SkuView> {
        let listed = self.list_skus(caller, namespace_id).await?;
        if let Some(view) = listed.into_iter().find(|sku| sku.code == code) {
            return Ok(view);
        }
        let skus = self.inner.cluster.skus()?;
        let retired = skus.get(code).filter(|sku| usable(caller, sku));
        retired.map(|sku| sku.view(false)).ok_or(Error::NotFound)
    }
}

/// Whether the account may use it; one for the engines of others is nobody else's business (RULINGS 2).
pub(crate) fn usable(caller: &Caller, sku: &Sku) -> bool {
    caller.account.skus.grants(&sku.code) && open_to(sku, &caller.account.id.to_string())
}
