//! How many pods of a SKU fit on which nodes: the numbers behind "free" and "total".
//!
//! Pure; the cluster adapter feeds it nodes and writes the answer into the SKU's status. Source: RULINGS 12 and 14.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::id::{AccountId, EngineId};
use crate::quantity::parse_milli;
use crate::sku::{Sku, SkuEngineStatus, SkuStatus};

/// Node label that names the engine behind a virtual node (DESIGN §2).
pub const ENGINE_LABEL: &str = "remotegpu.ai/engine";
/// Taint of virtual nodes without GPUs (RULINGS 14).
pub const PROVIDER_TAINT: &str = "virtual-kubelet.io/provider";

/// Taint of the nodes of an account's engine, with the account's id: only its own pods of SKUs that name the engine come.
pub const ACCOUNT_TAINT: &str = "remotegpu.ai/account";

/// Taint of a node whose engine takes nothing new for now. Cordoning is the operator's: nobody else writes or undoes it.
pub const CLOSED_TAINT: &str = "remotegpu.ai/closed";

/// Resource name → thousandths of its base unit, as [`parse_milli`] reads them.
pub type Amounts = BTreeMap<String, i128>;

/// Longest value of a label.
const LABEL: usize = 63;
/// Length of [`AccountId::short`].
const ID_END: usize = 8;
/// Digits that stand for what a long name has no room for.
const DIGEST: usize = 8;

/// A taint of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taint {
    /// For example `nvidia.com/gpu`.
    pub key: String,
    /// Often empty.
    pub value: String,
    /// `NoSchedule`, `NoExecute` or `PreferNoSchedule`.
    pub effect: String,
}

/// What one node has and what of it is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeRoom {
    /// Labels of the node.
    pub labels: BTreeMap<String, String>,
    /// Its taints.
    pub taints: Vec<Taint>,
    /// Ready, neither cordoned nor closed: new pods may come.
    pub open: bool,
    /// All it can give, with the key `pods`.
    pub allocatable: Amounts,
    /// What the pods bound to it ask for, with the key `pods`.
    pub used: Amounts,
}

/// Counts the pods of `sku` that fit now (`free`) and on empty nodes (`total`), per engine and in all.
///
/// Engines that the SKU names appear even when they have no node. `as_of` and `conditions` stay empty. A SKU whose
/// quantities cannot be read fits nowhere.
pub fn availability(sku: &Sku, nodes: &[NodeRoom]) -> SkuStatus {
    let mut engines: BTreeMap<&str, (u64, u64)> =
        sku.spec.placement.engines.iter().map(|name| (name.as_str(), (0, 0))).collect();
    let one = needs(sku).unwrap_or_default();
    for node in nodes.iter().filter(|node| !one.is_empty() && node.takes(sku)) {
        let engine = node.labels.get(ENGINE_LABEL).map_or("", String::as_str);
        let (free, total) = engines.entry(engine).or_default();
        *free += if node.open { fit(&one, |name| node.amount(name) - node.taken(name)) } else { 0 };
        *total += fit(&one, |name| node.amount(name));
    }
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let sum = |pick: fn(&(u64, u64)) -> u64| narrow(engines.values().map(pick).sum());
    let (free, total) = (sum(|e| e.0), sum(|e| e.1));
    let line = |(name, (free, total)): (&str, (u64, u64))| SkuEngineStatus {
        name: name.to_owned(),
        free: narrow(free),
        total: narrow(total),
    };
    SkuStatus { free, total, engines: engines.into_iter().map(line).collect(), ..SkuStatus::default() }
}

/// What one pod of the SKU takes of a node, a place among its pods included; none when that cannot be read.
fn needs(sku: &Sku) -> Option<Amounts> {
    let spec = &sku.spec;
    let mut texts = vec![("cpu", spec.resources.cpu.clone()), ("memory", spec.resources.memory.clone())];
    texts.extend(spec.resources.ephemeral_storage.clone().map(|text| ("ephemeral-storage", text)));
    texts.extend(spec.gpu.as_ref().map(|gpu| (gpu.resource.as_str(), gpu.count.to_string())));
    texts.push(("pods", "1".to_owned()));
    let read = |(name, text): (&str, String)| Some((name.to_owned(), parse_milli(&text).ok().filter(|n| *n > 0)?));
    texts.into_iter().map(read).collect()
}

/// Name of the nodes of an account's engine, as SKUs say it: with the end of the account's id. No account can draw pods of
/// others by the choice of a name, and the name alone says whose pods may come (RULINGS 2). The dot tells it from the
/// names of the platform's engines, which have none.
pub fn accounts_engine_name(engine: &str, account: AccountId) -> String {
    let room = LABEL - ID_END - 1;
    if engine.len() <= room {
        return format!("{engine}.{}", account.short());
    }
    // Two long names of one account that begin alike are two engines.
    let kept = engine[..room - DIGEST - 1].trim_end_matches('-');
    format!("{kept}-{:08x}.{}", digest(engine), account.short())
}

/// What an earlier version called them: with the end of the engine's own id. SKUs cannot be placed by it any more.
pub fn former_engine_name(engine: &str, id: EngineId) -> String {
    let room = LABEL - ID_END - 1;
    format!("{}-{}", &engine[..engine.len().min(room)], id.short())
}

/// FNV-1a: it tells long names of one account apart and guards nothing.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Whether pods of `account` may run on an engine that the SKU names: the platform's, or its own. An empty text is no
/// account.
pub fn open_to(sku: &Sku, account: &str) -> bool {
    let engines = &sku.spec.placement.engines;
    engines.is_empty() || engines.iter().any(|name| owner(name).is_none_or(|end| account.ends_with(end)))
}

/// Names of the engines where pods of `account` may come: those that the SKU names, or those that were seen to take it.
pub(crate) fn engines_for<'a>(sku: &'a Sku, account: &str) -> Vec<&'a str> {
    let named = sku.spec.placement.engines.iter().map(String::as_str);
    let seen = sku.status.engines.iter().filter(|_| sku.spec.placement.engines.is_empty()).map(|one| one.name.as_str());
    named.chain(seen).filter(|name| owner(name).is_none_or(|end| account.ends_with(end))).collect()
}

/// Whether the SKU names an engine of this account.
pub(crate) fn names_engine_of(sku: &Sku, account: &str) -> bool {
    sku.spec.placement.engines.iter().any(|name| owner(name).is_some_and(|end| account.ends_with(end)))
}

/// The end of the id of the account whose engine this is; none for the platform's.
fn owner(engine: &str) -> Option<&str> {
    let is_end = |end: &&str| end.len() == ID_END && end.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    engine.rsplit_once('.').map(|(_, end)| end).filter(is_end)
}

fn fit(one: &Amounts, room: impl Fn(&str) -> i128) -> u64 {
    let times = one.iter().map(|(name, need)| room(name).max(0) / need).min().unwrap_or(0);
    u64::try_from(times).unwrap_or(u64::MAX)
}

// === impl NodeRoom ===

impl NodeRoom {
    /// Whether selector, engine and taints let a pod of this SKU come here at all.
    fn takes(&self, sku: &Sku) -> bool {
        let placement = &sku.spec.placement;
        let Some(engine) = self.labels.get(ENGINE_LABEL) else { return false };
        let engine_fits = placement.engines.is_empty() || placement.engines.contains(engine);
        let labels_fit = placement.node_selector.iter().all(|(key, value)| self.labels.get(key) == Some(value));
        // Admission adds this one to every pod of the SKU, and that of its account where the SKU names its engine.
        let own = sku.spec.gpu.as_ref().map_or(PROVIDER_TAINT, |gpu| gpu.resource.as_str());
        let tolerated = |taint: &Taint| {
            let named = taint.key == own || (taint.key == ACCOUNT_TAINT && names_engine_of(sku, &taint.value));
            taint.effect == "PreferNoSchedule"
                || (named && taint.effect == "NoSchedule")
                || taint.transient()
                || placement.tolerations.iter().any(|toleration| taint.tolerated_by(toleration))
        };
        engine_fits && labels_fit && self.taints.iter().all(tolerated)
    }

    fn amount(&self, name: &str) -> i128 {
        self.allocatable.get(name).copied().unwrap_or(0)
    }

    fn taken(&self, name: &str) -> i128 {
        self.used.get(name).copied().unwrap_or(0)
    }
}

// === impl Taint ===

impl Taint {
    /// Kubernetes' own marks of a node in trouble, and ours: they say "not now", which [`NodeRoom::open`] says already.
    fn transient(&self) -> bool {
        self.key.starts_with("node.kubernetes.io/") || self.key == CLOSED_TAINT
    }

    fn tolerated_by(&self, toleration: &Value) -> bool {
        let text = |name: &str| toleration.get(name).and_then(Value::as_str).unwrap_or_default();
        let exists = text("operator") == "Exists";
        let key = text("key") == self.key || (text("key").is_empty() && exists);
        let effect = text("effect").is_empty() || text("effect") == self.effect;
        key && effect && (exists || text("value") == self.value)
    }
}

#[cfg(test)]
mod tests;
