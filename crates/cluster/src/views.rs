//! What the shared watches know of nodes, pods, deployments, quotas and namespaces, and who wants to hear of changes.
//! One upstream watch per kind, however many pages listen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backend::ports::TenantFacts;
use domain::admission::NamespacePolicy;
use domain::capacity::NodeRoom;
use domain::namespace::{KubernetesName, QuotaLine};
use domain::node::NodeState;
use domain::service::EnginePods;
use domain::webhook::deployment::SeenDeployment;
use domain::workload::{EventView, Occupied, OccupiedBySku, WorkloadState};
use futures::FutureExt as _;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Event as Report, Namespace, Node, Pod};
use kube::api::Api;
use kube::runtime::{watcher, watcher::Event};
use kube::{Client, Resource, ResourceExt as _};
use tokio::sync::Notify;
use tokio::sync::watch::Sender;
use tokio_util::sync::CancellationToken;

use crate::client::call;
use crate::drift::{self, Drift};
use crate::meter::Gone;
use crate::metric;
use crate::node::snapshot::Snapshot;
use crate::node::{self, FLEET};
use crate::requests;
use crate::rollout;
use crate::tenant::objects::{ACCOUNT_ID, NAMESPACE_ID};
use crate::tenant::quota;
use crate::watch::changes::{Changes, Topics};
use crate::watch::table::Table;
use crate::watch::tracker::Tracker;
use crate::watch::{Link, run, run_telling};
use crate::workload::state::{self, PodRow, join};
use crate::workload::written::Written;

/// From here on a list takes the pods that the watch holds: 5,000 of them are some 20 MB of JSON to ask for. Fewer are asked
/// for, so that who has just made one sees it.
const MANY: usize = 500;

/// Tables fed by the watches.
#[derive(Default)]
pub(crate) struct Views {
    /// Every pod of the cluster: those of other namespaces take room on nodes too.
    pub pods: Table<PodRow>,
    /// Deployments without their pods.
    pub deployments: Table<WorkloadState>,
    /// The same as webhooks are told of them.
    pub rollouts: Table<SeenDeployment>,
    /// What Kubernetes reported, by the name of the report.
    pub events: Table<EventView>,
    stateful_sets: Table<WorkloadState>,
    cron_jobs: Table<WorkloadState>,
    jobs: Table<WorkloadState>,
    /// Nodes, nothing taken.
    pub nodes: Table<NodeRoom>,
    /// Nodes as operators see them, without their pods.
    pub fleet: Table<NodeState>,
    /// Where the kubelet API of each node is; none while it does not say.
    pub kubelets: Table<Option<String>>,
    /// Told when a node or a pod changed.
    pub nodes_changed: Topics,
    /// The nodes with their pods.
    pub snapshot: Snapshot,
    /// Namespaces in which workloads or pods changed.
    pub workloads: Topics,
    /// Namespaces in which something was reported.
    pub reports: Topics,
    /// Since when the watch of pods is interrupted; none while it is not.
    pub interrupted: Sender<Option<Timestamp>>,
    /// Namespaces whose deployments or limits may differ now.
    pub facts_changed: Changes<String>,
    /// Free capacity may differ now.
    pub capacity: Notify,
    /// Told after each count of free capacity.
    pub counted: Sender<()>,
    quotas: Table<Vec<QuotaLine>>,
    policies: Table<NamespacePolicy>,
    /// Pods that went lately.
    pub gone: Gone,
    /// Account of each tenant namespace.
    accounts: Table<String>,
    /// Id of each tenant namespace.
    tenants: Table<String>,
    /// Namespaces whose workloads were written through this console lately.
    pub written: Written,
}

// === impl Views ===

impl Views {
    /// Deployments, quota, policy; empty while unknown.
    pub fn facts(&self, tenant: &KubernetesName) -> TenantFacts {
        let name = tenant.as_str();
        TenantFacts {
            deployments: u32::try_from(self.deployments.count(name)).unwrap_or(u32::MAX),
            quota: self.quotas.in_namespace(name).map(|quotas| quota::all(&quotas)).unwrap_or_default(),
            policy: self.policies.get("", name).map(|policy| (*policy).clone()).unwrap_or_default(),
        }
    }

    /// Deployments and the others of a namespace, without their pods; none until the first list is complete.
    /// StatefulSets, CronJobs and Jobs are waited for by nobody: where the roles of an older version do not show them yet, the
    /// rest is still seen.
    pub fn tops(&self, namespace: &str) -> Option<Vec<WorkloadState>> {
        let others = [&self.stateful_sets, &self.cron_jobs, &self.jobs];
        let others = others.map(|table| table.in_namespace(namespace).unwrap_or_default());
        let all = std::iter::once(self.deployments.in_namespace(namespace)?).chain(others);
        Some(all.flat_map(|rows| rows.into_values().map(|row| (*row).clone())).collect())
    }

    /// Every workload of a namespace with its pods; none until the first lists are complete.
    pub fn everything(&self, namespace: &str) -> Option<BTreeMap<state::Key, WorkloadState>> {
        let pods = self.pods.in_namespace(namespace)?;
        Some(join(self.tops(namespace)?, pods.values(), true))
    }

    /// The same for somebody who looks now; none where the watches may be behind what was written, or show not everything.
    pub fn up_to_date(&self, namespace: &str) -> Option<Vec<WorkloadState>> {
        let others = [&self.stateful_sets, &self.cron_jobs, &self.jobs];
        let whole = others.iter().all(|table| table.in_namespace(namespace).is_some());
        if !whole || self.interrupted.borrow().is_some() || self.written.lately(namespace) {
            return None;
        }
        Some(self.everything(namespace)?.into_values().collect())
    }

    /// Pods that hold a place on a node, by SKU, those of `account` apart; empty while unknown.
    pub fn occupied(&self, account: &str) -> OccupiedBySku {
        let mut occupied = OccupiedBySku::new();
        self.pods.each(|namespace, pod| {
            if pod.state.node.is_none() || pod.state.over() || pod.state.sku_code.is_empty() {
                return;
            }
            let own = self.accounts.get("", namespace).is_some_and(|owner| *owner == account);
            let count: &mut Occupied = occupied.entry(pod.state.sku_code.clone()).or_default();
            *(if own { &mut count.own } else { &mut count.others }) += 1;
        });
        occupied
    }

    /// Engines that run the pods of a namespace which a selector finds, those that are over left out. An empty selector
    /// finds nothing, as that of a Service does.
    pub fn engines_behind(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<EnginePods> {
        let pods = self.pods.in_namespace(namespace).filter(|_| !selector.is_empty()).unwrap_or_default();
        let found = |pod: &&Arc<PodRow>| selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value));
        let mut behind: BTreeMap<(Option<String>, String), u32> = BTreeMap::new();
        for pod in pods.values().filter(found).filter(|pod| !pod.state.over()) {
            let node = pod.state.node.as_deref().and_then(|name| self.fleet.get("", name));
            if let Some(node) = node {
                // The cluster's own nodes are one place, whatever runs their containers.
                let of_engine = NodeState::is_virtual(&node.labels).then(|| (node.engine(), node.engine_kind()));
                let (engine, kind) = of_engine.unzip();
                let key = (engine.map(ToOwned::to_owned), kind.unwrap_or_default().to_owned());
                *behind.entry(key).or_default() += 1;
            }
        }
        behind.into_iter().map(|((engine, kind), pods)| EnginePods { engine, kind, pods }).collect()
    }

    /// The pods of a namespace that has so many that asking for them would be slow; none where there are fewer.
    pub fn many_pods(&self, namespace: &str) -> Option<Vec<Arc<PodRow>>> {
        let many = self.pods.count(namespace) >= MANY;
        many.then(|| self.pods.in_namespace(namespace)).flatten().map(|pods| pods.into_values().collect())
    }

    /// When pods started, and how many seconds after they had a place, by SKU: of one, or of all.
    pub fn starts(&self, sku_code: Option<&str>) -> BTreeMap<String, Vec<(Timestamp, u32)>> {
        let mut starts: BTreeMap<String, Vec<(Timestamp, u32)>> = BTreeMap::new();
        self.pods.each(|_, pod| {
            let pod = &pod.state;
            if sku_code.is_some_and(|code| pod.sku_code != code) {
                return;
            }
            if let Some(start) = pod.started_at.zip(pod.start_seconds()) {
                starts.entry(pod.sku_code.clone()).or_default().push(start);
            }
        });
        starts
    }

    /// Id of the account of a tenant namespace, as its label says.
    pub fn account(&self, namespace: &str) -> Option<String> {
        self.accounts.get("", namespace).map(|id| (*id).clone())
    }

    /// Id of a tenant namespace, as its label says.
    pub fn tenant(&self, namespace: &str) -> Option<String> {
        self.tenants.get("", namespace).map(|id| (*id).clone())
    }

    /// Whether all tenant namespaces are known.
    pub fn tenants_known(&self) -> bool {
        self.tenants.in_namespace("").is_some()
    }

    /// Takes in what the watch of pods says.
    pub fn feed_pod(&self, event: &Event<Pod>) {
        if let Event::Delete(pod) = event {
            self.gone.remember(self, pod);
        }
        let changed = self.pods.feed(event, state::pod);
        // A list without pods changes nothing and is what counting waits for: in a cluster of idle nodes nothing else
        // would ever happen.
        if !changed.is_empty() || matches!(event, Event::InitDone) {
            self.capacity.notify_one();
            self.tell_of_nodes();
        }
        self.tell_of_workloads(event, &changed);
    }

    /// A list that is complete is news for who listens to an empty namespace, too: until then nothing was known of it.
    fn tell_of_workloads<K>(&self, event: &Event<K>, changed: &BTreeSet<String>) {
        match event {
            Event::InitDone => self.workloads.publish_all(),
            _ => self.workloads.publish(changed),
        }
    }

    /// Takes in what the watch of nodes says.
    pub fn feed_node(&self, event: &Event<Node>) {
        self.kubelets.feed(event, metric::kubelet_url);
        if !self.nodes.feed(event, requests::room).is_empty() || matches!(event, Event::InitDone) {
            self.capacity.notify_one();
        }
        if !self.fleet.feed(event, node::node).is_empty() || matches!(event, Event::InitDone) {
            self.tell_of_nodes();
        }
    }

    fn tell_of_nodes(&self) {
        self.snapshot.outdate();
        self.nodes_changed.publish([&FLEET.to_owned()]);
    }
}

/// Starts the watches. Namespaces and quotas are looked at for drift on the way.
pub(crate) fn watch(reconciler: &Client, views: &Arc<Views>, drift: &Arc<Drift>, shutdown: &CancellationToken) {
    let start = Start { client: reconciler, shutdown };
    let (all, tenants) = (watcher::Config::default(), drift::of_tenants());
    let (on, link) = (views.clone(), views.clone());
    let pods = watcher(Api::<Pod>::all(reconciler.clone()), all.clone());
    let asked = reconciler.clone();
    let link = Link {
        tell: Box::new(move |up| {
            link.interrupted.send_replace((!up).then(Timestamp::now));
        }),
        answers: Box::new(move || {
            let asked = asked.clone();
            async move { call("asking for the version", asked.apiserver_version()).await.is_ok() }.boxed()
        }),
    };
    run_telling("Pods", pods, shutdown, move |event| on.feed_pod(&event), Some(link));
    let on = views.clone();
    start.watch("Nodes", all.clone(), move |event| on.feed_node(event));
    let on = views.clone();
    start.watch("Deployments", all.clone(), move |event: &Event<Deployment>| {
        on.rollouts.feed(event, rollout::read);
        let changed = on.deployments.feed(event, state::deployment);
        on.tell_of_workloads(event, &changed);
        on.facts_changed.publish(changed);
    });
    let on = views.clone();
    start.watch("StatefulSets", all.clone(), move |event: &Event<StatefulSet>| {
        on.tell_of_workloads(event, &on.stateful_sets.feed(event, state::stateful_set));
    });
    let on = views.clone();
    start.watch("CronJobs", all.clone(), move |event: &Event<CronJob>| {
        on.tell_of_workloads(event, &on.cron_jobs.feed(event, state::cron_job));
    });
    let on = views.clone();
    start.watch("Jobs", all.clone(), move |event: &Event<Job>| {
        on.tell_of_workloads(event, &on.jobs.feed(event, state::job));
    });
    let on = views.clone();
    start.watch("Events", all, move |event: &Event<Report>| {
        on.reports.publish(&on.events.feed(event, state::event));
    });
    let (on, report, mut tracker) = (views.clone(), drift.clone(), Tracker::default());
    start.watch("ResourceQuotas", tenants.clone(), move |event| {
        on.facts_changed.publish(on.quotas.feed(event, quota::read));
        report.report(tracker.feed(event, drift::mark));
    });
    let (on, report, mut tracker) = (views.clone(), drift.clone(), Tracker::default());
    start.watch("Namespaces", tenants, move |event| {
        on.accounts
            .feed(event, |namespace: &Namespace| namespace.labels().get(ACCOUNT_ID).cloned().unwrap_or_default());
        on.tenants
            .feed(event, |namespace: &Namespace| namespace.labels().get(NAMESPACE_ID).cloned().unwrap_or_default());
        on.policies
            .feed(event, |namespace: &Namespace| NamespacePolicy::read(namespace.labels(), namespace.annotations()));
        report.report(tracker.feed(event, drift::mark));
    });
}

struct Start<'a> {
    client: &'a Client,
    shutdown: &'a CancellationToken,
}

impl Start<'_> {
    fn watch<K>(&self, what: &'static str, config: watcher::Config, mut feed: impl FnMut(&Event<K>) + Send + 'static)
    where
        K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
    {
        let events = watcher(Api::<K>::all(self.client.clone()), config);
        run(what, events, self.shutdown, move |event| feed(&event));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::meter::metering;

    const ID: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";

    fn pod(phase: &str, state: Value) -> Pod {
        let container = json!({
            "name": "app", "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": state
        });
        let pod = json!({
            "metadata": {
                "name": "demo", "namespace": "team-0001", "uid": "u-1",
                "labels": {"remotegpu.ai/sku-code": "gpu-h100-1x"},
                "annotations": {
                    "remotegpu.ai/price-per-hour": "3.29 EUR", "remotegpu.ai/pod-name": "far",
                    "remotegpu.ai/runtime-class": "remotegpu-nvidia-1xh100",
                },
            },
            "spec": {"nodeName": "simulated-h100", "containers": [{"name": "app", "image": "x"}]},
            "status": {"phase": phase, "containerStatuses": [container]},
        });
        serde_json::from_value(pod).unwrap()
    }

    /// Views that know one tenant namespace and an empty list of pods.
    fn ready() -> Views {
        let views = Views::default();
        let namespace: Namespace =
            serde_json::from_value(json!({"metadata": {"name": "team-0001", "labels": {NAMESPACE_ID: ID}}})).unwrap();
        for event in [Event::Init, Event::InitApply(namespace), Event::InitDone] {
            views.tenants.feed(&event, |n: &Namespace| n.labels().get(NAMESPACE_ID).cloned().unwrap_or_default());
        }
        assert!(metering(&views).is_none(), "without the pods nothing may be ended");
        views.feed_pod(&Event::Init);
        views.feed_pod(&Event::InitDone);
        views
    }

    /// A node with the runtime of its engine; of no engine, one of the cluster itself.
    fn node(name: &str, engine: Option<&str>, runtime: &str) -> Event<Node> {
        let labels = engine.map(|engine| json!({"type": "virtual-kubelet", "remotegpu.ai/engine": engine}));
        let info = json!({"containerRuntimeVersion": runtime});
        let node = json!({"metadata": {"name": name, "labels": labels}, "status": {"nodeInfo": info}});
        Event::Apply(serde_json::from_value(node).unwrap())
    }

    #[test]
    fn the_engines_behind_a_service_are_those_of_the_pods_that_its_selector_finds() {
        let views = ready();
        for (name, engine, runtime) in [
            ("local", Some("local"), "docker://5"),
            ("sim", Some("far"), "simulated://1"),
            ("real", None, "containerd://2"),
        ] {
            views.feed_node(&node(name, engine, runtime));
        }
        let bound = |name: &str, app: &str, node: Option<&str>, phase: &str| {
            let mut pod = pod(phase, json!({"waiting": {}}));
            pod.metadata.name = Some(name.to_owned());
            pod.metadata.labels =
                Some([("app".to_owned(), app.to_owned()), ("tier".to_owned(), "a".to_owned())].into());
            pod.spec.as_mut().unwrap().node_name = node.map(ToOwned::to_owned);
            views.feed_pod(&Event::Apply(pod));
        };
        bound("one", "web", Some("local"), "Running");
        bound("two", "web", Some("local"), "Pending");
        bound("three", "web", Some("real"), "Running");
        bound("over", "web", Some("sim"), "Succeeded");
        bound("other", "db", Some("sim"), "Running");
        bound("unplaced", "web", None, "Pending");
        bound("lost", "web", Some("unknown"), "Running");
        let behind = |app: &str| {
            let selector = [("app".to_owned(), app.to_owned()), ("tier".to_owned(), "a".to_owned())].into();
            let found = views.engines_behind("team-0001", &selector);
            found.into_iter().map(|one| (one.engine, one.kind, one.pods)).collect::<Vec<_>>()
        };
        let at = |engine: Option<&str>, kind: &str, pods: u32| (engine.map(ToOwned::to_owned), kind.to_owned(), pods);
        assert_eq!(behind("web"), [at(None, "", 1), at(Some("local"), "docker", 2)]);
        assert_eq!(behind("db"), [at(Some("far"), "simulated", 1)]);
        assert!(behind("nobody").is_empty());
        assert!(views.engines_behind("team-0001", &BTreeMap::new()).is_empty(), "its addresses are kept by hand");
        let selector = [("app".to_owned(), "web".to_owned())].into();
        assert!(views.engines_behind("team-0002", &selector).is_empty(), "another namespace");
    }

    #[test]
    fn a_pod_is_metered_once_it_ran_and_remembered_as_it_ended() {
        let views = ready();
        views.feed_pod(&Event::Apply(pod("Pending", json!({"waiting": {"reason": "ContainerCreating"}}))));
        assert!(metering(&views).unwrap().pods.is_empty(), "waiting is not charged");
        let running = json!({"running": {"startedAt": "2026-11-21T10:00:00Z"}});
        views.feed_pod(&Event::Apply(pod("Running", running)));
        let says = metering(&views).unwrap();
        let one = &says.pods["u-1"];
        assert_eq!(
            (one.started_at.to_string().as_str(), one.ended_at, one.over),
            ("2026-11-21T10:00:00Z", None, false)
        );
        assert_eq!((one.namespace_id.to_string().as_str(), one.origin.as_ref()), (ID, None), "half an origin is none");
        assert_eq!(one.runtime_class, "remotegpu-nvidia-1xh100", "as admission froze it");
        let times = json!({"exitCode": 0, "startedAt": "2026-11-21T10:00:00Z", "finishedAt": "2026-11-21T10:05:00Z"});
        views.feed_pod(&Event::Delete(pod("Running", json!({"terminated": times}))));
        let says = metering(&views).unwrap();
        let ended = says.gone["u-1"].ended_at.map(|end| end.to_string());
        assert_eq!((says.pods.len(), ended.as_deref()), (0, Some("2026-11-21T10:05:00Z")));
    }

    #[test]
    fn only_many_pods_are_taken_from_the_watch_instead_of_asked_for() {
        let views = ready();
        let mut one = pod("Pending", json!({"waiting": {"reason": "ContainerCreating"}}));
        for number in 0..MANY {
            assert!(views.many_pods("team-0001").is_none(), "{number} are asked for");
            one.metadata.name = Some(format!("p{number}"));
            views.feed_pod(&Event::Apply(one.clone()));
        }
        assert_eq!(views.many_pods("team-0001").map(|pods| pods.len()), Some(MANY));
        assert!(views.many_pods("team-0002").is_none());
    }

    #[test]
    fn what_no_admission_priced_is_not_metered() {
        let views = ready();
        let mut free = pod("Running", json!({"running": {"startedAt": "2026-11-21T10:00:00Z"}}));
        free.metadata.annotations = None;
        views.feed_pod(&Event::Apply(free));
        let mut elsewhere = pod("Running", json!({"running": {"startedAt": "2026-11-21T10:00:00Z"}}));
        elsewhere.metadata.namespace = Some("kube-system".into());
        views.feed_pod(&Event::Apply(elsewhere));
        assert!(metering(&views).unwrap().pods.is_empty());
    }

    #[test]
    fn who_listens_to_an_empty_namespace_hears_that_the_lists_are_complete() {
        let views = Views::default();
        let mut page = views.workloads.listen("team-0001");
        views.feed_pod(&Event::Init);
        assert!(page.changed().now_or_never().is_none());
        views.feed_pod(&Event::InitDone);
        assert!(page.changed().now_or_never().is_some());
    }

    #[test]
    fn capacity_is_counted_once_the_last_list_is_complete_even_when_it_is_empty() {
        let views = Views::default();
        let noticed = || views.capacity.notified().now_or_never().is_some();
        views.feed_node(&Event::Init);
        views.feed_node(&Event::InitApply(Node::default()));
        views.feed_node(&Event::InitDone);
        assert!(noticed());
        assert!(views.pods.all().is_none(), "nothing can be counted yet");
        views.feed_pod(&Event::Init);
        views.feed_pod(&Event::InitDone);
        assert!(noticed(), "no node changes any more, so nothing else would start the count");
    }
}
