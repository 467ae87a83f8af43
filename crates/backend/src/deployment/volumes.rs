//! What a form may offer to mount: it leaves out what no engine of the chosen SKU would mount. REST and kubectl may send
//! it all the same, and the check warns.

use std::collections::BTreeMap;

use domain::admission::no_volumes;
use domain::deployment::DeploymentPlan;
use domain::permission::Permission;
use domain::sku::Sku;
use domain::workload::WorkloadView;
use domain::{Error, Result};

use crate::{Backend, Caller};

impl Backend {
    /// SKUs under which nothing can be mounted in this namespace, by code, each with the sentence that says why.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign namespace, [`Error::Unavailable`] while the catalogue has not been read once.
    pub async fn skus_without_volumes(&self, caller: &Caller, id: &str) -> Result<BTreeMap<String, String>> {
        let account = self.namespace(caller, id, Permission::Read).await?.account_id.to_string();
        let (skus, kinds) = (self.inner.cluster.skus()?, self.inner.cluster.engine_kinds());
        let why = |sku: &Sku| Some((sku.code.clone(), no_volumes(sku, &account, &kinds)?));
        Ok(skus.values().filter_map(why).collect())
    }

    /// Creates what a form says; it offers volumes only where an engine of the SKU mounts them.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `mounts` where none does; as [`Self::create_workload`].
    pub async fn create_offered(&self, caller: &Caller, id: &str, plan: DeploymentPlan) -> Result<WorkloadView> {
        if !plan.mounts.is_empty()
            && let Some(why) = self.skus_without_volumes(caller, id).await?.remove(&plan.sku_code)
        {
            return Err(Error::field("mounts", "unsupported", why));
        }
        self.create_workload(caller, id, plan).await
    }
}
