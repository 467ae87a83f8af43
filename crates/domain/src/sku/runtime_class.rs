//! The name and the ceilings by which users of the tenant API pick a SKU: `spec.runtimeClassName` of a pod.
//!
//! Source: `tenant-api.md` §6. Everything comes from the SKU itself: the webhook reads nothing else (RULINGS 13).

use std::collections::BTreeMap;

use super::Sku;

/// First part of every name, `<provider>-<vendor>-<count>x<model>`.
pub const RUNTIME_CLASS_PROVIDER: &str = "remotegpu";
/// Annotation: CPU of a pod at most, summed over its containers.
pub const LIMIT_CPU: &str = "limits.k8s.gpu/cpu";
/// Annotation: memory of a pod at most.
pub const LIMIT_MEMORY: &str = "limits.k8s.gpu/memory";
/// Annotation: GPUs of a pod at most.
pub const LIMIT_COUNT: &str = "limits.k8s.gpu/default";

impl Sku {
    /// The runtime class that stands for this SKU, for example `remotegpu-nvidia-1xh100`; none without GPUs.
    pub fn runtime_class(&self) -> Option<String> {
        let gpu = self.spec.gpu.as_ref()?;
        Some(format!("{RUNTIME_CLASS_PROVIDER}-{}-{}x{}", self.gpu_vendor()?, gpu.count, gpu.plain_model()))
    }

    /// Who makes its GPUs, from the name of the resource: `nvidia` for `nvidia.com/gpu`.
    pub fn gpu_vendor(&self) -> Option<&str> {
        let domain = self.spec.gpu.as_ref()?.resource.split('/').next()?;
        domain.split('.').next().filter(|vendor| !vendor.is_empty())
    }

    /// The ceilings as that class carries them: quantities as the SKU writes them.
    pub fn runtime_class_limits(&self) -> BTreeMap<&'static str, String> {
        let count = self.spec.gpu.as_ref().map_or(0, |gpu| gpu.count);
        let resources = &self.spec.resources;
        BTreeMap::from([
            (LIMIT_CPU, resources.cpu.clone()),
            (LIMIT_MEMORY, resources.memory.clone()),
            (LIMIT_COUNT, count.to_string()),
        ])
    }
}
