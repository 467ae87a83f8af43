//! The console by itself: how soon it serves, how much memory it takes, how soon a page begins.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Client, TestApp, resident_mib};

use crate::{CONSOLE, p50, quantile};

const STARTS: usize = 5;
const PAGES: usize = 200;
/// Not counted: the connection is made, statements are prepared.
const BEFORE: usize = 10;
// Watches have their first lists by then; there is no event to wait for.
const SETTLE: Duration = Duration::from_secs(3);

/// Prints start time, memory, page time and how soon pages begin.
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
    println!("console: page of namespaces p50 {page:.2} ms, whole; × {:.1} of /healthz", page / floor);
    println!("console: {:.1} MiB resident after {PAGES} pages", resident_mib(app.pid()));
    let namespace = app.namespace(&member).await;
    first_bytes(&member, namespace["id"].as_str().unwrap()).await;
}

/// How soon pages of somebody who is signed in begin, one after the other, beside the smallest answer of the console.
async fn first_bytes(member: &Client, namespace: &str) {
    let plan = json!({"name": "page", "sku_code": "cpu-shared-8g", "replicas": 0, "image": "registry.invalid/app:1"});
    let made = member.post(&format!("/v1/kubernetes/namespaces/{namespace}/deployments"), plan).await;
    assert_eq!(made.status, 201, "{}", made.text);
    // As browsers ask: what is compressed on the way counts.
    let browser = member.clone().with("accept-encoding", "gzip, br");
    let floor = first(&browser, "/healthz").await;
    let (least, rare) = (quantile(&floor, 50), quantile(&floor, 99));
    println!("console: first byte of /healthz p50 {least:.2} ms, p99 {rare:.2} ms");
    let workloads = format!("/kubernetes/{namespace}/workloads");
    let pages = [
        ("the overview", "/"),
        ("namespaces", "/kubernetes"),
        ("workloads of a namespace", workloads.as_str()),
        ("the catalogue", "/catalogue"),
        ("usage", "/usage"),
        ("the audit log", "/settings/audit"),
    ];
    for (name, path) in pages {
        let page = first(&browser, path).await;
        println!(
            "console: first byte of {name} p50 {:.2} ms, p99 {:.2} ms (aim 10); p50 × {:.1} of /healthz",
            quantile(&page, 50),
            quantile(&page, 99),
            quantile(&page, 50) / least
        );
    }
}

/// How long the first bytes of many answers took, the shortest first.
async fn first(client: &Client, path: &str) -> Vec<Duration> {
    for _ in 0..BEFORE {
        client.first_byte(path).await;
    }
    let mut times = Vec::with_capacity(PAGES);
    for _ in 0..PAGES {
        times.push(client.first_byte(path).await);
    }
    times.sort_unstable();
    times
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
