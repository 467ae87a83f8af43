//! The console by itself: how soon it serves, how much memory it takes, how soon a page begins.

use std::time::{Duration, Instant};

use testkit::{Client, TestApp, resident_mib};

use crate::{CONSOLE, p50};

const STARTS: usize = 5;
const PAGES: usize = 200;
// Watches have their first lists by then; there is no event to wait for.
const SETTLE: Duration = Duration::from_secs(3);

/// Prints start time, memory and page time.
pub async fn measure() {
    let mut app = TestApp::start(CONSOLE).await;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        app.kill().await;
        let begun = Instant::now();
        app.restart().await;
        starts.push(begun.elapsed());
    }
    println!("console: ready after {:.0} ms with its schema in place, found out every 25 ms (aim 200)", p50(starts));
    tokio::time::sleep(SETTLE).await;
    println!("console: {:.1} MiB resident, idle (aim 50)", resident_mib(app.pid()));
    let member = app.operator().await;
    let (page, floor) = (times(&member, "/kubernetes").await, times(&member, "/healthz").await);
    println!(
        "console: page of namespaces p50 {page:.2} ms, whole (aim 10 to its first byte); × {:.1} of /healthz",
        page / floor
    );
    println!("console: {:.1} MiB resident after {PAGES} pages", resident_mib(app.pid()));
}

/// The middle of many answers, whole.
async fn times(client: &Client, path: &str) -> f64 {
    let mut times = Vec::with_capacity(PAGES);
    for _ in 0..PAGES {
        let begun = Instant::now();
        assert_eq!(client.get(path).await.status, 200);
        times.push(begun.elapsed());
    }
    p50(times)
}
