//! `runpod-sim`: the simulator as a program, for demos and for tests that start a real node.
//! It listens on loopback only, and its control API needs no key.
#![forbid(unsafe_code)]

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;
use jiff::Timestamp;
use runpod_sim::{Clock, Settings, Simulator, http, ssh};

/// A RunPod REST API v2 that rents nothing
#[derive(Debug, Parser)]
#[command(name = "runpod-sim", version)]
struct Args {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8181")]
    listen: SocketAddr,
    /// Settings as JSON; default: those of the code
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instances with the port 22/tcp and a PUBLIC_KEY have an SSH server, on loopback: its commands are real and run as
    /// this user, so whoever may call this API may run them. For tests
    #[arg(long)]
    ssh: bool,
    /// How many times as fast as the real one its clock runs
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let settings = match &args.settings {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("Cannot read {}: {error}", path.display()))?;
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => Settings::default(),
    };
    let simulator = Arc::new(Simulator::new(settings, Clock::new(Timestamp::now(), args.speed), args.seed));
    if args.ssh {
        if !args.listen.ip().is_loopback() {
            return Err("--ssh runs commands of whoever calls: it needs a --listen address of loopback".to_owned());
        }
        let listener = ssh::listen(&simulator).await.map_err(|error| format!("No port for SSH: {error}"))?;
        tokio::spawn(ssh::serve(simulator.clone(), listener));
    }
    let listener = tokio::net::TcpListener::bind(args.listen).await;
    let listener = listener.map_err(|error| format!("Cannot listen on {}: {error}", args.listen))?;
    tracing::info!("The RunPod simulator listens on http://{}", args.listen);
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let serve = axum::serve(listener, http::router(simulator));
    tokio::select! {
        result = serve => result.map_err(|error| error.to_string()),
        () = stop => Ok(()),
    }
}
