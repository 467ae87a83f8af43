use engines::kubernetes::{Class, Login};
use k8s_openapi::api::core::v1::Node;
use kubelet::Gpu;
use serde_json::{Value, json};

use super::{Engine, Reach, Stage, hardware, home};

fn gpu(model: &str) -> Gpu {
    Gpu { model: model.into(), count: 8, memory_gib: None }
}

fn engine(token: &str, stage: Stage) -> Engine {
    let login = Login::Token(token.to_owned().into());
    let (server, namespace) = ("https://192.0.2.1:6443".to_owned(), "aichor".to_owned());
    let reach = Reach { server, address: None, ca: None, login, namespace, typed: Vec::new() };
    Engine { name: "on-prem".into(), account: None, ecosystem: String::new(), reach, stage }
}

#[test]
fn each_class_of_hardware_has_a_node_of_its_own() {
    let of = |model: &str| Class { gpu: Some(gpu(model)), ..Class::default() };
    let classes = vec![of("RTX-4090"), of("A100"), of("A100"), Class::default()];
    let names: Vec<_> = hardware::by_name("on-prem", classes).into_keys().collect();
    assert_eq!(names, ["on-prem-a100", "on-prem-a100-2", "on-prem-cpu", "on-prem-rtx-4090"]);
    let long = hardware::by_name(&"x".repeat(63), vec![of("H100")]).into_keys().next().unwrap();
    assert!(long.len() == 63 && long.ends_with("x-h100"), "{long}");
}

#[test]
fn typed_hardware_stands_in_for_nodes_that_may_not_be_read() {
    let class = hardware::typed(&[("NVIDIA-H100-80GB-HBM3".into(), 8)]).remove(0);
    assert_eq!((class.gpu, class.pods), (Some(gpu("H100")), 110));
    assert!(class.cpus > 0 && class.memory_bytes > 0);
    assert_eq!(class.node_selector["nvidia.com/gpu.product"], "NVIDIA-H100-80GB-HBM3");
}

#[test]
fn only_what_matters_restarts_the_nodes_of_an_engine() {
    let mark = |token, stage| engine(token, stage).mark();
    assert_eq!(mark("a", Stage::Open), mark("a", Stage::Open));
    assert_ne!(mark("a", Stage::Open), mark("b", Stage::Open));
    assert_eq!(mark("a", Stage::Open), mark("a", Stage::Closed));
    let owned = Engine { account: Some("acme".into()), ..engine("a", Stage::Open) };
    assert_ne!(mark("a", Stage::Open), owned.mark());
}

fn node(unschedulable: bool, annotations: &Value, labels: &Value) -> Node {
    let metadata = json!({"name": "on-prem-h100", "annotations": annotations, "labels": labels});
    serde_json::from_value(json!({"metadata": metadata, "spec": {"unschedulable": unschedulable}})).unwrap()
}

#[test]
fn what_an_operator_cordoned_stays_so() {
    let (mark, none) = (json!({"remotegpu.ai/closed-by-fleet": "true"}), json!({}));
    let settled = |closed, annotations, stage| home::settled(&node(closed, annotations, &json!({})), stage);
    assert_eq!(settled(true, &none, Stage::Open), None);
    assert_eq!(settled(true, &none, Stage::Closed), None);
    assert_eq!(settled(false, &none, Stage::Open), None);
    let closing = settled(false, &none, Stage::Closed).unwrap();
    assert_eq!((&closing["spec"]["unschedulable"], &closing["metadata"]["annotations"]), (&json!(true), &mark));
    let opening = settled(true, &mark, Stage::Open).unwrap();
    assert_eq!(opening["spec"]["unschedulable"], json!(false));
    assert_eq!(opening["metadata"]["annotations"], json!({"remotegpu.ai/closed-by-fleet": null}), "the mark goes");
}

#[test]
fn a_node_of_somebody_else_is_not_taken_over() {
    let of = |labels: &Value| home::is_of(&node(false, &json!({}), labels), "on-prem");
    assert!(of(&json!({"remotegpu.ai/run-by": "nodes", "remotegpu.ai/engine": "on-prem"})));
    for other in [
        json!({}),
        json!({"remotegpu.ai/engine": "on-prem"}),
        json!({"remotegpu.ai/run-by": "nodes", "remotegpu.ai/engine": "other"}),
    ] {
        assert!(!of(&other), "{other}");
    }
}

#[test]
fn the_nodes_of_an_accounts_engine_keep_everybody_elses_pods_off() {
    let class = Class { gpu: Some(gpu("H100")), ..Class::default() };
    let of = |engine: &Engine, class: &Class| -> Vec<(String, String)> {
        home::taints(engine, class).into_iter().map(|one| (one.key, one.value)).collect()
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let platform = engine("a", Stage::Open);
    assert_eq!(of(&platform, &class), [pair("nvidia.com/gpu", "present")]);
    let owned = Engine { account: Some("acme".into()), ..platform };
    let account = pair("remotegpu.ai/account", "acme");
    assert_eq!(of(&owned, &class), [pair("nvidia.com/gpu", "present"), account.clone()]);
    assert_eq!(of(&owned, &Class::default()), [pair("virtual-kubelet.io/provider", "kubernetes"), account]);
}
