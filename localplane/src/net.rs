//! Addresses and ports: this machine's own address, and free ports that stay the same from start to start.
//! Only the console's port is fixed; all others are chosen once and kept in `ports.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::files;

// Below 32768, where Linux starts to give ports to outgoing connections: a port chosen there would be taken by chance.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// What this process has given to any data directory: who got a port does not listen there yet, so that it looks free.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// The first IPv4 address of this machine that other machines could use: up, not loopback, not link-local.
pub fn host_ipv4() -> Option<Ipv4Addr> {
    getifaddrs().ok()?.find_map(|interface| {
        let up = interface.flags.contains(InterfaceFlags::IFF_UP);
        let address = interface.address?.as_sockaddr_in()?.ip();
        (up && !address.is_loopback() && !address.is_link_local() && !address.is_unspecified()).then_some(address)
    })
}

/// Whether a program could listen there now.
pub fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

/// Whether a program answers there now.
pub fn answers(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// The ports of one data directory, by the name of who listens.
#[derive(Debug)]
pub struct Ports {
    path: PathBuf,
    known: BTreeMap<String, u16>,
}

impl Ports {
    /// Reads `DIR/ports.json`, empty if there is none yet.
    ///
    /// # Errors
    /// When the file is there but is not a map of names to ports; says how to get rid of it.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("ports.json");
        let known = match fs::read(&path) {
            Err(_) => BTreeMap::new(),
            Ok(text) => {
                let map: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&text)
                    .with_context(|| format!("{} is not JSON: delete it and start again", path.display()))?;
                map.into_iter().filter_map(|(name, port)| Some((name, u16::try_from(port.as_u64()?).ok()?))).collect()
            }
        };
        Ok(Self { path, known })
    }

    /// The port of `name` on `ip`: the one of last time if it is free, else a new one, which is kept.
    ///
    /// # Errors
    /// When no port is free or `ports.json` cannot be written.
    pub fn get(&mut self, name: &str, ip: IpAddr) -> Result<u16> {
        if let Some(port) = self.known.get(name).copied()
            && is_free(SocketAddr::new(ip, port))
        {
            return Ok(port);
        }
        let port = self.choose(ip)?;
        self.known.insert(name.to_owned(), port);
        let map: serde_json::Map<_, _> = self.known.iter().map(|(name, port)| (name.clone(), (*port).into())).collect();
        files::write_public(&self.path, format!("{:#}\n", serde_json::Value::Object(map)).as_bytes())?;
        Ok(port)
    }

    fn choose(&self, ip: IpAddr) -> Result<u16> {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
        let start = u16::try_from(seed % u32::from(COUNT)).unwrap_or(0);
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        let candidates = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
        for port in candidates {
            let taken = given.contains(&port) || self.known.values().any(|known| *known == port);
            if !taken && is_free(SocketAddr::new(ip, port)) {
                given.insert(port);
                return Ok(port);
            }
        }
        bail!("no free port on {ip} between {FIRST} and {}", FIRST + COUNT)
    }
}
