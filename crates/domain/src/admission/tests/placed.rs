use super::*;
use crate::id::AccountId;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

fn node_affinity(expressions: Value) -> Value {
    json!({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}})
}

#[test]
fn several_engines_become_a_required_affinity() {
    let stored = admitted(&template("gpu-spread"));
    let engines = json!([{"key": "remotegpu.ai/engine", "operator": "In", "values": ["east", "west"]}]);
    assert_eq!(stored["spec"]["affinity"], node_affinity(engines));
    assert_eq!(stored["spec"]["nodeSelector"], json!({"tier": "gold"}));
    assert_eq!(stored["spec"]["runtimeClassName"], "nvidia");
    assert_eq!(stored["spec"]["priorityClassName"], "paid");
    assert_eq!(stored["spec"]["tolerations"].as_array().unwrap().len(), 4);
}

#[test]
fn skypilots_gpu_affinity_stays_and_each_alternative_gets_the_engines() {
    let own = json!([{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["H100"]}]);
    let mut pod = with("gpu-spread", "affinity", node_affinity(own.clone()));
    let terms = &admitted(&pod)["spec"]["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"];
    assert_eq!(terms[0]["matchExpressions"][0], own[0]);
    assert_eq!(terms[0]["matchExpressions"][1]["values"], json!(["east", "west"]));
    pod["metadata"]["labels"]["remotegpu.ai/sku-code"] = json!("gpu-h100-1x");
    assert!(decide(&pod).is_ok());
    pod["metadata"]["labels"]["remotegpu.ai/sku-code"] = json!("cpu-shared-8g");
    assert_eq!(codes(&pod), ["placement"]);
}

#[test]
fn a_tenant_may_narrow_within_the_sku_and_never_point_elsewhere() {
    let engine = |operator: &str, value: &str| {
        let expressions = json!([{"key": "remotegpu.ai/engine", "operator": operator, "values": [value]}]);
        with("gpu-spread", "affinity", node_affinity(expressions))
    };
    assert!(decide(&engine("In", "east")).is_ok());
    assert_eq!(codes(&engine("In", "north")), ["placement"]);
    assert_eq!(codes(&engine("NotIn", "east")), ["placement"]);
    let fields =
        json!({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name"}]}]}}});
    assert_eq!(codes(&with("gpu-h100-1x", "affinity", fields)), ["placement"]);
}

#[test]
fn node_selectors_agree_with_the_sku_or_are_refused() {
    let select = |key: &str, value: &str| with("gpu-h100-1x", "nodeSelector", json!({key: value}));
    for (key, value) in [
        ("remotegpu.ai/engine", "simulated"),
        ("type", "virtual-kubelet"),
        ("kubernetes.io/os", "linux"),
        ("nvidia.com/gpu.product", "H100"),
    ] {
        assert!(decide(&select(key, value)).is_ok(), "{key}");
    }
    for (key, value) in [
        ("remotegpu.ai/engine", "local"),
        ("kubernetes.io/hostname", "n1"),
        ("kubernetes.io/os", "windows"),
        ("x", "y"),
    ] {
        assert_eq!(codes(&select(key, value)), ["placement"], "{key}");
    }
}

#[test]
fn required_and_cross_namespace_pod_affinity_is_refused() {
    let required = json!({"podAntiAffinity": {REQUIRED: [{"topologyKey": "kubernetes.io/hostname"}]}});
    assert_eq!(codes(&with("cpu-shared-8g", "affinity", required)), ["placement"]);
    let term = |extra: Value| {
        let mut term = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {}});
        term.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        with("cpu-shared-8g", "affinity", json!({"podAffinity": {PREFERRED: [{"weight": 1, "podAffinityTerm": term}]}}))
    };
    assert!(decide(&term(json!({}))).is_ok());
    for extra in [json!({"namespaceSelector": {}}), json!({"namespaces": ["other"]}), json!({"topologyKey": "rack"})] {
        assert_eq!(codes(&term(extra)), ["placement"]);
    }
}

#[test]
fn spreading_is_free_over_known_domains() {
    let spread =
        |key: &str| with("cpu-shared-8g", "topologySpreadConstraints", json!([{"topologyKey": key, "maxSkew": 1}]));
    assert!(decide(&spread("kubernetes.io/hostname")).is_ok());
    assert_eq!(codes(&spread("rack")), ["placement"]);
}

#[test]
fn only_tolerations_of_the_sku_and_of_kubernetes_pass() {
    let tolerate = |code: &str, toleration: Value| with(code, "tolerations", json!([toleration]));
    let [not_ready, unreachable] = outages();
    let stored = admitted(&tolerate("cpu-shared-8g", unreachable.clone()));
    assert_eq!(stored["spec"]["tolerations"][0], unreachable);
    assert_eq!(stored["spec"]["tolerations"].as_array().unwrap().len(), 3);
    let gpu = json!({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"});
    let stored = admitted(&tolerate("gpu-h100-1x", gpu.clone()));
    assert_eq!(stored["spec"]["tolerations"], json!([gpu, not_ready, unreachable]));
    assert_eq!(codes(&tolerate("cpu-shared-8g", gpu)), ["tolerations"]);
    for blanket in
        [json!({"operator": "Exists"}), json!({}), json!({"key": "virtual-kubelet.io/provider", "operator": "Exists"})]
    {
        assert_eq!(codes(&tolerate("gpu-h100-1x", blanket.clone())), ["tolerations"], "{blanket}");
    }
    let wider = json!({"key": "virtual-kubelet.io/provider", "operator": "Exists"});
    assert_eq!(codes(&tolerate("cpu-shared-8g", wider)), ["tolerations"]);
}

#[test]
fn a_pod_stays_through_an_outage_unless_it_says_for_how_long() {
    let with_seconds = |seconds: i64| {
        outages().map(|mut one| {
            one["tolerationSeconds"] = json!(seconds);
            one
        })
    };
    let stored =
        |own: &[Value]| admitted(&with("gpu-h100-1x", "tolerations", json!(own)))["spec"]["tolerations"].clone();
    let kept = stored(&with_seconds(300));
    assert_eq!((&kept[0], &kept[1]), (&outages()[0], &outages()[1]), "what Kubernetes wrote");
    let own = stored(&with_seconds(60));
    assert_eq!((&own[0], &own[1]), (&with_seconds(60)[0], &with_seconds(60)[1]), "what its author wrote");
    assert_eq!([kept, own].map(|all| all.as_array().unwrap().len()), [3, 3]);
}

#[test]
fn classes_come_from_the_sku_only() {
    assert_eq!(codes(&with("gpu-h100-1x", "runtimeClassName", json!("kata"))), ["runtime_class"]);
    assert_eq!(codes(&with("gpu-h100-1x", "overhead", json!({"cpu": "1"}))), ["runtime_class"]);
    assert_eq!(codes(&with("gpu-h100-1x", "priorityClassName", json!("system-node-critical"))), ["priority"]);
    assert_eq!(codes(&with("gpu-h100-1x", "priority", json!(1000))), ["priority"]);
    assert_eq!(codes(&with("gpu-h100-1x", "preemptionPolicy", json!("Never"))), ["priority"]);
    assert!(decide(&with("gpu-spread", "priorityClassName", json!("paid"))).is_ok());
}

#[test]
fn the_priority_of_the_built_in_plugin_is_cleared_when_a_class_is_set() {
    let mut pod = with("gpu-spread", "priority", json!(0));
    pod["spec"]["preemptionPolicy"] = json!("PreemptLowerPriority");
    let mut stored = admitted(&pod);
    assert_eq!(stored["spec"]["priority"], Value::Null);
    assert_eq!(stored["spec"]["preemptionPolicy"], Value::Null);
    // The plugin runs again and computes them from our class.
    stored["spec"]["priority"] = json!(5000);
    stored["spec"]["preemptionPolicy"] = json!("Never");
    assert_eq!(decide(&stored).unwrap(), []);
    assert!(decide(&with("cpu-shared-8g", "priority", json!(0))).is_ok());
}

#[test]
fn only_an_accounts_own_pods_of_a_sku_that_names_its_engine_may_enter_it() {
    let [own, other] = [0xdead_beef, 0xbeef].map(|id| AccountId::new(uuid::Uuid::from_u128(id)).to_string());
    let enter = |value: &str| json!({"key": "remotegpu.ai/account", "operator": "Equal", "value": value, "effect": "NoSchedule"});
    let placed = |engines: Value, account: &str| {
        let named = sku("cpu-own", "2", "8Gi", Value::Null, json!({"engines": engines}));
        let policy = NamespacePolicy { account: account.to_owned(), ..Default::default() };
        let mut stored = template("cpu-own");
        let injections = admit(&stored, &policy, &[("cpu-own".to_owned(), named)].into())?;
        apply(&mut stored, &injections);
        Ok::<_, Vec<Refusal>>(stored["spec"]["tolerations"].as_array().unwrap().clone())
    };
    for engines in [json!(["on-prem.deadbeef"]), json!(["simulated", "on-prem.deadbeef"])] {
        assert!(placed(engines, &own).unwrap().contains(&enter(&own)));
    }
    for others in [json!([]), json!(["on-prem"]), json!(["on-prem-deadbeef"]), json!(["on-prem.deadbee"])] {
        assert!(!placed(others.clone(), &own).unwrap().contains(&enter(&own)), "{others}");
    }
    for stranger in [other.as_str(), ""] {
        let refusal = placed(json!(["on-prem.deadbeef"]), stranger).unwrap_err().remove(0);
        assert_eq!((refusal.code.as_str(), refusal.message.contains("usable here: none")), ("sku_granted", true));
        let shared = placed(json!(["simulated", "on-prem.deadbeef"]), stranger).unwrap();
        assert!(shared.iter().all(|one| one["key"] != "remotegpu.ai/account"), "{shared:?}");
    }
    for account in [enter(&own), json!({"key": "remotegpu.ai/account", "operator": "Exists", "effect": "NoSchedule"})] {
        assert_eq!(codes(&with("cpu-shared-8g", "tolerations", json!([account]))), ["tolerations"]);
    }
}
