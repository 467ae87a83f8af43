//! The catalogue as an account sees it.

use std::future::ready;

use domain::admission::NamespacePolicy;
use domain::capacity::open_to;
use domain::permission::Permission;
use domain::sku::{Sku, SkuView};
use domain::workload::usual_start;
use domain::{Error, Result};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use crate::{Backend, Caller};

impl Backend {
    /// Every SKU on sale that the account may use, by code, with how long its pods usually take to start; with a
    /// namespace, `granted` says whether it may be used there.
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
            None => NamespacePolicy::default(),
        };
        let mut on_sale = self.on_sale(caller, &policy)?;
        let mut starts = self.inner.cluster.starts(None);
        for sku in &mut on_sale {
            sku.usual_start_seconds = starts.remove(&sku.code).and_then(usual_start);
        }
        Ok(on_sale)
    }

    /// The same without a namespace and without starts, as soon as it is known and after each change; many in a short
    /// time are told of once.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn watch_skus(&self, caller: &Caller) -> Result<BoxStream<'static, Vec<SkuView>>> {
        caller.require(Permission::Read)?;
        let counted = self.inner.cluster.counted().chain(stream::pending());
        let (backend, caller) = (self.clone(), caller.clone());
        let mut told: Option<Vec<SkuView>> = None;
        let seen = stream::once(ready(())).chain(counted).filter_map(move |()| {
            let now = backend.on_sale(&caller, &NamespacePolicy::default()).ok();
            let new = now.filter(|now| told.as_ref() != Some(now));
            if new.is_some() {
                told.clone_from(&new);
            }
            ready(new)
        });
        Ok(seen.boxed())
    }

    fn on_sale(&self, caller: &Caller, policy: &NamespacePolicy) -> Result<Vec<SkuView>> {
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
