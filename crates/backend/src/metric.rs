//! What pods use: nodes are asked only while somebody looks or pods with GPUs run on them, one question each, whatever the
//! number of pods; the history is in memory and ends with the process.
//!
//! Every console asks for itself, so that each can show it; only the leader stops what is idle.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::idle_gpu::{IdleGpuRule, all_since};
use domain::metric::{Histories, INTERVAL_SECONDS, MetricView, PodReading};
use domain::namespace::{KubernetesName, Namespace};
use domain::permission::Permission;
use domain::pod::PodState;
use domain::workload::{WorkloadKind, WorkloadState};
use domain::{Error, Result};
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::idle_gpu::stop_reaches;
use crate::workload::possible;
use crate::{Backend, Caller};

const PACE: Duration = Duration::from_secs(INTERVAL_SECONDS as u64);
// A look that woke the loop must not ask a node again that was asked in this interval.
const ASKED: SignedDuration = SignedDuration::from_secs(INTERVAL_SECONDS as i64 - 1);
// A page that is read again and again, and one that closes its stream, both end so.
const LOOKED: SignedDuration = SignedDuration::from_secs(60);
// Nodes at the same time.
const PARALLEL: usize = 16;

/// Namespace and name.
type PodKey = (String, String);

/// What this process knows of what pods use.
pub(crate) struct Figures {
    held: Mutex<Held>,
    /// Somebody looks at a node that was not looked at.
    wake: Notify,
    /// Told after each round.
    rounds: watch::Sender<()>,
}

#[derive(Default)]
pub(crate) struct Held {
    pub(crate) histories: Histories,
    /// When somebody last looked at a pod of a node.
    looked: HashMap<String, Timestamp>,
    /// And when at a pod itself, and where that runs. Of all others on its node nothing is kept.
    pods: HashMap<PodKey, (Timestamp, String)>,
    asked: HashMap<String, Timestamp>,
    /// Nodes that did not answer the last time.
    silent: HashSet<String>,
}

// === impl Figures ===

impl Default for Figures {
    fn default() -> Self {
        Self { held: Mutex::default(), wake: Notify::new(), rounds: watch::channel(()).0 }
    }
}

impl Figures {
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Held ===

impl Held {
    /// Notes that somebody looks at pods of these nodes; whether one of them is not asked yet.
    fn look(&mut self, nodes: &BTreeSet<String>, now: Timestamp) -> bool {
        let mut fresh = false;
        for node in nodes {
            fresh |= self.looked.insert(node.clone(), now).is_none();
        }
        fresh
    }

    /// Notes that somebody looks at these pods of a namespace: their names and nodes.
    fn look_at_pods<'a>(&mut self, namespace: &str, pods: impl Iterator<Item = (&'a str, &'a str)>, now: Timestamp) {
        let looked = pods.map(|(pod, node)| ((namespace.to_owned(), pod.to_owned()), (now, node.to_owned())));
        self.pods.extend(looked);
    }

    /// Whether what `node` tells of a pod counts: it runs there, and has GPUs or somebody looks at it. A node tells of all
    /// its pods, be it ten thousand: what nobody looks at must not push out what somebody does.
    fn wanted(&self, pod: &PodKey, node: &str, with_gpus: &HashMap<PodKey, String>) -> bool {
        let looked = self.pods.get(pod).map(|(_, node)| node);
        with_gpus.get(pod).or(looked).is_some_and(|its| its == node)
    }

    /// The nodes to ask now: those looked at and `needed` ones, unless they were asked a moment ago.
    fn due(&mut self, needed: BTreeSet<String>, now: Timestamp) -> Vec<String> {
        self.looked.retain(|_, looked| now.duration_since(*looked) < LOOKED);
        self.pods.retain(|_, (looked, _)| now.duration_since(*looked) < LOOKED);
        let all: BTreeSet<String> = self.looked.keys().cloned().chain(needed).collect();
        self.asked.retain(|node, _| all.contains(node));
        self.silent.retain(|node| all.contains(node));
        let lately = |node: &String| self.asked.get(node).is_some_and(|asked| now.duration_since(*asked) < ASKED);
        let due: Vec<String> = all.into_iter().filter(|node| !lately(node)).collect();
        self.asked.extend(due.iter().map(|node| (node.clone(), now)));
        due
    }

    /// Why there are no figures, in words; empty while they may still come.
    fn note(&self, nodes: &BTreeSet<String>) -> String {
        match nodes.iter().find(|node| self.silent.contains(*node)) {
            _ if nodes.is_empty() => "No pod of it runs, so there is nothing to measure.".to_owned(),
            Some(node) => format!("The node {node} does not answer questions for figures."),
            None => "No figures yet: a node is asked every 15 seconds, and some engines measure nothing.".to_owned(),
        }
    }
}

impl Backend {
    /// What a workload, or a pod, used in the last hour.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn workload_metrics(
        &self,
        caller: &Caller,
        id: &str,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<MetricView> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        possible(name)?;
        let state = self.inner.cluster.get_workload(&token, &tenant.kubernetes_name, kind, name).await?;
        let rule = self.idle_rule(&tenant).await?;
        Ok(self.used(&tenant.kubernetes_name, Some(&state.ok_or(Error::NotFound)?), &rule))
    }

    /// The same, now and after each round of questions.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign namespace.
    pub async fn watch_workload_metrics(
        &self,
        caller: &Caller,
        id: &str,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<BoxStream<'static, MetricView>> {
        let tenant = self.namespace(caller, id, Permission::Read).await?.into_inner();
        possible(name)?;
        let mut rounds = self.inner.figures.rounds.subscribe();
        rounds.mark_changed();
        let (backend, name) = (self.clone(), name.to_owned());
        let views =
            stream::unfold((rounds, backend, tenant, name), move |(mut rounds, backend, tenant, name)| async move {
                rounds.changed().await.ok()?;
                // A database that does not answer ends the stream; the page connects again.
                let view = backend.used_now(&tenant, kind, &name).await.ok()?;
                Some((view, (rounds, backend, tenant, name)))
            });
        Ok(views.boxed())
    }

    /// From the shared watches: no call of the API server, however many look.
    async fn used_now(&self, tenant: &Namespace, kind: WorkloadKind, name: &str) -> Result<MetricView> {
        let rule = self.idle_rule(tenant).await?;
        let mut states = self.inner.cluster.watch_workload(&tenant.kubernetes_name, kind, name);
        let state = states.next().now_or_never().flatten().flatten().map(|(state, _)| state);
        Ok(self.used(&tenant.kubernetes_name, state.as_ref(), &rule))
    }

    /// What the pods of a workload used, and that somebody looks at them; nothing while there is none.
    fn used(&self, namespace: &KubernetesName, state: Option<&WorkloadState>, rule: &IdleGpuRule) -> MetricView {
        if !self.inner.cluster.reads_metrics() {
            let note = "This installation does not ask its nodes for figures; its operator can turn that on.";
            return MetricView { interval_seconds: INTERVAL_SECONDS, note: note.to_owned(), ..MetricView::default() };
        }
        let (now, namespace) = (self.inner.clock.now(), namespace.as_str());
        let pods = state.into_iter().flat_map(|state| &state.pods);
        let running: Vec<&PodState> = pods.filter(|pod| pod.node.is_some() && !pod.over()).collect();
        let nodes: BTreeSet<String> = running.iter().filter_map(|pod| pod.node.clone()).collect();
        let mut held = self.inner.figures.held();
        if held.look(&nodes, now) {
            self.inner.figures.wake.notify_one();
        }
        let places = running.iter().map(|pod| (pod.name.as_str(), pod.node.as_deref().unwrap_or_default()));
        held.look_at_pods(namespace, places, now);
        let mut view = held.histories.view(namespace, running.iter().map(|pod| pod.name.as_str()));
        if view.samples.is_empty() {
            view.note = held.note(&nodes);
        }
        let since = all_since(running.iter().map(|pod| held.histories.idle_since(namespace, &pod.name, now)));
        view.idle = since.and_then(|since| rule.view(since, now));
        if let Some(idle) = view.idle.as_mut().filter(|_| !state.is_some_and(stop_reaches)) {
            idle.stops_at = None;
        }
        view
    }

    /// Asks nodes, and stops what has been idle for too long, until cancelled.
    pub async fn keep_metrics(&self, shutdown: CancellationToken) {
        if !self.inner.cluster.reads_metrics() {
            return;
        }
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = pace.tick() => {}
                () = self.inner.figures.wake.notified() => {}
            }
            let work = async {
                self.ask_nodes().await;
                self.stop_idle_gpus().await;
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = work => {}
            }
        }
    }

    /// One round: every node that is due, once.
    async fn ask_nodes(&self) {
        let gpu_pods = self.inner.cluster.gpu_pods();
        let needed = gpu_pods.iter().map(|pod| pod.node.clone()).collect();
        let with_gpus: HashMap<PodKey, String> =
            gpu_pods.into_iter().map(|pod| ((pod.namespace, pod.name), pod.node)).collect();
        let now = self.inner.clock.now();
        let due = self.inner.figures.held().due(needed, now);
        if due.is_empty() {
            // Who looks at a workload without pods learns so that one runs now.
            self.inner.figures.rounds.send_replace(());
            return;
        }
        let ask = |node: String| async move {
            let answer = self.inner.cluster.node_metrics(&node).await;
            (node, answer)
        };
        let answers: Vec<_> = stream::iter(due).map(ask).buffer_unordered(PARALLEL).collect().await;
        let mut held = self.inner.figures.held();
        let mut readings: Vec<PodReading> = Vec::new();
        for (node, answer) in answers {
            match answer {
                Ok(some) => {
                    held.silent.remove(&node);
                    readings.extend(some.into_iter().filter(|reading| {
                        held.wanted(&(reading.namespace.clone(), reading.name.clone()), &node, &with_gpus)
                    }));
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, node, "a node gave no figures");
                    held.silent.insert(node);
                }
            }
        }
        held.histories.take(now, readings);
        drop(held);
        self.inner.figures.rounds.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn nodes(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|node| (*node).to_owned()).collect()
    }

    #[test]
    fn a_node_is_asked_once_an_interval_and_only_while_it_matters() {
        let mut held = Held::default();
        assert!(held.due(nodes(&[]), at(0)).is_empty(), "nobody looks and nothing needs it");
        assert!(held.look(&nodes(&["a"]), at(0)) && !held.look(&nodes(&["a"]), at(1)));
        assert_eq!(held.due(nodes(&["b"]), at(1)), ["a", "b"]);
        assert!(held.look(&nodes(&["c"]), at(5)));
        assert_eq!(held.due(nodes(&["b"]), at(5)), ["c"], "the others were asked a moment ago");
        assert_eq!(held.due(nodes(&["b"]), at(16)), ["a", "b"]);
        assert_eq!(held.due(nodes(&["b"]), at(100)), ["b"], "nobody looks any more");
    }

    #[test]
    fn a_pod_counts_as_looked_at_for_a_minute_and_its_neighbours_never() {
        let mut held = Held::default();
        let watched = |held: &Held, namespace: &str, pod: &str| {
            held.wanted(&(namespace.to_owned(), pod.to_owned()), "n", &HashMap::new())
        };
        held.look_at_pods("team", [("a", "n")].into_iter(), at(0));
        held.due(nodes(&[]), at(59));
        assert!(watched(&held, "team", "a") && !watched(&held, "team", "b") && !watched(&held, "other", "a"));
        held.due(nodes(&[]), at(60));
        assert!(!watched(&held, "team", "a"));
    }

    #[test]
    fn a_node_is_heard_about_its_own_pods_only() {
        let mut held = Held::default();
        held.look_at_pods("team", [("a", "n"), ("both", "n")].into_iter(), at(0));
        let pod = |name: &str| ("team".to_owned(), name.to_owned());
        let with_gpus = HashMap::from([(pod("g"), "m".to_owned()), (pod("both"), "m".to_owned())]);
        let wanted = |name: &str, node: &str| held.wanted(&pod(name), node, &with_gpus);
        assert!(wanted("a", "n") && !wanted("a", "m"));
        assert!(wanted("g", "m") && !wanted("g", "n"));
        assert!(wanted("both", "m") && !wanted("both", "n"), "where it runs by now");
    }

    #[test]
    fn what_is_missing_is_said_in_one_sentence() {
        let mut held = Held::default();
        assert!(held.note(&nodes(&[])).starts_with("No pod of it runs"));
        assert!(held.note(&nodes(&["a"])).starts_with("No figures yet"));
        held.silent.insert("a".into());
        assert_eq!(held.note(&nodes(&["a", "b"])), "The node a does not answer questions for figures.");
    }
}
