//! Limits of single classes of GPUs, as an operator fills them in for an account.

use std::collections::{BTreeMap, BTreeSet};

use domain::account::Quota;
use domain::platform_sku::PlatformSkuView;
use domain::{Error, FieldError, Result};
use serde::{Deserialize, Serialize};

/// A class of GPUs with its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuLimit {
    /// The class, for example `h100`.
    pub class: String,
    /// Models of the SKUs that count under it; none where a limit outlived them.
    pub models: Vec<String>,
    /// Most of them in one namespace.
    pub limit: Option<u32>,
}

/// Every class of the catalogue, and every one that has a limit.
pub fn gpu_limits(skus: &[PlatformSkuView], quota: &Quota) -> Vec<GpuLimit> {
    let mut models: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for spec in skus.iter().map(|sku| &sku.spec) {
        if let (Some(class), Some(gpu)) = (spec.gpu_class(), &spec.gpu) {
            models.entry(class).or_default().insert(&gpu.model);
        }
    }
    for class in quota.gpu_classes.keys() {
        models.entry(class.clone()).or_default();
    }
    let one = |(class, models): (String, BTreeSet<&str>)| GpuLimit {
        limit: quota.gpu_classes.get(&class).copied(),
        models: models.into_iter().map(ToOwned::to_owned).collect(),
        class,
    };
    models.into_iter().map(one).collect()
}

/// Before a class in the name of its field: a key that begins with a digit would be read as a place in a list.
const FIELD: &str = "of-";

/// Name of the field of a class.
pub fn field(class: &str) -> String {
    format!("gpu_classes[{FIELD}{class}]")
}

/// What stands in the fields; an empty one lifts the limit.
///
/// # Errors
/// [`Error::Invalid`] for what is no number.
pub fn filled_in(fields: BTreeMap<String, String>) -> Result<BTreeMap<String, Option<u32>>> {
    let mut wrong = Vec::new();
    let read = |(class, text): (String, String)| {
        let class = class.strip_prefix(FIELD).unwrap_or(&class);
        let limit = match text.trim() {
            "" => None,
            number => number.parse::<u32>().map_err(|_| wrong.push(not_a_number(class))).ok(),
        };
        (class.to_owned(), limit)
    };
    let limits = fields.into_iter().map(read).collect();
    if wrong.is_empty() { Ok(limits) } else { Err(Error::Invalid(wrong)) }
}

fn not_a_number(class: &str) -> FieldError {
    let message = format!("GPUs of class {class}: write a whole number, or nothing for no limit");
    FieldError::new("quota.gpu_classes", "format", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sku(code: &str, model: Option<&str>) -> PlatformSkuView {
        let gpu = model.map(|model| json!({"model": model, "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"}));
        let mut spec = json!({"title": "x", "resources": {"cpu": "1", "memory": "1Gi"},
            "price": {"perHour": "1", "currency": "EUR"}});
        if let Some(gpu) = gpu {
            spec["gpu"] = gpu;
        }
        serde_json::from_value(json!({"code": code, "version": "1", "spec": spec, "status": {}})).unwrap()
    }

    #[test]
    fn every_class_that_is_sold_or_limited_has_one_field() {
        let skus = [sku("a", Some("H100")), sku("b", Some("h-100")), sku("c", Some("L4")), sku("d", None)];
        let quota = Quota { gpu_classes: [("h100".to_owned(), 4), ("old".to_owned(), 1)].into(), ..Quota::default() };
        let found = gpu_limits(&skus, &quota);
        let found: Vec<(&str, String, Option<u32>)> =
            found.iter().map(|one| (one.class.as_str(), one.models.join(", "), one.limit)).collect();
        let expected = [
            ("h100", "H100, h-100".to_owned(), Some(4)),
            ("l4", "L4".to_owned(), None),
            ("old", String::new(), Some(1)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_empty_field_lifts_the_limit_and_no_number_is_refused() {
        let fields = |text: &str| BTreeMap::from([("of-h100".to_owned(), text.to_owned())]);
        assert_eq!(filled_in(fields(" ")).unwrap()["h100"], None);
        assert_eq!(filled_in(fields("4")).unwrap()["h100"], Some(4));
        assert_eq!(filled_in(fields("0")).unwrap()["h100"], Some(0));
        for bad in ["-1", "many", "1.5"] {
            assert!(filled_in(fields(bad)).is_err(), "{bad}");
        }
    }
}
