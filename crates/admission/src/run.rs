//! Composition: configuration, watches, listener, signals.
//!
//! SIGINT and SIGTERM let running decisions finish; the certificate is followed on disk.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum_server::Handle;
use axum_server::tls_rustls::bind_rustls;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::{Args, LogFormat};
use crate::certificate::Certificate;
use crate::http::{App, router};
use crate::tables::Tables;
use crate::watch;

// The API server waits 5 s for an answer (`security.md` §6.1); after that nobody listens any more.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs until a signal ends it.
///
/// # Errors
/// When a file, the listener or the cluster configuration cannot be used.
pub async fn run(args: Args) -> anyhow::Result<()> {
    start_log(&args)?;
    let client = client(&args).await?;
    let certificate = Certificate::open(&args).await?;
    let tables = Arc::new(Tables::default());
    let handle = Handle::new();
    let app = router(App { tables: Arc::clone(&tables), client: Some(client.clone()) });
    tracing::info!(address = %args.listen, "listening");
    let server = bind_rustls(args.listen, certificate.tls()).handle(handle.clone());
    tokio::spawn(signals(Signals::new()?, handle));
    tokio::select! {
        // Ends after a signal, when every open decision was answered or timed out.
        result = server.serve(app.into_make_service()) => {
            result.with_context(|| format!("cannot listen on {}", args.listen))
        }
        () = watch::follow_skus(client.clone(), &tables) => bail!("the watch of skus ended"),
        () = watch::follow_namespaces(client, &tables) => bail!("the watch of namespaces ended"),
        () = certificate.follow() => bail!("the watch of the certificate ended"),
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }
}

async fn signals(mut signals: Signals, handle: Handle<SocketAddr>) {
    tokio::select! {
        _ = signals.interrupt.recv() => {}
        _ = signals.terminate.recv() => {}
    }
    tracing::info!("shutting down");
    handle.graceful_shutdown(Some(DRAIN));
}

async fn client(args: &Args) -> anyhow::Result<Client> {
    let mut config = match &args.kubeconfig {
        Some(file) => {
            let kubeconfig =
                Kubeconfig::read_from(file).with_context(|| format!("cannot read kubeconfig {}", file.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .with_context(|| format!("cannot use kubeconfig {}", file.display()))?
        }
        None => Config::incluster().context("no --kubeconfig given and not running in a pod")?,
    };
    // The GET sits in a request path: its own deadline decides, not minutes of retries.
    config.default_retry = false;
    Client::try_from(config).context("cannot build the Kubernetes client")
}

fn start_log(args: &Args) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&args.log_level).context("--log-level cannot be read")?;
    let ansi = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi);
    let started = match args.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}
