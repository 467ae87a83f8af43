//! GPUs counted by class: the PriorityClass that tells quotas which pods are whose, and the check that counts alike.

use crate::deployment::AdmissionCheck;
use crate::namespace::QuotaLine;

use super::*;

const CLASS: &str = "remotegpu-gpu-h100";

/// The SKUs once the classes of their GPUs are there.
fn marked() -> BTreeMap<String, Sku> {
    let mut skus = skus();
    for sku in skus.values_mut() {
        sku.status.priority_class = sku.spec.counting_class();
    }
    skus
}

fn decided(pod: &Value, skus: &BTreeMap<String, Sku>) -> Value {
    let mut stored = pod.clone();
    apply(&mut stored, &admit(pod, &NamespacePolicy::default(), skus).unwrap());
    stored
}

#[test]
fn a_pod_gets_the_class_of_its_gpus_once_the_class_is_there() {
    let (pod, marked) = (template("gpu-h100-1x"), marked());
    assert_eq!(decided(&pod, &skus())["spec"]["priorityClassName"], Value::Null, "nobody could use it yet");
    let mut stored = decided(&pod, &marked);
    assert_eq!(stored["spec"]["priorityClassName"], CLASS);
    // The plugin Priority runs again after the webhook.
    (stored["spec"]["priority"], stored["spec"]["preemptionPolicy"]) = (json!(0), json!("PreemptLowerPriority"));
    for known in [&marked, &skus()] {
        assert_eq!(admit(&stored, &NamespacePolicy::default(), known).unwrap(), [], "also by who has not read of it");
    }
    assert_eq!(decided(&template("cpu-shared-8g"), &marked)["spec"]["priorityClassName"], Value::Null);
    assert_eq!(decided(&template("gpu-spread"), &marked)["spec"]["priorityClassName"], "paid");
}

#[test]
fn nobody_counts_under_another_class_than_that_of_the_gpus() {
    let marked = marked();
    for (sku, class) in
        [("gpu-h100-1x", "remotegpu-gpu-l4"), ("gpu-h100-1x", "paid"), ("gpu-spread", CLASS), ("cpu-shared-8g", CLASS)]
    {
        let pod = with(sku, "priorityClassName", json!(class));
        let refused = admit(&pod, &NamespacePolicy::default(), &marked).unwrap_err();
        assert_eq!(refused.iter().map(|r| r.code.as_str()).collect::<Vec<_>>(), ["priority"], "{sku} {class}");
    }
    // A status that speaks of the model of before gives no pod the class of other GPUs.
    let mut renamed = marked;
    let sku = renamed.get_mut("gpu-h100-1x").unwrap();
    sku.spec.gpu.as_mut().unwrap().model = "H200".to_owned();
    assert_eq!(decided(&template("gpu-h100-1x"), &renamed)["spec"]["priorityClassName"], Value::Null);
}

#[test]
fn the_check_counts_gpus_by_class_as_the_quotas_do() {
    let line = |class: Option<&str>, limit: &str, used: &str| QuotaLine {
        resource: "requests.nvidia.com/gpu".to_owned(),
        gpu_class: class.map(str::to_owned),
        limit: limit.to_owned(),
        used: used.to_owned(),
    };
    let quota =
        [line(None, "8", "5"), line(Some("h100"), "4", "3"), line(Some("paid"), "1", "1"), line(Some("l4"), "0", "0")];
    let judged = |sku: &str, replicas: u32, skus: &BTreeMap<String, Sku>| {
        let spec = json!({"replicas": replicas, "template": template(sku)});
        let manifest = json!({"kind": "Deployment", "metadata": {"name": "x"}, "spec": spec});
        let check = AdmissionCheck { manifest: Some(manifest), ..Default::default() };
        let policy = NamespacePolicy::default();
        let engines = BTreeMap::new();
        let place = Place { namespace: "team", policy: &policy, skus, quota: &quota, engines: &engines };
        let verdict = Asked::read(&check, "team").unwrap().judge(&place).unwrap();
        let failed = verdict.rules.into_iter().filter(|rule| !rule.ok).map(|rule| (rule.code, rule.message));
        (verdict.quota.len(), failed.collect::<Vec<_>>())
    };
    let marked = marked();
    let refused = |code: &str, message: &str| vec![(code.to_owned(), message.to_owned())];
    assert_eq!(judged("gpu-h100-1x", 1, &marked), (2, vec![]));
    let beyond = refused("quota_gpu_class", "Needs 2 GPUs of class h100, 1 of 4 left");
    assert_eq!(judged("gpu-h100-1x", 2, &marked), (2, beyond));
    let paid = refused("quota_gpu_class", "Needs 1 GPU of class paid, 0 of 1 left");
    assert_eq!(judged("gpu-spread", 1, &marked), (2, paid));
    assert_eq!(judged("gpu-h100-1x", 2, &skus()), (1, vec![]), "its pods would count under no class yet");
    assert_eq!(judged("cpu-shared-8g", 2, &marked), (0, vec![]));
}
