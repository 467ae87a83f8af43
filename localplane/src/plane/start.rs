//! The order of a start: each process as soon as the one it needs answers.
//! Every wait also watches the processes, so that a wrong flag is an error at once and not after the limit.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::{Note, Plane, PlaneConfig, components};
use crate::{Binaries, Ports, Process, net, wait};

/// Ready takes 3 s on two idle cores; this covers a machine that is compiling at the same time.
const READY: Duration = Duration::from_secs(90);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// One start.
pub struct Start<'a> {
    pub config: &'a PlaneConfig,
    /// Absolute.
    pub dir: &'a Path,
    pub binaries: &'a Binaries,
    pub ports: Ports,
    pub note: Note<'a>,
}

impl Start<'_> {
    /// Starts all four into `plane`; `port` is the API server's.
    pub fn all(mut self, plane: &mut Plane, port: u16) -> Result<()> {
        let etcd_port = self.etcd(plane)?;
        let command = components::apiserver(&self.binaries.apiserver, self.config, &plane.pki, port, etcd_port)?;
        self.spawn(plane, "kube-apiserver", command)?;
        let address = SocketAddr::new(self.config.bind, port);
        self.wait_for(plane, "kube-apiserver", |plane| {
            net::answers(address) && plane.kubectl.run(&["get", "--raw", "/readyz"]).is_ok()
        })?;
        let command = components::controller_manager(&self.binaries.controller_manager, self.dir, &plane.pki);
        self.spawn(plane, "kube-controller-manager", command)?;
        let command = components::scheduler(&self.binaries.scheduler, self.dir);
        self.spawn(plane, "kube-scheduler", command)?;
        // The default ServiceAccount is the work of a controller: when it is there, the controllers run.
        let account = ["get", "serviceaccount", "default", "--namespace=default", "--output=name"];
        self.wait_for(plane, "kube-controller-manager", |plane| plane.kubectl.run(&account).is_ok())
    }

    fn etcd(&mut self, plane: &mut Plane) -> Result<u16> {
        let port = self.ports.get("etcd", LOOPBACK)?;
        let peer = self.ports.get("etcd-peer", LOOPBACK)?;
        let command = components::etcd(&self.binaries.etcd, self.dir, &plane.pki, port, peer, self.config.throwaway)?;
        self.spawn(plane, "etcd", command)?;
        self.wait_for(plane, "etcd", |_| net::answers(SocketAddr::new(LOOPBACK, port)))?;
        Ok(port)
    }

    fn spawn(&mut self, plane: &mut Plane, name: &str, mut command: Command) -> Result<()> {
        command.envs(self.config.gogc.map(|percent| ("GOGC", percent)));
        let process = Process::spawn(name, &mut command, &self.dir.join("logs"))?;
        let pid = process.pid();
        plane.processes.push(process);
        (self.note)(name, pid)
    }

    fn wait_for(&self, plane: &mut Plane, what: &str, ready: impl Fn(&Plane) -> bool) -> Result<()> {
        wait::until(&format!("the start of {what}"), READY, &self.config.stop, || {
            plane.ensure_alive()?;
            Ok(ready(plane).then_some(()))
        })
    }
}
