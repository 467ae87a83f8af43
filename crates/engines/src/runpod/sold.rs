//! What a pod may have where SKUs are sold: the hardware of its SKU, and nothing that the account keeps for others
//! (RULINGS 23). Annotations may narrow that and never widen it.
use std::{collections::BTreeMap, sync::Arc};

use kubelet::{InstanceRequest, ProviderError};
use tokio::sync::watch;

use super::{annotations::Annotations, choice::Wish};

/// Ids of things that belong to the whole account.
const IDS: [&str; 3] = ["templateId", "network-volume-id", "container-registry-auth-id"];

/// The GPUs of each SKU, by its code; changes while the engine runs.
pub type Sold = watch::Receiver<Arc<BTreeMap<String, SoldGpu>>>;

/// The GPUs of one SKU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoldGpu {
    /// For example `H100`.
    pub model: String,
    /// Of each, GiB.
    pub memory_gib: u32,
}

/// Holds a pod's wish to its SKU.
///
/// # Errors
/// [`ProviderError::Refused`] for an id that is not the tenant's, [`ProviderError::Waiting`] without a known SKU.
pub(super) fn hold(
    wish: &mut Wish,
    request: &InstanceRequest,
    notes: &Annotations,
    sold: &Sold,
) -> Result<(), ProviderError> {
    if let Some(id) = IDS.into_iter().find(|id| notes.get(id).is_some()) {
        let message =
            format!("The annotation runpod.io/{id} names something of the whole account; it is not open here");
        return Err(ProviderError::Refused { reason: "NotEntitled", message });
    }
    let code = request.pod.metadata.labels.as_ref().and_then(|labels| labels.get(domain::sku::SKU_LABEL));
    let code = code.map(String::as_str).unwrap_or_default();
    let Some(gpu) = sold.borrow().get(code).cloned() else {
        let message = format!("No SKU {code:?} with GPUs is known to this node");
        return Err(ProviderError::Waiting { reason: "SkuNotSold", message });
    };
    wish.gpu_memory = notes.number("required-gpu-memory")?.unwrap_or(0).max(gpu.memory_gib);
    wish.model = Some(gpu.model);
    Ok(())
}

/// Holds a pod to `usual` GB of disk, what its requests or the node say: disk is paid for apart from the GPU, and a volume is
/// disk too.
///
/// # Errors
/// [`ProviderError::Refused`] for more.
pub(super) fn hold_disk(notes: &Annotations, disk: u32, usual: u32) -> Result<(), ProviderError> {
    let asked = disk.saturating_add(notes.number("volume-gb")?.unwrap_or(0));
    if asked <= usual {
        return Ok(());
    }
    let message = format!(
        "The annotations runpod.io/container-disk-gb and volume-gb make {asked} GB of disk; this pod may have {usual} GB"
    );
    Err(ProviderError::Refused { reason: "NotEntitled", message })
}
