//! Why a pod finds no place, with numbers: instead of the scheduler's list of nodes that did not fit.
//!
//! Source: `ui.md` §2: "No H100 is free. 3 are used by you, 12 by others. You will start automatically."

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::WorkloadState;
use crate::sku::Sku;

/// Why pods of a SKU wait, by SKU code. A SKU that has free places is not in it.
pub type Waits = BTreeMap<String, String>;

/// Pods of a SKU that hold a place on a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occupied {
    /// Those of the account that asks.
    pub own: u32,
    /// Those of all others.
    pub others: u32,
}

/// Pods that hold a place, by SKU code.
pub type OccupiedBySku = BTreeMap<String, Occupied>;

/// The sentence for every SKU of which nothing is free.
pub fn waits(skus: &BTreeMap<String, Sku>, occupied: &OccupiedBySku) -> Waits {
    let full = skus.values().filter(|sku| sku.status.as_of.is_some() && sku.status.free == 0);
    full.map(|sku| (sku.code.clone(), sentence(sku, skus, occupied))).collect()
}

/// Those of `waits` that the pods of `states` are shown with; none where every pod has a place. They may change while
/// `states` stay as they are: others come and go.
pub fn reasons_shown(states: &[WorkloadState], waits: &Waits) -> Option<Waits> {
    let unplaced = states.iter().flat_map(|state| &state.pods).filter(|pod| pod.unplaced());
    let codes: BTreeSet<&str> = unplaced.map(|pod| pod.sku_code.as_str()).collect();
    let words = |code: &str| waits.get(code).map(|words| (code.to_owned(), words.clone()));
    (!codes.is_empty()).then(|| codes.into_iter().filter_map(words).collect())
}

/// Starts that say what is usual: older ones met other engines and colder image caches.
const RECENT: usize = 20;

/// How long pods usually take from their place to their start: the middle of the newest of `starts`, which are moments
/// and seconds. None when nothing has started yet.
pub fn usual_start(mut starts: Vec<(Timestamp, u32)>) -> Option<u32> {
    starts.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    let mut took: Vec<u32> = starts.into_iter().take(RECENT).map(|(_, seconds)| seconds).collect();
    took.sort_unstable();
    took.get(took.len() / 2).copied()
}

fn sentence(sku: &Sku, skus: &BTreeMap<String, Sku>, occupied: &OccupiedBySku) -> String {
    let what = sku.spec.gpu.as_ref().map_or_else(|| sku.code.clone(), |gpu| gpu.model.clone());
    if sku.status.total == 0 {
        return format!("No node offers {what} now. It starts by itself when one comes");
    }
    let used = used(sku, skus, occupied);
    let verb = |n: u32| if n == 1 { "is" } else { "are" };
    let by_others = if used.others > 0 { format!(", {} by others", used.others) } else { String::new() };
    let room = match sku.spec.gpu.as_ref().map_or(1, |gpu| gpu.count) {
        0 | 1 => format!("No {what} is free"),
        count => format!("No {count} × {what} are free on one node"),
    };
    format!("{room}; {} {} in use by this account{by_others}. It starts by itself", used.own, verb(used.own))
}

/// GPUs of the same model over all SKUs; without a GPU the pods of the SKU itself.
fn used(sku: &Sku, skus: &BTreeMap<String, Sku>, occupied: &OccupiedBySku) -> Occupied {
    let Some(gpu) = &sku.spec.gpu else { return occupied.get(&sku.code).copied().unwrap_or_default() };
    let mut total = Occupied::default();
    for (code, pods) in occupied {
        let count = skus.get(code).and_then(|s| s.spec.gpu.as_ref()).filter(|g| g.model == gpu.model);
        let count = count.map_or(0, |g| g.count);
        total.own += pods.own * count;
        total.others += pods.others * count;
    }
    total
}
