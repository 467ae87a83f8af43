//! Usage: what an account's pods cost, summed and record by record. Whoever may see usage sees all of the account's.

mod meter;

use std::collections::BTreeMap;

use domain::audit::Action;
use domain::id::{AccountId, NamespaceId};
use domain::order::Direction;
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::usage::summary::UsageFacts;
use domain::usage::{
    BillingPlace, Day, Month, UsageDay, UsageListQuery, UsageQuery, UsageRecord, UsageSummary, UsageView, short,
};
use domain::{Error, Result};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use crate::batch::batches;
use crate::ports::{UsageBatch, UsageFilter};
use crate::{Backend, Caller};

// One batch of a file or an invoice: some megabytes at the most, whatever the length of the month, and some
// milliseconds of the database. With fewer the asking costs more than the records.
const BATCH: u32 = 2000;
// Bytes of a line of the file, about: a text that grows is copied again and again.
const LINE: usize = 400;
// So many looks at an account whose pods come and go without a pause; then what ends just now is missing for a moment.
const LOOKS: u32 = 5;

impl Backend {
    /// Sums of the account.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong range; `forbidden`.
    pub async fn usage_summary(&self, caller: &Caller, query: &UsageQuery) -> Result<UsageSummary> {
        caller.require(Permission::ReadUsage)?;
        let now = self.inner.clock.now();
        let range = query.check(now)?;
        let wanted = [(range.since, range.until), days_of(Month::of(now))];
        let account = caller.account.id;
        let (sums, budgets) = tokio::try_join!(self.sums(account, wanted, now), self.inner.store.budgets_of(account))?;
        let ([days, month], open) = sums;
        Ok(UsageSummary::of(&UsageFacts { days, month, open, budgets }, &range, now))
    }

    /// Records of a month, the newest first unless asked otherwise.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong month or namespace; `forbidden`.
    pub async fn list_usage(&self, caller: &Caller, query: UsageListQuery) -> Result<Page<UsageView>> {
        caller.require(Permission::ReadUsage)?;
        let now = self.inner.clock.now();
        let (month, filter) = (query.month(now)?, filter(&query)?);
        let direction = query.order.unwrap_or(Direction::Desc);
        let page = direction.page(query.limit, query.cursor)?;
        let rows = self.inner.store.list_usage(caller.account.id, month, &filter, &page).await?;
        Ok(Page::from_rows(rows, page.limit, |row| direction.cursor(&row.id.to_string())).map(|row| row.view(now)))
    }

    /// The same as CSV, batch by batch, whatever its length; and the name of the file. Is in the audit log.
    ///
    /// # Errors
    /// As [`Self::list_usage`].
    pub async fn export_usage(
        &self,
        caller: &Caller,
        query: UsageListQuery,
    ) -> Result<(String, BoxStream<'static, Result<String>>)> {
        caller.require(Permission::ReadUsage)?;
        let now = self.inner.clock.now();
        let (month, filter, account) = (query.month(now)?, filter(&query)?, caller.account.id);
        let audit = self.audit(caller, Action::UsageExported, crate::account::target(account), month.to_string());
        self.handed_out(caller, &audit).await?;
        let backend = self.clone();
        let pages = batches(None, move |after: Option<String>| {
            let (backend, filter) = (backend.clone(), filter.clone());
            async move {
                let page = PageRequest { limit: BATCH, after };
                let rows = backend.inner.store.list_usage(account, month, &filter, &page).await?;
                let page = Page::from_rows(rows, BATCH, |row| row.id.to_string());
                Ok((page.items, page.next_cursor.map(Some)))
            }
        });
        let rows = pages.map_ok(move |records| {
            let mut text = String::with_capacity(records.len() * LINE);
            for record in &records {
                record.write_csv(now, &mut text);
            }
            text
        });
        let head = stream::once(std::future::ready(Ok(UsageView::csv_head())));
        Ok((format!("usage-{month}.csv"), head.chain(rows).boxed()))
    }

    /// One batch of a month's records in the order of an invoice (namespace, start, id), not taken apart yet, and where
    /// the next one begins.
    pub(crate) async fn billed_usage(
        &self,
        account: AccountId,
        month: Month,
        after: Option<BillingPlace>,
    ) -> Result<(UsageBatch, Option<BillingPlace>)> {
        let batch = self.inner.store.billed_batch(account, month, after, BATCH).await?;
        let more = batch.count() == BATCH as usize;
        let next = batch.last().filter(|_| more);
        Ok((batch, next))
    }

    /// Sums by day of some ranges, each with what runs up to `now`; and what runs. All of one moment: a record that ends
    /// between two reads would be missing in both, so they are read until nothing began or ended meanwhile.
    async fn sums<const N: usize>(
        &self,
        account: AccountId,
        ranges: [(Day, Day); N],
        now: Timestamp,
    ) -> Result<([Vec<UsageDay>; N], Vec<UsageRecord>)> {
        let store = &self.inner.store;
        let (mut open, mut days, mut looks) = (store.open_usage(Some(account)).await?, [const { Vec::new() }; N], 0);
        loop {
            for (days, (from, until)) in days.iter_mut().zip(ranges) {
                *days = store.usage_days(account, from, until).await?;
            }
            let before = std::mem::replace(&mut open, store.open_usage(Some(account)).await?);
            looks += 1;
            if looks == LOOKS || before.iter().map(|record| record.id).eq(open.iter().map(|record| record.id)) {
                break;
            }
        }
        for (days, (from, until)) in days.iter_mut().zip(ranges) {
            let parts = open.iter().flat_map(|record| record.days(now));
            days.extend(parts.filter(|part| (from..=until).contains(&part.day)));
            days.sort_by_key(|day| day.day);
        }
        Ok((days, open))
    }

    /// The days of a month.
    pub(crate) async fn month_of(&self, account: AccountId, month: Month, now: Timestamp) -> Result<Vec<UsageDay>> {
        let ([days], _) = self.sums(account, [days_of(month)], now).await?;
        Ok(days)
    }
}

/// The first and the last day of a month.
fn days_of(month: Month) -> (Day, Day) {
    (Day::of(month.start()), month.last_day())
}

/// Micro-units of `currency` that were spent in `days`, in one namespace or all.
pub(crate) fn spent(days: &[UsageDay], namespace: Option<NamespaceId>, currency: &str) -> i64 {
    let counts =
        |day: &&UsageDay| namespace.is_none_or(|id| id == day.namespace_id) && day.currency.as_str() == currency;
    days.iter().filter(counts).fold(0, |sum, day| sum.saturating_add(day.micros))
}

/// Days of a month by account, read once; of which month, as it may end between two budgets.
pub(crate) type MonthsOfAccounts = BTreeMap<(AccountId, Month), Vec<UsageDay>>;

fn filter(query: &UsageListQuery) -> Result<UsageFilter> {
    let wrong = |_| Error::field("namespace", "uuid", "Not a namespace id: expected a UUID");
    let namespace = query.namespace.as_ref().map(|id| NamespaceId::parse(id).map_err(wrong)).transpose()?;
    let sku_code = short("sku", query.sku.as_ref(), 63)?;
    if sku_code.as_deref().is_some_and(|code| code.chars().any(char::is_control)) {
        return Err(Error::field("sku", "format", "Not a SKU code"));
    }
    Ok(UsageFilter { namespace, sku_code, oldest_first: query.order == Some(Direction::Asc) })
}
