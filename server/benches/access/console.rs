//! The console by itself: how soon it serves, how much memory it takes, how soon a page begins.

use std::time::{Duration, Instant};

use testkit::TestApp;

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
    println!("console: {:.1} MiB resident, idle (aim 50)", resident(app.pid()));
    let member = app.operator().await;
    let mut times = Vec::new();
    for _ in 0..PAGES {
        let begun = Instant::now();
        assert_eq!(member.get("/kubernetes").await.status, 200);
        times.push(begun.elapsed());
    }
    println!("console: page of namespaces p50 {:.2} ms, whole (aim 10 to its first byte)", p50(times));
    println!("console: {:.1} MiB resident after {PAGES} pages", resident(app.pid()));
}

/// MiB, as the kernel counts them.
fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN) / 1024.0
}
