//! The TLS listener: hands finished connections with the identity of their client certificate to axum.
//! Handshakes run beside each other, each with a deadline, so that a silent client holds up nobody.
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use rustls::{ServerConfig, pki_types::CertificateDer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::auth::Caller;

const HANDSHAKE: Duration = Duration::from_secs(10);
/// Finished connections waiting to be taken.
const WAITING: usize = 64;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// From a client certificate that the client CA has signed.
    pub(super) certificate: Option<Arc<Caller>>,
}

pub(super) struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, Peer)>,
}

// === impl TlsListener ===

impl TlsListener {
    pub(super) fn new(listener: TcpListener, tls: Arc<ServerConfig>) -> Self {
        let (sender, ready) = mpsc::channel(WAITING);
        tokio::spawn(accept_all(listener, TlsAcceptor::from(tls), sender));
        Self { ready }
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task lives as long as we do; this is never reached.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Peer { certificate: None })
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        stream.remote_addr().clone()
    }
}

async fn accept_all(listener: TcpListener, acceptor: TlsAcceptor, sender: mpsc::Sender<(TlsStream<TcpStream>, Peer)>) {
    while !sender.is_closed() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        match accepted {
            Ok((stream, address)) => drop(tokio::spawn(shake_hands(stream, address, acceptor.clone(), sender.clone()))),
            Err(error) => {
                tracing::warn!(%error, "Accepting a connection to the kubelet API failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    sender: mpsc::Sender<(TlsStream<TcpStream>, Peer)>,
) {
    // Keystrokes of a terminal are small packets.
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| caller(chain.first()?));
            let peer = Peer { certificate: certificate.map(Arc::new) };
            let _ = sender.send((stream, peer)).await;
        }
        Ok(Err(error)) => tracing::debug!(%address, %error, "A TLS handshake failed"),
        Err(_) => tracing::debug!(%address, "A TLS handshake took too long"),
    }
}

/// Common name and organisations, which Kubernetes reads as user and groups.
fn caller(certificate: &CertificateDer) -> Option<Caller> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let subject = certificate.subject();
    let user = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let groups = subject.iter_organization().filter_map(|group| group.as_str().ok().map(ToOwned::to_owned)).collect();
    Some(Caller { user, groups, ..Caller::default() }).filter(|caller| !caller.user.is_empty())
}
