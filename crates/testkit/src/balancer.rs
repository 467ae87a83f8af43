//! A load balancer as there is in front of replicas: new connections go to those that say they are ready. It retries
//! nothing and never looks into a connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const PROBE: Duration = Duration::from_millis(50);

/// Stands in front of consoles.
pub struct Balancer {
    address: SocketAddr,
    ready: watch::Receiver<Vec<SocketAddr>>,
}

impl Balancer {
    /// In front of these (`http://host:port`).
    pub async fn over(consoles: &[&str]) -> Self {
        let parse = |url: &&str| url.trim_start_matches("http://").parse().expect("an address with a port");
        let targets: Vec<SocketAddr> = consoles.iter().map(parse).collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().unwrap();
        let (found, ready) = watch::channel(Vec::new());
        tokio::spawn(async move {
            loop {
                let mut now = Vec::new();
                for target in &targets {
                    now.extend(is_ready(*target).await.then_some(*target));
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
                let Some(target) = ({
                    let ready = targets.borrow();
                    (!ready.is_empty()).then(|| ready[turn % ready.len()])
                }) else {
                    continue;
                };
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(target).await {
                        let _either_side_ended = copy_bidirectional(&mut client, &mut server).await;
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

    /// Waits until so many are ready.
    pub async fn until_ready(&self, wanted: usize) {
        self.ready.clone().wait_for(|ready| ready.len() == wanted).await.expect("the balancer runs");
    }
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
