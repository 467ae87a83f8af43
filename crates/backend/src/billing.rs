//! The invoice of a month for the tenant API: usage records in their order, named by the tenants they ran in.
//!
//! Source: `tenant-api.md` §5. Read batch by batch, so that a month of any length takes the same memory.

use std::sync::Arc;

use domain::audit::Action;
use domain::billing::BilledPod;
use domain::id::NamespaceId;
use domain::permission::Permission;
use domain::usage::{Month, UsageRecord};
use domain::{Error, Result};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use crate::{Backend, Caller};

impl Backend {
    /// The rows of a month of the caller's account, batch by batch; what still runs is billed up to the moment of the
    /// call.
    ///
    /// # Errors
    /// `forbidden` for roles that see no usage. When the database does not answer, that comes in the stream.
    pub fn billed_pods(&self, caller: &Caller, month: Month) -> Result<BoxStream<'static, Result<Vec<BilledPod>>>> {
        caller.require(Permission::ReadUsage)?;
        let (now, batches) = (self.inner.clock.now(), self.billed_usage(caller.account.id, month));
        // Records come namespace by namespace: the last one's tenant is all that needs to be known.
        let first = (self.clone(), batches, None::<(NamespaceId, Arc<str>)>);
        let rows = stream::try_unfold(first, move |(backend, mut batches, mut known)| async move {
            let Some(records) = batches.try_next().await? else { return Ok::<_, Error>(None) };
            let mut pods = Vec::with_capacity(records.len());
            for record in records {
                let tenant = match &known {
                    Some((id, tenant)) if *id == record.namespace_id => Arc::clone(tenant),
                    _ => backend.tenant_of(&record).await?,
                };
                known = Some((record.namespace_id, Arc::clone(&tenant)));
                pods.push(BilledPod::of(record, tenant, now));
            }
            Ok(Some((pods, (backend, batches, known))))
        });
        Ok(rows.boxed())
    }

    /// The same for a file: taking usage out as one stands in the audit log, whichever API gives it.
    ///
    /// # Errors
    /// As [`Self::billed_pods`]; [`Error::Unavailable`] when the row cannot be written.
    pub async fn export_billed_pods(
        &self,
        caller: &Caller,
        month: Month,
    ) -> Result<BoxStream<'static, Result<Vec<BilledPod>>>> {
        let rows = self.billed_pods(caller, month)?;
        let target = crate::account::target(caller.account.id);
        let audit = self.audit(caller, Action::UsageExported, target, format!("{month}, tenant API"));
        self.inner.store.record(&audit).await?;
        Ok(rows)
    }

    /// The tenant of a record, also one that is gone; the namespace's name in the cluster for one that never had a number.
    async fn tenant_of(&self, record: &UsageRecord) -> Result<Arc<str>> {
        let found = self.inner.store.tenant_id_of(record.namespace_id).await?;
        Ok(found.map_or_else(|| record.kubernetes_name.as_str().into(), |id| id.to_string().into()))
    }
}
