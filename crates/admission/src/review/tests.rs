use domain::admission::apply;
use serde_json::json;

use super::*;

fn skus() -> BTreeMap<String, Sku> {
    let sku: Sku = serde_json::from_value(json!({
        "code": "cpu-shared-8g", "version": "1",
        "spec": {"title": "t", "resources": {"cpu": "2", "memory": "8Gi"}, "price": {"perHour": "0.10", "currency": "EUR"}}
    }))
    .unwrap();
    [(sku.code.clone(), sku)].into()
}

fn pod() -> Value {
    json!({
        "metadata": {"name": "p", "labels": {"remotegpu.ai/sku-code": "cpu-shared-8g"}},
        "spec": {"containers": [{"name": "app", "image": "nginx:1.27-alpine"}]},
    })
}

fn deployment(template: Value) -> Value {
    json!({"metadata": {"name": "d"}, "spec": {"replicas": 1, "template": template}})
}

/// `resource` is written as in a webhook rule, for example `apps/deployments` or `pods/status`.
fn request(operation: &str, kind: &str, resource: &str, old: Value, new: Value) -> Request {
    let (group, resource) = match resource.split_once('/') {
        Some((group @ ("apps" | "batch"), rest)) => (group, rest),
        _ => ("", resource),
    };
    let (resource, sub) = resource.split_once('/').unwrap_or((resource, ""));
    serde_json::from_value(json!({
        "uid": "u", "kind": {"group": group, "version": "v1", "kind": kind},
        "resource": {"group": group, "version": "v1", "resource": resource}, "subResource": sub,
        "namespace": "team", "operation": operation, "userInfo": {"username": "tenant"},
        "object": new, "oldObject": old, "dryRun": false,
    }))
    .unwrap()
}

fn create(pod: Value) -> Request {
    request("CREATE", "Pod", "pods", Value::Null, pod)
}

fn ask(phase: Phase, request: &Request) -> Answer {
    review(request, phase, &NamespacePolicy::default(), &skus())
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::Deny(refusals) => refusals[0].code.clone(),
        other => panic!("{other:?}"),
    }
}

fn stored() -> Value {
    let Answer::Patch(injections) = ask(Phase::Mutate, &create(pod())) else { panic!("no patch") };
    let mut pod = pod();
    apply(&mut pod, &injections);
    pod
}

#[test]
fn a_pod_is_filled_in_and_then_accepted() {
    assert_eq!(ask(Phase::Validate, &create(stored())), Answer::Allow);
    assert_eq!(ask(Phase::Mutate, &create(stored())), Answer::Patch(vec![]));
}

#[test]
fn a_pod_that_was_not_filled_in_is_refused_by_the_second_step() {
    assert_eq!(refused(ask(Phase::Validate, &create(pod()))), "not_mutated");
    let mut dearer = skus();
    dearer.get_mut("cpu-shared-8g").unwrap().spec.price.per_hour = "9".to_owned();
    let answer = review(&create(stored()), Phase::Validate, &NamespacePolicy::default(), &dearer);
    assert_eq!(refused(answer), "annotations_fixed");
}

#[test]
fn an_injector_that_edits_after_us_is_caught() {
    let mut edited = stored();
    edited["spec"]["tolerations"].as_array_mut().unwrap().push(json!({"operator": "Exists"}));
    assert_eq!(refused(ask(Phase::Validate, &create(edited))), "tolerations");
    let mut second = stored();
    second["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "injected"}));
    assert_eq!(refused(ask(Phase::Validate, &create(second))), "resources_unset");
}

#[test]
fn resize_and_foreign_bindings_are_refused() {
    let resize = request("UPDATE", "Pod", "pods/resize", stored(), stored());
    assert_eq!(refused(ask(Phase::Validate, &resize)), "resize");
    for resource in ["pods/binding", "bindings"] {
        let mut binding = request("CREATE", "Binding", resource, Value::Null, json!({"target": {"name": "n"}}));
        assert_eq!(refused(ask(Phase::Validate, &binding)), "binding");
        binding.user_info.username = SCHEDULER.to_owned();
        assert_eq!(ask(Phase::Validate, &binding), Answer::Allow);
    }
}

#[test]
fn label_and_price_cannot_change_through_any_door() {
    let mut cheaper = stored();
    cheaper["metadata"]["annotations"]["remotegpu.ai/price-per-hour"] = json!("0.01 EUR");
    for resource in ["pods", "pods/status", "pods/ephemeralcontainers"] {
        let update = request("UPDATE", "Pod", resource, stored(), cheaper.clone());
        assert_eq!(refused(ask(Phase::Validate, &update)), "immutable", "{resource}");
    }
}

#[test]
fn status_finalizers_and_deletion_pass_without_tables() {
    let mut new = stored();
    new["status"] = json!({"phase": "Running"});
    new["metadata"]["finalizers"] = json!([]);
    new["metadata"]["deletionTimestamp"] = json!("2026-11-21T09:00:00Z");
    for resource in ["pods", "pods/status"] {
        let update = request("UPDATE", "Pod", resource, stored(), new.clone());
        assert!(!needs_tables(&update, Phase::Validate));
        let answer = review(&update, Phase::Validate, &NamespacePolicy::default(), &BTreeMap::new());
        assert_eq!(answer, Answer::Allow, "{resource}");
    }
    let delete = request("DELETE", "Pod", "pods", stored(), Value::Null);
    assert_eq!(ask(Phase::Validate, &delete), Answer::Allow);
}

#[test]
fn ephemeral_containers_may_debug_and_hold_nothing() {
    let mut debug = stored();
    debug["spec"]["ephemeralContainers"] = json!([{"name": "d", "image": "busybox", "resources": {}}]);
    let update = request("UPDATE", "Pod", "pods/ephemeralcontainers", stored(), debug.clone());
    assert_eq!(ask(Phase::Validate, &update), Answer::Allow);
    debug["spec"]["ephemeralContainers"][0]["resources"] = json!({"limits": {"nvidia.com/gpu": "1"}});
    let update = request("UPDATE", "Pod", "pods/ephemeralcontainers", stored(), debug);
    assert_eq!(refused(ask(Phase::Validate, &update)), "gpu_in_init");
}

#[test]
fn templates_of_workloads_are_refused_with_the_sentence_and_not_filled_in() {
    let bare = json!({"spec": {"containers": [{"name": "app"}]}});
    let apply = request("CREATE", "Deployment", "apps/deployments", Value::Null, deployment(bare.clone()));
    let Answer::Deny(refusals) = ask(Phase::Validate, &apply) else { panic!("allowed") };
    assert_eq!(
        crate::wire::sentences(&refusals),
        "Pod template needs the label remotegpu.ai/sku-code; usable here: cpu-shared-8g"
    );
    assert_eq!(ask(Phase::Mutate, &apply), Answer::Allow);
    let good = request("CREATE", "Deployment", "apps/deployments", Value::Null, deployment(pod()));
    assert_eq!(ask(Phase::Validate, &good), Answer::Allow);
    let cron = json!({"spec": {"jobTemplate": {"spec": {"template": bare}}}});
    let cron = request("CREATE", "CronJob", "batch/cronjobs", Value::Null, cron);
    assert_eq!(refused(ask(Phase::Validate, &cron)), "sku_label");
}

#[test]
fn scaling_passes_even_when_the_sku_is_gone_and_a_new_template_does_not() {
    let mut scaled = deployment(pod());
    scaled["spec"]["replicas"] = json!(0);
    let scale = request("UPDATE", "Deployment", "apps/deployments", deployment(pod()), scaled);
    let none = BTreeMap::new();
    assert_eq!(review(&scale, Phase::Validate, &NamespacePolicy::default(), &none), Answer::Allow);
    let mut changed = pod();
    changed["spec"]["hostNetwork"] = json!(true);
    let change = request("UPDATE", "Deployment", "apps/deployments", deployment(pod()), deployment(changed));
    assert_eq!(refused(ask(Phase::Validate, &change)), "host_namespaces");
    let status = request("UPDATE", "Deployment", "apps/deployments/status", Value::Null, Value::Null);
    assert_eq!(ask(Phase::Validate, &status), Answer::Allow);
}

#[test]
fn what_is_not_known_is_refused() {
    let strange = request("CREATE", "Pod", "pods/teleport", Value::Null, pod());
    assert_eq!(refused(ask(Phase::Validate, &strange)), "malformed");
    let hollow = request("CREATE", "Deployment", "apps/deployments", Value::Null, json!({"spec": 1}));
    assert_eq!(refused(ask(Phase::Validate, &hollow)), "malformed");
    assert_eq!(refused(ask(Phase::Validate, &create(Value::Null))), "malformed");
}

fn by(username: &str, mut request: Request) -> Request {
    request.user_info.username = username.to_owned();
    request
}

const KEY: &str = "system:serviceaccount:remotegpu-access:key-a1b2c3d4-1-7b0c4f12";

/// A pod, or a template, that says who ordered it.
fn saying(text: &str) -> Value {
    let mut pod = pod();
    pod["metadata"]["annotations"] = json!({"remotegpu.ai/ordered-by": text});
    pod
}

/// What the filling half makes of an object.
fn filled(request: &Request) -> Value {
    assert!(!needs_tables(request, Phase::Mutate) || request.kind.kind == "Pod");
    let mut object = request.object.clone();
    match ask(Phase::Mutate, request) {
        Answer::Patch(injections) => apply(&mut object, &injections),
        Answer::Allow => {}
        other => panic!("{other:?}"),
    }
    object
}

#[test]
fn a_forged_orderer_is_overwritten_on_pods_and_templates() {
    let ordered = "/metadata/annotations/remotegpu.ai~1ordered-by";
    let template = format!("/spec/template{ordered}");
    for said in [pod(), saying("key-z9z9z9z9")] {
        let bare = by(KEY, create(said.clone()));
        assert_eq!(filled(&bare).pointer(ordered), Some(&json!("key-a1b2c3d4")));
        assert_eq!(ask(Phase::Validate, &by(KEY, create(filled(&bare)))), Answer::Allow);
        let apply = request("CREATE", "Deployment", "apps/deployments", Value::Null, deployment(said.clone()));
        let stored = filled(&by(KEY, apply));
        assert_eq!(stored.pointer(&template), Some(&json!("key-a1b2c3d4")));
        let again = request("UPDATE", "Deployment", "apps/deployments", stored.clone(), deployment(said));
        assert_eq!(filled(&by("tenant", again)), stored, "a template that stays rolls nothing out");
    }
    let unknown = create(saying("key-z9z9z9z9"));
    assert_eq!(filled(&unknown).pointer(ordered), None, "nobody is not somebody else");
}

#[test]
fn where_the_filling_half_was_left_out_a_forged_orderer_is_refused() {
    let mut forged = stored();
    forged["metadata"]["annotations"]["remotegpu.ai/ordered-by"] = json!("key-z9z9z9z9");
    assert_eq!(refused(ask(Phase::Validate, &by(KEY, create(forged.clone())))), "annotations_fixed");
    let controller = "system:serviceaccount:kube-system:replicaset-controller";
    assert_eq!(ask(Phase::Validate, &by(controller, create(forged))), Answer::Allow, "its template was admitted");
    let apply = request("CREATE", "Job", "batch/jobs", Value::Null, deployment(saying("key-z9z9z9z9")));
    assert_eq!(refused(ask(Phase::Validate, &by(KEY, apply))), "annotations_fixed");
    let none = request("CREATE", "Job", "batch/jobs", Value::Null, deployment(pod()));
    assert_eq!(ask(Phase::Validate, &by(KEY, none)), Answer::Allow);
}
