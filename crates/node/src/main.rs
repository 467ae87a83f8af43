//! `remotegpu-kubelet`: one virtual node per process.
//! It reads its flags, connects cluster and engine, and runs until it is told to stop.
#![forbid(unsafe_code)]

mod args;
mod compose;
mod offload;
mod runpod;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    // First of all: TLS libraries refuse to guess between providers.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match compose::run(args::Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
