//! Tolerations: those of the SKU and those that Kubernetes itself adds, no others.
//!
//! A blanket toleration would let a pod onto nodes that nobody sold (`security.md` §6.2, 3).

use serde_json::{Value, json};

use super::Refusal;
use super::patch::Draft;
use super::spec::items;
use crate::capacity::{ACCOUNT_TAINT, PROVIDER_TAINT, names_engine_of};
use crate::sku::Sku;

const PATH: [&str; 2] = ["spec", "tolerations"];
/// Taints of a node that does not answer, or whose engine does not.
const OUTAGES: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
/// What the plugin DefaultTolerationSeconds writes for them where a pod says nothing.
const DEFAULT_SECONDS: i64 = 300;

/// A toleration with Kubernetes' defaults filled in.
#[derive(PartialEq)]
struct Toleration<'a> {
    key: &'a str,
    exists: bool,
    value: &'a str,
    effect: &'a str,
}

// === impl Toleration ===

impl<'a> Toleration<'a> {
    fn read(value: &'a Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        Self { key: text("key"), exists: text("operator") == "Exists", value: text("value"), effect: text("effect") }
    }

    /// Whether a node taint that `other` tolerates is tolerated by this one as well.
    fn covers(&self, other: &Self) -> bool {
        let key = self.key == other.key && !other.key.is_empty();
        let effect = self.effect.is_empty() || self.effect == other.effect;
        key && effect && (self.exists || (!other.exists && self.value == other.value))
    }

    /// What the plugin DefaultTolerationSeconds adds before any webhook runs.
    fn built_in(&self) -> bool {
        OUTAGES.contains(&self.key) && self.exists && self.effect == "NoExecute"
    }
}

/// Appends the SKU's tolerations for pods of an account and refuses foreign ones.
pub(super) fn fill(draft: &mut Draft, sku: &Sku, account: &str, refusals: &mut Vec<Refusal>) {
    let wanted = of_sku(sku, account);
    let gpu_key = sku.spec.gpu.as_ref().map(|gpu| gpu.resource.as_str());
    for (index, value) in items(draft.get(&PATH)).enumerate() {
        let own = Toleration::read(value);
        let sold = wanted.iter().any(|sold| Toleration::read(sold).covers(&own)) || gpu_key == Some(own.key);
        if !sold && !own.built_in() {
            let message = format!("SKU {} does not tolerate {}: remove this toleration", sku.code, name(&own));
            refusals.push(Refusal::new("tolerations", format!("spec.tolerations[{index}]"), message));
        }
    }
    for sold in wanted {
        let present = items(draft.get(&PATH)).any(|own| Toleration::read(own).covers(&Toleration::read(&sold)));
        if !present {
            draft.append(&PATH, sold);
        }
    }
    stay_through_outages(draft);
}

/// What runs on an engine goes on while nobody reaches it: a drain ends it, an outage does not. Who writes other seconds
/// than Kubernetes itself means them.
fn stay_through_outages(draft: &mut Draft) {
    for key in OUTAGES {
        let stays = json!({"key": key, "operator": "Exists", "effect": "NoExecute"});
        let covers = |own: &Value| Toleration::read(own).covers(&Toleration::read(&stays));
        let present = items(draft.get(&PATH)).enumerate().find(|(_, own)| covers(own));
        let seconds = |own: &Value| own.get("tolerationSeconds").and_then(Value::as_i64);
        match present.map(|(index, own)| (index, seconds(own))) {
            None => draft.append(&PATH, stays),
            Some((index, Some(DEFAULT_SECONDS))) => draft.set(&[PATH[0], PATH[1], &index.to_string()], stays),
            Some(_) => {}
        }
    }
}

/// Whether a toleration may be added to a running pod: only those that Kubernetes itself adds.
pub(super) fn may_be_added(toleration: &Value) -> bool {
    Toleration::read(toleration).built_in()
}

fn of_sku(sku: &Sku, account: &str) -> Vec<Value> {
    // Taints of our nodes: RULINGS 14.
    let key = sku.spec.gpu.as_ref().map_or(PROVIDER_TAINT, |gpu| gpu.resource.as_str());
    let mut all = vec![json!({"key": key, "operator": "Exists", "effect": "NoSchedule"})];
    // The selector holds these pods to the engines that the SKU names, this to those of their own account.
    let own = || json!({"key": ACCOUNT_TAINT, "operator": "Equal", "value": account, "effect": "NoSchedule"});
    all.extend(names_engine_of(sku, account).then(own));
    all.extend(sku.spec.placement.tolerations.iter().cloned());
    all
}

fn name(toleration: &Toleration<'_>) -> String {
    if toleration.key.is_empty() { "every taint".to_owned() } else { format!("taint {}", toleration.key) }
}
