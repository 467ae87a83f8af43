//! The check around the rule: forms of the request, rule by rule, quota, price.

use crate::capacity::engines_for;
use crate::deployment::{AdmissionCheck, DeploymentPlan};
use crate::namespace::QuotaLine;
use crate::sku::SkuEngineStatus;

use super::*;

fn line(resource: &str, limit: &str, used: &str) -> QuotaLine {
    QuotaLine { resource: resource.to_owned(), gpu_class: None, limit: limit.to_owned(), used: used.to_owned() }
}

fn judge(check: &AdmissionCheck, quota: &[QuotaLine]) -> Verdict {
    let (policy, skus) = (NamespacePolicy::default(), skus());
    let engines = engines();
    let place = Place { namespace: "team", policy: &policy, skus: &skus, quota, engines: &engines };
    Asked::read(check, "team").unwrap().judge(&place).unwrap()
}

/// `west` is an account at a provider.
fn engines() -> BTreeMap<String, String> {
    let kinds = [("local", "docker"), ("simulated", "simulated"), ("east", "kubernetes"), ("west", "runpod")];
    kinds.map(|(name, kind)| (name.to_owned(), kind.to_owned())).into()
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
fn a_wait_is_known_only_where_there_is_a_place_for_all_of_it() {
    let skus = || {
        let mut skus = skus();
        let status = &mut skus.get_mut("gpu-h100-1x").unwrap().status;
        (status.free, status.as_of) = (2, Some("2026-11-21T09:00:00Z".to_owned()));
        skus
    };
    let wait = |kind: &str, more: Value, usual: Option<u32>| {
        let (policy, skus) = (NamespacePolicy::default(), skus());
        let asked = Asked::read(&manifest(workload(kind, more)), "team").unwrap();
        let place = Place { namespace: "team", policy: &policy, skus: &skus, quota: &[], engines: &engines() };
        let verdict = asked.judge(&place).unwrap();
        assert!(verdict.allowed);
        asked.expected_wait(&verdict, usual)
    };
    assert_eq!(wait("Deployment", json!({"replicas": 2}), Some(40)), Some(40));
    assert_eq!(wait("Deployment", json!({"replicas": 2}), None), None, "nothing of it has started yet");
    assert_eq!(wait("Deployment", json!({"replicas": 3}), Some(40)), None, "only two are free");
    assert_eq!(wait("Deployment", json!({"replicas": 0}), Some(40)), None, "nothing will start");
    let refused = manifest(json!({"kind": "Deployment", "spec": {"template": template("gpu-none")}}));
    let asked = Asked::read(&refused, "team").unwrap();
    assert_eq!(asked.expected_wait(&judge(&refused, &[]), Some(40)), None);
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

#[test]
fn a_volume_that_no_virtual_node_mounts_is_allowed_and_warned_of() {
    let verdict = |kind: &str| {
        let mut pod = with("cpu-shared-8g", "volumes", json!([{"name": "data", kind: {}}]));
        pod["kind"] = json!("Pod");
        judge(&manifest(pod), &[])
    };
    for kind in ["persistentVolumeClaim", "ephemeral", "image"] {
        let verdict = verdict(kind);
        let told = |warning: &String| warning.starts_with(&format!("Volume data is of kind {kind}: virtual nodes"));
        assert!(verdict.allowed && verdict.warnings.iter().any(told), "{kind}: {:?}", verdict.warnings);
    }
    let quiet = verdict("emptyDir");
    assert!(quiet.warnings.iter().all(|warning| !warning.starts_with("Volume")), "{:?}", quiet.warnings);
}

/// What is said of a volume `data` of a pod of this SKU.
fn said_of(code: &str, volume: Value, selector: Value) -> Vec<String> {
    let mut pod = with(code, "volumes", json!([volume]));
    (pod["kind"], pod["spec"]["nodeSelector"]) = (json!("Pod"), selector);
    let verdict = judge(&manifest(pod), &[]);
    assert!(verdict.allowed, "{:?}", verdict.rules);
    verdict.warnings.into_iter().filter(|warning| warning.starts_with("Volume")).collect()
}

#[test]
fn a_volume_that_an_engine_of_the_sku_does_not_mount_is_allowed_and_warned_of() {
    for kind in ["secret", "configMap", "downwardAPI", "projected"] {
        let said = said_of("gpu-spread", json!({"name": "data", kind: {}}), json!({}));
        let expected = format!(
            "Volume data is of kind {kind}: on engine west no files are mounted and the pod ends with UnsupportedPod. \
             Give the values as environment variables"
        );
        assert_eq!(said, [expected]);
        assert!(said_of("gpu-h100-1x", json!({"name": "data", kind: {}}), json!({})).is_empty(), "{kind}");
    }
    let said = said_of("gpu-spread", json!({"name": "data", "emptyDir": {}}), json!({}));
    assert!(said.len() == 1 && said[0].contains("on engine west it is part of the container's own disk"), "{said:?}");
    let token = json!({"name": "kube-api-access-x", "projected": {"sources": []}});
    assert!(said_of("gpu-spread", token, json!({})).is_empty(), "nobody asked for it");
}

#[test]
fn files_that_the_pod_lets_travel_in_its_environment_surprise_nobody() {
    let token = json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}});
    let secret = json!({"secret": {}});
    for (note, source, said) in [(FILES_IN_ENV, &secret, 0), ("", &secret, 1), (FILES_IN_ENV, &token, 1)] {
        let mut volume = json!({"name": "data"});
        volume.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
        let mut pod = with("gpu-spread", "volumes", json!([volume]));
        pod["kind"] = json!("Pod");
        pod["metadata"]["annotations"][FILES_ANNOTATION] = json!(note);
        let warnings = judge(&manifest(pod), &[]).warnings;
        let told = warnings.iter().filter(|warning| warning.starts_with("Volume")).count();
        assert_eq!(told, said, "{note:?}: {warnings:?}");
    }
}

#[test]
fn only_engines_that_the_pod_may_come_to_are_spoken_of() {
    let secret = || json!({"name": "data", "secret": {"secretName": "s"}});
    let pinned = |engine: &str| said_of("gpu-spread", secret(), json!({"remotegpu.ai/engine": engine})).len();
    assert_eq!((pinned("east"), pinned("west")), (0, 1));
    let mut skus = skus();
    let spread = skus.get_mut("gpu-spread").unwrap();
    assert_eq!(engines_for(spread, ""), ["east", "west"]);
    spread.spec.placement.engines = vec!["west".to_owned(), "a.deadbeef".to_owned()];
    assert_eq!(engines_for(spread, "0-deadbeef"), ["west", "a.deadbeef"]);
    assert_eq!(engines_for(spread, "0-0000beef"), ["west"], "the other one is somebody else's");
    spread.spec.placement.engines = Vec::new();
    spread.status.engines = vec![SkuEngineStatus { name: "east".to_owned(), free: 0, total: 0 }];
    assert_eq!(engines_for(spread, ""), ["east"], "it names none, so what was seen counts");
}

#[test]
fn a_sku_has_no_volumes_only_where_every_engine_of_it_is_known_to_mount_none() {
    let mut skus = skus();
    let sku = skus.get_mut("gpu-spread").unwrap();
    let mut said = |engines: &[&str], account: &str| {
        sku.spec.placement.engines = engines.iter().map(|name| (*name).to_owned()).collect();
        no_volumes(sku, account, &engines_with("west-2", "runpod"))
    };
    assert_eq!(said(&["east", "west"], ""), None, "one of them mounts");
    assert_eq!(said(&["west", "absent"], ""), None, "one of them may");
    assert_eq!(said(&[], ""), None, "nobody knows yet where its pods come to");
    let one = said(&["west"], "").unwrap();
    assert!(one.starts_with("Engine west mounts no volumes: ") && one.ends_with("or choose another SKU"), "{one}");
    let two = said(&["west", "west-2"], "").unwrap();
    assert!(two.starts_with("Engines west, west-2 mount no volumes: "), "{two}");
    assert!(said(&["west", "a.deadbeef"], "0-0000beef").is_some(), "the other one is somebody else's");
    assert_eq!(said(&["west", "a.deadbeef"], "0-deadbeef"), None);
}

fn engines_with(name: &str, kind: &str) -> BTreeMap<String, String> {
    let mut engines = engines();
    engines.insert(name.to_owned(), kind.to_owned());
    engines
}
