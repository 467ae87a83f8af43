//! The program on a simulated RunPod account and the real control plane. Run by `cargo xtask test`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod account;
mod adoption;
mod endpoints;
mod job;
mod kills;
mod leader;
mod listed;
mod live;
mod outage;
mod page;
mod probes;
mod ssh;
