//! SKUs as the platform's operators make and change them: the custom resource as it is, with its version.

use serde::{Deserialize, Serialize};

use crate::sku::{Sku, SkuGpu, SkuPlacement, SkuPrice, SkuResources, SkuSpec, SkuStatus};
use crate::{Error, Result};

/// A SKU on the wire, for operators; `spec` and `status` read as in `kubectl get sku -o yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlatformSkuView {
    /// Its code.
    pub code: String,
    /// Moves with each change of `spec`; pods carry the version they were admitted under.
    pub version: String,
    /// What is sold.
    pub spec: SkuSpec,
    /// What is free.
    pub status: SkuStatus,
}

/// Body of `POST /v1/platform/skus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSku {
    /// The code tenants write; never changes.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "gpu-h100-1x", min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub code: String,
    /// What is sold.
    pub spec: SkuSpec,
}

/// Body of `PATCH /v1/platform/skus/{code}`: each part that is given replaces the old one whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeSku {
    /// For people.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub title: Option<String>,
    /// The GPUs; a SKU without any stays one without.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub gpu: Option<SkuGpu>,
    /// What a pod gets in all.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub resources: Option<SkuResources>,
    /// For pods admitted from now on; running ones keep theirs.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub price: Option<SkuPrice>,
    /// Where it runs.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub placement: Option<SkuPlacement>,
    /// Retire, or sell again.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub retired: Option<bool>,
}

// === impl PlatformSkuView ===

impl From<&Sku> for PlatformSkuView {
    fn from(sku: &Sku) -> Self {
        let Sku { code, version, spec, status } = sku.clone();
        Self { code, version, spec, status }
    }
}

// === impl ChangeSku ===

impl ChangeSku {
    /// The changed spec, checked.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field; GPUs cannot be added or swapped for others, since running pods
    /// name the SKU.
    pub fn apply(self, old: &SkuSpec) -> Result<SkuSpec> {
        match (&self.gpu, &old.gpu) {
            (Some(_), None) => {
                let message = "A SKU without GPUs stays one, because running pods name it: make a new SKU";
                return Err(Error::field("spec.gpu.model", "fixed", message));
            }
            (Some(new), Some(old)) if new.resource != old.resource => {
                let message = "The device of a SKU does not change, because running pods hold it: make a new SKU";
                return Err(Error::field("spec.gpu.resource", "fixed", message));
            }
            _ => {}
        }
        let new = SkuSpec {
            title: self.title.unwrap_or_else(|| old.title.clone()),
            gpu: self.gpu.or_else(|| old.gpu.clone()),
            resources: self.resources.unwrap_or_else(|| old.resources.clone()),
            price: self.price.unwrap_or_else(|| old.price.clone()),
            placement: self.placement.unwrap_or_else(|| old.placement.clone()),
            retired: self.retired.unwrap_or(old.retired),
        };
        new.check()?;
        Ok(new)
    }
}

/// What differs between two specs, for the audit log: `price 3.290000 EUR → 2.990000 EUR, title`.
pub fn differences(old: &SkuSpec, new: &SkuSpec) -> String {
    let price = |spec: &SkuSpec| format!("{} {}", spec.price.per_hour, spec.price.currency);
    let mut parts = Vec::new();
    if old.price != new.price {
        parts.push(format!("price {} → {}", price(old), price(new)));
    }
    for (name, differs) in [
        ("title", old.title != new.title),
        ("gpu", old.gpu != new.gpu),
        ("resources", old.resources != new.resources),
        ("placement", old.placement != new.placement),
    ] {
        if differs {
            parts.push(name.to_owned());
        }
    }
    if old.retired != new.retired {
        parts.push(if new.retired { "retired" } else { "sold again" }.to_owned());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> SkuSpec {
        let spec = json!({"title": "x", "resources": {"cpu": "1", "memory": "8Gi"},
            "price": {"perHour": "0.06", "currency": "EUR"}});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn only_what_is_given_changes_and_the_log_says_what() {
        let change: ChangeSku =
            serde_json::from_value(json!({"price": {"perHour": "0.07", "currency": "EUR"}, "retired": true})).unwrap();
        let new = change.apply(&spec()).unwrap();
        assert_eq!((new.title.as_str(), new.retired), ("x", true));
        assert_eq!(differences(&spec(), &new), "price 0.06 EUR → 0.07 EUR, retired");
        assert_eq!(differences(&new, &new), "");
    }

    #[test]
    fn a_change_that_cannot_be_sold_is_refused() {
        let gpu = json!({"gpu": {"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"}});
        for wrong in [gpu, json!({"title": ""}), json!({"resources": {"cpu": "0", "memory": "1Gi"}})] {
            let change: ChangeSku = serde_json::from_value(wrong.clone()).unwrap();
            assert!(change.apply(&spec()).is_err(), "{wrong}");
        }
    }
}
