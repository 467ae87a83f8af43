//! An admission decision under load with 10,000 SKUs, against a bare HTTPS handler of the same make (DESIGN §9): figures
//! are read, not asserted. Started by `cargo xtask bench admission`, which says where the control plane is.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measuring program talks to a person and may panic"
)]

mod bare;
mod catalogue;
mod load;

use testkit::{Authority, Plane, Webhook, resident_mib};

/// The program that is measured.
const PROGRAM: &str = env!("CARGO_BIN_EXE_remotegpu-admission");

fn main() {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == bare::NAME) {
        Some(at) => runtime.block_on(bare::serve(&arguments[at + 1..])),
        None => runtime.block_on(everything()),
    }
}

async fn everything() {
    let profile =
        if cfg!(debug_assertions) { "dev (not optimised: absolute times are far too long)" } else { "release" };
    let wanted = std::env::var("REMOTEGPU_TEST_BENCH_SKUS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    println!("profile {profile}, {} cores, {wanted} SKUs", std::thread::available_parallelism().unwrap());
    let plane = Plane::current();
    let catalogue = catalogue::Catalogue::fill(plane, wanted).await;
    let authority = Authority::new();
    let webhook = Webhook::new(PROGRAM, &authority);
    let replica = webhook.replica(&authority, None).await;
    let (floor, address) = bare::start(&webhook).await;
    webhook.until_served(&address, &authority).await;

    let bodies = catalogue.reviews();
    let idle = resident_mib(replica.pid());
    let [theirs, ours] = [
        load::run(&format!("https://{address}/mutate"), &authority, &bodies).await,
        load::run(&format!("https://{}/mutate", replica.address), &authority, &bodies).await,
    ];
    println!("bare HTTPS handler:  {theirs}");
    println!("remotegpu-admission: {ours} (aim: p99 2 ms)");
    println!("p99 {:.2} of the bare handler's", ours.p99 / theirs.p99);
    let (loaded, bare) = (resident_mib(replica.pid()), resident_mib(floor.id().unwrap()));
    println!("memory: {idle:.1} MiB idle, {loaded:.1} MiB after the load (aim: 30), bare handler {bare:.1} MiB");
    catalogue.empty().await;
}
