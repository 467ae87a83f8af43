//! The numbers people see on the SKU page.

use serde_json::json;

use super::*;

fn sku(spec: &Value) -> Sku {
    let base = json!({"title": "x", "resources": {"cpu": "24", "memory": "192Gi"}, "price": {"perHour": "1", "currency": "EUR"}});
    let mut whole = base;
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    Sku {
        code: "s".into(),
        version: "1".into(),
        spec: serde_json::from_value(whole).unwrap(),
        status: SkuStatus::default(),
    }
}

fn h100(count: u32) -> Sku {
    sku(&json!({
        "gpu": {"model": "H100", "count": count, "memoryGiB": 80, "resource": "nvidia.com/gpu"},
        "resources": {"cpu": (24 * count).to_string(), "memory": format!("{}Gi", 192 * count)},
        "placement": {"engines": ["simulated"]}
    }))
}

fn node(gpus: &str, used_gpus: &str) -> NodeRoom {
    let amounts = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), parse_milli(text).unwrap())).collect()
    };
    NodeRoom {
        labels: [(ENGINE_LABEL.to_owned(), "simulated".to_owned())].into(),
        taints: vec![Taint { key: "nvidia.com/gpu".into(), value: "present".into(), effect: "NoSchedule".into() }],
        open: true,
        allocatable: amounts(&[("cpu", "384"), ("memory", "3Ti"), ("pods", "100"), ("nvidia.com/gpu", gpus)]),
        used: amounts(&[("nvidia.com/gpu", used_gpus), ("pods", "1")]),
    }
}

fn counts(sku: &Sku, nodes: &[NodeRoom]) -> (u32, u32) {
    let status = availability(sku, nodes);
    (status.free, status.total)
}

#[test]
fn sixteen_gpus_hold_sixteen_singles_and_two_eights() {
    assert_eq!(counts(&h100(1), &[node("16", "0")]), (16, 16));
    assert_eq!(counts(&h100(8), &[node("16", "0")]), (2, 2));
}

#[test]
fn gpus_of_two_nodes_are_never_added_up_for_one_pod() {
    assert_eq!(counts(&h100(8), &[node("4", "0"), node("4", "0")]), (0, 0));
}

#[test]
fn what_pods_ask_for_is_no_longer_free() {
    assert_eq!(counts(&h100(1), &[node("16", "13")]), (3, 16));
    assert_eq!(counts(&h100(1), &[node("16", "20")]), (0, 16), "an overfull node is full, not negative");
}

#[test]
fn a_closed_node_keeps_its_total_and_has_nothing_free() {
    let mut closed = NodeRoom { open: false, ..node("16", "0") };
    closed.taints.push(Taint { key: CLOSED_TAINT.into(), effect: "NoSchedule".into(), ..Taint::default() });
    assert_eq!(counts(&h100(1), &[closed]), (0, 16));
}

#[test]
fn the_scarcest_resource_decides() {
    let mut small = node("16", "0");
    small.allocatable.insert("memory".into(), parse_milli("400Gi").unwrap());
    assert_eq!(counts(&h100(1), &[small]), (2, 2));
}

#[test]
fn an_untolerated_taint_a_foreign_engine_or_a_missing_label_keep_pods_away() {
    let mut tainted = node("16", "0");
    tainted.taints.push(Taint { key: "maintenance".into(), effect: "NoExecute".into(), ..Taint::default() });
    let mut foreign = node("16", "0");
    foreign.labels.insert(ENGINE_LABEL.into(), "other".into());
    let plain = NodeRoom { labels: BTreeMap::new(), ..node("16", "0") };
    assert_eq!(counts(&h100(1), &[tainted, foreign, plain]), (0, 0));
    let mut picky = h100(1);
    picky.spec.placement.node_selector.insert("remotegpu.ai/gpu-model".into(), "H100".into());
    assert_eq!(counts(&picky, &[node("16", "0")]), (0, 0));
}

#[test]
fn a_cpu_sku_needs_a_toleration_for_gpu_nodes() {
    let cpu = sku(&json!({"placement": {"engines": ["simulated"]}}));
    assert_eq!(counts(&cpu, &[node("16", "0")]), (0, 0));
    let tolerations = json!([{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]);
    let tolerant = sku(&json!({"placement": {"engines": ["simulated"], "tolerations": tolerations}}));
    assert_eq!(counts(&tolerant, &[node("16", "0")]), (16, 16));
}

#[test]
fn engines_are_listed_even_without_a_node() {
    let mut everywhere = h100(1);
    everywhere.spec.placement.engines = vec!["away".into(), "simulated".into()];
    let status = availability(&everywhere, &[node("2", "1")]);
    let lines: Vec<_> = status.engines.iter().map(|e| (e.name.as_str(), e.free, e.total)).collect();
    assert_eq!(lines, [("away", 0, 0), ("simulated", 1, 2)]);
}

#[test]
fn a_sku_that_cannot_be_read_fits_nowhere() {
    let mut broken = h100(1);
    broken.spec.resources.memory = "lots".into();
    assert_eq!(counts(&broken, &[node("16", "0")]), (0, 0));
}

#[test]
fn long_names_of_an_accounts_engines_stay_different() {
    let account = AccountId::new(uuid::Uuid::from_u128(0xdead_beef));
    let longest = "a".repeat(54);
    assert_eq!(accounts_engine_name(&longest, account), format!("{longest}.deadbeef"), "there is room for it");
    let name = |end: &str| accounts_engine_name(&format!("{longest}{end}"), account);
    assert_ne!(name("-rack-1"), name("-rack-2"));
    for name in [name("b"), name("-rack-1"), accounts_engine_name(&format!("{}-{longest}", "a".repeat(8)), account)] {
        assert!(name.len() <= 63 && name.starts_with("aaaaaaaa") && name.ends_with(".deadbeef"), "{name}");
        assert_eq!(owner(&name), Some("deadbeef"), "{name}");
    }
}

#[test]
fn the_room_of_an_accounts_engine_counts_only_for_skus_that_name_it() {
    let account = AccountId::new(uuid::Uuid::from_u128(0xdead_beef));
    let engine = accounts_engine_name("simulated", account);
    assert_eq!(engine, "simulated.deadbeef");
    let owned = |value: &str| {
        let mut owned = node("16", "0");
        owned.labels.insert(ENGINE_LABEL.into(), engine.clone());
        owned.taints.push(Taint { key: ACCOUNT_TAINT.into(), value: value.into(), effect: "NoSchedule".into() });
        owned
    };
    let mut sku = h100(1);
    sku.spec.placement.engines.clear();
    assert_eq!(counts(&sku, &[owned(&account.to_string())]), (0, 0));
    sku.spec.placement.engines = vec![engine.clone()];
    assert_eq!(counts(&sku, &[owned(&account.to_string())]), (16, 16));
    let other = AccountId::new(uuid::Uuid::from_u128(0xbeef)).to_string();
    assert_eq!(counts(&sku, &[owned(&other)]), (0, 0), "the taint is somebody else's");
}

#[test]
fn a_sku_is_open_to_the_accounts_whose_engine_it_names_and_to_all_where_it_names_one_of_the_platform() {
    let [own, other] = [0xdead_beef, 0xbeef].map(|id| AccountId::new(uuid::Uuid::from_u128(id)).to_string());
    let open = |engines: &[&str], account: &str| {
        let mut sku = h100(1);
        sku.spec.placement.engines = engines.iter().map(|name| (*name).to_owned()).collect();
        open_to(&sku, account)
    };
    for engines in [&[][..], &["simulated"], &["on-prem-deadbeef"], &["a.deadbeef", "simulated"]] {
        assert!(open(engines, &own) && open(engines, &other) && open(engines, ""), "{engines:?}");
    }
    assert!(open(&["a.deadbeef"], &own));
    assert!(!open(&["a.deadbeef"], &other) && !open(&["a.deadbeef"], ""));
}
