//! What an account uses of its limits, over all its namespaces.

use domain::Result;
use domain::account::meters;
use domain::namespace::QuotaLine;
use domain::page::PageRequest;
use domain::permission::Permission;

use crate::{Backend, Caller};

/// Namespaces read at once.
const BATCH: u32 = 200;

impl Backend {
    /// Limits of one of the caller's accounts with what is used of them. What the cluster has not reported yet is left
    /// out of the sums.
    ///
    /// # Errors
    /// [`domain::Error::NotFound`] for unknown and foreign ids alike, `forbidden` for roles that see no namespaces.
    pub async fn account_quota(&self, caller: &Caller, id: &str) -> Result<Vec<QuotaLine>> {
        // Who looks in as support is no member and still sees this account's.
        let there =
            if caller.account.id.to_string() == id { caller.clone() } else { self.acting_in(caller, id).await? };
        there.require(Permission::Read)?;
        let account = self.inner.store.account_use(there.account.id).await?.ok_or(domain::Error::NotFound)?;
        let (mut quotas, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit: BATCH, after };
            // One more than asked for says that there is a next page.
            let mut rows = self.inner.store.list_namespaces(there.account.id, &page).await?;
            let more = rows.len() > BATCH as usize;
            rows.truncate(BATCH as usize);
            quotas.extend(rows.iter().map(|row| self.inner.cluster.tenant_facts(&row.kubernetes_name).quota));
            after = rows.last().map(|row| row.id.to_string());
            if !more {
                return Ok(meters(&account, &quotas));
            }
        }
    }
}
