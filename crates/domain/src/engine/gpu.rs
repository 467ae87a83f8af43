//! GPUs of a cluster: counted by model, and the sentence in which a check tells of them.
//!
//! Source: `engine-import.md` §7, row 10. Texts are names of the other side and come here as they may be shown.

use std::collections::BTreeMap;

use super::report::GpuCapacity;

/// Models that a sentence names, and taints.
const NAMED: usize = 8;

/// A node with GPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuNode {
    /// Its name.
    pub name: String,
    /// Their model; the resource where the node does not say it.
    pub model: String,
    /// How many it can give to pods.
    pub total: u32,
    /// It is ready and not cordoned, so that pods may come.
    pub open: bool,
    /// Each as `key=value:effect`, without `=value` where there is none.
    pub taints: Vec<String>,
}

/// The GPUs of all nodes by model. `held` says how many pods hold of each node, by name; without it nobody knows what
/// is free.
pub fn by_model(nodes: &[GpuNode], held: Option<&BTreeMap<String, u32>>) -> Vec<GpuCapacity> {
    let mut models: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for node in nodes {
        let held = held.and_then(|held| held.get(&node.name)).copied().unwrap_or(0);
        let (total, free) = models.entry(&node.model).or_default();
        *total = total.saturating_add(node.total);
        // The device plugin may have taken a broken one back while a pod holds it.
        *free = free.saturating_add(node.total.saturating_sub(held));
    }
    let capacity = |(model, (total, free)): (&str, (u32, u32))| {
        let free = held.map(|_| free);
        GpuCapacity { model: model.to_owned(), total, free }
    };
    models.into_iter().map(capacity).collect()
}

/// What a check says of `gpus`, the GPUs of `nodes`: how many there are and are free, or why that is not known; whether
/// nodes are out of use; which taints keep pods off; and what is known of the RuntimeClass that pods may need.
pub fn sentence(nodes: &[GpuNode], gpus: &[GpuCapacity], unknown: Option<&str>, class: Option<&str>) -> String {
    let of_model = |gpu: &GpuCapacity| {
        let free = gpu.free.map(|free| format!(" ({free} free)")).unwrap_or_default();
        format!("{} × {}{free}", gpu.total, gpu.model)
    };
    let unknown = unknown.map(|why| format!("free unknown: {why}"));
    let (closed, all) = (nodes.iter().filter(|node| !node.open).count(), nodes.len());
    let closed = (closed > 0).then(|| format!("{closed} of {all} nodes with GPUs not ready or cordoned"));
    let class = class.map(str::to_owned);
    let parts = [Some(listed(gpus.iter().map(of_model))), unknown, closed, Some(taints(nodes)), class];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Each taint once, with the number of nodes where not all have it.
fn taints(nodes: &[GpuNode]) -> String {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for taint in nodes.iter().flat_map(|node| &node.taints) {
        *found.entry(taint).or_default() += 1;
    }
    if found.is_empty() {
        return "no taints".to_owned();
    }
    let all = nodes.len();
    let told = found.into_iter().map(|(taint, count)| match count {
        some if some < all => format!("{taint} (on {some} of {all} nodes)"),
        _ => taint.to_owned(),
    });
    format!("taints: {}", listed(told))
}

fn listed(all: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = all.collect();
    let others = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    let named = all.join(", ");
    if others > 0 { format!("{named} and {others} more") } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, model: &str, total: u32, taints: &[&str]) -> GpuNode {
        let taints = taints.iter().map(|taint| (*taint).to_owned()).collect();
        GpuNode { name: name.to_owned(), model: model.to_owned(), total, open: true, taints }
    }

    fn held(by: &[(&str, u32)]) -> BTreeMap<String, u32> {
        by.iter().map(|(node, gpus)| ((*node).to_owned(), *gpus)).collect()
    }

    #[test]
    fn gpus_are_free_where_no_pod_holds_them_and_never_less_than_none() {
        let nodes = [node("a", "H100", 8, &[]), node("b", "H100", 8, &[]), node("c", "L4", 1, &[])];
        let held = held(&[("a", 3), ("c", 2), ("elsewhere", 5)]);
        let free = |gpus: Vec<GpuCapacity>| -> Vec<_> {
            gpus.into_iter().map(|gpu| (gpu.model, gpu.total, gpu.free)).collect()
        };
        let known = [("H100".to_owned(), 16, Some(13)), ("L4".to_owned(), 1, Some(0))];
        assert_eq!(free(by_model(&nodes, Some(&held))), known);
        let unknown = [("H100".to_owned(), 16, None), ("L4".to_owned(), 1, None)];
        assert_eq!(free(by_model(&nodes, None)), unknown);
    }

    #[test]
    fn a_taint_of_some_nodes_says_of_how_many() {
        let (gpu, sold) = ("nvidia.com/gpu=present:NoSchedule", "sold:NoExecute");
        let nodes = [node("a", "H100", 8, &[gpu, sold]), node("b", "H100", 8, &[gpu])];
        let told = |nodes: &[GpuNode], held, unknown, class| sentence(nodes, &by_model(nodes, held), unknown, class);
        let held = held(&[("b", 8)]);
        assert_eq!(
            told(&nodes, Some(&held), None, Some("no RuntimeClass nvidia")),
            "16 × H100 (8 free); taints: nvidia.com/gpu=present:NoSchedule, sold:NoExecute (on 1 of 2 nodes); \
             no RuntimeClass nvidia"
        );
        let plain = [GpuNode { open: false, ..node("a", "H100", 8, &[]) }];
        assert_eq!(
            told(&plain, None, Some("nobody says"), None),
            "8 × H100; free unknown: nobody says; 1 of 1 nodes with GPUs not ready or cordoned; no taints"
        );
    }

    #[test]
    fn a_sentence_names_no_more_models_and_taints_than_one_can_read() {
        let nodes: Vec<GpuNode> = (10..20)
            .map(|number| {
                let taint = format!("team-{number}:NoSchedule");
                node(&format!("n{number}"), &format!("model-{number}"), 1, &[taint.as_str()])
            })
            .collect();
        let told = sentence(&nodes, &by_model(&nodes, None), None, None);
        assert!(told.contains("1 × model-17 and 2 more; taints: team-10:NoSchedule (on 1 of 10 nodes)"), "{told}");
        assert!(told.ends_with("team-17:NoSchedule (on 1 of 10 nodes) and 2 more"), "{told}");
    }
}
