//! The TLS port of a host as a socket of this machine: so that everything that speaks to a socket speaks to a host, too.
//! The socket lies in a folder that only this user may enter, and goes with the engine, its connections included.
use std::{
    fs::DirBuilder,
    net::{IpAddr, SocketAddr},
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kubelet::ProviderError;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    net::{TcpStream, UnixListener, UnixStream},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::relay::relay;

/// For connecting and the handshake together.
const CONNECT: Duration = Duration::from_secs(10);
/// After a connection that could not be taken: there is no room for more.
const PAUSE: Duration = Duration::from_millis(100);
const SOCKET: &str = "engine.sock";
/// Names of folders that are tried.
const TRIES: u64 = 100;

/// A host that is opened by a client certificate.
#[derive(Clone, Debug)]
pub struct TlsHost {
    /// What its certificate must be valid for: a name or an address.
    pub name: String,
    /// Connections go there and nowhere else, whatever the name means.
    pub address: IpAddr,
    /// TCP port.
    pub port: u16,
    /// Certificates in PEM; `None` = the roots of this system.
    pub ca: Option<String>,
    /// The client certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: SecretString,
}

/// The socket while it is there.
pub(super) struct Bridge {
    dir: PathBuf,
    task: JoinHandle<()>,
}

struct Far {
    connector: TlsConnector,
    name: ServerName<'static>,
    address: SocketAddr,
}

// === impl Bridge ===

impl Bridge {
    /// Begins to listen; nothing is connected to before somebody calls.
    pub(super) fn open(host: &TlsHost) -> Result<Self, ProviderError> {
        let config = crate::probe::tls::with_client(host.ca.as_deref(), &host.certificate, host.key.expose_secret());
        let config = config.map_err(|why| ProviderError::Unavailable(why.to_owned()))?;
        let name = ServerName::try_from(host.name.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|_| ProviderError::Unavailable("The host's name cannot be used".into()))?;
        let address = SocketAddr::new(host.address, host.port);
        let far = Arc::new(Far { connector: TlsConnector::from(Arc::new(config)), name, address });
        let dir = private_folder().map_err(|error| unusable(&error))?;
        let listener = UnixListener::bind(dir.join(SOCKET)).map_err(|error| unusable(&error))?;
        Ok(Self { dir, task: tokio::spawn(serve(listener, far)) })
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join(SOCKET)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.task.abort();
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

async fn serve(listener: UnixListener, far: Arc<Far>) {
    // Dropped with this task, and all connections with it.
    let mut open = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((near, _)) => {
                let far = far.clone();
                open.spawn(async move {
                    if let Err(error) = far.join(near).await {
                        tracing::warn!(%error, host.address = %far.address, "A container host was not reached");
                    }
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
        while open.try_join_next().is_some() {}
    }
}

// === impl Far ===

impl Far {
    async fn join(&self, near: UnixStream) -> std::io::Result<()> {
        let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
        let far = timeout(CONNECT, self.connect()).await.map_err(late)??;
        if let Err(error) = relay(near, far).await {
            // Either side may leave whenever it likes, and whoever called hears that the answer is not whole.
            tracing::debug!(%error, host.address = %self.address, "A call to a container host broke off");
        }
        Ok(())
    }

    async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        self.connector.connect(self.name.clone(), stream).await
    }
}

/// Made here or not at all: one that exists may be somebody else's.
fn private_folder() -> std::io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut last = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
    for _ in 0..TRIES {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("remotegpu-engine-{}-{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn unusable(error: &std::io::Error) -> ProviderError {
    ProviderError::Unavailable(format!("No socket can be made in the folder for temporary files: {error}"))
}

#[cfg(test)]
mod tests;
