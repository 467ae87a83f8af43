//! The nodes of all imported engines in one process: each engine becomes one virtual node for each class of its hardware.
//! A change of an engine restarts its nodes and nothing else; stopping a node ends no pod.
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use engines::kubernetes::Login;
use kubelet::Gpu;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

mod hardware;
mod home;
mod member;
#[cfg(test)]
mod tests;

use home::Home;

/// How nodes of this process look from the home cluster.
#[derive(Clone, Debug)]
pub struct HomeConfig {
    /// Access to the home cluster, with an identity that may run nodes.
    pub kubeconfig: PathBuf,
    /// Published as InternalIP of all nodes.
    pub address: IpAddr,
    /// Serving certificate for that address, and its key; without them self-signed ones.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// CA of client certificates; `None` reads the cluster's own.
    pub client_ca: Option<PathBuf>,
    /// Pods without this label are refused.
    pub require_pod_label: Option<String>,
}

/// An engine that there is.
pub struct Known {
    /// Stays the same for the same engine.
    pub id: String,
    /// Label of its nodes.
    pub name: String,
    /// How its nodes run; `None` = not for now, and nothing is concluded from that.
    pub engine: Option<Engine>,
}

/// An engine that shall have nodes.
#[derive(Clone)]
pub struct Engine {
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

/// A cluster, its namespace for our pods, and the way there.
#[derive(Clone)]
pub struct Reach {
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
}

/// What may run on an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Everything that its nodes hold.
    Open,
    /// What runs goes on, nothing new comes.
    Closed,
    /// What runs is ended, then the nodes go.
    Ending,
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
    /// Nodes that an earlier process left behind were looked for.
    swept: bool,
}

struct Member {
    engine: Engine,
    /// Changes without a restart.
    stage: watch::Sender<Stage>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    seen: Arc<Mutex<Seen>>,
}

// === impl Fleet ===

impl Fleet {
    /// Opens the way to the home cluster; connects to nothing yet.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn open(config: HomeConfig) -> anyhow::Result<Self> {
        Ok(Self { home: Arc::new(Home::open(config).await?), members: HashMap::new(), swept: false })
    }

    /// Runs the nodes of exactly these engines: starts what is new, restarts what has changed. An engine that is not among
    /// them any more was deleted: its pods are ended, then its nodes go.
    pub async fn keep(&mut self, known: Vec<Known>) {
        if !self.swept {
            let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
            match self.home.sweep(&names).await {
                Ok(()) => self.swept = true,
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "Looking for nodes without an engine failed")
                }
            }
        }
        let ids: HashSet<String> = known.iter().map(|one| one.id.clone()).collect();
        let mut wanted: HashMap<String, Engine> =
            known.into_iter().filter_map(|one| Some((one.id, one.engine?))).collect();
        for (id, member) in self.members.iter().filter(|(id, member)| !ids.contains(*id) && !member.seen().gone) {
            wanted.insert(id.clone(), Engine { stage: Stage::Ending, ..member.engine.clone() });
        }
        let same = |id: &String, member: &Member| wanted.get(id).is_some_and(|one| one.mark() == member.engine.mark());
        let old: Vec<String> =
            self.members.iter().filter(|(id, member)| !same(id, member)).map(|(id, _)| id.clone()).collect();
        // All at once, each may take seconds.
        old.iter().filter_map(|id| self.members.get(id)).for_each(|member| member.stop.cancel());
        for id in old {
            if let Some(member) = self.members.remove(&id) {
                member.end().await;
            }
        }
        for (id, engine) in wanted {
            let (home, stage) = (&self.home, engine.stage);
            let member = self.members.entry(id).or_insert_with(|| Member::start(home, engine));
            member.stage.send_if_modified(|known| std::mem::replace(known, stage) != stage);
        }
    }

    /// What is known of each engine, by id.
    #[must_use]
    pub fn seen(&self) -> HashMap<String, Seen> {
        self.members.iter().map(|(id, one)| (id.clone(), one.seen())).collect()
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

// === impl Member ===

impl Member {
    fn start(home: &Arc<Home>, engine: Engine) -> Self {
        let (stop, seen) = (CancellationToken::new(), Arc::<Mutex<Seen>>::default());
        let stage = watch::Sender::new(engine.stage);
        let work = member::run(home.clone(), engine.clone(), stage.subscribe(), seen.clone(), stop.clone());
        Self { engine, stage, stop, task: tokio::spawn(work), seen }
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
        let reach = &self.reach;
        let secret = |text: &SecretString| text.expose_secret().to_owned();
        let login = match &reach.login {
            Login::Token(token) => secret(token),
            Login::Basic { username, password } => format!("{username}:{}", secret(password)),
        };
        let known = [&self.name, &self.ecosystem, &reach.server, &reach.namespace, &login];
        let more = format!("{:?}{:?}{:?}{:?}", reach.address, reach.ca, reach.typed, self.account);
        let mut digest = Sha256::new();
        for text in known.into_iter().chain([&more]) {
            digest.update(text.len().to_le_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }
}
