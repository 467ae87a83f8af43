//! Which GPUs a quota counts together: those of one model, or of the priority class that an operator gave their SKUs.
//!
//! A ResourceQuota tells pods apart by their PriorityClass and by nothing else that fits. So each model has one, of the
//! priority that pods have without any (decision 011).

use super::{SkuGpu, SkuSpec};
use crate::name::may_exist;

/// What the PriorityClass and the ResourceQuota of a class are called, before its name.
pub const GPU_CLASS_PREFIX: &str = "remotegpu-gpu-";
/// Longest name of a class: the quota compares it, prefix and all, as a label value of at most 63 characters.
const LONGEST: usize = 63 - GPU_CLASS_PREFIX.len();
/// The class of models without a Latin letter or digit.
const OTHER: &str = "other";

/// Whether a limit may be set for a class of this name.
pub fn is_gpu_class(name: &str) -> bool {
    // Kubernetes names the quota so, and would refuse it, and with it all else of the namespace.
    let whole = name.split('.').all(|part| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-'));
    name.len() <= LONGEST && may_exist(name) && whole && !name.starts_with(GPU_CLASS_PREFIX)
}

/// The class that a pod of this PriorityClass counts under, if it has GPUs.
pub fn gpu_class_of(priority_class: &str) -> &str {
    priority_class.strip_prefix(GPU_CLASS_PREFIX).unwrap_or(priority_class)
}

/// Every PriorityClass whose pods count under a class: the other way round.
pub fn priority_classes_of(gpu_class: &str) -> [String; 2] {
    [format!("{GPU_CLASS_PREFIX}{gpu_class}"), gpu_class.to_owned()]
}

// === impl SkuSpec ===

impl SkuSpec {
    /// What quotas count its GPUs under, for example `h100`: the model, unless the operator named a priority class.
    /// None without GPUs, and for a priority class of a name too long to count by.
    pub fn gpu_class(&self) -> Option<String> {
        let gpu = self.gpu.as_ref()?;
        match gpu_class_of(&self.placement.priority_class_name) {
            "" => Some(gpu.class()),
            named => is_gpu_class(named).then(|| named.to_owned()),
        }
    }

    /// The PriorityClass that its pods get so that quotas can count them; none where there is nothing to count, or
    /// where the operator named another.
    pub fn counting_class(&self) -> Option<String> {
        let gpu = self.gpu.as_ref().filter(|_| self.placement.priority_class_name.is_empty())?;
        Some(format!("{GPU_CLASS_PREFIX}{}", gpu.class()))
    }
}

// === impl SkuGpu ===

impl SkuGpu {
    /// The model as names of Kubernetes spell it: `h100`, `rtx4090`.
    pub(super) fn plain_model(&self) -> String {
        self.model.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
    }

    fn class(&self) -> String {
        let plain: String = self.plain_model().chars().take(LONGEST).collect();
        if plain.is_empty() { OTHER.to_owned() } else { plain }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(model: &str, priority_class: &str) -> SkuSpec {
        let spec = json!({
            "title": "x", "resources": {"cpu": "1", "memory": "1Gi"}, "price": {"perHour": "1", "currency": "EUR"},
            "gpu": {"model": model, "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"},
            "placement": {"priorityClassName": priority_class},
        });
        serde_json::from_value(spec).unwrap()
    }

    fn classes(model: &str, priority_class: &str) -> (Option<String>, Option<String>) {
        let spec = spec(model, priority_class);
        (spec.gpu_class(), spec.counting_class())
    }

    #[test]
    fn gpus_of_one_model_are_one_class_however_it_is_spelled() {
        for (model, class) in [("H100", "h100"), ("h100", "h100"), ("RTX 4090", "rtx4090"), ("昇腾", "other")] {
            assert_eq!(classes(model, ""), (Some(class.to_owned()), Some(format!("remotegpu-gpu-{class}"))), "{model}");
        }
        let (class, _) = classes(&"x".repeat(63), "");
        assert!(is_gpu_class(&class.unwrap()), "the longest model can be limited");
        let mut cpu = spec("H100", "");
        cpu.gpu = None;
        assert_eq!((cpu.gpu_class(), cpu.counting_class()), (None, None));
    }

    #[test]
    fn a_priority_class_of_the_operators_is_a_class_of_its_own() {
        assert_eq!(classes("H100", "paid"), (Some("paid".to_owned()), None));
        assert_eq!(
            classes("H100 SXM", "remotegpu-gpu-h100"),
            (Some("h100".to_owned()), None),
            "unless it joins another"
        );
        assert_eq!(classes("H100", &"x".repeat(50)), (None, None));
    }

    #[test]
    fn a_pod_counts_under_one_class_and_the_quota_of_that_class_sees_it() {
        for priority_class in ["remotegpu-gpu-h100", "h100", "paid", "system-node-critical"] {
            let class = gpu_class_of(priority_class);
            assert!(is_gpu_class(class) && priority_classes_of(class).iter().any(|seen| seen == priority_class));
        }
        assert!(priority_classes_of(&"x".repeat(LONGEST)).iter().all(|value| value.len() <= 63));
        for bad in ["", "H100", "a b", "a..b", "a.-b", "a-.b", "remotegpu-gpu-h100", &"x".repeat(LONGEST + 1)] {
            assert!(!is_gpu_class(bad), "{bad}");
        }
    }
}
