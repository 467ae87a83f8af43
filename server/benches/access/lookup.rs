//! Key lookup and pages of lists while the tables grow: all should stay where they are.

use std::time::Instant;

use backend::ports::{Accounts as _, ApiKeys as _, AuditLog as _, Namespaces as _};
use domain::api_key::PublicId;
use domain::audit::{AuditFilter, AuditScope};
use domain::id::AccountId;
use domain::page::PageRequest;
use store::SqlStore;

use crate::{Engine, fill, p50};

const TURNS: u64 = 1000;
const PAGE: u32 = 50;
/// What is measured of lists, at their beginning and in their middle.
const PAGES: [&str; 6] = [
    "audit page",
    "audit page in the middle",
    "page of keys",
    "page of keys in the middle",
    "page of namespaces",
    "page of namespaces in the middle",
];

/// Prints one line for each size.
pub async fn measure(engine: &Engine, sizes: &[u64]) {
    let store = crate::store(&engine.url).await;
    let account = store.account_by_name("default").await.unwrap().unwrap().id;
    let (mut rows, mut first, mut full) = (0, None, None);
    for size in sizes {
        fill::keys(engine, rows, *size).await;
        fill::audit(engine, rows, *size).await;
        fill::namespaces(engine, rows, *size).await;
        rows = rows.max(*size);
        let (key, pages) = (keys(&store, rows).await, pages(&store, account, rows).await);
        let key_first = *first.get_or_insert(key);
        // A page of one row is no yardstick for full ones.
        let pages_first = if rows < 2 * u64::from(PAGE) { pages } else { *full.get_or_insert(pages) };
        println!("{}: {rows} rows: key lookup p50 {key:.3} ms (× {:.2})", engine.name, key / key_first);
        for ((what, now), before) in PAGES.into_iter().zip(pages).zip(pages_first) {
            println!("{}: {rows} rows: {what} p50 {now:.3} ms (× {:.2})", engine.name, now / before);
        }
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

/// In the order of [`PAGES`].
async fn pages(store: &SqlStore, account: AccountId, rows: u64) -> [f64; 6] {
    let middle = Some(format!("019c1b2e-7f00-7000-8000-{}", 100_000_000_000 + rows / 2));
    let [begin, middle] = [None, middle].map(|after| PageRequest { limit: PAGE, after });
    let audit = async |page: &PageRequest| {
        store.list_audit(AuditScope::Account(account), &AuditFilter::default(), None, page).await.unwrap();
    };
    let keys = async |page: &PageRequest| drop(store.list_api_keys(account, None, &page.clone().into()).await.unwrap());
    let namespaces = async |page: &PageRequest| drop(store.list_namespaces(account, page).await.unwrap());
    [
        turns(&audit, &begin).await,
        turns(&audit, &middle).await,
        turns(&keys, &begin).await,
        turns(&keys, &middle).await,
        turns(&namespaces, &begin).await,
        turns(&namespaces, &middle).await,
    ]
}

async fn turns(list: &impl AsyncFn(&PageRequest), page: &PageRequest) -> f64 {
    let mut times = Vec::new();
    for _ in 0..TURNS / 5 {
        let begun = Instant::now();
        list(page).await;
        times.push(begun.elapsed());
    }
    p50(times)
}
