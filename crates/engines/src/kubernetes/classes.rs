//! The classes of nodes over there: those with the same model of GPU, and those without; each becomes a virtual node.
//! Only nodes that are ready and not cordoned count.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Toleration};
use kube::{Api, Client, api::ListParams};
use kubelet::{Gpu, ProviderError};

use super::error::{Right, explain, in_time};
use crate::docker::gpus::model;

/// Label in which the GPU operator, SkyPilot and our own nodes name the model.
const PRODUCT: &str = "nvidia.com/gpu.product";
/// Label with the memory of one GPU, MiB.
const MEMORY: &str = "nvidia.com/gpu.memory";
/// Taints that only keep off pods that were not meant for GPUs or virtual nodes; all others are somebody's decision.
const TAINTS: [&str; 2] = [Gpu::RESOURCE, domain::capacity::PROVIDER_TAINT];
/// API group of the SKUs: a cluster that has it is one of ours.
const CATALOGUE: &str = "remotegpu.ai";
const PAGE: u32 = 500;
/// The other side is not trusted to come to an end: as many pages are read, nodes looked at, classes and taints kept.
const PAGES: usize = 20;
const NODES: usize = 5_000;
const CLASSES: usize = 32;
const TOLERATIONS: usize = 16;

/// Nodes of one kind, and what pods may use of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Class {
    /// The GPUs of all of them together; `None` for nodes without.
    pub gpu: Option<Gpu>,
    /// Logical CPUs.
    pub cpus: u64,
    /// Memory.
    pub memory_bytes: u64,
    /// Disk.
    pub ephemeral_bytes: u64,
    /// Number of pods.
    pub pods: u32,
    /// How pods are held to these nodes.
    pub node_selector: BTreeMap<String, String>,
    /// Taints of these nodes that their pods must ignore.
    pub tolerations: Vec<Toleration>,
}

/// Reads the nodes of a cluster, 5,000 at most; GPU classes first, by model, 32 at most.
///
/// # Errors
/// [`ProviderError::Unsupported`] with the missing right, [`ProviderError::Unavailable`] if it does not answer.
pub async fn classes(client: &Client) -> Result<Vec<Class>, ProviderError> {
    let api: Api<Node> = Api::all(client.clone());
    let (mut all, mut next) = (Vec::new(), None::<String>);
    for _ in 0..PAGES {
        let mut params = ListParams::default().limit(PAGE);
        params.continue_token = next;
        let page = in_time(api.list(&params)).await;
        let page = page.map_err(|error| explain("(all)", Right("list", "nodes"), &error))?;
        all.extend(page.items);
        next = page.metadata.continue_.filter(|token| !token.is_empty());
        if next.is_none() || all.len() >= NODES {
            break;
        }
    }
    Ok(classify(&all))
}

/// What pods get in a cluster whose nodes may not be read. One that sells SKUs itself places pods by them, and its
/// admission refuses tolerations of anybody else; elsewhere [`Class::unread`].
///
/// # Errors
/// [`ProviderError::Unavailable`] if it does not answer.
pub async fn unread(client: &Client) -> Result<Class, ProviderError> {
    // Discovery is open to everybody who has signed in.
    let groups = in_time(client.list_api_groups()).await;
    let groups = groups.map_err(|error| explain("(all)", Right("get", "apis"), &error))?;
    let sells = groups.groups.iter().any(|group| group.name == CATALOGUE);
    Ok(if sells { Class::default() } else { Class::unread() })
}

pub(super) fn classify(nodes: &[Node]) -> Vec<Class> {
    let mut gpus: BTreeMap<String, Class> = BTreeMap::new();
    let mut plain = Class::default();
    for node in nodes.iter().take(NODES).filter(|node| is_usable(node)) {
        let count = u32::try_from(amount(node, Gpu::RESOURCE)).unwrap_or(u32::MAX);
        let product = label(node, PRODUCT).unwrap_or_default();
        if count == 0 || product.is_empty() {
            plain.add(node);
            continue;
        }
        if gpus.len() >= CLASSES && !gpus.contains_key(product) {
            continue;
        }
        let class = gpus.entry(product.to_owned()).or_insert_with(|| Class::of_product(product, 0));
        if let Some(gpu) = &mut class.gpu {
            gpu.count = gpu.count.saturating_add(count);
            gpu.memory_gib = gpu.memory_gib.or_else(|| memory_gib(node));
        }
        class.add(node);
    }
    let plain = Some(plain).filter(|class| class.pods > 0);
    gpus.into_values().chain(plain).collect()
}

// === impl Class ===

impl Class {
    /// Nodes that may not be read (RULINGS 29): whether they have the taints that only keep off pods which were not meant
    /// for GPUs or virtual nodes cannot be known, so pods ignore them.
    #[must_use]
    pub fn unread() -> Self {
        let ignored = |key: &str| Toleration {
            key: Some(key.to_owned()),
            operator: Some("Exists".to_owned()),
            ..Toleration::default()
        };
        Self { tolerations: TAINTS.map(ignored).to_vec(), ..Self::default() }
    }

    /// Nodes whose label says this product; nothing else is known of them.
    #[must_use]
    pub fn of_product(product: &str, count: u32) -> Self {
        Self {
            gpu: Some(Gpu { model: name(product), count, memory_gib: None }),
            node_selector: BTreeMap::from([(PRODUCT.to_owned(), product.to_owned())]),
            ..Self::default()
        }
    }

    /// The label of these nodes that says what their GPUs are; none without GPUs.
    #[must_use]
    pub fn product(&self) -> Option<&str> {
        self.node_selector.get(PRODUCT).map(String::as_str)
    }

    fn add(&mut self, node: &Node) {
        self.cpus = self.cpus.saturating_add(amount(node, "cpu"));
        self.memory_bytes = self.memory_bytes.saturating_add(amount(node, "memory"));
        self.ephemeral_bytes = self.ephemeral_bytes.saturating_add(amount(node, "ephemeral-storage"));
        self.pods = self.pods.saturating_add(u32::try_from(amount(node, "pods")).unwrap_or(u32::MAX));
        for taint in node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()) {
            let toleration = Toleration {
                key: Some(taint.key.clone()),
                operator: Some("Equal".into()),
                value: taint.value.clone(),
                effect: Some(taint.effect.clone()),
                toleration_seconds: None,
            };
            let room = self.tolerations.len() < TOLERATIONS;
            if room && TAINTS.contains(&taint.key.as_str()) && !self.tolerations.contains(&toleration) {
                self.tolerations.push(toleration);
            }
        }
    }
}

fn is_usable(node: &Node) -> bool {
    let cordoned = node.spec.as_ref().is_some_and(|spec| spec.unschedulable == Some(true));
    let mut conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    !cordoned && conditions.any(|one| one.type_ == "Ready" && one.status == "True")
}

/// Allocatable in whole units, rounded down; 0 if the node has none.
fn amount(node: &Node, resource: &str) -> u64 {
    let quantity = node.status.as_ref().and_then(|status| status.allocatable.as_ref()?.get(resource));
    let milli = quantity.and_then(|quantity| domain::quantity::parse_milli(&quantity.0).ok()).unwrap_or(0);
    u64::try_from(milli / 1000).unwrap_or(0)
}

fn label<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

/// The model as SKUs name it: `NVIDIA-H100-80GB-HBM3` is `H100`.
fn name(product: &str) -> String {
    model(&product.replace('-', " ")).unwrap_or_else(|| product.to_owned())
}

fn memory_gib(node: &Node) -> Option<u32> {
    Some(label(node, MEMORY)?.parse::<u32>().ok()?.div_ceil(1024))
}
