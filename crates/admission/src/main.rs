//! `remotegpu-admission`: starts the webhook.
//! Everything it does is in the library beside it.
#![forbid(unsafe_code)]

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        anyhow::bail!("another TLS provider was installed before ours");
    }
    admission::run::run(admission::args::Args::parse()).await
}
