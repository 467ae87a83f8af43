//! The SSH servers of all instances, behind one port of this machine: the key that comes in tells which instance is meant.
//! As with an image of the provider's, the key must stand in `PUBLIC_KEY`, and `22/tcp` among the ports.
//!
//! Commands are real ones, of the user that runs the simulator: for tests, on loopback, and only if it is asked for.
use std::{io, sync::Arc};

use jiff::Timestamp;
use russh::{
    Channel, ChannelId, ChannelOpenFailure, Pty,
    keys::{PrivateKey, PublicKey, ssh_key::private::Ed25519Keypair},
    server::{self, Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey},
};
use tokio::net::{TcpListener, TcpStream};

use crate::{pod::Pod, settings::Settings, simulator::Simulator, state::State};

mod shell;

/// The port that an image's SSH server listens at.
const PORT: &str = "22/tcp";

/// One connection.
struct Client {
    simulator: Arc<Simulator>,
}

/// Opens a port of loopback for [`serve`], and tells the simulator, so that it maps `22/tcp` of instances there.
///
/// # Errors
/// When none can be opened.
pub async fn listen(simulator: &Simulator) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    simulator.lock().settings.ssh_port = Some(listener.local_addr()?.port());
    Ok(listener)
}

/// Answers until it is dropped.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(simulator: Arc<Simulator>, listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let config = server::Config {
            keys: vec![simulator.lock().host_key()],
            // Nobody guesses passwords here, and a client that is refused need not wait.
            auth_rejection_time: std::time::Duration::ZERO,
            inactivity_timeout: None,
            nodelay: true,
            ..server::Config::default()
        };
        let client = Client { simulator: simulator.clone() };
        tokio::spawn(async move {
            match server::run_stream(Arc::new(config), stream, client).await {
                Ok(running) => drop(running.await),
                Err(error) => tracing::debug!(%error, "A connection over SSH came to nothing"),
            }
        });
    }
}

// === impl State ===

impl State {
    fn host_key(&self) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[self.host_keys; 32]))
    }

    /// Whether an instance that runs lets this key in.
    fn lets_in(&self, key: &PublicKey, now: Timestamp) -> bool {
        self.pods.values().any(|pod| pod.lets_in(key, now, &self.settings))
    }
}

// === impl Pod ===

impl Pod {
    fn lets_in(&self, key: &PublicKey, now: Timestamp, settings: &Settings) -> bool {
        let container = &self.container;
        let mut open = container.get("ports").and_then(|ports| ports.as_array()).into_iter().flatten();
        let runs = self.status(now, settings.boot) == "RUNNING" && self.up.is_some_and(|up| up <= now);
        let keys = container.get("env").and_then(|env| env["PUBLIC_KEY"].as_str()).unwrap_or_default();
        let known = |line: &str| PublicKey::from_openssh(line).is_ok_and(|known| known.key_data() == key.key_data());
        runs && open.any(|port| port == PORT) && keys.lines().any(known)
    }
}

// === impl Client ===

impl Handler for Client {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let now = self.simulator.clock.now();
        let known = user == "root" && self.simulator.lock().lets_in(key.public_key, now);
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        tokio::spawn(shell::serve(channel));
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _from: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let port = u16::try_from(port).ok().filter(|_| matches!(host, "localhost" | "127.0.0.1" | "::1"));
        let Some(port) = port else {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        };
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(mut stream) => {
                reply.accept().await;
                tokio::spawn(async move {
                    let mut channel = channel.into_stream();
                    let _ = tokio::io::copy_bidirectional(&mut channel, &mut stream).await;
                });
            }
            Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
        }
        Ok(())
    }
}
