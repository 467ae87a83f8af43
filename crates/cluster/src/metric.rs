//! What pods use, asked of each node itself: `GET /stats/summary` of its kubelet API, over TLS that proves the node, with
//! an identity that may `get nodes/stats` and nothing else (`deploy/roles/35-metrics.yaml`).
//!
//! Never through the API server: that takes `nodes/proxy`, which also runs commands in every pod (`security.md` §8).

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::Metrics;
use domain::id::{AccountId, NamespaceId};
use domain::metric::{GpuPod, PodReading};
use domain::namespace::KubernetesName;
use domain::workload::{Owner, WorkloadKind};
use domain::{Error, Result};
use http::Uri;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Node, NodeStatus};
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::KubeCluster;
use crate::client::{CALL_LIMIT, Doing, call, client, within};
use crate::views::Views;
use crate::watch::changes::lock;
use crate::workload::change::object;
use crate::workload::state::PodRow;

mod summary;

const ASKING: Doing = "asking a node for its figures";
// An engine with many containers looks at each of them; below the interval between two questions.
const ANSWER: Duration = Duration::from_secs(10);
/// Reason of the event; the policy `deploy/policies/console-events.yaml` lets the reconciler report no other.
const STOPPED: &str = "StoppedIdleGpus";
/// Resources that are GPUs end so, whoever makes them.
const GPU: &str = "/gpu";

/// How nodes are asked for figures.
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// Kubeconfig of `remotegpu-metrics`; only its token counts.
    pub kubeconfig: PathBuf,
    /// Authorities in PEM that sign the serving certificates of nodes.
    pub kubelet_ca: PathBuf,
}

/// Asks nodes; one client, and so one pool of connections, for each.
pub(crate) struct Reader {
    config: Config,
    clients: Mutex<HashMap<String, (String, Client)>>,
}

// === impl Reader ===

impl Reader {
    /// Reads token and authorities; connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Internal`] for a file that cannot be read.
    pub async fn load(given: &MetricsConfig) -> Result<Self> {
        let trouble = |path: &Path, why: &dyn std::fmt::Display| Error::internal(format!("{}: {why}", path.display()));
        let mut file = Kubeconfig::read_from(&given.kubeconfig).map_err(|error| trouble(&given.kubeconfig, &error))?;
        for cluster in file.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            // Of the kubeconfig only the identity is used: nodes are elsewhere, and have authorities of their own.
            cluster.certificate_authority_data = None;
            cluster.certificate_authority = Some(given.kubelet_ca.display().to_string());
            cluster.insecure_skip_tls_verify = None;
            cluster.tls_server_name = None;
            cluster.proxy_url = None;
        }
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let mut config = config.map_err(|error| trouble(&given.kubelet_ca, &error))?;
        config.default_retry = false;
        config.connect_timeout = Some(CALL_LIMIT);
        // Another proxy than the kubeconfig's could come from the environment.
        config.proxy_url = None;
        Ok(Self { config, clients: Mutex::default() })
    }

    async fn read(&self, node: &str, url: &str, known: impl Fn(&str) -> bool) -> Result<Vec<PodReading>> {
        let client = self.client(node, url, known)?;
        within(ASKING, ANSWER, summary::read(&client)).await?
    }

    /// The client of a node, a new one when it has moved. Those of nodes that are not `known` any more go with that.
    fn client(&self, node: &str, url: &str, known: impl Fn(&str) -> bool) -> Result<Client> {
        let mut clients = lock(&self.clients);
        if let Some((known, client)) = clients.get(node)
            && known == url
        {
            return Ok(client.clone());
        }
        let mut config = self.config.clone();
        config.cluster_url = url.parse::<Uri>().map_err(Error::internal)?;
        let made = client(config)?;
        clients.retain(|node, _| known(node));
        clients.insert(node.to_owned(), (url.to_owned(), made.clone()));
        Ok(made)
    }
}

#[async_trait]
impl Metrics for KubeCluster {
    fn reads_metrics(&self) -> bool {
        self.inner.metrics.is_some()
    }

    async fn node_metrics(&self, node: &str) -> Result<Vec<PodReading>> {
        let reader = self.inner.metrics.as_ref().ok_or_else(|| Error::cluster("nodes are not asked for figures"))?;
        let kubelets = &self.inner.views.kubelets;
        let url = kubelets.get("", node).and_then(|url| (*url).clone());
        let url = url.ok_or_else(|| Error::cluster(format!("the node {node} has no address")))?;
        reader.read(node, &url, |node| kubelets.get("", node).is_some()).await
    }

    fn gpu_pods(&self) -> Vec<GpuPod> {
        gpu_pods(&self.inner.views)
    }

    async fn report_stop(
        &self,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<()> {
        let client = &self.inner.clients.reconciler;
        // What is gone has nobody who looks at it.
        let Some(object) = object(client.clone(), tenant, kind, name).await? else { return Ok(()) };
        let report = stop_event(tenant, kind, name, &object["metadata"]["uid"], why, at);
        let report: Event = serde_json::from_value(report).map_err(Error::internal)?;
        let api: Api<Event> = Api::namespaced(client.clone(), tenant.as_str());
        call("reporting a stop", api.create(&PostParams::default(), &report)).await.map(drop)
    }
}

fn stop_event(tenant: &KubernetesName, kind: WorkloadKind, name: &str, uid: &Value, why: &str, at: Timestamp) -> Value {
    let group = if kind == WorkloadKind::Pod { "v1" } else { "apps/v1" };
    // The fields of this version of events have whole seconds.
    let at = Timestamp::from_second(at.as_second()).unwrap_or(at).to_string();
    json!({
        "metadata": {"generateName": format!("{name}."), "namespace": tenant.as_str()},
        "involvedObject": {
            "apiVersion": group, "kind": kind.word(), "namespace": tenant.as_str(), "name": name, "uid": uid,
        },
        "type": "Warning", "reason": STOPPED, "message": why,
        "source": {"component": "remotegpu"}, "count": 1, "firstTimestamp": at, "lastTimestamp": at,
    })
}

fn gpu_pods(views: &Views) -> Vec<GpuPod> {
    let mut pods = Vec::new();
    if !views.tenants_known() {
        return pods;
    }
    views.pods.each(|namespace, row| pods.extend(gpu_pod(views, namespace, row)));
    pods
}

fn gpu_pod(views: &Views, namespace: &str, row: &PodRow) -> Option<GpuPod> {
    let state = &row.state;
    // One that is still starting keeps its workload from being called idle.
    let runs = !state.over() && !state.deleting;
    let has_gpus = row.taken.iter().any(|(name, amount)| name.ends_with(GPU) && *amount > 0);
    if !(runs && has_gpus) {
        return None;
    }
    let owner = row.owner.as_ref().map(|(kind, name)| Owner { kind: kind.word().to_owned(), name: name.clone() });
    Some(GpuPod {
        account_id: AccountId::parse(&views.account(namespace)?).ok()?,
        namespace_id: NamespaceId::parse(&views.tenant(namespace)?).ok()?,
        namespace: namespace.to_owned(),
        name: state.name.clone(),
        node: state.node.clone()?,
        // What no kind of ours made is somebody else's too, and must not look like a pod on its own.
        owner: owner.or_else(|| state.owners.last().cloned()),
    })
}

/// Where the kubelet API of a node is; none before it says so.
pub(crate) fn kubelet_url(node: &Node) -> Option<String> {
    let NodeStatus { addresses, daemon_endpoints, .. } = node.status.as_ref()?;
    let internal = addresses.iter().flatten().find(|address| address.type_ == "InternalIP")?;
    let port = u16::try_from(daemon_endpoints.as_ref()?.kubelet_endpoint.as_ref()?.port).ok()?;
    // A name here would let whoever answers for it in DNS ask for our token.
    match internal.address.parse::<IpAddr>().ok()? {
        IpAddr::V4(ip) => Some(format!("https://{ip}:{port}")),
        IpAddr::V6(ip) => Some(format!("https://[{ip}]:{port}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_a_stop_is_an_event_that_kubernetes_takes() {
        let tenant = KubernetesName::from_stored("team-0001".to_owned());
        let at = "2026-01-01T00:00:00.5Z".parse().unwrap();
        let event = stop_event(&tenant, WorkloadKind::Deployment, "demo", &json!("u-1"), "because", at);
        let event: Event = serde_json::from_value(event).unwrap();
        let about = &event.involved_object;
        assert_eq!((about.api_version.as_deref(), about.uid.as_deref()), (Some("apps/v1"), Some("u-1")));
        assert_eq!(event.last_timestamp.unwrap().0.to_string(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn a_node_is_asked_at_its_own_address_only() {
        let at = |address: &str, port: i32| {
            let status = json!({
                "addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": address}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            });
            kubelet_url(&serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap())
        };
        assert_eq!(at("10.0.0.7", 10250).as_deref(), Some("https://10.0.0.7:10250"));
        assert_eq!(at("fd00::1", 10250).as_deref(), Some("https://[fd00::1]:10250"));
        for (address, port) in [("evil.example/@", 10250), ("10.0.0.7", 70000), ("", 1)] {
            assert_eq!(at(address, port), None, "{address}:{port}");
        }
        assert_eq!(kubelet_url(&Node::default()), None);
    }
}
