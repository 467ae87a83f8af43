//! Holding pods: this node with the simulated engine against KWOK on one API server in one run (`virtual-node.md` §7).
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

use contestant::{Contestant, Kind};
use pods::Pods;
use testkit::unique;

fn main() {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Runtime::new().unwrap().block_on(everything());
}

async fn everything() {
    let profile =
        if cfg!(debug_assertions) { "dev (not optimised: absolute times are far too long)" } else { "release" };
    println!("profile {profile}, {} cores shared by all", std::thread::available_parallelism().unwrap());
    println!("{:<24} {:>7} {:>9} {:>9} {:>9} {:>9}", "node", "pods", "ready s", "gone s", "CPU s", "RSS MiB");
    for wanted in sizes() {
        let theirs = round(Kind::Kwok, wanted).await;
        let ours = round(Kind::Ours, wanted).await;
        println!(
            "ours / KWOK at {wanted}: time {:.2} (aim 0.75), deletion {:.2}, CPU {:.2} (aim 0.5), memory {:.2}",
            ours.ready / theirs.ready,
            ours.gone / theirs.gone,
            ours.cpu / theirs.cpu,
            ours.memory / theirs.memory
        );
    }
}

/// How many pods: `REMOTEGPU_TEST_BENCH_PODS=1000,10000`.
fn sizes() -> Vec<usize> {
    let given = std::env::var("REMOTEGPU_TEST_BENCH_PODS").unwrap_or_else(|_| "1000,10000".to_owned());
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
    let mut node = Contestant::start(kind, &unique("bench")).await;
    let pods = Pods::new(&node.name).await;
    let before = node.cpu_seconds();
    let ready = pods.create_until_ready(wanted).await;
    let (cpu, memory) = (node.cpu_seconds() - before, node.memory());
    if kind == Kind::Ours {
        restart(&mut node, &pods, wanted).await;
    }
    let gone = pods.delete_until_gone().await;
    println!("{:<24} {wanted:>7} {ready:>9.1} {gone:>9.1} {cpu:>9.1} {memory:>9.1}", kind.name());
    pods.end().await;
    node.end().await;
    Figures { ready, gone, cpu, memory }
}

/// Ended without a word and started again with all its pods running: nobody who watches may notice.
async fn restart(node: &mut Contestant, pods: &Pods, wanted: usize) {
    let writes = pods.changes_while(async {
        let took = node.restart_until_adopted(wanted).await;
        println!("restart with {wanted} running pods: all known again after {took:.1} s (aim 20)");
    });
    println!("status writes seen meanwhile: {} (aim 0)", writes.await);
}
