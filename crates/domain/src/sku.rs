//! A sellable shape: the custom resource `skus.remotegpu.ai` and how it is shown.
//!
//! Source: RULINGS 12 (the resource), `console-api.md` §6 (the REST form).

mod check;
mod gpu_class;
mod grants;
mod runtime_class;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::{Error, Result};

pub use check::check_code;
pub use gpu_class::{GPU_CLASS_PREFIX, gpu_class_of, is_gpu_class, priority_classes_of};
pub use grants::{SkuGrants, SkuGrantsView};
pub use runtime_class::{
    FoundRuntimeClass, LIMIT_COUNT, LIMIT_CPU, LIMIT_MEMORY, RUNTIME_CLASS_PROVIDER, RuntimeClassChanges,
    RuntimeClassShape, runtime_class_changes, runtime_classes,
};

/// The pod-template label that selects a SKU (published).
pub const SKU_LABEL: &str = "remotegpu.ai/sku-code";
/// The device that virtual nodes give and quotas count. Another one could be sold without any limit.
pub const GPU_DEVICE: &str = "nvidia.com/gpu";

/// A SKU as the cluster stores it: `metadata.name` is its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sku {
    /// The code, for example `gpu-h100-1x`.
    pub code: String,
    /// `metadata.generation`, frozen into pods at admission: it moves with the spec only, not with each status write.
    #[serde(default)]
    pub version: String,
    /// What is sold.
    pub spec: SkuSpec,
    /// What is free.
    #[serde(default)]
    pub status: SkuStatus,
}

/// `spec` of the custom resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SkuSpec {
    /// For people.
    pub title: String,
    /// Absent for CPU SKUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<SkuGpu>,
    /// What a pod gets in all.
    pub resources: SkuResources,
    /// What it costs.
    pub price: SkuPrice,
    /// Where it runs.
    #[serde(default)]
    pub placement: SkuPlacement,
    /// No longer sold; running pods go on.
    #[serde(default)]
    pub retired: bool,
}

/// The GPUs of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SkuGpu {
    /// For example `H100`.
    pub model: String,
    /// Whole devices.
    pub count: u32,
    /// GiB per device.
    #[serde(rename = "memoryGiB")]
    pub memory_gib: u32,
    /// Extended resource name, for example `nvidia.com/gpu`.
    pub resource: String,
}

/// Kubernetes quantities of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SkuResources {
    /// For example `24`.
    pub cpu: String,
    /// For example `192Gi`.
    pub memory: String,
    /// For example `100Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<String>,
}

/// Price of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SkuPrice {
    /// Decimal string.
    pub per_hour: String,
    /// ISO 4217.
    pub currency: String,
}

/// Where the pods of a SKU go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SkuPlacement {
    /// Names of engines (node label `remotegpu.ai/engine`); empty = any.
    #[serde(default)]
    pub engines: Vec<String>,
    /// Further node labels.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// Kubernetes tolerations, as they are.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub tolerations: Vec<serde_json::Value>,
    /// Empty = none.
    #[serde(default)]
    pub runtime_class_name: String,
    /// Empty = none.
    #[serde(default)]
    pub priority_class_name: String,
}

/// `status` of the custom resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SkuStatus {
    /// Pods of this SKU that fit now.
    #[serde(default)]
    pub free: u32,
    /// Pods of this SKU that would fit on empty nodes.
    #[serde(default)]
    pub total: u32,
    /// When that was counted, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// The same per engine.
    #[serde(default)]
    pub engines: Vec<SkuEngineStatus>,
    /// The PriorityClass by which quotas count its GPUs, once there is one: admission gives it to the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class: Option<String>,
    /// Kubernetes conditions, as they are.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub conditions: Vec<serde_json::Value>,
}

/// Availability on one engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkuEngineStatus {
    /// Engine name.
    pub name: String,
    /// Pods that fit now.
    pub free: u32,
    /// Pods that fit on empty nodes.
    pub total: u32,
}

/// A SKU on the wire (`console-api.md` §6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkuView {
    /// Code.
    pub code: String,
    /// For people.
    pub title: String,
    /// `cpu` or `gpu`.
    pub kind: String,
    /// GPUs, if any.
    pub gpu: Option<SkuGpuView>,
    /// Cores.
    pub cpu: String,
    /// Memory quantity.
    pub memory: String,
    /// Ephemeral storage quantity, if limited.
    pub storage: Option<String>,
    /// Price per hour.
    pub price: PriceView,
    /// What is free.
    pub available: AvailabilityView,
    /// Whether the asking account may use it here.
    pub granted: bool,
    /// Engines that offer it.
    pub engines: Vec<String>,
    /// The `runtimeClassName` by which a pod may pick it instead of the label; none without GPUs.
    pub runtime_class: Option<String>,
    /// Seconds that its pods usually take from their place on a node to their start, by the newest of those that run;
    /// null where none runs, and in a stream.
    pub usual_start_seconds: Option<u32>,
}

/// GPUs of a [`SkuView`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkuGpuView {
    /// Model.
    pub model: String,
    /// Devices.
    pub count: u32,
    /// GiB each.
    pub memory_gib: u32,
    /// MIG profile, if sliced.
    pub mig_profile: Option<String>,
}

/// A price on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PriceView {
    /// Decimal string.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// Always `hour`.
    pub unit: String,
}

/// Free capacity on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AvailabilityView {
    /// Fit now.
    pub free: u32,
    /// Fit on empty nodes.
    pub total: u32,
    /// When counted, RFC 3339.
    pub as_of: Option<String>,
}

// === impl Sku ===

impl Sku {
    /// The hourly price.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the resource holds no legal price.
    pub fn price(&self) -> Result<Money> {
        let wrong = || Error::field("price.perHour", "decimal", format!("SKU {} has no legal price", self.code));
        self.spec.price.money().map_err(|_| wrong())
    }

    /// The wire form.
    pub fn view(&self, granted: bool) -> SkuView {
        let spec = &self.spec;
        SkuView {
            code: self.code.clone(),
            title: spec.title.clone(),
            kind: if spec.gpu.is_some() { "gpu" } else { "cpu" }.to_owned(),
            gpu: spec.gpu.as_ref().map(|g| SkuGpuView {
                model: g.model.clone(),
                count: g.count,
                memory_gib: g.memory_gib,
                mig_profile: None,
            }),
            cpu: spec.resources.cpu.clone(),
            memory: spec.resources.memory.clone(),
            storage: spec.resources.ephemeral_storage.clone(),
            price: spec.price.view(),
            available: AvailabilityView {
                free: self.status.free,
                total: self.status.total,
                as_of: self.status.as_of.clone(),
            },
            granted,
            engines: spec.placement.engines.clone(),
            // What is no longer sold has no class.
            runtime_class: self.runtime_class().filter(|_| !spec.retired),
            usual_start_seconds: None,
        }
    }
}

// === impl SkuPrice ===

impl SkuPrice {
    /// The amount.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no price.
    pub fn money(&self) -> Result<Money> {
        Money::parse(&self.per_hour, Currency::new(&self.currency)?)
    }

    /// The wire form; what is no price is shown as it is.
    pub fn view(&self) -> PriceView {
        PriceView {
            amount: self.money().map_or_else(|_| self.per_hour.clone(), |price| price.decimal()),
            currency: self.currency.clone(),
            unit: "hour".to_owned(),
        }
    }
}

// === impl PriceView ===

impl From<&Money> for PriceView {
    fn from(price: &Money) -> Self {
        Self { amount: price.decimal(), currency: price.currency.as_str().to_owned(), unit: "hour".to_owned() }
    }
}

impl PriceView {
    /// What all of it costs, one sum for each currency.
    pub fn sums(prices: impl Iterator<Item = Money>) -> Vec<Self> {
        let mut sums: BTreeMap<String, Money> = BTreeMap::new();
        for price in prices {
            let sum = sums.entry(price.currency.as_str().to_owned());
            let sum = sum.or_insert_with(|| Money { micros: 0, currency: price.currency.clone() });
            sum.micros = sum.micros.saturating_add(price.micros);
        }
        sums.values().map(Self::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_of_the_rulings_reads_and_writes_back() {
        let spec = serde_json::json!({
            "title": "1 × H100 80 GB",
            "gpu": {"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"},
            "resources": {"cpu": "24", "memory": "192Gi", "ephemeral-storage": "100Gi"},
            "price": {"perHour": "3.290000", "currency": "EUR"},
            "placement": {"engines": ["simulated"], "nodeSelector": {}, "tolerations": [], "runtimeClassName": "", "priorityClassName": ""},
            "retired": false
        });
        let parsed: SkuSpec = serde_json::from_value(spec.clone()).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), spec);
    }
}
