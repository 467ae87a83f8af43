//! Which nodes an engine becomes: pure.
//! What its own nodes say counts; where they may not be read, what was typed by hand.
use std::collections::BTreeMap;

use engines::kubernetes::Class;

/// Longest name of a Node that is also a label.
const NAME: usize = 63;
/// What a node offers of which nothing is known but its GPUs: enough for any SKU, the engine has the last word.
const CPUS_PER_GPU: u64 = 256;
const MEMORY_PER_GPU: u64 = 4 << 40;
const DISK_PER_GPU: u64 = 16 << 40;
const PODS: u32 = 110;

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

/// Classes by the name of their node: the engine's, and what tells its nodes apart.
pub(super) fn by_name(engine: &str, classes: Vec<Class>) -> BTreeMap<String, Class> {
    let mut all: BTreeMap<String, Class> = BTreeMap::new();
    for class in classes {
        let kind = class.gpu.as_ref().map_or("cpu".to_owned(), |gpu| kind(&gpu.model));
        let short = |suffix: &str| format!("{}-{suffix}", &engine[..engine.len().min(NAME - suffix.len() - 1)]);
        let mut name = short(&kind);
        // Two products of one model: same name, other memory or mounting.
        for number in 2.. {
            if !all.contains_key(&name) {
                break;
            }
            name = short(&format!("{kind}-{number}"));
        }
        all.insert(name, class);
    }
    all
}

fn kind(model: &str) -> String {
    let plain = |one: char| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '-' };
    let text: String = model.chars().take(NAME / 2).map(plain).collect();
    match text.trim_matches('-') {
        "" => "gpu".to_owned(),
        text => text.to_owned(),
    }
}
