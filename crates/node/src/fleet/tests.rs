use std::collections::HashSet;

use engines::{
    AddressPolicy,
    docker::Hardware,
    kubernetes::{AWAY, Class, Login},
    runpod::{Clouds, SoldGpu},
};
use k8s_openapi::api::core::v1::Node;
use kubelet::Gpu;
use serde_json::{Value, json};

use super::{Account, Cluster, Engine, Reach, Stage, former, hardware, has_left, home};

fn gpu(model: &str) -> Gpu {
    Gpu { model: model.into(), count: 8, memory_gib: None }
}

fn engine(token: &str, stage: Stage) -> Engine {
    let login = Login::Token(token.to_owned().into());
    let (server, namespace) = ("https://192.0.2.1:6443".to_owned(), "aichor".to_owned());
    let (typed, uid) = (Vec::new(), String::new());
    let reach = Cluster { server, address: None, ca: None, login, namespace, typed, uid, ingress: None };
    let reach = Reach::Cluster(reach);
    Engine { id: "1".into(), name: "on-prem".into(), account: None, ecosystem: String::new(), reach, stage }
}

#[test]
fn each_class_of_hardware_has_a_node_of_its_own() {
    let of = |product: &str| Class::of_product(product, 8);
    let names =
        |engine: &str, classes: Vec<Class>| -> Vec<String> { hardware::by_name(engine, classes).into_keys().collect() };
    let classes = vec![of("RTX-4090"), of("A100"), of("A100"), Class::default()];
    assert_eq!(names("on-prem", classes.clone()), ["on-prem-a100", "on-prem-cpu", "on-prem-rtx-4090"]);
    let both = hardware::by_name("on-prem", classes).remove("on-prem-a100").unwrap();
    assert_eq!(both.gpu.unwrap().count, 16, "typed twice");
    let long = names(&"x".repeat(63), vec![of("H100")]).remove(0);
    assert!(long.len() == 63 && long.starts_with("xxxx") && long.ends_with("-h100"), "{long}");
}

#[test]
fn engines_whose_long_names_begin_alike_have_nodes_of_their_own() {
    let name = |engine: &str| hardware::node_name(engine, "rtx-4090");
    let begin = "x".repeat(54);
    assert_eq!(name(&begin), format!("{begin}-rtx-4090"), "there is room for it");
    let (one, other) = (name(&format!("{begin}.deadbeef")), name(&format!("{begin}.0badcafe")));
    assert_ne!(one, other, "two accounts with engines of one name");
    assert_ne!(name(&format!("{begin}-a")), name(&format!("{begin}-b")));
    let dotted = format!("{}.{}", "x".repeat(44), "y".repeat(18));
    for name in [one, other, name(&dotted)] {
        assert!(name.len() <= 63 && name.ends_with("-rtx-4090") && !name.contains(".-"), "{name}");
    }
}

#[test]
fn a_node_keeps_its_name_whatever_comes_and_goes_beside_it() {
    let of = |product: &str| Class::of_product(product, 8);
    let (small, large) = ("NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-SXM4-80GB");
    let name = |classes: Vec<Class>, product: &str| {
        let found = hardware::by_name("x", classes);
        found.into_iter().find(|(_, class)| class.product() == Some(product)).unwrap().0
    };
    assert_eq!(name(vec![of(small), of(large)], large), "x-nvidia-a100-sxm4-80gb");
    assert_eq!(name(vec![of(large)], large), "x-nvidia-a100-sxm4-80gb");
    let parts = ["NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "NVIDIA-A100-SXM4-80GB-MIG-2g.20gb", "a_b", "a.b"];
    let names = hardware::by_name("x", parts.map(of).to_vec());
    assert_eq!(names.len(), parts.len(), "letters that a name has no room for still tell them apart");
}

#[test]
fn hardware_that_is_gone_is_not_offered_any_more() {
    let of = |product: &str| Class { cpus: 64, pods: 110, ..Class::of_product(product, 8) };
    let running = hardware::by_name("x", vec![of("A100"), of("H100")]);
    let mut wanted = hardware::by_name("x", vec![of("A100")]);
    let left = [("x-h100".to_owned(), Some(gpu("H100"))), ("x-l40s".to_owned(), Some(Gpu { count: 0, ..gpu("L40S") }))];
    hardware::keep_empty(&mut wanted, running.iter(), left.into());
    let offered = |name: &str| (wanted[name].gpu.as_ref().unwrap().count, wanted[name].cpus, wanted[name].pods);
    assert_eq!((offered("x-a100"), offered("x-h100"), offered("x-l40s")), ((8, 64, 110), (0, 0, 0), (0, 0, 0)));
    assert!(hardware::is_same(&running["x-h100"], &wanted["x-h100"]), "its pods and streams go on");
    assert!(wanted["x-l40s"].node_selector.contains_key(AWAY), "whose pods may not begin anywhere else");
}

#[test]
fn only_another_kind_of_hardware_restarts_a_node() {
    let class = Class::of_product("H100", 8);
    let more = Class { cpus: 512, pods: 440, ..Class::of_product("H100", 16) };
    assert!(hardware::is_same(&class, &more));
    let tolerations = Class::unread().tolerations;
    for other in [Class::of_product("A100", 8), Class { tolerations, ..class.clone() }, Class::default()] {
        assert!(!hardware::is_same(&class, &other), "{other:?}");
    }
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

fn node(spec: &Value, annotations: &Value, labels: &Value) -> Node {
    let metadata =
        json!({"name": "on-prem-h100", "resourceVersion": "7", "annotations": annotations, "labels": labels});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

#[test]
fn what_an_operator_cordoned_stays_so_whether_before_or_after() {
    let closed = json!({"key": "remotegpu.ai/closed", "effect": "NoSchedule"});
    let theirs = json!({"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"});
    let settled = |taints: Value, cordoned: bool, stage| {
        home::settled(&node(&json!({"taints": taints, "unschedulable": cordoned}), &json!({}), &json!({})), stage)
    };
    let change = |taints: Value| Some(json!({"metadata": {"resourceVersion": "7"}, "spec": {"taints": taints}}));
    for cordoned in [true, false] {
        assert_eq!(settled(json!([theirs]), cordoned, Stage::Open), None);
        assert_eq!(settled(json!([theirs]), cordoned, Stage::Closed), change(json!([theirs, closed])));
        assert_eq!(settled(json!([theirs, closed]), cordoned, Stage::Ending), None);
        assert_eq!(settled(json!([theirs, closed]), cordoned, Stage::Open), change(json!([theirs])));
    }
}

#[test]
fn what_an_earlier_version_cordoned_is_opened_with_its_mark() {
    let mark = json!({"remotegpu.ai/closed-by-fleet": "true"});
    let old = node(&json!({"unschedulable": true}), &mark, &json!({}));
    let change = home::settled(&old, Stage::Open).unwrap();
    assert_eq!(change["spec"]["unschedulable"], json!(false));
    assert_eq!(change["metadata"]["annotations"], json!({"remotegpu.ai/closed-by-fleet": null}), "the mark goes");
    assert_eq!(home::settled(&old, Stage::Closed).unwrap()["spec"]["taints"][0]["key"], "remotegpu.ai/closed");
}

#[test]
fn a_node_of_somebody_else_is_not_taken_over() {
    let of = |labels: &Value| home::is_of(&node(&json!({}), &json!({}), labels), "on-prem");
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

#[test]
fn an_object_is_missing_when_the_cluster_answers_so_whatever_its_words() {
    let said = |words: &str, code: u16| {
        let status = kube::core::Status::failure(words, "").with_code(code).boxed();
        home::is_missing(&kube::Error::Api(status).into())
    };
    assert!(said("nodes \"on-prem-h100\" not found", 404) && said("", 404));
    assert!(!said("the server could not find its memory: not found", 500));
    assert!(!home::is_missing(&anyhow::anyhow!("the name server: host not found")));
}

fn rented(key: &str, max_price_micros: i64) -> Engine {
    let url = "https://rent.example".to_owned();
    let (key, clouds, addresses) = (key.to_owned().into(), Clouds::Secure, AddressPolicy::default());
    let account = Account { url, key, data_centers: vec!["EU-RO-1".into()], clouds, max_price_micros, addresses };
    Engine { reach: Reach::Account(account), ..engine("a", Stage::Open) }
}

#[test]
fn an_accounts_node_starts_again_with_its_new_key_and_limits() {
    assert_eq!(rented("a", 1).mark(), rented("a", 1).mark());
    for other in [rented("b", 1), rented("a", 2), engine("a", Stage::Open)] {
        assert_ne!(rented("a", 1).mark(), other.mark());
    }
    let socket = |path: &str| Engine { reach: Reach::Socket(path.into()), ..engine("a", Stage::Open) };
    assert_ne!(socket("unix:///a").mark(), socket("unix:///b").mark());
}

#[test]
fn an_account_and_a_host_offer_one_node_each() {
    assert_eq!(hardware::node_name("rented", rented("a", 1).reach.kind()), "rented-runpod");
    let class = hardware::rented();
    assert_eq!(class.gpu.as_ref().map(|gpu| (gpu.model.as_str(), gpu.count)), Some(("", 100)));
    let taints = |engine: &Engine, class: &Class| home::taints(engine, class).remove(0);
    assert_eq!(taints(&rented("a", 1), &class).key, "nvidia.com/gpu");
    let host = Engine { reach: Reach::Socket("unix:///a".into()), ..engine("a", Stage::Open) };
    let plain = hardware::of_host(Hardware { cpus: 8, memory_bytes: 16 << 30, gpu: None });
    assert_eq!((plain.cpus, plain.pods, taints(&host, &plain).value.as_str()), (8, 110, "docker"));
    let some = hardware::of_host(Hardware { gpu: Some(gpu("H100")), ..Hardware::default() });
    assert_eq!((taints(&host, &some).key.as_str(), some.gpu), ("nvidia.com/gpu", Some(gpu("H100"))));
}

#[test]
fn a_sku_rents_what_it_sells() {
    let sku = json!({"spec": {"gpu": {"model": "H100", "count": 1, "memoryGiB": 80}}});
    assert_eq!(home::gpu_of(&sku), Some(SoldGpu { model: "H100".into(), memory_gib: 80 }));
    assert_eq!(home::gpu_of(&json!({"spec": {"resources": {"cpu": "1"}}})), None);
}

#[test]
fn nodes_are_looked_for_again_when_an_engine_goes_that_nothing_ran_for() {
    let set = |names: &[&str]| -> HashSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let (both, one, none) = (set(&["a", "b"]), set(&["a"]), HashSet::new());
    assert!(has_left(&both, &one, &none), "b left its nodes behind");
    assert!(!has_left(&both, &one, &both.iter().collect()), "who runs it takes them away, after its pods");
    assert!(!has_left(&one, &both, &none), "one more has left nothing");
    assert!(!has_left(&both, &both, &none));
}

#[test]
fn what_runs_under_a_former_label_goes_on_closed_and_its_nodes_go_once_they_are_empty() {
    let under = |stage: Stage, busy: bool| {
        let run = former::under(engine("a", stage), "on-prem-0badcafe", busy);
        assert_eq!((run.id.as_str(), run.name.as_str()), ("1", "on-prem-0badcafe"));
        run.stage
    };
    for stage in [Stage::Open, Stage::Closed] {
        assert_eq!((under(stage, true), under(stage, false)), (Stage::Closed, Stage::Emptying));
    }
    assert_eq!(under(Stage::Emptying, true), Stage::Emptying, "its deletion waits for what runs");
    assert_eq!(under(Stage::Ending, true), Stage::Ending, "the engine is being deleted");
}
