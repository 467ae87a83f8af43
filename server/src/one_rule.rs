//! One rule, three uses: the same plan gets the same verdict in the webhook, in admission-check and in the wizard
//! (RULINGS 38). Tests only; here, because only this crate sees all three.

use std::collections::BTreeMap;

use admission::review::{Phase, review};
use admission::wire::{Answer, Request};
use app::features::plan_form::PlanForm;
use domain::admission::{Asked, NamespacePolicy, Place, Verdict, apply};
use domain::deployment::AdmissionCheck;
use domain::namespace::QuotaLine;
use domain::sku::{Sku, SkuSpec, SkuStatus};
use proptest::prelude::*;
use serde_json::{Value, json};

const NAMESPACE: &str = "team-ml-7b0c4f12";

fn skus() -> BTreeMap<String, Sku> {
    let gpu = json!({"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
    let sku = |code: &str, gpu: &Value, retired: bool| {
        let mut spec = json!({"title": code, "resources": {"cpu": "4", "memory": "16Gi"}, "retired": retired,
            "price": {"perHour": "1.5", "currency": "EUR"}, "placement": {"engines": ["simulated"]}});
        if !gpu.is_null() {
            spec["gpu"] = gpu.clone();
        }
        let spec: SkuSpec = serde_json::from_value(spec).unwrap();
        let status = SkuStatus { priority_class: spec.counting_class(), ..SkuStatus::default() };
        (code.to_owned(), Sku { code: code.to_owned(), version: "1".to_owned(), spec, status })
    };
    [sku("cpu", &Value::Null, false), sku("gpu", &gpu, false), sku("old", &gpu, true)].into()
}

/// What is typed into the wizard.
fn forms() -> impl Strategy<Value = PlanForm> {
    let one_of = |values: &'static [&'static str]| prop::sample::select(values).prop_map(str::to_owned);
    (
        one_of(&["deployment", "job", "pod"]),
        one_of(&["cpu", "gpu", "old", "none", "Not A Code"]),
        one_of(&["nginx:1.27-alpine", "registry.example.com/a/b@sha256:00"]),
        1..4_u32,
        one_of(&["", "A=1\nB=2"]),
        one_of(&["", "80, 443"]),
        one_of(&["", "sleep\n60"]),
        one_of(&["", "--port\n8080"]),
        one_of(&["", "PASSWORD=secret/database/password", "configmap/settings\nsecret/database"]),
        one_of(&["", "/data=emptydir", "/cache=memory\n/etc/app=configmap/settings\n/keys=secret/database"]),
        one_of(&["", "team=ml", "team=ml\ntier=web"]),
        one_of(&["", "registry"]),
    )
        .prop_map(
            |(kind, sku_code, image, replicas, env, ports, command, args, env_from, mounts, labels, pull_secret)| {
                let (name, replicas) = ("demo".to_owned(), replicas.to_string());
                PlanForm {
                    kind,
                    name,
                    sku_code,
                    image,
                    replicas,
                    command,
                    args,
                    env,
                    env_from,
                    ports,
                    labels,
                    pull_secret,
                    mounts,
                }
            },
        )
}

/// What else is known where a plan is checked: quota, and of what kind the engines are. How many Deployments there may be
/// is left out: a manifest may be of one that is there already, a plan of the wizard is not.
#[derive(Debug)]
struct Around {
    quota: Vec<QuotaLine>,
    engines: BTreeMap<String, String>,
}

fn around() -> impl Strategy<Value = Around> {
    let line = |resource: &str, gpu_class: Option<&str>, limit: &str| QuotaLine {
        resource: resource.to_owned(),
        gpu_class: gpu_class.map(str::to_owned),
        limit: limit.to_owned(),
        used: "1".to_owned(),
    };
    let lines = vec![
        line("pods", None, "2"),
        line("requests.cpu", None, "9"),
        line("requests.nvidia.com/gpu", None, "1"),
        line("requests.nvidia.com/gpu", Some("h100"), "3"),
    ];
    let kinds = prop::option::of(prop::sample::select(vec!["simulated", "docker", "runpod"]));
    (prop::sample::subsequence(lines, 0..=4), kinds).prop_map(|(quota, kind)| Around {
        quota,
        engines: kind.into_iter().map(|kind| ("simulated".to_owned(), kind.to_owned())).collect(),
    })
}

/// What somebody writes into the pod template by hand.
fn edits() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop::sample::subsequence(
        vec![
            ("/spec/hostNetwork", json!(true)),
            ("/spec/nodeName", json!("elsewhere")),
            ("/spec/tolerations", json!([{"operator": "Exists"}])),
            ("/spec/nodeSelector", json!({"kubernetes.io/arch": "amd64"})),
            ("/spec/nodeSelector", json!({"remotegpu.ai/engine": "elsewhere"})),
            ("/spec/containers/0/resources", json!({"limits": {"cpu": "1"}})),
            ("/spec/containers/0/resources", json!({"limits": {"cpu": "64"}})),
            ("/spec/containers/0/resources", json!({"limits": {"nvidia.com/gpu": "2"}})),
            ("/spec/initContainers", json!([{"name": "i", "image": "x"}])),
            ("/spec/serviceAccountName", json!("builder")),
            ("/spec/priorityClassName", json!("remotegpu-gpu-h100")),
            ("/spec/fieldOfTomorrow", json!(1)),
            ("/metadata/annotations", json!({"remotegpu.ai/price-per-hour": "0 EUR"})),
            ("/metadata/labels", json!({"app": "demo"})),
        ],
        0..3,
    )
}

fn policies() -> impl Strategy<Value = NamespacePolicy> {
    let grants = prop::option::of(prop::sample::subsequence(vec!["cpu".to_owned(), "gpu".to_owned()], 0..=2));
    let default = prop::option::of(prop::sample::select(vec!["cpu".to_owned(), "none".to_owned()]));
    (grants, default, any::<bool>()).prop_map(|(skus, default_sku, spending_stopped)| NamespacePolicy {
        skus,
        default_sku,
        spending_stopped,
        ..NamespacePolicy::default()
    })
}

/// A write at `pointer`; parents that are missing are made.
fn set(object: &mut Value, pointer: &str, value: &Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    if object.pointer(parent).is_none() {
        set(object, parent, &json!({}));
    }
    object.pointer_mut(parent).unwrap()[key] = value.clone();
}

fn check(check: &AdmissionCheck, policy: &NamespacePolicy, around: &Around) -> Verdict {
    let (quota, engines) = (&around.quota, &around.engines);
    let place = Place { namespace: NAMESPACE, policy, skus: &skus(), quota, engines };
    Asked::read(check, NAMESPACE).unwrap().judge(&place).unwrap()
}

/// The webhook about a workload: whether it goes through, and its sentences.
fn webhook(kind: &str, resource: [&str; 2], phase: Phase, object: &Value, policy: &NamespacePolicy) -> Answer {
    let [group, resource] = resource;
    let request: Request = serde_json::from_value(json!({
        "uid": "u", "kind": {"kind": kind}, "resource": {"group": group, "resource": resource}, "namespace": NAMESPACE,
        "operation": "CREATE", "object": object,
    }))
    .unwrap();
    review(&request, phase, policy, &skus())
}

fn sentences(answer: &Answer) -> Vec<String> {
    let Answer::Deny(refusals) = answer else { return Vec::new() };
    let mut all: Vec<String> = refusals.iter().map(|refusal| refusal.message.clone()).collect();
    all.sort();
    all
}

/// Without quota: that is Kubernetes' own to refuse, and the webhook does not know it.
fn refusals(verdict: &Verdict) -> Vec<String> {
    let broken = verdict.rules.iter().filter(|rule| !rule.ok && !rule.code.starts_with("quota"));
    let mut all: Vec<String> = broken.map(|rule| rule.message.clone()).collect();
    all.sort();
    all
}

proptest! {
    #[test]
    fn the_same_plan_gets_the_same_verdict_everywhere(form in forms(), policy in policies(), around in around()) {
        // The wizard's plan, as its form is read in the browser and on the server.
        let plan = form.plan().unwrap();
        let wizard = check(&AdmissionCheck { deployment: Some(plan.clone()), ..Default::default() }, &policy, &around);
        // The same by REST, as the manifest that the wizard shows.
        let manifest = plan.manifest(NAMESPACE);
        let rest = check(&AdmissionCheck { manifest: Some(manifest.clone()), ..Default::default() }, &policy, &around);
        prop_assert_eq!(&wizard, &rest);
        // The webhook, about the same object.
        let answer = match manifest["kind"].as_str() {
            Some("Deployment") => webhook("Deployment", ["apps", "deployments"], Phase::Validate, &manifest, &policy),
            Some("Job") => webhook("Job", ["batch", "jobs"], Phase::Validate, &manifest, &policy),
            _ => webhook("Pod", ["", "pods"], Phase::Mutate, &manifest, &policy),
        };
        prop_assert_eq!(sentences(&answer), refusals(&rest));
    }

    #[test]
    fn the_same_manifest_gets_the_same_verdict_everywhere(
        form in forms(), edits in edits(), policy in policies(), around in around(),
        kind in prop::sample::select(vec!["Deployment", "StatefulSet", "Job"]),
    ) {
        let form = PlanForm { kind: "deployment".to_owned(), ..form };
        let mut manifest = form.plan().unwrap().manifest(NAMESPACE);
        manifest["kind"] = json!(kind);
        manifest["apiVersion"] = json!(if kind == "Job" { "batch/v1" } else { "apps/v1" });
        for (pointer, value) in &edits {
            set(&mut manifest["spec"]["template"], pointer, value);
        }
        let verdict = check(&AdmissionCheck { manifest: Some(manifest.clone()), ..Default::default() }, &policy, &around);
        let (group, resource) = match kind {
            "Deployment" => ("apps", "deployments"),
            "StatefulSet" => ("apps", "statefulsets"),
            _ => ("batch", "jobs"),
        };
        let answer = webhook(kind, [group, resource], Phase::Validate, &manifest, &policy);
        prop_assert_eq!(sentences(&answer), refusals(&verdict));

        // And its pods: filled in with what the check announced, then accepted as they are.
        let pod = manifest["spec"]["template"].clone();
        match webhook("Pod", ["", "pods"], Phase::Mutate, &pod, &policy) {
            Answer::Patch(injections) => {
                prop_assert_eq!(refusals(&verdict), [""; 0]);
                let announced: Vec<String> = verdict.injected.iter().map(|i| i.path.replacen("/spec/template", "", 1)).collect();
                let made: Vec<String> = injections.iter().map(|i| i.path.clone()).collect();
                prop_assert_eq!(announced, made);
                let mut stored = pod;
                apply(&mut stored, &injections);
                prop_assert_eq!(webhook("Pod", ["", "pods"], Phase::Validate, &stored, &policy), Answer::Allow);
            }
            denied => prop_assert_eq!(sentences(&denied), refusals(&verdict)),
        }
    }
}
