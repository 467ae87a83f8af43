//! The quotas of a tenant namespace: the one of everything, and one for each class of GPUs that has a limit of its own.
//! Written and read here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::account::Quota;
use domain::admission::QuotaCheck;
use domain::namespace::{Namespace as Tenant, QuotaLine};
use domain::sku::{GPU_CLASS_PREFIX, GPU_DEVICE, priority_classes_of};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::ResourceExt as _;
use serde_json::json;

use super::objects::{Piece, QUOTA, decimal};

/// The quotas of the classes that have a limit. Kubernetes counts in each the pods of the PriorityClasses it names.
pub(super) fn of_classes(tenant: &Tenant, allowed: &Quota) -> Vec<Piece> {
    let one = |(class, limit): (&String, &u32)| {
        let values = priority_classes_of(class);
        let counted = json!({"scopeName": "PriorityClass", "operator": "In", "values": values});
        let hard = json!({(format!("requests.{GPU_DEVICE}")): decimal(*limit)});
        let spec = json!({"hard": hard, "scopeSelector": {"matchExpressions": [counted]}});
        Piece::new::<ResourceQuota>(tenant, &format!("{GPU_CLASS_PREFIX}{class}"), json!({"spec": spec}))
    };
    allowed.gpu_classes.iter().map(one).collect()
}

/// The class that a quota of this name limits; none for every other quota.
pub(super) fn class(name: &str) -> Option<&str> {
    name.strip_prefix(GPU_CLASS_PREFIX)
}

/// What one quota says of what a deployment can touch: compute, storage and pods. Object counts stay out of sight.
pub(crate) fn read(quota: &ResourceQuota) -> Vec<QuotaLine> {
    let hard = quota.spec.as_ref().and_then(|spec| spec.hard.as_ref());
    let used = quota.status.as_ref().and_then(|status| status.used.as_ref());
    let shown = |name: &&String| *name == "pods" || name.starts_with("requests.") || name.starts_with("limits.");
    let mut names: Vec<&String> = hard.into_iter().flat_map(|hard| hard.keys()).filter(shown).collect();
    names.sort_by_key(|name| (!is_gpu(name), name.starts_with("limits."), *name));
    let of = quota.name_any();
    let line = |name: &String| QuotaLine {
        resource: name.clone(),
        gpu_class: class(&of).map(ToOwned::to_owned),
        limit: hard.and_then(|hard| hard.get(name)).map(|q| q.0.clone()).unwrap_or_default(),
        used: used.and_then(|used| used.get(name)).map_or_else(|| "0".to_owned(), |q| q.0.clone()),
    };
    names.into_iter().map(line).collect()
}

/// The lines of all quotas of a namespace, by the names of those: GPUs first, then GPUs by class. None while the quota
/// of everything is not known.
pub(crate) fn all(quotas: &BTreeMap<String, Arc<Vec<QuotaLine>>>) -> Vec<QuotaLine> {
    let Some(everything) = quotas.get(QUOTA) else { return Vec::new() };
    let (gpus, others): (Vec<&QuotaLine>, Vec<&QuotaLine>) = everything.iter().partition(|line| is_gpu(&line.resource));
    let classes = quotas.iter().filter(|(name, _)| class(name).is_some()).flat_map(|(_, lines)| lines.iter());
    gpus.into_iter().chain(classes).chain(others).cloned().collect()
}

/// The API server's refusal of one pod more in the words of the admission check; none for every other text. It reads
/// `exceeded quota: <name>, requested: pods=1, used: pods=9, limited: pods=9`.
pub(crate) fn refusal(text: &str) -> Option<String> {
    let (name, numbers) = text.strip_prefix("exceeded quota: ")?.split_once(", requested: ")?;
    let (requested, numbers) = numbers.split_once(", used: ")?;
    let (used, limited) = numbers.split_once(", limited: ")?;
    let (used, limited) = (amounts(used), amounts(limited));
    let lack = |(resource, requested): (&str, &str)| {
        let line = QuotaLine {
            resource: resource.to_owned(),
            gpu_class: class(name).map(ToOwned::to_owned),
            limit: (*limited.get(resource)?).to_owned(),
            used: (*used.get(resource)?).to_owned(),
        };
        QuotaCheck { line, requested: requested.to_owned() }.lack()
    };
    // Requests and limits of one resource say the same.
    let lacks: BTreeSet<String> = amounts(requested).into_iter().filter_map(lack).collect();
    let lacks = lacks.into_iter().collect::<Vec<_>>().join(". ");
    let advice = "Scale down, delete something, or ask an operator for a higher limit";
    (!lacks.is_empty()).then(|| format!("The next pod is beyond the limits of this namespace. {lacks}. {advice}"))
}

/// `pods=1,requests.cpu=24` by resource.
fn amounts(text: &str) -> BTreeMap<&str, &str> {
    text.split(',').filter_map(|amount| amount.split_once('=')).collect()
}

fn is_gpu(resource: &str) -> bool {
    resource.ends_with("/gpu")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(name: &str, hard: serde_json::Value) -> ResourceQuota {
        let quota = json!({"metadata": {"name": name}, "spec": {"hard": hard}, "status": {"used": hard}});
        serde_json::from_value(quota).unwrap()
    }

    #[test]
    fn gpus_are_shown_first_and_by_class_after_that() {
        let hard = json!({
            "pods": "9", "limits.cpu": "2", "requests.cpu": "2", "requests.nvidia.com/gpu": "8", "secrets": "5",
        });
        let mut quotas: BTreeMap<String, Arc<Vec<QuotaLine>>> = BTreeMap::new();
        let mut add = |quota: &ResourceQuota| quotas.insert(quota.name_any(), Arc::new(read(quota)));
        add(&quota("remotegpu-gpu-h100", json!({"requests.nvidia.com/gpu": "4"})));
        add(&quota("somebody-elses", json!({"pods": "1"})));
        add(&quota("remotegpu", hard));
        let lines = all(&quotas);
        let shown: Vec<(&str, Option<&str>, &str)> =
            lines.iter().map(|line| (line.resource.as_str(), line.gpu_class.as_deref(), line.used.as_str())).collect();
        let expected = [
            ("requests.nvidia.com/gpu", None, "8"),
            ("requests.nvidia.com/gpu", Some("h100"), "4"),
            ("pods", None, "9"),
            ("requests.cpu", None, "2"),
            ("limits.cpu", None, "2"),
        ];
        assert_eq!(shown, expected);
        quotas.remove("remotegpu");
        assert!(all(&quotas).is_empty(), "a class alone is half of what holds");
    }

    #[test]
    fn a_pod_beyond_a_quota_is_refused_in_plain_words_with_every_number() {
        let said = |text: &str| refusal(&format!("exceeded quota: {text}"));
        let words = |lacks: &str| {
            let advice = "Scale down, delete something, or ask an operator for a higher limit";
            Some(format!("The next pod is beyond the limits of this namespace. {lacks}. {advice}"))
        };
        let whole = "remotegpu, requested: limits.cpu=24,pods=1,requests.cpu=24, \
            used: limits.cpu=90,pods=50,requests.cpu=90, limited: limits.cpu=100,pods=50,requests.cpu=100";
        assert_eq!(said(whole), words("Needs 1 pod, 0 of 50 left. Needs 24 CPU, 10 of 100 left"));
        let of_a_class = "remotegpu-gpu-h100, requested: requests.nvidia.com/gpu=2, \
            used: requests.nvidia.com/gpu=3, limited: requests.nvidia.com/gpu=4";
        assert_eq!(said(of_a_class), words("Needs 2 GPUs of class h100, 1 of 4 left"));
        assert_eq!((said("remotegpu"), refusal("no SKU")), (None, None));
    }
}
