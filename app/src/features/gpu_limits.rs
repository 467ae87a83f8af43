//! Limits as people fill them in: of single classes of GPUs, of an account's total, of a namespace's share.

use std::collections::{BTreeMap, BTreeSet};

use domain::account::{Quota, ShareChange};
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
    for class in quota.gpu_classes.keys().chain(quota.total.gpu_classes.keys()) {
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

/// Name of the field of a class, among the fields called `of`.
pub fn field(of: &str, class: &str) -> String {
    format!("{of}[{FIELD}{class}]")
}

/// What stands in the fields; an empty one lifts the limit.
///
/// # Errors
/// [`Error::Invalid`] for what is no number.
pub fn filled_in(fields: BTreeMap<String, String>) -> Result<BTreeMap<String, Option<u32>>> {
    let mut wrong = Vec::new();
    let read = |(class, text): (String, String)| {
        let class = class.strip_prefix(FIELD).unwrap_or(&class);
        let limit = number(&text).unwrap_or_else(|| {
            wrong.push(not_a_number("quota.gpu_classes", &format!("GPUs of class {class}")));
            None
        });
        (class.to_owned(), limit)
    };
    let limits = fields.into_iter().map(read).collect();
    if wrong.is_empty() { Ok(limits) } else { Err(Error::Invalid(wrong)) }
}

/// What stands in the fields of a total or a share; an empty one lifts the limit, one that is not there stays.
///
/// # Errors
/// [`Error::Invalid`] for what is no number.
pub fn share(fields: BTreeMap<String, String>) -> Result<ShareChange> {
    type Fields = BTreeMap<String, String>;
    let (classes, fields): (Fields, Fields) = fields.into_iter().partition(|(field, _)| field.starts_with(FIELD));
    let mut wrong = Vec::new();
    let mut take = |field: &str| {
        let limit = number(fields.get(field)?);
        Some(limit.unwrap_or_else(|| {
            wrong.push(not_a_number(field, field));
            None
        }))
    };
    let change = ShareChange {
        cpu: take("cpu"),
        memory_gib: take("memory_gib"),
        gpus: take("gpus"),
        gpu_classes: None,
        pods: take("pods"),
    };
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    Ok(ShareChange { gpu_classes: Some(filled_in(classes)?), ..change })
}

/// A number or nothing; none for anything else.
fn number(text: &str) -> Option<Option<u32>> {
    match text.trim() {
        "" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

fn not_a_number(field: &str, what: &str) -> FieldError {
    FieldError::new(field, "format", format!("{what}: write a whole number, or nothing for no limit"))
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

    #[test]
    fn a_share_is_read_field_by_field() {
        let fields = |all: &[(&str, &str)]| {
            all.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let change = share(fields(&[("gpus", "3"), ("cpu", ""), ("of-h100", "1"), ("of-l4", " ")])).unwrap();
        assert_eq!((change.gpus, change.cpu, change.pods), (Some(Some(3)), Some(None), None));
        let classes = BTreeMap::from([("h100".to_owned(), Some(1)), ("l4".to_owned(), None)]);
        assert_eq!(change.gpu_classes.unwrap(), classes);
        for bad in [("gpus", "many"), ("of-h100", "-1")] {
            assert!(share(fields(&[bad])).is_err(), "{bad:?}");
        }
    }
}
