//! Holding pods: this node with the simulated engine against KWOK on one API server in one run (`virtual-node.md` §7), and
//! what it does when nothing changes and when it is started again.
//! Figures are read, not asserted. Started by `cargo xtask bench node`, which says where the control plane and KWOK are.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measuring program talks to a person and may panic"
)]

mod contestant;
mod pods;

use std::time::Duration;

use contestant::{Contestant, Kind};
use pods::Pods;
use serde_json::json;
use testkit::{RunPodAccount, unique};

/// Two of the node's ticks.
const CALM: Duration = Duration::from_secs(60);
/// So many more pods are deleted by force, one after the other.
const FORCED: usize = 20;

fn main() {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Runtime::new().unwrap().block_on(everything());
}

async fn everything() {
    let profile =
        if cfg!(debug_assertions) { "dev (not optimised: absolute times are far too long)" } else { "release" };
    println!("profile {profile}, {} cores shared by all", std::thread::available_parallelism().unwrap());
    println!("{:<24} {:>7} {:>9} {:>9} {:>9} {:>9}", "node", "pods", "ready s", "gone s", "CPU s", "RSS MiB");
    for wanted in sizes("REMOTEGPU_TEST_BENCH_PODS", "1000,10000") {
        let published = round(Kind::Kwok, wanted).await;
        let wide = round(Kind::KwokWide, wanted).await;
        let ours = round(Kind::Ours, wanted).await;
        for (kind, theirs) in [(Kind::Kwok, published), (Kind::KwokWide, wide)] {
            println!(
                "ours / {} at {wanted}: time {:.2} (aim 0.75), deletion {:.2}, CPU {:.2} (aim 0.5), memory {:.2}",
                kind.name(),
                ours.ready / theirs.ready,
                ours.gone / theirs.gone,
                ours.cpu / theirs.cpu,
                ours.memory / theirs.memory
            );
        }
    }
    for wanted in sizes("REMOTEGPU_TEST_BENCH_RENTED", "1000") {
        adoption(wanted).await;
    }
}

/// How many pods: `REMOTEGPU_TEST_BENCH_PODS=1000,10000`; nothing for none.
fn sizes(variable: &str, usual: &str) -> Vec<usize> {
    let given = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
    given.split(',').filter_map(|size| size.trim().parse().ok()).collect()
}

/// What one node needed for one number of pods.
struct Figures {
    ready: f64,
    gone: f64,
    cpu: f64,
    memory: f64,
}

async fn round(kind: Kind, wanted: usize) -> Figures {
    let mut node = Contestant::start(kind, &unique("bench"), "").await;
    let pods = Pods::new(&node.name).await;
    let before = node.cpu_seconds();
    let ready = pods.create_until_ready(0..wanted).await;
    let (cpu, memory) = (node.cpu_seconds() - before, node.memory());
    if kind == Kind::Ours {
        calm(&node, &pods, wanted).await;
        restart(&mut node, &pods, wanted).await;
        force(&node, &pods, wanted).await;
    }
    let gone = pods.delete_until_gone().await;
    println!("{:<24} {wanted:>7} {ready:>9.1} {gone:>9.1} {cpu:>9.1} {memory:>9.1}", kind.name());
    pods.end().await;
    node.end().await;
    Figures { ready, gone, cpu, memory }
}

/// Nothing changes: nobody who watches may notice that the node is there.
async fn calm(node: &Contestant, pods: &Pods, wanted: usize) {
    // What the last pods brought with them is over.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (before, cpu) = (node.work().await, node.cpu_seconds());
    let changes = pods.changes_while(tokio::time::sleep(CALM)).await;
    let (did, cpu) = (node.work().await.since(before), node.cpu_seconds() - cpu);
    println!(
        "{} s with {wanted} running pods: {} status writes and {changes} changes seen (aim 0), {} lists for two ticks, \
         {} creates, {cpu:.1} CPU s, {:.1} MiB",
        CALM.as_secs(),
        did.status_writes,
        did.lists,
        did.creates,
        node.memory()
    );
}

/// Ended without a word and started again with all its pods running: nobody who watches may notice.
async fn restart(node: &mut Contestant, pods: &Pods, wanted: usize) {
    let changes = pods.changes_while(async {
        let (took, did) = node.restart_until_adopted(wanted).await;
        println!(
            "restart with {wanted} running pods: all known again after {took:.1} s (aim 20), {} creates, {} status writes",
            did.creates, did.status_writes
        );
    });
    println!("changes seen meanwhile: {} (aim 0)", changes.await);
}

/// Deleted with `--force`: the API server knows the pod no more, and the node finds out and ends what runs.
async fn force(node: &Contestant, pods: &Pods, wanted: usize) {
    // Pods of their own: those that are counted are deleted together later.
    let numbers = wanted..wanted + FORCED;
    pods.create_until_ready(numbers.clone()).await;
    let mut took = Vec::new();
    for number in numbers {
        let (uid, start) = pods.force(number).await;
        node.until_not_running(&uid).await;
        took.push(start.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    let (Some(middle), Some(longest)) = (took.get(took.len() / 2), took.last()) else { return };
    println!(
        "{FORCED} pods deleted by force beside {wanted}: gone from /runningpods/ after {middle:.2} s in the middle, \
         {longest:.2} s at most (aim 1), with the calls that ask"
    );
}

/// The simulated engine forgets what it ran, so that each of its pods is made again; what is rented goes on, and nothing
/// may be rented a second time.
async fn adoption(wanted: usize) {
    let plenty = json!({"minute": 1_000_000, "hour": 1_000_000, "day": 1_000_000});
    let settings = json!({
        "boot_seconds": 0, "port_seconds": 0, "quota": plenty, "check_replies": false,
        "balance_micros": 1_000_000_000_000_i64, "spend_limit_micros": 1_000_000_000_000_i64,
    });
    let account = RunPodAccount::open(env!("CARGO_BIN_EXE_remotegpu-kubelet"), &settings).await;
    let mut node = Contestant::start(Kind::Renting, &unique("bench"), account.url()).await;
    let pods = Pods::new(&node.name).await;
    let ready = pods.create_until_ready(0..wanted).await;
    println!("{}: {wanted} pods ready after {ready:.1} s; of its restart:", Kind::Renting.name());
    restart(&mut node, &pods, wanted).await;
    let gone = pods.delete_until_gone().await;
    println!("deleted after {gone:.1} s; still billed: {} (aim 0)", account.billed().await.len());
    pods.end().await;
    node.end().await;
}
