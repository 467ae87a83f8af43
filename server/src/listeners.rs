//! The console's listener and its end: signals, open streams, grace.

mod http1;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use http1::Http1;

// security.md §9: slow-header clients are cut after 10 s, requests may finish within 20 s of a SIGTERM.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
// security.md §9: beyond these hyper itself answers 431.
const MAX_HEADERS: usize = 100;
const MAX_HEAD: usize = 64 * 1024;
const GRACE: Duration = Duration::from_secs(20);

/// Takes the port.
///
/// # Errors
/// One sentence, also when another program has it.
pub fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("Port {} of {} is in use: stop that program or pass another {flag}", address.port(), address.ip())
        }
        Err(error) => return Err(error).with_context(|| format!("Cannot listen on {address}")),
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until `shutdown`, then lets running requests finish. Open streams end by the same token.
///
/// # Errors
/// When accepting connections fails for good.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> anyhow::Result<()> {
    let handle = Handle::new();
    // Without TLS nobody asks for HTTP/2 but who means to: it has no limit on slow heads, and no client of ours speaks it.
    // Not by the library's own switch, which takes away the upgrades that terminals need.
    let mut server = axum_server::from_tcp(listener)?.handle(handle.clone()).acceptor(Http1);
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    server.http_builder().http1().max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    tokio::spawn(async move {
        shutdown.cancelled().await;
        handle.graceful_shutdown(Some(GRACE));
    });
    server.serve(router.into_make_service_with_connect_info::<SocketAddr>()).await.context("The listener failed")
}

/// The first SIGINT or SIGTERM cancels `draining` and, `drain` later, `shutdown`; the second ends the process at once.
///
/// # Errors
/// When signals cannot be caught.
pub fn end_on_signals(draining: CancellationToken, drain: Duration, shutdown: CancellationToken) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("Shutting down: not ready any more, finishing running requests");
        draining.cancel();
        let end = async {
            tokio::time::sleep(drain).await;
            shutdown.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = end => {}
            () = either(&mut interrupt, &mut terminate) => {}
        }
        tracing::warn!("Second signal: ending at once");
        std::process::exit(1);
    });
    Ok(())
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
