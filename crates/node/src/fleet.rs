//! The nodes of all imported engines in one process: a cluster becomes one virtual node for each class of its hardware, a
//! container host and an account one each.
//! A change of an engine restarts its nodes and nothing else; stopping a node ends no pod.
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use engines::{AddressPolicy, docker::TlsHost, kubernetes::Login, runpod::Clouds};
use kubelet::Gpu;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

mod board;
mod exposure;
mod former;
mod hardware;
mod home;
mod member;
mod site;
#[cfg(test)]
mod tests;

use former::Former;
use home::Home;
pub use kubelet::ApiServer;

/// How nodes of this process look from the home cluster.
#[derive(Clone, Debug)]
pub struct HomeConfig {
    /// Access to the home cluster, with an identity that may run nodes.
    pub kubeconfig: PathBuf,
    /// Published as InternalIP of all nodes.
    pub address: IpAddr,
    /// Serving certificate for that address, and its key; without them the cluster is asked for one each.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// CA of client certificates; `None` reads the cluster's own.
    pub client_ca: Option<PathBuf>,
    /// Pods without this label are refused.
    pub require_pod_label: Option<String>,
    /// The home cluster's API as pods on engines reach it; without it none has a token of its ServiceAccount.
    pub pod_api_server: Option<ApiServer>,
}

/// An engine that there is.
pub struct Known {
    /// Stays the same for the same engine.
    pub id: String,
    /// Label of its nodes.
    pub name: String,
    /// Label that an earlier version gave them, where that was another.
    pub former: Option<String>,
    /// How its nodes run; `None` = not for now, and nothing is concluded from that.
    pub engine: Option<Engine>,
}

/// An engine that shall have nodes.
#[derive(Clone)]
pub struct Engine {
    /// As [`Known::id`]: part of the marker of what runs for it, so that no two engines ever touch each other's.
    pub id: String,
    /// Label of its nodes, and the first part of their names.
    pub name: String,
    /// The account that imported it, whose pods alone it may draw; `None` = the platform's.
    pub account: Option<String>,
    /// Tag for infrastructure as code; may be empty.
    pub ecosystem: String,
    /// Where it is and as whom it is called.
    pub reach: Reach,
    /// What may run on it.
    pub stage: Stage,
}

/// What an engine is, and the way there.
#[derive(Clone)]
pub enum Reach {
    /// Another cluster.
    Cluster(Cluster),
    /// An account at RunPod.
    Account(Account),
    /// The socket of Docker or Podman on this machine.
    Socket(String),
    /// Docker or Podman on another machine.
    Host(TlsHost),
}

/// An account at RunPod.
#[derive(Clone)]
pub struct Account {
    /// Address of the API.
    pub url: String,
    /// Its key.
    pub key: SecretString,
    /// Allowed data centres; empty = any.
    pub data_centers: Vec<String>,
    /// Allowed clouds.
    pub clouds: Clouds,
    /// Most that one instance may cost, millionths of a dollar per hour, limit included.
    pub max_price_micros: i64,
    /// Where instances may be, whatever the API says.
    pub addresses: AddressPolicy,
}

/// A cluster, its namespace for our pods, and the way there.
#[derive(Clone)]
pub struct Cluster {
    /// `https://host:port`.
    pub server: String,
    /// The address that was checked; connections go there and nowhere else.
    pub address: Option<IpAddr>,
    /// Certificates in PEM; `None` = the roots of this system.
    pub ca: Option<String>,
    /// As whom.
    pub login: Login,
    /// Where pods are put.
    pub namespace: String,
    /// Hardware typed by hand, for clusters whose nodes may not be read: models as the label `nvidia.com/gpu.product` says
    /// them, and how many.
    pub typed: Vec<(String, u32)>,
    /// Identity that it had at its import; empty = nobody knows.
    pub uid: String,
    /// Where its ingress controller is reached; none while its feature is off, and then nothing is exposed there.
    pub ingress: Option<IpAddr>,
}

/// What may run on an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Everything that its nodes hold.
    Open,
    /// What runs goes on, nothing new comes.
    Closed,
    /// Nothing new comes; what runs goes on, and once nothing does the nodes go.
    Emptying,
    /// What runs is ended, then the nodes go.
    Ending,
    /// The same, for an engine that there is no more: no cluster is waited for that may never answer again.
    Forgotten,
}

/// What is known of an engine's nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The nodes that were started.
    pub nodes: Vec<SeenNode>,
    /// Why its hardware is not known; `None` if it is.
    pub trouble: Option<String>,
    /// It was to end, and nothing of it is left.
    pub gone: bool,
}

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenNode {
    /// Name of the Node object.
    pub name: String,
    /// Its GPUs.
    pub gpu: Option<Gpu>,
    /// Logical CPUs.
    pub cpus: u64,
    /// Memory.
    pub memory_bytes: u64,
}

/// All engines at work.
pub struct Fleet {
    home: Arc<Home>,
    members: HashMap<String, Member>,
    /// What an earlier version left under other names.
    former: Former,
    /// Names of the engines of the last look.
    known: HashSet<String>,
    /// Nodes without an engine were looked for.
    swept: bool,
}

struct Member {
    engine: Engine,
    /// Changes without a restart.
    stage: watch::Sender<Stage>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    seen: Arc<Mutex<Seen>>,
    /// Its cluster refused something since somebody asked.
    refused: Arc<AtomicBool>,
}

// === impl Fleet ===

impl Fleet {
    /// Opens the way to the home cluster; connects to nothing yet.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn open(config: HomeConfig) -> anyhow::Result<Self> {
        let home = Arc::new(Home::open(config).await?);
        Ok(Self { home, members: HashMap::new(), former: Former::default(), known: HashSet::new(), swept: false })
    }

    /// Runs the nodes of exactly these engines: starts what is new, restarts what has changed. An engine that is not among
    /// them any more was deleted: its pods are ended, then its nodes go.
    pub async fn keep(&mut self, known: Vec<Known>) {
        let names = known.iter().flat_map(|one| [Some(one.name.clone()), one.former.clone()]);
        let names: HashSet<String> = names.flatten().collect();
        self.sweep(&names).await;
        let ids: HashSet<String> = known.iter().map(|one| one.id.clone()).collect();
        let mut wanted = self.wanted(known).await;
        // Who abandons an engine may import it anew under its name: the nodes of that name are the new one's then.
        let ends = |id: &String, member: &Member| !ids.contains(id) && !names.contains(&member.engine.name);
        for (id, member) in self.members.iter().filter(|(id, member)| ends(id, member) && !member.seen().gone) {
            wanted.insert(id.clone(), Engine { stage: Stage::Forgotten, ..member.engine.clone() });
        }
        let same = |id: &String, member: &Member| wanted.get(id).is_some_and(|one| one.mark() == member.engine.mark());
        let old: Vec<String> =
            self.members.iter().filter(|(id, member)| !same(id, member)).map(|(id, _)| id.clone()).collect();
        // All at once, each may take seconds.
        old.iter().filter_map(|id| self.members.get(id)).for_each(|member| member.stop.cancel());
        for id in old {
            if let Some(member) = self.members.remove(&id) {
                member.end().await;
                // A Node that was being registered when its node ended may appear after all.
                self.swept &= ids.contains(&id);
            }
        }
        for (id, engine) in wanted {
            let (home, stage) = (&self.home, engine.stage);
            let member = self.members.entry(id).or_insert_with(|| Member::start(home, engine));
            member.stage.send_if_modified(|known| std::mem::replace(known, stage) != stage);
        }
    }

    /// The engines that shall have nodes, as they are to be run for now.
    async fn wanted(&mut self, known: Vec<Known>) -> HashMap<String, Engine> {
        let mut wanted: HashMap<String, Engine> = HashMap::new();
        for Known { id, former, engine, .. } in known {
            let Some(engine) = engine else { continue };
            let told = match former {
                Some(former) => self.former.of(&self.home, &former, engine).await,
                None => Some(engine),
            };
            // While that is not known all stays as it is.
            let engine = told.or_else(|| self.members.get(&id).map(Member::as_it_is));
            wanted.extend(engine.map(|engine| (id, engine)));
        }
        wanted
    }

    /// Removes nodes without an engine: at the first look those that an earlier process left behind, later those of an
    /// engine that went while nothing ran for it, because its address led elsewhere or its credentials could not be read.
    async fn sweep(&mut self, names: &HashSet<String>) {
        // Their own end takes the nodes of these away, after the pods.
        let run: HashSet<&String> = self.members.values().map(|member| &member.engine.name).collect();
        if has_left(&self.known, names, &run) {
            self.swept = false;
        }
        self.known.clone_from(names);
        if self.swept {
            return;
        }
        let spared: Vec<&str> = names.iter().chain(run).map(String::as_str).collect();
        match self.home.sweep(&spared).await {
            Ok(()) => self.swept = true,
            Err(error) => tracing::warn!(error = format!("{error:#}"), "Looking for nodes without an engine failed"),
        }
    }

    /// What is known of each engine, by id.
    #[must_use]
    pub fn seen(&self) -> HashMap<String, Seen> {
        self.members.iter().map(|(id, one)| (id.clone(), one.seen())).collect()
    }

    /// Ids of the engines whose clusters answered 401 or 403 since this was asked last.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        let met = self.members.iter().filter(|(_, one)| one.refused.swap(false, Ordering::Relaxed));
        met.map(|(id, _)| id.clone()).collect()
    }

    /// Stops all nodes; pods go on.
    pub async fn stop(&mut self) {
        self.members.values().for_each(|member| member.stop.cancel());
        for (_, member) in self.members.drain() {
            member.end().await;
        }
        self.swept = false;
    }
}

/// Whether an engine went that nobody winds up: it was known a moment ago, is not now, and is not run.
fn has_left(before: &HashSet<String>, now: &HashSet<String>, run: &HashSet<&String>) -> bool {
    before.iter().any(|name| !now.contains(name) && !run.contains(name))
}

// === impl Member ===

impl Member {
    fn start(home: &Arc<Home>, engine: Engine) -> Self {
        let (stop, seen) = (CancellationToken::new(), Arc::<Mutex<Seen>>::default());
        let stage = watch::Sender::new(engine.stage);
        let refused = Arc::<AtomicBool>::default();
        let notes = (seen.clone(), refused.clone());
        let work = member::run(home.clone(), engine.clone(), stage.subscribe(), notes, stop.clone());
        Self { engine, stage, stop, task: tokio::spawn(work), seen, refused }
    }

    fn as_it_is(&self) -> Engine {
        Engine { stage: *self.stage.borrow(), ..self.engine.clone() }
    }

    fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn end(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "The nodes of an engine broke down");
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Equal for an engine that need not be restarted.
    fn mark(&self) -> [u8; 32] {
        let own = [self.id.clone(), self.name.clone(), self.ecosystem.clone(), format!("{:?}", self.account)];
        let mut digest = Sha256::new();
        for text in own.into_iter().chain(self.reach.mark()) {
            digest.update(text.len().to_le_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }
}

// === impl Reach ===

impl Reach {
    /// The engine's kind, as taints name it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "kubernetes",
            Self::Account(_) => "runpod",
            Self::Socket(_) | Self::Host(_) => "docker",
        }
    }

    /// Whatever makes a restart necessary when it changes.
    fn mark(&self) -> Vec<String> {
        let secret = |text: &SecretString| text.expose_secret().to_owned();
        match self {
            Self::Cluster(one) => {
                let login = match &one.login {
                    Login::Token(token) => secret(token),
                    Login::Basic { username, password } => format!("{username}:{}", secret(password)),
                };
                let more = format!("{:?}{:?}{:?}{:?}{}", one.address, one.ca, one.typed, one.ingress, one.uid);
                vec![one.server.clone(), one.namespace.clone(), login, more]
            }
            Self::Account(one) => {
                let more = format!("{:?}{:?}{}{:?}", one.data_centers, one.clouds, one.max_price_micros, one.addresses);
                vec![one.url.clone(), secret(&one.key), more]
            }
            Self::Socket(endpoint) => vec![endpoint.clone()],
            Self::Host(one) => {
                let more = format!("{}{:?}", one.port, one.ca);
                vec![one.name.clone(), one.address.to_string(), one.certificate.clone(), secret(&one.key), more]
            }
        }
    }
}
