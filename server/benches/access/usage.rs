//! Usage while the records of one month grow: its sums, a page of it, and the whole of it as an invoice reads it.

use std::time::Instant;

use backend::ports::{Usage as _, UsageFilter};
use domain::id::AccountId;
use domain::page::PageRequest;
use domain::usage::{BillingPlace, Day, Month, UsageRecord};
use jiff::Timestamp;
use store::SqlStore;
use uuid::Uuid;

use crate::{Engine, fill, p50};

const TURNS: usize = 50;
const BATCH: u32 = 200;

/// Prints one line for each size.
pub async fn measure(engine: &Engine, sizes: &[u64]) {
    let store = crate::store(&engine.url).await;
    let account = AccountId::new(Uuid::from_u128(fill::PAYER));
    let month = Month::of(Timestamp::from_millisecond(fill::MONTH_MS).unwrap());
    let (mut rows, mut first) = (0, None);
    for size in sizes {
        fill::usage(engine, rows, *size).await;
        rows = rows.max(*size);
        let (sums, page) = (sums(&store, account, month).await, page(&store, account, month).await);
        let (sums_first, page_first) = *first.get_or_insert((sums, page));
        let (whole, read) = whole(&store, account, month).await;
        println!(
            "{}: {rows} records: sums of the month p50 {sums:.2} ms (× {:.2}, aim 1000); page p50 {page:.3} ms (× {:.2}); \
             invoice of {read} read in {whole:.0} ms by batches of {BATCH}",
            engine.name,
            sums / sums_first,
            page / page_first,
        );
    }
}

async fn sums(store: &SqlStore, account: AccountId, month: Month) -> f64 {
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let begun = Instant::now();
        let days = store.usage_days(account, Day::of(month.start()), Day::of(month.end())).await.unwrap();
        let open = store.open_usage(Some(account)).await.unwrap();
        times.push(begun.elapsed());
        assert!(!days.is_empty() && open.is_empty());
    }
    p50(times)
}

async fn page(store: &SqlStore, account: AccountId, month: Month) -> f64 {
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let begun = Instant::now();
        store.list_usage(account, month, &UsageFilter::default(), &PageRequest::default()).await.unwrap();
        times.push(begun.elapsed());
    }
    p50(times)
}

/// Milliseconds for all of it, and how many records that were.
async fn whole(store: &SqlStore, account: AccountId, month: Month) -> (f64, usize) {
    let (begun, mut read, mut after) = (Instant::now(), 0, None::<BillingPlace>);
    loop {
        let rows = store.billed_usage(account, month, after, BATCH).await.unwrap();
        read += rows.len();
        after = rows.last().map(UsageRecord::place);
        if rows.len() < BATCH as usize {
            return (begun.elapsed().as_secs_f64() * 1000.0, read);
        }
    }
}
