//! A TCP proxy in front of the API server or a database that passes, cuts or holds: faults without sleeps (RULINGS 50).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::in_time;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    Cut,
    Hold,
}

/// Stands between a console and what it needs.
pub struct FaultProxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    held: watch::Sender<u64>,
    connections: Arc<AtomicUsize>,
}

impl FaultProxy {
    /// A proxy to `server` (`https://host:port` or `host:port`), passing.
    pub async fn to(server: &str) -> Self {
        let address = server.rsplit("://").next().unwrap_or_default();
        let upstream: SocketAddr = address.parse().expect("an address with a port");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let (mode, held) = (watch::Sender::new(Mode::Pass), watch::Sender::new(0));
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let proxy = Self { address, mode: mode.clone(), held: held.clone(), connections: connections.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(client, upstream, mode.subscribe(), held.clone()));
            }
        });
        proxy
    }

    /// Its own address, `https://127.0.0.1:port`: the API server's certificate covers it.
    pub fn server(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Its own address, `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// How many connections it took so far. curl makes one for each call.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The API server is gone: open connections end, new ones are dropped.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// The API server hangs: what is sent from now on never arrives.
    pub fn hold(&self) {
        self.held.send_replace(0);
        self.mode.send_replace(Mode::Hold);
    }

    /// All is well again; what was held goes on.
    pub fn pass(&self) {
        self.mode.send_replace(Mode::Pass);
    }

    /// Waits until something is being held.
    pub async fn holding(&self) {
        let mut held = self.held.subscribe();
        in_time("something is held", held.wait_for(|count| *count > 0)).await.expect("the proxy runs");
    }
}

async fn serve(client: TcpStream, upstream: SocketAddr, mut mode: watch::Receiver<Mode>, held: watch::Sender<u64>) {
    if *mode.borrow() == Mode::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut gate = mode.clone();
    let up = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            if *gate.borrow() == Mode::Hold {
                held.send_modify(|count| *count += 1);
            }
            let open = gate.wait_for(|mode| *mode == Mode::Pass).await.is_ok();
            if !open || to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let down = async {
        let _either_side_ended = tokio::io::copy(&mut from_server, &mut to_client).await;
    };
    tokio::select! {
        () = up => {}
        () = down => {}
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}
