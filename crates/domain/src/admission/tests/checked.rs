//! The check around the rule: forms of the request, rule by rule, quota, price.

use crate::deployment::{AdmissionCheck, DeploymentPlan};
use crate::namespace::QuotaLine;

use super::*;

fn line(resource: &str, limit: &str, used: &str) -> QuotaLine {
    QuotaLine { resource: resource.to_owned(), limit: limit.to_owned(), used: used.to_owned() }
}

fn judge(check: &AdmissionCheck, quota: &[QuotaLine]) -> Verdict {
    let (policy, skus) = (NamespacePolicy::default(), skus());
    let place = Place { namespace: "team", policy: &policy, skus: &skus, quota };
    Asked::read(check, "team").unwrap().judge(&place).unwrap()
}

fn manifest(manifest: Value) -> AdmissionCheck {
    AdmissionCheck { manifest: Some(manifest), expected_hours: Some(3), ..Default::default() }
}

fn workload(kind: &str, more: Value) -> Value {
    let mut spec = json!({"template": template("gpu-h100-1x")});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"kind": kind, "metadata": {"name": "x"}, "spec": spec})
}

fn failing(verdict: &Verdict) -> Vec<&str> {
    verdict.rules.iter().filter(|rule| !rule.ok).map(|rule| rule.code.as_str()).collect()
}

#[test]
fn each_kind_is_priced_by_the_pods_that_run_at_a_time() {
    for (kind, more, price) in [
        ("Deployment", json!({"replicas": 2}), "6.58"),
        ("StatefulSet", json!({"replicas": 3}), "9.87"),
        ("Job", json!({"parallelism": 4, "completions": 10}), "13.16"),
        ("Deployment", json!({}), "3.29"),
    ] {
        let verdict = judge(&manifest(workload(kind, more)), &[]);
        assert_eq!(verdict.price.unwrap().per_hour, price, "{kind}");
        assert!(verdict.injected.iter().all(|i| i.path.starts_with("/spec/template/")), "{kind}");
    }
    let mut pod = template("gpu-h100-1x");
    pod["kind"] = json!("Pod");
    let verdict = judge(&manifest(pod), &[]);
    let price = verdict.price.unwrap();
    assert_eq!((price.per_hour.as_str(), price.for_expected_hours.as_deref()), ("3.29", Some("9.87")));
    assert!(verdict.injected.iter().any(|i| i.path.starts_with("/spec/nodeSelector")), "{:?}", verdict.injected);
}

#[test]
fn a_cron_job_is_judged_by_the_pods_of_one_of_its_jobs() {
    let job = workload("Job", json!({"parallelism": 2}));
    let cron = json!({"kind": "CronJob", "metadata": {"name": "x"},
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": job["spec"]}}});
    let verdict = judge(&manifest(cron.clone()), &[]);
    assert_eq!(verdict.price.unwrap().per_hour, "6.58");
    assert!(verdict.injected.iter().all(|i| i.path.starts_with("/spec/jobTemplate/spec/template/")));
    let mut broken = cron;
    broken["spec"]["jobTemplate"]["spec"]["template"]["metadata"] = json!("text");
    assert!(Asked::read(&manifest(broken), "team").is_err(), "it would be written to");
}

#[test]
fn quota_counts_what_the_pods_will_have_and_not_what_the_sku_could_give() {
    let quota = [
        line("requests.nvidia.com/gpu", "8", "7"),
        line("requests.cpu", "100", "0"),
        line("requests.memory", "1Ti", "0"),
        line("pods", "10", "9"),
        line("secrets", "5", "5"),
    ];
    let verdict = judge(&manifest(workload("Deployment", json!({"replicas": 2}))), &quota);
    assert_eq!(failing(&verdict), ["quota_gpu", "quota_pods"]);
    let said: Vec<&str> = verdict.rules.iter().filter(|r| !r.ok).map(|r| r.message.as_str()).collect();
    assert_eq!(said, ["Needs 2 GPUs, 1 of 8 left", "Needs 2 pods, 1 of 10 left"]);
    assert_eq!(verdict.quota.len(), 4, "what is not touched is not shown");
    // One that asks for less than the whole SKU uses less.
    let mut small = workload("Deployment", json!({}));
    small["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "2"}});
    let verdict = judge(&manifest(small), &quota);
    let cpu = verdict.quota.iter().find(|check| check.line.resource == "requests.cpu").unwrap();
    assert_eq!(cpu.requested, "2");
    assert!(verdict.allowed, "{:?}", verdict.rules);
}

#[test]
fn the_larger_of_start_up_and_running_counts_for_quota() {
    let sized = |name: &str, cpu: &str| json!({"name": name, "resources": {"requests": {"cpu": cpu}}});
    let mut sidecar = sized("s", "1");
    sidecar["restartPolicy"] = json!("Always");
    let pod = |init: &str| {
        let init = [sidecar.clone(), sized("i", init)];
        json!({"spec": {"containers": [sized("a", "2"), sized("b", "500m")], "initContainers": init}})
    };
    for (init, cpu) in [("1", 3500), ("3", 4000)] {
        assert_eq!(needs::of(&pod(init), 1)["requests.cpu"], cpu);
        assert_eq!(needs::of(&pod(init), 3)["requests.cpu"], 3 * cpu);
    }
}

#[test]
fn rules_are_named_one_by_one_and_what_cannot_be_judged_is_left_out() {
    let codes = |verdict: &Verdict| verdict.rules.iter().map(|r| (r.code.clone(), r.ok)).collect::<Vec<_>>();
    let owned = |all: &[(&str, bool)]| all.iter().map(|(code, ok)| ((*code).to_owned(), *ok)).collect::<Vec<_>>();
    let all = ["spending", "sku_label", "sku_known", "sku_granted", "resources_fit", "placement", "pod_fields"];
    let verdict = judge(&manifest(workload("Deployment", json!({}))), &[]);
    assert_eq!(codes(&verdict), owned(&all.map(|code| (code, true))));

    let mut unknown = workload("Deployment", json!({}));
    unknown["spec"]["template"]["metadata"]["labels"]["remotegpu.ai/sku-code"] = json!("none");
    unknown["spec"]["template"]["spec"]["hostPID"] = json!(true);
    let expected = [("spending", true), ("sku_label", true), ("sku_known", false), ("host_namespaces", false)];
    assert_eq!(codes(&judge(&manifest(unknown), &[])), owned(&expected));

    let mut elsewhere = workload("Deployment", json!({}));
    elsewhere["metadata"]["namespace"] = json!("kube-system");
    let verdict = judge(&manifest(elsewhere), &[]);
    assert_eq!(failing(&verdict), ["namespace"]);
    assert!(verdict.quota.is_empty());
}

#[test]
fn only_the_four_kinds_and_one_form_at_a_time_are_read() {
    let plan =
        DeploymentPlan { name: "x".into(), sku_code: "gpu-h100-1x".into(), image: "x".into(), ..Default::default() };
    let read = |check: AdmissionCheck| Asked::read(&check, "team");
    assert!(read(AdmissionCheck::default()).is_err());
    let both = AdmissionCheck { deployment: Some(plan.clone()), manifest: Some(json!({})), expected_hours: None };
    assert!(read(both).is_err());
    for wrong in [
        json!({"kind": "DaemonSet"}),
        json!({"kind": "Pod", "metadata": "x"}),
        json!({"kind": "Deployment"}),
        json!([]),
        json!("x"),
        json!(null),
    ] {
        assert!(read(manifest(wrong.clone())).is_err(), "{wrong}");
    }
    let mut old = workload("Deployment", json!({}));
    old["apiVersion"] = json!("extensions/v1beta1");
    assert!(read(manifest(old)).is_err());
    let asked = read(AdmissionCheck { deployment: Some(plan), ..Default::default() }).unwrap();
    assert!(asked.new && asked.kind == "Deployment");
    let pod = asked.pod();
    assert_eq!((&pod["kind"], &pod["metadata"]["generateName"]), (&json!("Pod"), &json!("admission-check-")));
}
