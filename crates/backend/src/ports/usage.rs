//! What the use cases need of stored usage. Records are the ledger themselves: they are written by the meter, of which
//! there is one, and need no audit rows.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::Result;
use domain::id::{AccountId, NamespaceId};
use domain::money::Money;
use domain::page::PageRequest;
use domain::usage::{BillingPlace, Day, Month, UsageDay, UsageRecord};
use jiff::Timestamp;

/// Which records of a month are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Those of one namespace.
    pub namespace: Option<NamespaceId>,
    /// Those of one SKU.
    pub sku_code: Option<String>,
    /// The oldest first, not the newest.
    pub oldest_first: bool,
}

/// Records of a month as the database handed them over. To take them apart takes about as long as to find them: that is
/// left to whoever reads them, so that the next ones are found meanwhile.
pub struct UsageBatch {
    count: usize,
    last: Option<BillingPlace>,
    records: Box<dyn FnOnce() -> Result<Vec<UsageRecord>> + Send>,
}

// === impl UsageBatch ===

impl UsageBatch {
    /// So many records, the place of the last one, and how they are taken apart.
    pub fn new(
        count: usize,
        last: Option<BillingPlace>,
        records: impl FnOnce() -> Result<Vec<UsageRecord>> + Send + 'static,
    ) -> Self {
        Self { count, last, records: Box::new(records) }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Where the next batch begins; none of an empty one.
    pub fn last(&self) -> Option<BillingPlace> {
        self.last
    }

    /// The records.
    ///
    /// # Errors
    /// [`domain::Error::Internal`] for one that cannot be read.
    pub fn records(self) -> Result<Vec<UsageRecord>> {
        (self.records)()
    }
}

/// Usage records and their sums.
#[async_trait]
pub trait Usage: Send + Sync {
    /// Brings each record to the state given: an open one is begun, an ended one is begun and ended, or ended if it is
    /// open. Some hundred at a time, each such batch whole or not at all; doing it again changes nothing. Never two open
    /// records of a pod, never two of one start.
    async fn note_usage(&self, records: &[UsageRecord]) -> Result<()>;
    /// Records that have not ended, of one account or all.
    async fn open_usage(&self, account: Option<AccountId>) -> Result<Vec<UsageRecord>>;
    /// What the records of an account that have not ended cost an hour, by namespace: one amount for each price.
    async fn open_rates(&self, account: AccountId) -> Result<BTreeMap<NamespaceId, Vec<Money>>>;
    /// The latest end among the ended records of each of these pods.
    async fn usage_ends(&self, pod_uids: &[String]) -> Result<BTreeMap<String, Timestamp>>;
    /// Until when everything open is known to have run; none before the first look.
    async fn metered_until(&self) -> Result<Option<Timestamp>>;
    /// Everything open ran at `at`.
    async fn set_metered_until(&self, at: Timestamp) -> Result<()>;
    /// Sums of what has ended in the days from `from` up to and including `until`, by day.
    async fn usage_days(&self, account: AccountId, from: Day, until: Day) -> Result<Vec<UsageDay>>;
    /// Records of a month, the newest first, `limit + 1` rows.
    async fn list_usage(
        &self,
        account: AccountId,
        month: Month,
        filter: &UsageFilter,
        page: &PageRequest,
    ) -> Result<Vec<UsageRecord>>;
    /// Records of a month in the order of an invoice (namespace, start, id), at most `limit` rows after `after`.
    async fn billed_batch(
        &self,
        account: AccountId,
        month: Month,
        after: Option<BillingPlace>,
        limit: u32,
    ) -> Result<UsageBatch>;
    /// The same, taken apart.
    async fn billed_usage(
        &self,
        account: AccountId,
        month: Month,
        after: Option<BillingPlace>,
        limit: u32,
    ) -> Result<Vec<UsageRecord>> {
        self.billed_batch(account, month, after, limit).await?.records()
    }
}
