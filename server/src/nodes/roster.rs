//! Which engines shall have nodes, and how each is reached: from the database, with the address policy of the operator.
//! What cannot be decrypted or may not be reached has no nodes for now; nothing is concluded about its pods.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use backend::Envelope;
use backend::ports::{Clock as _, Engines as _};
use domain::engine::settings::{Docker, OnPremise, Runpod};
use domain::engine::{ApiUrl, Credentials, Engine, EngineStatus, Settings};
use domain::engine_manifest::{EngineFeature, NAMESPACE};
use domain::id::EngineId;
use domain::outbound::AddressPolicy;
use engines::docker::TlsHost;
use engines::kubernetes::Login;
use engines::runpod::Clouds;
use futures::{StreamExt as _, stream};
use node::fleet::{self, Account, Cluster, Known, Reach, Stage};
use store::SqlStore;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::compose::told;
use crate::system::SystemClock;

/// Time for one name; names are looked up at the same time.
const LOOKUP: Duration = Duration::from_secs(5);
const LOOKUPS: usize = 16;
/// Between two checks because of a refusal.
const CALM: Duration = Duration::from_secs(300);
/// Time for one address of several to take a connection.
const TRY: Duration = Duration::from_secs(2);
const OTHER_KIND: &str = "its credentials are of another kind";
const NOWHERE: &str = "its name has no address";

/// Reads the engines again and again.
pub struct Roster {
    store: SqlStore,
    envelope: Envelope,
    policy: AddressPolicy,
    /// Address of RunPod's API.
    runpod: String,
    /// Where each name was found last: as long as it still means that, or cannot be looked up, nodes need no restart.
    addresses: HashMap<(EngineId, String), IpAddr>,
    /// Whose rows nobody forgets before [`Roster::release`].
    held: HashSet<EngineId>,
}

// === impl Roster ===

impl Roster {
    pub fn new(store: SqlStore, envelope: Envelope, policy: AddressPolicy, runpod: String) -> Self {
        Self { store, envelope, policy, runpod, addresses: HashMap::new(), held: HashSet::new() }
    }

    /// Every engine.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn known(&mut self) -> Result<Vec<Known>> {
        let engines = self.store.every_engine().await.map_err(told)?;
        let sealed = self.store.every_engine_credentials().await.map_err(told)?;
        let sealed: HashMap<EngineId, String> = sealed.into_iter().collect();
        let mut addresses = self.find(&engines).await;
        let mut all = Vec::new();
        for engine in &engines {
            let address = addresses.remove(&engine.id).transpose();
            let found = stage_of(engine).map(|_| self.reach(engine, address, sealed.get(&engine.id)));
            // One that was forgotten since it was read has never had a node.
            if !matches!(found, Some(Ok(_))) || self.hold(engine.id).await? {
                all.push(known(engine, found));
            }
        }
        Ok(all)
    }

    /// Before anything of an engine runs: its row, and with it the way there, stays until nothing of it is left.
    async fn hold(&mut self, id: EngineId) -> Result<bool> {
        if self.held.contains(&id) {
            return Ok(true);
        }
        let held = self.store.hold_engine(id).await.map_err(told)?;
        if held {
            self.held.insert(id);
        }
        Ok(held)
    }

    /// Lets go of engines that were to end and of which nothing is left: the console may forget them.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn release(&self, gone: &[String]) -> Result<()> {
        for id in gone {
            self.store.release_engine(EngineId::parse(id).map_err(told)?).await.map_err(told)?;
        }
        Ok(())
    }

    /// Has engines checked that refused a node's call; what they refuse again and again starts one every few minutes.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn refused(&self, ids: &[String]) -> Result<()> {
        let now = SystemClock.now();
        for id in ids {
            let id = EngineId::parse(id).map_err(told)?;
            self.store.check_engine_soon(id, now, now - CALM).await.map_err(told)?;
        }
        Ok(())
    }

    /// `address` is there for engines that a URL names.
    fn reach(&self, engine: &Engine, address: Result<Option<IpAddr>>, sealed: Option<&String>) -> Result<Reach> {
        let sealed = sealed.context("it was just deleted")?;
        let credentials = backend::open_engine_credentials(&self.envelope, engine.id, sealed).map_err(told)?;
        let address = address?;
        match &engine.settings {
            Settings::OnPremise(settings) => cluster(engine, settings, address, credentials),
            Settings::Docker(settings) => host(engine, settings, address, credentials),
            Settings::Runpod(settings) => account(&self.runpod, &self.policy, settings, credentials),
        }
    }

    /// Where the names lead now, of all engines that shall have nodes.
    async fn find(&mut self, engines: &[Engine]) -> HashMap<EngineId, Result<IpAddr>> {
        let mut names: Vec<(EngineId, ApiUrl)> = Vec::new();
        for engine in engines.iter().filter(|engine| stage_of(engine).is_some()) {
            names.extend(url(&engine.settings).map(|url| (engine.id, url)));
        }
        let before = std::mem::take(&mut self.addresses);
        let (policy, before) = (&self.policy, &before);
        let asked = stream::iter(names).map(|(id, url)| async move {
            let name = (id, url.host.clone());
            let chosen = choose(policy, &url, before.get(&name).copied()).await;
            (name, chosen)
        });
        let found: Vec<_> = asked.buffer_unordered(LOOKUPS).collect().await;
        let mut all = HashMap::new();
        for (name, chosen) in found {
            let id = name.0;
            if let Ok(address) = &chosen {
                self.addresses.insert(name, *address);
            }
            all.insert(id, chosen);
        }
        all
    }
}

/// The URL that names an engine's machine. An account's is not somebody's choice, and a socket has none.
fn url(settings: &Settings) -> Option<ApiUrl> {
    match settings {
        Settings::OnPremise(one) => Some(one.api_url.clone()),
        Settings::Docker(one) => ApiUrl::parse("endpoint", &one.endpoint).ok(),
        Settings::Runpod(_) => None,
    }
}

fn cluster(engine: &Engine, settings: &OnPremise, address: Option<IpAddr>, credentials: Credentials) -> Result<Reach> {
    Ok(Reach::Cluster(Cluster {
        server: settings.api_url.to_string(),
        address: Some(address.context(NOWHERE)?),
        ca: settings.ca_pem.clone(),
        login: Login::of(credentials).context(OTHER_KIND)?,
        namespace: settings.namespaces.first().map_or(NAMESPACE, String::as_str).to_owned(),
        typed: settings.gpus.iter().map(|gpu| (gpu.model.clone(), gpu.count)).collect(),
        uid: engine.facts.cluster_uid.clone(),
        ingress: settings.features.contains(&EngineFeature::Ingress).then_some(settings.load_balancer_ip),
    }))
}

fn host(engine: &Engine, settings: &Docker, address: Option<IpAddr>, credentials: Credentials) -> Result<Reach> {
    if settings.endpoint.starts_with("unix://") {
        if engine.account_id.is_some() {
            bail!("a socket of this machine is for the platform's engines only");
        }
        return Ok(Reach::Socket(settings.endpoint.clone()));
    }
    let Credentials::ClientCertificate { certificate, key } = credentials else { bail!(OTHER_KIND) };
    let url = ApiUrl::parse("endpoint", &settings.endpoint).map_err(told)?;
    Ok(Reach::Host(TlsHost {
        name: url.host,
        address: address.context(NOWHERE)?,
        port: url.port,
        ca: settings.ca_pem.clone(),
        certificate,
        key: key.into(),
    }))
}

/// The operator allowed private networks for engines that somebody described, not for whatever a provider answers.
fn account(api: &str, policy: &AddressPolicy, settings: &Runpod, credentials: Credentials) -> Result<Reach> {
    let Credentials::ApiKey { key } = credentials else { bail!(OTHER_KIND) };
    let clouds = match settings.cloud.as_str() {
        "community" => Clouds::Community,
        "all" => Clouds::All,
        _ => Clouds::Secure,
    };
    Ok(Reach::Account(Account {
        url: api.to_owned(),
        key: key.into(),
        data_centers: settings.datacenter_ids.clone(),
        clouds,
        max_price_micros: settings.max_gpu_price_micros,
        addresses: policy.clone().public_only(),
    }))
}

fn known(engine: &Engine, found: Option<Result<Reach>>) -> Known {
    let (id, name) = (engine.id.to_string(), engine.node_label());
    let fleet = match (stage_of(engine), found) {
        (Some(stage), Some(Ok(reach))) => {
            let (ecosystem, account) = (engine.ecosystem.clone(), engine.account_id.map(|id| id.to_string()));
            Some(fleet::Engine { id: id.clone(), name: name.clone(), account, ecosystem, reach, stage })
        }
        (_, Some(Err(error))) => {
            tracing::warn!(engine.name = name, error = format!("{error:#}"), "An engine has no nodes for now");
            None
        }
        _ => None,
    };
    Known { id, name, former: engine.former_label(), engine: fleet }
}

async fn look_up(url: &ApiUrl) -> Result<Vec<IpAddr>> {
    let asked = timeout(LOOKUP, tokio::net::lookup_host((url.host.as_str(), url.port))).await;
    let found = asked.context("the name server does not answer")?.context("its name is not found")?;
    let mut found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    found.sort_unstable();
    Ok(found)
}

/// The address to use: the first that takes a connection; if none does, the one that is `known`.
async fn choose(policy: &AddressPolicy, url: &ApiUrl, known: Option<IpAddr>) -> Result<IpAddr> {
    let found = candidates(policy, look_up(url).await, url.port, known)?;
    answering(&found, url.port).await.context(NOWHERE)
}

/// A single address is not tried: there is no other choice.
async fn answering(candidates: &[IpAddr], port: u16) -> Option<IpAddr> {
    if candidates.len() > 1 {
        for address in candidates {
            if matches!(timeout(TRY, TcpStream::connect((*address, port))).await, Ok(Ok(_))) {
                return Some(*address);
            }
        }
    }
    candidates.first().copied()
}

/// The addresses to try; every one of the name must be allowed (`security.md` §7.1). The one that is `known` was checked
/// before and comes first as long as the name means it, also while names cannot be looked up.
fn candidates(
    policy: &AddressPolicy,
    found: Result<Vec<IpAddr>>,
    port: u16,
    known: Option<IpAddr>,
) -> Result<Vec<IpAddr>> {
    let mut found = match (found, known) {
        (Ok(found), _) => found,
        // It may be another port of that machine by now.
        (Err(_), Some(known)) => vec![known],
        (Err(error), None) => return Err(error),
    };
    if !policy.allows_tls(&found, port) {
        bail!("its address is not allowed; --outbound-allowed-networks opens private networks");
    }
    if let Some(at) = found.iter().position(|one| Some(*one) == known) {
        found[..=at].rotate_right(1);
    }
    Ok(found)
}

fn stage_of(engine: &Engine) -> Option<Stage> {
    stage(engine.status, engine.facts.waits_for_pods)
}

/// Running workloads are never stopped by a status; behind the address of a `mismatch` nothing of ours can be found.
fn stage(status: EngineStatus, waits_for_pods: bool) -> Option<Stage> {
    match status {
        EngineStatus::Draft | EngineStatus::Mismatch => None,
        EngineStatus::Ready | EngineStatus::Degraded => Some(Stage::Open),
        EngineStatus::Deleting if waits_for_pods => Some(Stage::Emptying),
        EngineStatus::Deleting => Some(Stage::Ending),
        EngineStatus::Checking | EngineStatus::Unauthorized | EngineStatus::Unreachable | EngineStatus::Disabled => {
            Some(Stage::Closed)
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::outbound::Network;

    use super::*;

    #[test]
    fn a_status_opens_or_closes_an_engine_and_only_its_deletion_ends_what_runs() {
        let ending = |waits| -> Vec<_> {
            EngineStatus::ALL.into_iter().filter(|one| stage(*one, waits) == Some(Stage::Ending)).collect()
        };
        assert_eq!((ending(false), ending(true)), (vec![EngineStatus::Deleting], Vec::new()));
        assert_eq!(stage(EngineStatus::Deleting, true), Some(Stage::Emptying), "nobody agreed to the end of its pods");
        for status in EngineStatus::ALL.into_iter().filter(|status| !status.takes_workloads()) {
            assert_ne!(stage(status, false), Some(Stage::Open), "{status:?}");
        }
    }

    #[test]
    fn an_accounts_instances_are_no_addresses_of_our_own_and_in_no_private_network() {
        let [own, private, public]: [IpAddr; 3] =
            ["192.0.2.1", "10.0.0.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let policy = AddressPolicy::allowing(vec![Network::parse("10.0.0.0/8").unwrap()]).denying([own]);
        let settings = Runpod { datacenter_ids: Vec::new(), cloud: "secure".into(), max_gpu_price_micros: 1 };
        let credentials = Credentials::ApiKey { key: "rpa_any".into() };
        let reach = account("https://rent.example", &policy, &settings, credentials).unwrap();
        let Reach::Account(account) = reach else { panic!("it is an account") };
        let allowed = |address| account.addresses.allows_all(&[address], 22);
        assert_eq!((allowed(own), allowed(private), allowed(public)), (false, false, true));
    }

    #[test]
    fn a_name_that_cannot_be_looked_up_keeps_the_address_that_was_checked() {
        let policy = AddressPolicy::default();
        let [first, second, private]: [IpAddr; 3] =
            ["192.0.2.1", "192.0.2.2", "10.0.0.1"].map(|text| text.parse().unwrap());
        let away = || Err(anyhow::anyhow!("the name server does not answer"));
        let chosen = |found, known| candidates(&policy, found, 6443, known).ok().map(|all| all[0]);
        assert_eq!(chosen(Ok(vec![first, second]), None), Some(first));
        assert_eq!(chosen(Ok(vec![first, second]), Some(second)), Some(second));
        assert_eq!(chosen(away(), Some(second)), Some(second));
        assert_eq!(chosen(away(), None), None);
        assert!(candidates(&policy, away(), 22, Some(second)).is_err(), "the same machine at another port");
        assert_eq!(chosen(Ok(vec![first, private]), Some(first)), None, "now it means a private network, too");
    }

    #[tokio::test]
    async fn of_several_addresses_the_first_that_takes_a_connection_is_used() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let [dead, alive]: [IpAddr; 2] = ["127.0.0.2", "127.0.0.1"].map(|text| text.parse().unwrap());
        assert_eq!(answering(&[dead, alive], port).await, Some(alive));
        assert_eq!(answering(&[dead], port).await, Some(dead), "there is no other");
        drop(listener);
        assert_eq!(answering(&[dead, alive], port).await, Some(dead), "it stays where it was");
    }
}
