//! The binary `remotegpu`: console, API and the operator's command line in one process.
//! Everything happens in the library, so that tests can drive it too.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use server::args::Args;

#[tokio::main]
async fn main() -> ExitCode {
    // rustls panics when two providers are linked and none was chosen: choose before any TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match server::run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("remotegpu: {error:#}");
            ExitCode::FAILURE
        }
    }
}
