//! Ports through SSH: one connection for each, to a port as the container's own `localhost` sees it. For port-forward, and for
//! probes of ports that are not reached otherwise.
use kubelet::{PortStream, ProviderError};
use russh::ChannelOpenFailure;
use tokio_util::io::InspectReader;

use super::{
    ANSWER, Session,
    exec::{broken, late},
};
use crate::runpod::{engine::Engine, reach::unsure};

/// Why there is no connection.
enum Missed {
    /// Nobody listens.
    Nobody,
    /// Everything else.
    Other(ProviderError),
}

// === impl Engine ===

impl Engine {
    pub(in crate::runpod) async fn connect_inside(&self, uid: &str, port: u16) -> Result<PortStream, ProviderError> {
        let session = self.ssh(uid, None).await?.session;
        open(session, port).await.map_err(|missed| match missed {
            Missed::Nobody => nobody(port),
            Missed::Other(error) => error,
        })
    }

    /// The same for a probe: only that nobody listens is the container's fault.
    pub(in crate::runpod) async fn probe_inside(&self, uid: &str, port: u16) -> Result<PortStream, ProviderError> {
        let link = self.ssh(uid, None).await.map_err(|error| unsure(error.to_string()))?;
        open(link.session, port).await.map_err(|missed| match missed {
            Missed::Nobody => nobody(port),
            Missed::Other(error) => unsure(error.to_string()),
        })
    }
}

async fn open(session: Session, port: u16) -> Result<PortStream, Missed> {
    let Session { handle, used } = session;
    let opened = handle.channel_open_direct_tcpip("localhost", port.into(), "127.0.0.1", 0);
    let opened = tokio::time::timeout(ANSWER, opened).await.map_err(|_| Missed::Other(late()))?;
    let opened = opened.map(|channel| {
        // The connection lives as long as the stream does, which is why it holds this.
        let hold = move |_: &[u8]| {
            let _used = &used;
        };
        Box::new(InspectReader::new(channel.into_stream(), hold)) as PortStream
    });
    opened.map_err(|error| match error {
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => Missed::Other(
            ProviderError::Unavailable("The instance's SSH server forwards no ports (AllowTcpForwarding)".into()),
        ),
        russh::Error::ChannelOpenFailure(_) => Missed::Nobody,
        error => Missed::Other(broken(&error)),
    })
}

fn nobody(port: u16) -> ProviderError {
    ProviderError::Unavailable(format!("Nobody listens at port {port} in the pod"))
}
