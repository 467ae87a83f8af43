//! Key lookup and audit pages while the tables grow: both should stay where they are.

use std::time::Instant;

use backend::ports::{Accounts as _, ApiKeys as _, AuditLog as _};
use domain::api_key::PublicId;
use domain::audit::{AuditFilter, AuditScope};
use domain::id::AccountId;
use domain::page::PageRequest;
use store::SqlStore;

use crate::{Engine, fill, p50};

const TURNS: u64 = 1000;
const PAGE: u32 = 50;

/// Prints one line for each size.
pub async fn measure(engine: &Engine, sizes: &[u64]) {
    let store = crate::store(&engine.url).await;
    let account = store.account_by_name("default").await.unwrap().unwrap().id;
    let (mut rows, mut first) = (0, None);
    for size in sizes {
        fill::keys(engine, rows, *size).await;
        fill::audit(engine, rows, *size).await;
        rows = rows.max(*size);
        let figures = (keys(&store, rows).await, newest(&store, account).await, middle(&store, account, rows).await);
        let (key, page, deep) = *first.get_or_insert(figures);
        println!(
            "{}: {rows} rows: key lookup p50 {:.3} ms (× {:.2}); audit page p50 {:.3} ms (× {:.2}), in the middle {:.3} ms (× {:.2})",
            engine.name,
            figures.0,
            figures.0 / key,
            figures.1,
            figures.1 / page,
            figures.2,
            figures.2 / deep
        );
    }
}

/// Keys spread over the whole table.
async fn keys(store: &SqlStore, rows: u64) -> f64 {
    let mut times = Vec::new();
    for turn in 0..TURNS {
        // A step that is prime to every size visits the table without order.
        let key = PublicId::from_trusted((10_000_000 + turn * 7919 % rows).to_string());
        let begun = Instant::now();
        let found = store.key_access(&key, None).await.unwrap();
        times.push(begun.elapsed());
        assert!(found.is_some(), "{}", key.as_str());
    }
    p50(times)
}

async fn newest(store: &SqlStore, account: AccountId) -> f64 {
    pages(store, account, None).await
}

async fn middle(store: &SqlStore, account: AccountId, rows: u64) -> f64 {
    pages(store, account, Some(format!("019c1b2e-7f00-7000-8000-{}", 100_000_000_000 + rows / 2))).await
}

async fn pages(store: &SqlStore, account: AccountId, after: Option<String>) -> f64 {
    let mut times = Vec::new();
    for _ in 0..TURNS / 5 {
        let page = PageRequest { limit: PAGE, after: after.clone() };
        let begun = Instant::now();
        store.list_audit(AuditScope::Account(account), &AuditFilter::default(), None, &page).await.unwrap();
        times.push(begun.elapsed());
    }
    p50(times)
}
