//! Usage while the records of one month grow: its sums, a page of it, and the whole of it as an invoice reads it; then
//! that invoice as a client of the tenant API gets it, and what the console needs meanwhile.

use std::time::{Duration, Instant};

use backend::ports::{Usage as _, UsageFilter};
use domain::id::AccountId;
use domain::page::PageRequest;
use domain::usage::{BillingPlace, Day, Month, UsageRecord};
use jiff::Timestamp;
use serde_json::json;
use store::SqlStore;
use testkit::{TestApp, resident_mib};
use uuid::Uuid;

use crate::{CONSOLE, Engine, fill, p50};

const TURNS: usize = 50;
/// As many as the console asks for at once.
const BATCH: u32 = 2000;
/// Of everybody whom tests make.
const PASSWORD: &str = "a-password-for-tests";
/// Memory is looked at once for so many bytes of an invoice.
const LOOK: usize = 4 << 20;

/// An invoice that was thrown away as it came.
struct Read {
    first: Duration,
    whole: Duration,
    bytes: usize,
    lines: usize,
    /// The most that the console had resident meanwhile, in MiB.
    most: f64,
}

/// Prints one line for each size, and one for each form of the invoice of the last.
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
    invoices(engine, month, rows).await;
}

/// The month over HTTP, in both forms, by a client that keeps nothing of it.
async fn invoices(engine: &Engine, month: Month, rows: u64) {
    let app = TestApp::setup(CONSOLE).on(&engine.url).start().await;
    fill::payer(engine).await;
    let owner = app.member_of(fill::PAYER_NAME, "owner").await;
    let email = owner.get("/v1/auth/session").await.str("/user/email");
    let login = json!({"username": email, "password": PASSWORD});
    let token = app.anonymous().post("/k8sgpu/v1/user/login/", login).await.str("/token");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/k8sgpu/v1/billing/{}", app.url, month.to_string().replace('-', "/"));
    for form in ["application/json", "text/csv"] {
        let asked = http.get(&url).bearer_auth(&token).header("accept", form);
        let before = resident_mib(app.pid());
        let read = drained(asked, app.pid()).await;
        assert!(form != "text/csv" || read.lines as u64 == rows + 1, "{} lines of {rows} records", read.lines);
        println!(
            "{}: invoice of {rows} records over the tenant API as {form}: {:.0} MiB, begins after {:.0} ms, whole in \
             {:.0} ms (aim 1000); console {before:.1} MiB resident before, {:.1} at most meanwhile, {:.1} after",
            engine.name,
            read.bytes as f64 / 1_048_576.0,
            read.first.as_secs_f64() * 1000.0,
            read.whole.as_secs_f64() * 1000.0,
            read.most,
            resident_mib(app.pid()),
        );
    }
}

async fn drained(asked: reqwest::RequestBuilder, pid: u32) -> Read {
    let begun = Instant::now();
    let mut answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let first = begun.elapsed();
    let (mut bytes, mut lines, mut most, mut looked) = (0, 0, resident_mib(pid), 0);
    while let Some(chunk) = answer.chunk().await.unwrap() {
        bytes += chunk.len();
        lines += chunk.iter().filter(|byte| **byte == b'\n').count();
        if bytes - looked >= LOOK {
            (most, looked) = (most.max(resident_mib(pid)), bytes);
        }
    }
    Read { first, whole: begun.elapsed(), bytes, lines, most }
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
