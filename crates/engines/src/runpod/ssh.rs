//! SSH into an instance, which is the only way in: it needs `22/tcp` and a server that takes its key from `PUBLIC_KEY`.
//! The host key shown first holds for as long as the container runs; another one is refused (`virtual-node.md` §3.12).
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kubelet::ProviderError;
use russh::{
    client,
    keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};
use tokio_util::sync::DropGuard;

use super::{engine::Engine, events::pod_of, reach::connect, rental::Rental};

mod access;
mod cut;
mod exec;
mod forward;
mod key;
mod quote;

pub(super) use access::Ways;
use access::{Access, Endpoint};
use cut::Cut;
pub use key::{SshKey, SshKeyError};

/// The port as the provider writes it, and its number inside.
pub(super) const PORT: &str = "22/tcp";
pub(super) const NUMBER: u16 = 22;
/// The variable from which images take the key that may come in.
pub(super) const PUBLIC_KEY: &str = "PUBLIC_KEY";
/// For connecting, the exchange of keys and the sign-in together; and for what is asked of the server after that.
const ANSWER: Duration = Duration::from_secs(15);
/// A silent connection is asked for a sign of life; after three without one it is over.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const NO_PORT: &str = "RunPod has no way to run commands in a container, or to reach its ports, but SSH: add 22/tcp to \
                       the annotation runpod.io/ports (or containerPort 22), with an image whose SSH server takes its \
                       key from the variable PUBLIC_KEY, as RunPod's own images do";
const NO_KEY: &str =
    "This node has no key for SSH into its instances: start remotegpu-kubelet with --runpod-ssh-key-file";

/// A way into an instance.
struct Link {
    session: Session,
    access: Arc<Access>,
}

/// A connection that is signed in; it ends when this is dropped.
struct Session {
    handle: client::Handle<HostKey>,
    used: DropGuard,
}

/// Compares the key that a server shows with the one that it showed before.
struct HostKey {
    pinned: Option<String>,
    seen: Arc<OnceLock<String>>,
}

/// The key that each instance showed first, by its id; a container that was started anew may have a new one.
#[derive(Default)]
pub(super) struct Pins(Mutex<HashMap<String, (Option<Timestamp>, String)>>);

// === impl Engine ===

impl Engine {
    /// Connects to the instance of a pod that runs; with `container` only if that is the one it runs.
    async fn ssh(&self, uid: &str, container: Option<&str>) -> Result<Link, ProviderError> {
        let rental = self.fleet().rentals.get(uid).cloned();
        let rental =
            rental.filter(|one| one.up && one.ended().is_none() && container.is_none_or(|it| it == one.container));
        let rental = rental.ok_or_else(|| {
            let what = container.map_or_else(|| "The pod".to_owned(), |name| format!("Container {name}"));
            ProviderError::NotFound(format!("{what} is not running"))
        })?;
        let key = match &self.config.ssh {
            _ if !rental.wants(NUMBER) => return Err(self.closed(uid, &rental, NO_PORT)),
            None => return Err(self.closed(uid, &rental, NO_KEY)),
            Some(key) => key,
        };
        let access = self.access(&rental).await?;
        let session = self.sign_in(uid, &rental, key, &access.endpoint).await;
        // The server may have moved meanwhile.
        let session = session.inspect_err(|_| self.ways.forget(&rental.id))?;
        Ok(Link { session, access })
    }

    /// There is no way in: said to the caller and to whoever looks at the pod.
    fn closed(&self, uid: &str, rental: &Rental, why: &str) -> ProviderError {
        self.warn(&pod_of(uid, rental), "ExecNotAvailable", why);
        ProviderError::Unsupported(why.to_owned())
    }

    async fn sign_in(
        &self,
        uid: &str,
        rental: &Rental,
        key: &SshKey,
        endpoint: &Endpoint,
    ) -> Result<Session, ProviderError> {
        let (pinned, seen) = (self.pins.of(rental), Arc::new(OnceLock::new()));
        let key = key.of(&self.marker.name(uid)).ok_or_else(|| ProviderError::Unavailable(NO_KEY.into()))?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        let checker = HostKey { pinned: pinned.clone(), seen: seen.clone() };
        let attempt = async {
            let stream = connect(&self.config.addresses, &endpoint.host, endpoint.port).await?;
            stream.set_nodelay(true)?;
            let (stream, used) = Cut::new(stream);
            let mut handle = client::connect_stream(Arc::new(settings()), stream, checker).await?;
            let accepted = handle.authenticate_publickey(endpoint.username.as_str(), key).await?.success();
            Ok::<_, russh::Error>((Session { handle, used }, accepted))
        };
        let tried = tokio::time::timeout(ANSWER, attempt).await;
        let shown = seen.get().cloned().unwrap_or_default();
        if let Some(pinned) = pinned.filter(|pinned| !shown.is_empty() && *pinned != shown) {
            return Err(changed(&pinned, &shown));
        }
        match tried {
            Ok(Ok((session, true))) => {
                let kept = self.pin(rental, shown.clone());
                if kept == shown { Ok(session) } else { Err(changed(&kept, &shown)) }
            }
            Ok(Ok((_, false))) => Err(ProviderError::Unavailable(
                "The instance's SSH server does not take this node's key; leave PUBLIC_KEY out of the pod's variables, \
                 and use an image that takes its key from there"
                    .into(),
            )),
            Ok(Err(error)) => Err(silent(endpoint, &error.to_string())),
            Err(_) => Err(silent(endpoint, "it took too long")),
        }
    }

    /// Remembers what an instance that took our key showed, unless it is known already; forgets instances that are gone.
    fn pin(&self, rental: &Rental, shown: String) -> String {
        let living: HashSet<String> = self.fleet().rentals.values().map(|one| one.id.clone()).collect();
        let mut pins = self.pins.lock();
        pins.retain(|id, (started, _)| living.contains(id) && (*id != rental.id || *started == rental.started));
        pins.entry(rental.id.clone()).or_insert((rental.started, shown)).1.clone()
    }
}

// === impl Pins ===

impl Pins {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Option<Timestamp>, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, rental: &Rental) -> Option<String> {
        let pins = self.lock();
        pins.get(&rental.id).filter(|(started, _)| *started == rental.started).map(|(_, shown)| shown.clone())
    }
}

// === impl HostKey ===

impl client::Handler for HostKey {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        // Nobody signs certificates for rented machines.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let shown = key.fingerprint(HashAlg::Sha256).to_string();
        let known = self.pinned.as_ref().is_none_or(|pinned| *pinned == shown);
        // Shown again when keys are exchanged anew, and then the same: the first one stays.
        let first = self.seen.get_or_init(|| shown.clone());
        Ok(known && *first == shown)
    }
}

fn settings() -> client::Config {
    client::Config { keepalive_interval: Some(KEEP_ALIVE), ..client::Config::default() }
}

fn changed(pinned: &str, shown: &str) -> ProviderError {
    ProviderError::Unavailable(format!(
        "The instance shows the SSH host key {shown}, and before it was {pinned}: somebody may stand between. Nothing was \
         sent; if you made new host keys yourself, delete the pod to get a new instance"
    ))
}

fn silent(endpoint: &Endpoint, why: &str) -> ProviderError {
    ProviderError::Unavailable(format!(
        "No SSH server answers at {}:{} ({why}); the image has to start one, as RunPod's own images do, and that takes \
         some seconds",
        endpoint.host, endpoint.port
    ))
}
