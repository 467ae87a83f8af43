//! `kubectl-remotegpu`, also `kubectl remotegpu`: sign in, list namespaces, write kubeconfigs, fetch credentials.
//! It talks to the console over HTTPS and to nothing else; it never needs rights in the cluster.
#![forbid(unsafe_code)]

mod api;
mod args;
mod browser;
mod cache;
mod commands;
mod exec_credential;
mod key;
mod kubeconfig;
mod login;
mod loopback;
mod output;
mod private;
mod server;
mod state;
mod yaml;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // First of all: TLS libraries refuse to guess between providers.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match commands::run(args::Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("remotegpu: {error:#}");
            ExitCode::FAILURE
        }
    }
}
