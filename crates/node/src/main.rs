//! `remotegpu-kubelet`: one virtual node per process.
//! It reads its flags, connects cluster and engine, and runs until it is told to stop.
#![forbid(unsafe_code)]

mod args;
mod compose;
mod leader;
mod offload;
mod published;
mod runpod;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // First of all: TLS libraries refuse to guess between providers.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = match args::Args::read() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    match compose::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The log does not run yet: its level is one of the settings.
fn refuse(error: &anyhow::Error) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{error:#}");
    ExitCode::FAILURE
}
