//! What the node offers while it runs: an engine may grow and shrink.
//! Neither its pods nor their streams notice.
use std::sync::Arc;

use tokio::sync::watch;

use crate::{Capacity, Gpu, NodeConfig, kubelet::Shared, node_object::capacity};

/// Capacity, and the number of GPUs.
pub(crate) type Size = (Capacity, Option<u32>);

/// Takes over each size, until nobody tells any more.
pub(crate) async fn run(shared: Arc<Shared>, mut sizes: watch::Receiver<Size>) {
    loop {
        let told = sizes.borrow_and_update().clone();
        let others = shared.rules.capabilities.other_gpus;
        let now = Arc::new(capacity(&sized(&shared.config, told), &shared.engine, others));
        shared.allocatable.send_if_modified(|known| std::mem::replace(known, now.clone()) != now);
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            told = sizes.changed() => if told.is_err() { return },
        }
    }
}

/// The settings with another size; a node keeps the model of its GPUs.
fn sized(config: &NodeConfig, (capacity, gpus): Size) -> NodeConfig {
    let gpu = config.gpu.clone().zip(gpus).map(|(gpu, count)| Gpu { count, ..gpu });
    NodeConfig { capacity, gpu, ..config.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EngineInfo, config::tests::config};

    #[test]
    fn a_node_without_hardware_offers_nothing_and_says_so() {
        let nothing = Capacity {
            cpu: Some("0".into()),
            memory: Some("0Mi".into()),
            ephemeral_storage: Some("0Mi".into()),
            pods: Some(0),
        };
        let engine = EngineInfo { version: "1".into(), cpus: Some(64), memory_bytes: Some(1 << 40) };
        let offered = capacity(&sized(&config(), (nothing, Some(0))), &engine, &[]);
        let shown = ["cpu", "memory", "pods", "nvidia.com/gpu"].map(|name| offered[name].as_str());
        assert_eq!(shown, ["0", "0Mi", "0", "0"], "a merge patch would leave what is not said as it was");
    }
}
