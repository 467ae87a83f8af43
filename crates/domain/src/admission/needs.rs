//! What a pod adds to the quota of its namespace, counted as Kubernetes counts it, and how that compares.

use std::collections::BTreeMap;

use serde_json::Value;

use super::spec::items;
use super::{QuotaCheck, RuleResult};
use crate::namespace::QuotaLine;
use crate::quantity::{format_bytes, format_milli, parse_milli};

/// Quota resource → thousandths.
type Needs = BTreeMap<String, i128>;

/// What `replicas` pods like this admitted one ask for.
pub(super) fn of(pod: &Value, replicas: u32) -> Needs {
    let mut needs = Needs::new();
    for side in ["requests", "limits"] {
        for (resource, milli) in one(pod, side) {
            needs.insert(format!("{side}.{resource}"), milli * i128::from(replicas));
        }
    }
    needs.insert("pods".to_owned(), i128::from(replicas) * 1000);
    needs
}

/// What a pod, as JSON, asks its node for, in thousandths by resource.
pub fn requests(pod: &Value) -> BTreeMap<String, i128> {
    one(pod, "requests")
}

/// All apps with the sidecars, or the largest init container with the sidecars before it: whichever is more.
fn one(pod: &Value, side: &str) -> Needs {
    let (mut apps, mut sidecars, mut highest) = (Needs::new(), Needs::new(), Needs::new());
    for container in items(pod.pointer("/spec/initContainers")) {
        if container.get("restartPolicy").is_some_and(|policy| policy == "Always") {
            add(&mut sidecars, &asked(container, side));
        } else {
            let mut together = sidecars.clone();
            add(&mut together, &asked(container, side));
            for (resource, milli) in together {
                let most = highest.entry(resource).or_default();
                *most = (*most).max(milli);
            }
        }
    }
    items(pod.pointer("/spec/containers")).for_each(|container| add(&mut apps, &asked(container, side)));
    add(&mut apps, &sidecars);
    for (resource, milli) in highest {
        let total = apps.entry(resource).or_default();
        *total = (*total).max(milli);
    }
    apps
}

fn asked(container: &Value, side: &str) -> Needs {
    let quantities = container.pointer(&format!("/resources/{side}")).and_then(Value::as_object);
    let read = |(name, value): (&String, &Value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        Some((name.clone(), parse_milli(&text).ok()?))
    };
    quantities.into_iter().flatten().filter_map(read).collect()
}

fn add(total: &mut Needs, more: &Needs) {
    for (resource, milli) in more {
        let sum = total.entry(resource.clone()).or_default();
        *sum = sum.saturating_add(*milli);
    }
}

/// One quota line with what is asked of it.
pub(super) fn quota(line: &QuotaLine, milli: i128) -> Option<QuotaCheck> {
    let requested = if is_bytes(&line.resource) { format_bytes(milli) } else { format_milli(milli) };
    Some(QuotaCheck { line: line.clone(), requested })
}

/// Whether it fits, with the numbers when it does not.
pub(super) fn quota_rule(check: &QuotaCheck) -> RuleResult {
    let QuotaCheck { line, requested } = check;
    let milli = |text: &str| parse_milli(text).unwrap_or(0);
    let left = milli(&line.limit) - milli(&line.used);
    let ok = milli(requested) <= left;
    let resource = line.resource.trim_start_matches("requests.").trim_start_matches("limits.");
    let (what, show): (&str, fn(i128) -> String) = match resource {
        "pods" => ("pods", format_milli),
        "cpu" => ("CPU", format_milli),
        "count/deployments.apps" => ("Deployments", format_milli),
        "count/jobs.batch" => ("Jobs", format_milli),
        r if is_bytes(r) => (r, format_bytes),
        r if r.ends_with("/gpu") => ("GPUs", format_milli),
        r => (r, format_milli),
    };
    let code = match (what, &line.gpu_class) {
        ("GPUs", None) => "quota_gpu".to_owned(),
        ("GPUs", Some(_)) => "quota_gpu_class".to_owned(),
        _ => format!("quota_{}", resource.replace(['-', '/', '.'], "_")),
    };
    let counted = match (requested.as_str(), what) {
        ("1", "pods" | "Deployments" | "Jobs" | "GPUs") => what.trim_end_matches('s'),
        _ => what,
    };
    let class = line.gpu_class.as_ref().map_or_else(String::new, |class| format!(" of class {class}"));
    let message = match ok {
        true => String::new(),
        false => format!("Needs {requested} {counted}{class}, {} of {} left", show(left.max(0)), line.limit),
    };
    RuleResult { code, ok, message }
}

fn is_bytes(resource: &str) -> bool {
    resource.ends_with("memory") || resource.ends_with("storage")
}
