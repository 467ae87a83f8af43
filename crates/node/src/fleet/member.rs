//! One engine at work: finds its hardware, runs a node for each class of it, follows its changes.
//! Hardware that is away for a while keeps its node, which then offers nothing; only the end of the engine removes nodes.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use anyhow::{Result, bail};
use engines::kubernetes::Class;
use kubelet::{Capacity, Kubelet};
use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Engine, Seen, SeenNode, Stage,
    exposure::{self, Exposing},
    hardware,
    home::{self, Home},
    site::Site,
};

/// Time between two looks at the hardware.
const LOOK: Duration = Duration::from_secs(60);
/// As long as something is to be done or does not work.
const SOON: Duration = Duration::from_secs(3);
/// While pods go on that nobody agreed to end: that may take days, and each look asks both clusters for a lot.
const WAITING: Duration = Duration::from_secs(15);

/// A running node.
struct Running {
    class: Class,
    /// Changes without a restart.
    size: watch::Sender<(Capacity, Option<u32>)>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Work {
    home: Arc<Home>,
    engine: Engine,
    site: Site,
    nodes: BTreeMap<String, Running>,
    /// The engine waits for the end of its pods, and that was said.
    waits: bool,
    /// Where something can be exposed; a task of its own looks at it.
    exposing: Option<Arc<AsyncMutex<Exposing>>>,
    /// Ends every node, also in the middle of a look.
    stop: CancellationToken,
}

pub(super) async fn run(
    home: Arc<Home>,
    engine: Engine,
    mut stage: watch::Receiver<Stage>,
    (seen, refused): (Arc<Mutex<Seen>>, Arc<AtomicBool>),
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
            pause = step(&home, &mut engine, &mut work, now, (&*seen, &refused), &stop) => pause,
        };
        tokio::select! {
            () = stop.cancelled() => break,
            Ok(()) = stage.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Some(work) = work {
        for (node, running) in work.nodes {
            running.end(&node).await;
        }
        work.site.quiet().await;
    }
    tracing::info!(engine.name = name, "The nodes of an engine have stopped");
}

/// Begins the work if it has not begun, and looks once; says when to look again.
async fn step(
    home: &Arc<Home>,
    waiting: &mut Option<Engine>,
    work: &mut Option<Work>,
    stage: Stage,
    (seen, refused): (&Mutex<Seen>, &Arc<AtomicBool>),
    stop: &CancellationToken,
) -> Duration {
    if let Some(given) = waiting.take() {
        match Work::begin(home, given, refused, stop).await {
            Ok(begun) => *work = Some(begun),
            Err((given, error)) => {
                let (name, error) = (given.name.as_str(), format!("{error:#}"));
                note(seen, |seen| {
                    // Once: it is tried again every few seconds.
                    if seen.trouble.as_deref() != Some(error.as_str()) {
                        tracing::warn!(engine.name = name, error, "The nodes of an engine cannot begin; trying again");
                    }
                    seen.trouble = Some(error);
                });
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
        refused: &Arc<AtomicBool>,
        stop: &CancellationToken,
    ) -> Result<Self, (Engine, anyhow::Error)> {
        match Site::open(home, &engine, refused).await {
            Ok(site) => {
                let exposing = site.exposing(home, &engine.name).map(|it| Arc::new(AsyncMutex::new(it)));
                let (home, stop) = (home.clone(), stop.clone());
                if let Some(exposing) = &exposing {
                    tokio::spawn(exposure::run(exposing.clone(), stop.clone()));
                }
                Ok(Self { home, engine, site, nodes: BTreeMap::new(), waits: false, exposing, stop })
            }
            Err(error) => Err((engine, error)),
        }
    }

    /// One look; says when the next one is due.
    async fn look(&mut self, seen: &Mutex<Seen>) -> Duration {
        let outcome = match self.engine.stage {
            Stage::Emptying | Stage::Ending | Stage::Forgotten => self.wind_up(seen).await,
            Stage::Open | Stage::Closed => self.follow(seen).await,
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
        let before = self.nodes.len();
        let mut trouble = None;
        let mut wanted = self.site.hardware(&self.home, &self.engine.name).await?;
        let left = self.home.nodes_of(&self.engine.name).await?;
        let running = self.nodes.iter().map(|(name, running)| (name, &running.class));
        hardware::keep_empty(&mut wanted, running, left);
        for (name, class) in wanted {
            if let Err(error) = self.run_node(name, class).await {
                tracing::warn!(engine.name = self.engine.name, error = format!("{error:#}"), "A node cannot run");
                trouble = Some(format!("{error:#}"));
            }
        }
        let shown = self.nodes.iter().map(|(name, running)| running.shown(name)).collect();
        let again = trouble.is_some() || self.nodes.len() > before;
        note(seen, |seen| *seen = Seen { nodes: shown, trouble, gone: false });
        for name in self.nodes.keys() {
            self.home.settle(name, self.engine.stage).await?;
        }
        // A new Node appears in a moment and must be told whether it is open.
        Ok(if again { SOON } else { self.site.pause().unwrap_or(LOOK) })
    }

    async fn run_node(&mut self, name: String, class: Class) -> Result<()> {
        if self.nodes.get_mut(&name).is_some_and(|running| running.takes(&class)) {
            return Ok(());
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
        let provider = self.site.provider(&name, &class);
        let (stop, node, size) = (self.stop.child_token(), name.clone(), watch::Sender::new(home::size(&class)));
        let kubelet = Kubelet::new(self.home.client.clone(), config, provider).sized_by(size.subscribe());
        let kubelet = kubelet.run(stop.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = kubelet.await {
                tracing::error!(%error, node.name = node, "A node could not start");
            }
        });
        self.nodes.insert(name, Running { class, size, stop, task });
        Ok(())
    }

    /// Ends the engine's pods while its nodes still run, or waits for their end, then takes the nodes away.
    async fn wind_up(&mut self, seen: &Mutex<Seen>) -> Result<Duration> {
        if seen.lock().unwrap_or_else(PoisonError::into_inner).gone {
            return Ok(LOOK);
        }
        self.site.is_itself(self.engine.stage).await?;
        let names: Vec<String> = self.home.nodes_of(&self.engine.name).await?.into_keys().collect();
        // What has no pod any more may cost money all the same.
        if !self.is_drained(&names).await? || !self.is_empty(&names).await? {
            // Somebody must confirm the deletions.
            let pause = self.follow(seen).await?;
            return Ok(if self.waits { pause.min(WAITING) } else { SOON });
        }
        if let Some(exposing) = &self.exposing {
            exposing.lock().await.end().await?;
        }
        for (name, running) in std::mem::take(&mut self.nodes) {
            running.end(&name).await;
        }
        // One that registered its Node only now may have got a pod and rented for it: that ends as everything else did.
        if self.home.nodes_of(&self.engine.name).await?.keys().any(|name| !names.contains(name)) {
            return Ok(SOON);
        }
        for name in &names {
            self.home.remove(name).await?;
        }
        note(seen, |seen| *seen = Seen { gone: true, ..Seen::default() });
        Ok(LOOK)
    }

    /// Ends what is left over there, also of Nodes that somebody deleted by hand: what they made still bears their names.
    async fn is_empty(&self, nodes: &[String]) -> Result<bool> {
        let mut names: BTreeSet<String> = nodes.iter().chain(self.nodes.keys()).cloned().collect();
        if self.engine.stage != Stage::Forgotten {
            names.extend(self.site.hardware(&self.home, &self.engine.name).await?.into_keys());
        }
        let names: Vec<String> = names.into_iter().collect();
        self.site.is_empty(&names, self.engine.stage).await
    }

    /// Closes the nodes and ends their pods where that was agreed to; true once there is none.
    async fn is_drained(&mut self, nodes: &[String]) -> Result<bool> {
        let mut were_closed = true;
        for node in nodes {
            were_closed &= self.home.settle(node, self.engine.stage).await?;
        }
        let may_end = self.engine.stage != Stage::Emptying || (were_closed && !self.home.runs_pods(nodes).await?);
        if !may_end {
            if were_closed && !std::mem::replace(&mut self.waits, true) {
                tracing::info!(
                    engine.name = self.engine.name,
                    "An engine on its way out waits for the end of its pods"
                );
            }
            return Ok(false);
        }
        self.waits = false;
        // A pod that was scheduled before the scheduler saw the nodes closed is bound by the next look.
        let mut empty = were_closed;
        for node in nodes {
            empty &= self.home.drain(node).await?;
        }
        Ok(empty)
    }
}

// === impl Running ===

impl Running {
    /// Whether the node runs and can go on for this hardware; if so it offers what there is now.
    fn takes(&mut self, class: &Class) -> bool {
        if self.task.is_finished() || !hardware::is_same(&self.class, class) {
            return false;
        }
        self.class = class.clone();
        let size = home::size(class);
        self.size.send_if_modified(|known| std::mem::replace(known, size.clone()) != size);
        true
    }

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

#[cfg(test)]
mod tests;
