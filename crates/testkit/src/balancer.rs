//! A load balancer as there is in front of replicas: new connections go to those that say they are ready. It never
//! looks into a connection and repeats nothing that was sent.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::eventually;

const PROBE: Duration = Duration::from_millis(50);

/// Stands in front of consoles.
pub struct Balancer {
    address: SocketAddr,
    ready: watch::Receiver<Vec<SocketAddr>>,
}

impl Balancer {
    /// In front of these (`http://host:port`).
    pub async fn over(consoles: &[&str]) -> Self {
        let targets: Vec<&str> = consoles.iter().map(|url| url.trim_start_matches("http://")).collect();
        Self::in_front_of(&targets, true).await
    }

    /// In front of anything that listens (`host:port`): what takes a connection is ready.
    pub async fn over_listeners(addresses: &[&str]) -> Self {
        Self::in_front_of(addresses, false).await
    }

    async fn in_front_of(addresses: &[&str], speak_http: bool) -> Self {
        let parse = |address: &&str| address.parse().expect("an address with a port");
        let targets: Vec<SocketAddr> = addresses.iter().map(parse).collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().unwrap();
        let (found, ready) = watch::channel(Vec::new());
        tokio::spawn(async move {
            loop {
                let mut now = Vec::new();
                for target in &targets {
                    let ready = if speak_http { is_ready(*target).await } else { listens(*target).await };
                    now.extend(ready.then_some(*target));
                }
                found.send_if_modified(|known| {
                    let differs = *known != now;
                    *known = now;
                    differs
                });
                tokio::time::sleep(PROBE).await;
            }
        });
        let targets = ready.clone();
        tokio::spawn(async move {
            for turn in 0_usize.. {
                let Ok((mut client, _)) = listener.accept().await else { return };
                let mut in_turn = targets.borrow().clone();
                if !in_turn.is_empty() {
                    let first = turn % in_turn.len();
                    in_turn.rotate_left(first);
                }
                tokio::spawn(async move {
                    // One that went away since the last probe takes no connection: then the next one does.
                    for target in in_turn {
                        if let Ok(mut server) = TcpStream::connect(target).await {
                            let _either_side_ended = copy_bidirectional(&mut client, &mut server).await;
                            return;
                        }
                    }
                });
            }
        });
        Self { address, ready }
    }

    /// Its own address, `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same without a scheme.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits until so many are ready.
    pub async fn until_ready(&self, wanted: usize) {
        eventually(&format!("{wanted} are ready"), async || {
            let ready = self.ready.borrow().clone();
            if ready.len() == wanted { Ok(()) } else { Err(ready) }
        })
        .await;
    }
}

async fn listens(target: SocketAddr) -> bool {
    TcpStream::connect(target).await.is_ok()
}

async fn is_ready(target: SocketAddr) -> bool {
    let probe = async {
        let mut stream = TcpStream::connect(target).await.ok()?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: probe\r\nconnection: close\r\n\r\n").await.ok()?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.ok()?;
        Some(&head == b"HTTP/1.1 200")
    };
    matches!(tokio::time::timeout(Duration::from_secs(3), probe).await, Ok(Some(true)))
}
