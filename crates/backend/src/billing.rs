//! The invoice of a month for the tenant API: usage records in their order, named by the tenants they ran in.
//!
//! Source: `tenant-api.md` §5. Read batch by batch, so that a month of any length takes the same memory.

use std::sync::Arc;

use domain::audit::Action;
use domain::billing::BilledPod;
use domain::id::NamespaceId;
use domain::permission::Permission;
use domain::usage::{BillingPlace, Month, UsageRecord};
use domain::{Error, Result};
use futures::TryStreamExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};
use jiff::Timestamp;

use crate::batch::batches;
use crate::ports::UsageBatch;
use crate::{Backend, Caller};

/// The namespace that was looked up last, and its tenant.
type Known = Option<(NamespaceId, Arc<str>)>;
/// Batches of records that are not taken apart yet: that is done while the next one is read.
type Read = BoxStream<'static, Result<UsageBatch>>;

impl Backend {
    /// The rows of a month of the caller's account, batch by batch; what still runs is billed up to the moment of the
    /// call.
    ///
    /// # Errors
    /// `forbidden` for roles that see no usage. When the database does not answer, that comes in the stream.
    pub fn billed_pods(&self, caller: &Caller, month: Month) -> Result<BoxStream<'static, Result<Vec<BilledPod>>>> {
        caller.require(Permission::ReadUsage)?;
        let (reading, account, now) = (self.clone(), caller.account.id, self.inner.clock.now());
        let read = batches(None, move |after: Option<BillingPlace>| {
            let backend = reading.clone();
            async move {
                let (batch, next) = backend.billed_usage(account, month, after).await?;
                Ok((batch, next.map(Some)))
            }
        });
        let backend = self.clone();
        let pods = stream::try_unfold((read, None), move |(mut read, known): (Read, Known)| {
            let backend = backend.clone();
            async move {
                let Some(batch) = read.try_next().await? else { return Ok::<_, Error>(None) };
                // In a task of its own, as the reading: it has a connection now and then, and nobody may poll this for
                // long.
                let named = tokio::spawn(async move { backend.named(batch.records()?, known, now).await });
                let (pods, known) = named.await.map_err(Error::internal)??;
                Ok(Some((pods, (read, known))))
            }
        });
        Ok(pods.boxed())
    }

    /// Records with the tenants they ran in. They come namespace by namespace: the last one's tenant is all that needs to
    /// be known, from one batch to the next.
    async fn named(
        &self,
        records: Vec<UsageRecord>,
        mut known: Known,
        now: Timestamp,
    ) -> Result<(Vec<BilledPod>, Known)> {
        let mut pods = Vec::with_capacity(records.len());
        for record in records {
            let tenant = match &known {
                Some((id, tenant)) if *id == record.namespace_id => Arc::clone(tenant),
                _ => self.tenant_of(&record).await?,
            };
            known = Some((record.namespace_id, Arc::clone(&tenant)));
            pods.push(BilledPod::of(record, tenant, now));
        }
        Ok((pods, known))
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
        self.handed_out(caller, &audit).await?;
        Ok(rows)
    }

    /// The tenant of a record, also one that is gone; the namespace's name in the cluster for one that never had a number.
    async fn tenant_of(&self, record: &UsageRecord) -> Result<Arc<str>> {
        let found = self.inner.store.tenant_id_of(record.namespace_id).await?;
        Ok(found.map_or_else(|| record.kubernetes_name.as_str().into(), |id| id.to_string().into()))
    }
}
