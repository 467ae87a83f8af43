//! Which nodes an engine becomes: pure.
//! What its own nodes say counts; where they may not be read, what was typed by hand.
use std::collections::BTreeMap;

use engines::{
    docker::Hardware,
    kubernetes::{AWAY, Class},
};
use kubelet::Gpu;
use sha2::{Digest, Sha256};

/// Longest name of a Node that is also a label.
const NAME: usize = 63;
/// Longest part of it that names the hardware.
const KIND: usize = 31;
/// Digits that stand for what a long name of an engine has no room for.
const DIGEST: usize = 8;
/// What a node offers of which nothing is known but its GPUs: enough for any SKU, the engine has the last word.
const CPUS_PER_GPU: u64 = 256;
const MEMORY_PER_GPU: u64 = 4 << 40;
const DISK_PER_GPU: u64 = 16 << 40;
const PODS: u32 = 110;
/// GPUs of an account, of all models together: more than a new one may rent. What it may cost is limited elsewhere.
const RENTED_GPUS: u32 = 100;
/// A host does not tell what disk is free; its engine has the last word.
const HOST_DISK: u64 = 1 << 40;

/// The classes of an engine whose nodes may not be read.
pub(super) fn typed(gpus: &[(String, u32)]) -> Vec<Class> {
    gpus.iter()
        .map(|(product, count)| {
            let count64 = u64::from(*count);
            Class {
                cpus: CPUS_PER_GPU.saturating_mul(count64),
                memory_bytes: MEMORY_PER_GPU.saturating_mul(count64),
                ephemeral_bytes: DISK_PER_GPU.saturating_mul(count64),
                pods: PODS,
                tolerations: Class::unread().tolerations,
                ..Class::of_product(product, *count)
            }
        })
        .collect()
}

/// What an account may be asked for: instances with GPUs, since what SKUs sell there is GPUs.
pub(super) fn rented() -> Class {
    let gpu = Some(Gpu { model: String::new(), count: RENTED_GPUS, memory_gib: None });
    let count = u64::from(RENTED_GPUS);
    Class {
        gpu,
        cpus: CPUS_PER_GPU.saturating_mul(count),
        memory_bytes: MEMORY_PER_GPU.saturating_mul(count),
        ephemeral_bytes: DISK_PER_GPU.saturating_mul(count),
        pods: RENTED_GPUS,
        ..Class::default()
    }
}

/// What a container host offers: all of it.
pub(super) fn of_host(host: Hardware) -> Class {
    let Hardware { cpus, memory_bytes, gpu } = host;
    Class { gpu, cpus, memory_bytes, ephemeral_bytes: HOST_DISK, pods: PODS, ..Class::default() }
}

/// Classes by the name of their node: the engine's, and what its label calls the hardware. The name of one never depends
/// on what else there is.
pub(super) fn by_name(engine: &str, classes: Vec<Class>) -> BTreeMap<String, Class> {
    let mut all: BTreeMap<String, Class> = BTreeMap::new();
    for class in classes {
        let kind = class.product().map_or("cpu".to_owned(), kind);
        let name = node_name(engine, &kind);
        match all.get_mut(&name) {
            None => drop(all.insert(name, class)),
            // The same product, typed twice.
            Some(known) => add(known, &class),
        }
    }
    all
}

/// The name of an engine's node of this kind.
pub(super) fn node_name(engine: &str, kind: &str) -> String {
    let room = NAME - kind.len() - 1;
    if engine.len() <= room {
        return format!("{engine}-{kind}");
    }
    // Engines whose names begin alike have nodes of their own: what tells those of two accounts apart stands at the end.
    let digest = Sha256::digest(engine);
    let kept = engine[..room - DIGEST - 1].trim_end_matches(['-', '.']);
    format!("{kept}-{:02x}{:02x}{:02x}{:02x}-{kind}", digest[0], digest[1], digest[2], digest[3])
}

/// Adds the nodes whose hardware is not found now: those that run, and those of an earlier process with the GPUs that
/// their labels name. They offer nothing, and what runs there can still be looked at and ended.
pub(super) fn keep_empty<'a>(
    wanted: &mut BTreeMap<String, Class>,
    running: impl Iterator<Item = (&'a String, &'a Class)>,
    left: BTreeMap<String, Option<Gpu>>,
) {
    for (name, class) in running {
        wanted.entry(name.clone()).or_insert_with(|| empty(class.clone()));
    }
    for (name, gpu) in left {
        // What was not begun yet waits: which hardware it was meant for is not known any more.
        let node_selector = BTreeMap::from([(AWAY.to_owned(), "true".to_owned())]);
        wanted.entry(name).or_insert_with(|| Class { gpu, node_selector, ..Class::default() });
    }
}

/// Whether a node that stands for `old` may stand for `new` as it runs: only how much there is has changed.
pub(super) fn is_same(old: &Class, new: &Class) -> bool {
    let kind = |class: &Class| class.gpu.as_ref().map(|gpu| (gpu.model.clone(), gpu.memory_gib));
    old.node_selector == new.node_selector && old.tolerations == new.tolerations && kind(old) == kind(new)
}

fn empty(class: Class) -> Class {
    let gpu = class.gpu.map(|gpu| Gpu { count: 0, ..gpu });
    Class { gpu, cpus: 0, memory_bytes: 0, ephemeral_bytes: 0, pods: 0, ..class }
}

fn add(known: &mut Class, more: &Class) {
    if let (Some(gpu), Some(more)) = (&mut known.gpu, &more.gpu) {
        gpu.count = gpu.count.saturating_add(more.count);
    }
    known.cpus = known.cpus.saturating_add(more.cpus);
    known.memory_bytes = known.memory_bytes.saturating_add(more.memory_bytes);
    known.ephemeral_bytes = known.ephemeral_bytes.saturating_add(more.ephemeral_bytes);
    known.pods = known.pods.saturating_add(more.pods);
}

/// A product as part of a name; with a digest where letters were lost.
fn kind(product: &str) -> String {
    let plain = |one: char| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '-' };
    let text: String = product.chars().map(plain).collect();
    if text.len() <= KIND && text == product.to_ascii_lowercase() && !text.ends_with('-') {
        return text;
    }
    let digest = Sha256::digest(product);
    let kept = text[..text.len().min(KIND - 5)].trim_matches('-');
    format!("{}-{:02x}{:02x}", if kept.is_empty() { "gpu" } else { kept }, digest[0], digest[1])
}
