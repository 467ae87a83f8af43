//! One engine at work: finds its hardware, runs a node for each class of it, follows its changes.
//! Hardware that is away for a while keeps its node; only the end of the engine removes nodes.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use engines::kubernetes::{Access, Class, Kubernetes, KubernetesConfig, classes};
use kube::Client;
use kubelet::{Kubelet, ProviderError};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Engine, Seen, SeenNode, Stage, hardware, home::Home};

/// Time between two looks at the hardware.
const LOOK: Duration = Duration::from_secs(60);
/// As long as something is to be done or does not work.
const SOON: Duration = Duration::from_secs(3);

/// A running node.
struct Running {
    class: Class,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Work {
    home: Arc<Home>,
    engine: Engine,
    client: Client,
    cluster: String,
    nodes: BTreeMap<String, Running>,
    /// Ends every node, also in the middle of a look.
    stop: CancellationToken,
}

pub(super) async fn run(
    home: Arc<Home>,
    engine: Engine,
    mut stage: watch::Receiver<Stage>,
    seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
) {
    let name = engine.name.clone();
    let mut work = None;
    let mut engine = Some(engine);
    loop {
        let now = *stage.borrow_and_update();
        // A cluster that answers slowly must not hold up the end.
        let pause = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            pause = step(&home, &mut engine, &mut work, now, &seen, &stop) => pause,
        };
        tokio::select! {
            () = stop.cancelled() => break,
            Ok(()) = stage.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    for (node, running) in work.into_iter().flat_map(|work| work.nodes) {
        running.end(&node).await;
    }
    tracing::info!(engine.name = name, "The nodes of an engine have stopped");
}

/// Begins the work if it has not begun, and looks once; says when to look again.
async fn step(
    home: &Arc<Home>,
    waiting: &mut Option<Engine>,
    work: &mut Option<Work>,
    stage: Stage,
    seen: &Mutex<Seen>,
    stop: &CancellationToken,
) -> Duration {
    if let Some(given) = waiting.take() {
        match Work::begin(home, given, stop).await {
            Ok(begun) => *work = Some(begun),
            Err((given, error)) => {
                note(seen, |seen| seen.trouble = Some(format!("{error:#}")));
                *waiting = Some(given);
            }
        }
    }
    let Some(work) = work else { return SOON };
    work.engine.stage = stage;
    work.look(seen).await
}

fn note(seen: &Mutex<Seen>, change: impl FnOnce(&mut Seen)) {
    change(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
}

// === impl Work ===

impl Work {
    /// Gives the engine back if something does not answer yet.
    async fn begin(
        home: &Arc<Home>,
        engine: Engine,
        stop: &CancellationToken,
    ) -> Result<Self, (Engine, anyhow::Error)> {
        let opened = async {
            let access = Access::Values {
                server: engine.reach.server.clone(),
                address: engine.reach.address,
                ca: engine.reach.ca.clone(),
                login: engine.reach.login.clone(),
            };
            let (client, _) = access.connect().await?;
            anyhow::Ok((client, home.cluster_id().await.context("The home cluster")?))
        };
        match opened.await {
            Ok((client, cluster)) => {
                let (home, stop) = (home.clone(), stop.clone());
                Ok(Self { home, engine, client, cluster, nodes: BTreeMap::new(), stop })
            }
            Err(error) => Err((engine, error)),
        }
    }

    /// One look; says when the next one is due.
    async fn look(&mut self, seen: &Mutex<Seen>) -> Duration {
        let outcome = match self.engine.stage {
            Stage::Ending => self.wind_up(seen).await,
            _ => self.follow(seen).await,
        };
        match outcome {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(engine.name = self.engine.name, error = format!("{error:#}"), "Trying again");
                note(seen, |seen| seen.trouble = Some(format!("{error:#}")));
                SOON
            }
        }
    }

    async fn follow(&mut self, seen: &Mutex<Seen>) -> Result<Duration> {
        let found = match classes(&self.client).await {
            Ok(found) => found,
            // The right to read nodes is missing: what was typed counts (RULINGS 29).
            Err(ProviderError::Unsupported(_)) => hardware::typed(&self.engine.reach.typed),
            Err(error) => return Err(error.into()),
        };
        let before = self.nodes.len();
        let mut trouble = None;
        for (name, class) in hardware::by_name(&self.engine.name, found) {
            if let Err(error) = self.run_node(name, class).await {
                tracing::warn!(engine.name = self.engine.name, error = format!("{error:#}"), "A node cannot run");
                trouble = Some(format!("{error:#}"));
            }
        }
        let shown = self.nodes.iter().map(|(name, running)| running.shown(name)).collect();
        let again = trouble.is_some() || self.nodes.len() > before;
        note(seen, |seen| *seen = Seen { nodes: shown, trouble, gone: false });
        for name in self.nodes.keys() {
            self.home.cordon(name, self.engine.stage).await?;
        }
        // A new Node appears in a moment and must be told whether it is open.
        Ok(if again { SOON } else { LOOK })
    }

    async fn run_node(&mut self, name: String, class: Class) -> Result<()> {
        match self.nodes.get(&name) {
            Some(running) if running.class == class && !running.task.is_finished() => return Ok(()),
            _ => {}
        }
        if let Some(running) = self.nodes.remove(&name) {
            running.end(&name).await;
        }
        // Its labels and taints would become ours, and its pods be ended with the engine.
        if !self.home.may_run(&name, &self.engine.name).await? {
            bail!(
                "There is a Node {name} that is not this engine's: remove it, or import the engine under another name"
            );
        }
        let config = self.home.node(&name, &self.engine, &class)?;
        let provider = Kubernetes::new(
            self.client.clone(),
            KubernetesConfig {
                namespace: self.engine.reach.namespace.clone(),
                cluster: self.cluster.clone(),
                node: name.clone(),
                node_selector: class.node_selector.clone(),
                tolerations: class.tolerations.clone(),
            },
        );
        let (stop, node) = (self.stop.child_token(), name.clone());
        let kubelet = Kubelet::new(self.home.client.clone(), config, Arc::new(provider)).run(stop.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = kubelet.await {
                tracing::error!(%error, node.name = node, "A node could not start");
            }
        });
        self.nodes.insert(name, Running { class, stop, task });
        Ok(())
    }

    /// Ends the engine's pods while its nodes still run, then takes the nodes away.
    async fn wind_up(&mut self, seen: &Mutex<Seen>) -> Result<Duration> {
        if seen.lock().unwrap_or_else(PoisonError::into_inner).gone {
            return Ok(LOOK);
        }
        let names = self.home.nodes_of(&self.engine.name).await?;
        let mut empty = true;
        for name in &names {
            self.home.cordon(name, Stage::Ending).await?;
            empty &= self.home.drain(name).await?;
        }
        if !empty {
            // Somebody must confirm the deletions.
            self.follow(seen).await?;
            return Ok(SOON);
        }
        for (name, running) in std::mem::take(&mut self.nodes) {
            running.end(&name).await;
        }
        for name in &names {
            self.home.remove(name).await?;
        }
        note(seen, |seen| *seen = Seen { gone: true, ..Seen::default() });
        Ok(LOOK)
    }
}

// === impl Running ===

impl Running {
    fn shown(&self, name: &str) -> SeenNode {
        let Class { gpu, cpus, memory_bytes, .. } = &self.class;
        SeenNode { name: name.to_owned(), gpu: gpu.clone(), cpus: *cpus, memory_bytes: *memory_bytes }
    }

    async fn end(self, node: &str) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, node.name = node, "A node broke down");
        }
    }
}
