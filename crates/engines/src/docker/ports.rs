//! Ports of a pod, seen from inside: `127.0.0.1` there is what programs listen on that nobody else should reach.
//! A thread visits the container's network just long enough to connect. Without the right to, the pod's address must do.
use std::{
    fs::File,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use kubelet::{PortStream, ProviderError};
use nix::sched::{CloneFlags, setns};
use tokio::sync::oneshot;

use super::Docker;

const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no connection.
enum Failure {
    /// This process may not, or cannot, visit the network.
    Locked,
    Refused(io::Error),
}

// === impl Docker ===

impl Docker {
    pub(super) async fn connect_inside(&self, uid: &str, port: u16) -> Result<PortStream, ProviderError> {
        if self.is_remote() {
            let message = "The pod runs on another machine: its ports are not reached from here";
            return Err(ProviderError::Unsupported(message.into()));
        }
        let attempts = self.attempts(Some(uid)).await?;
        let running = attempts.iter().filter(|one| one.state == "running").max_by_key(|one| one.attempt);
        let running = running.ok_or_else(|| ProviderError::NotFound("The pod has no running container".into()))?;
        let looked = self.look_at(&running.id).await?;
        let looked = looked.ok_or_else(|| ProviderError::NotFound("The container is gone".into()))?;
        let (answer, answered) = oneshot::channel();
        let pid = looked.state.pid;
        std::thread::spawn(move || answer.send(visit(pid, port)));
        let nobody = |why: &dyn std::fmt::Display| {
            ProviderError::Unavailable(format!("nothing in the pod listens on port {port}: {why}"))
        };
        let stream = match answered.await.unwrap_or(Err(Failure::Locked)) {
            Ok(stream) => tokio::net::TcpStream::from_std(stream).map_err(|error| nobody(&error))?,
            Err(Failure::Refused(error)) => return Err(nobody(&error)),
            Err(Failure::Locked) => {
                let instances = self.instances(Some(uid)).await?;
                let ip = instances.iter().find_map(|one| one.pod_ip.clone());
                let ip = ip.ok_or_else(|| ProviderError::NotFound("The pod has no address".into()))?;
                tokio::net::TcpStream::connect((ip, port)).await.map_err(|error| nobody(&error))?
            }
        };
        Ok(Box::new(stream))
    }
}

/// Runs on a thread of its own, which ends inside the network it has entered.
fn visit(pid: u32, port: u16) -> Result<TcpStream, Failure> {
    if pid == 0 {
        return Err(Failure::Locked);
    }
    let network = File::open(format!("/proc/{pid}/ns/net")).map_err(|_| Failure::Locked)?;
    setns(network, CloneFlags::CLONE_NEWNET).map_err(|_| Failure::Locked)?;
    let four = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&four, CONNECT)
        .or_else(|error| TcpStream::connect_timeout(&six, CONNECT).map_err(|_| error))
        .map_err(Failure::Refused)?;
    stream.set_nonblocking(true).map_err(Failure::Refused)?;
    Ok(stream)
}
