//! The Node object and its status: pure builders.
//! Everything a scheduler, a person or the console reads about the node is put together here.
use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Taint};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    EngineInfo, Gpu, NodeConfig, NodeTaint,
    orphans::{ORPHANS, Orphans},
    status::seconds,
    tick::Health,
};

/// Said to the API server: exec and attach come as WebSockets.
const FEATURES: [&str; 1] = ["ExtendWebSocketsToKubelet"];
/// Type of the condition that nothing new can be paid for; nodes whose engine never says so lack it.
const UNPAID: &str = "InsufficientBalance";
/// Pods of a node whose engine and flags name no number.
const PODS: u32 = 110;

/// Capacity and allocatable: flags first, then what the engine reports.
pub(crate) fn capacity(config: &NodeConfig, engine: &EngineInfo, other_gpus: &[&str]) -> BTreeMap<String, String> {
    let wanted = &config.capacity;
    let mut all = BTreeMap::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            all.insert(key.to_owned(), value);
        }
    };
    put("cpu", wanted.cpu.clone().or(engine.cpus.map(|cpus| cpus.to_string())));
    put("memory", wanted.memory.clone().or(engine.memory_bytes.map(|bytes| format!("{}Ki", bytes / 1024))));
    put("ephemeral-storage", wanted.ephemeral_storage.clone().or(Some("100Gi".into())));
    put("pods", Some(wanted.pods.unwrap_or(PODS).to_string()));
    for resource in std::iter::once(&Gpu::RESOURCE).chain(other_gpus) {
        put(resource, config.gpu.as_ref().map(|gpu| gpu.count.to_string()));
    }
    all
}

pub(crate) fn labels(config: &NodeConfig) -> BTreeMap<String, String> {
    let mut labels = config.labels.clone();
    let mut put = |key: &str, value: &str| labels.insert(key.to_owned(), value.to_owned());
    put("type", "virtual-kubelet");
    put("kubernetes.io/hostname", &config.name);
    put("kubernetes.io/os", "linux");
    put("kubernetes.io/arch", architecture());
    put("node.kubernetes.io/exclude-from-external-load-balancers", "true");
    put("remotegpu.ai/engine", &config.engine);
    // A node that offers many models has no label of one.
    if let Some(gpu) = config.gpu.as_ref().filter(|gpu| !gpu.model.is_empty()) {
        put("remotegpu.ai/gpu-model", &gpu.model);
        put("nvidia.com/gpu.product", &gpu.model);
        if let Some(memory) = gpu.memory_gib {
            put("nvidia.com/gpu.memory", &memory.saturating_mul(1024).to_string());
        }
    }
    labels
}

pub(crate) fn taints(config: &NodeConfig) -> Vec<Taint> {
    let taint = |one: &NodeTaint| {
        let (key, value) = (one.key.clone(), Some(one.value.clone()));
        Taint { key, value, effect: one.effect.name().into(), time_added: None }
    };
    config.taints.iter().map(taint).collect()
}

/// The object as it is created. Its status follows in a patch, but for what it has: clients such as SkyPilot read every
/// node of the cluster and fail on one without capacity and allocatable, even for that moment.
pub(crate) fn new_node(config: &NodeConfig, kind: &str, allocatable: &BTreeMap<String, String>) -> Node {
    let mut node = Node::default();
    let has: BTreeMap<String, Quantity> =
        allocatable.iter().map(|(name, amount)| (name.clone(), Quantity(amount.clone()))).collect();
    let status = node.status.get_or_insert_default();
    (status.capacity, status.allocatable) = (Some(has.clone()), Some(has));
    node.metadata.name = Some(config.name.clone());
    node.metadata.labels = Some(labels(config));
    let spec = node.spec.get_or_insert_default();
    spec.taints = Some(taints(config));
    // Set at once: it cannot be changed, and a cloud controller must know that this node is not its own.
    spec.provider_id = Some(format!("{kind}://{}", config.name));
    node
}

/// What the status is made of.
pub(crate) struct Facts<'a> {
    pub(crate) config: &'a NodeConfig,
    pub(crate) engine: &'a EngineInfo,
    pub(crate) kind: &'a str,
    pub(crate) allocatable: &'a BTreeMap<String, String>,
    pub(crate) server_version: &'a str,
    pub(crate) health: &'a Health,
    pub(crate) orphans: &'a Orphans,
    /// Why nothing new can be paid for.
    pub(crate) unpaid: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// A strategic merge patch of the status; `old` keeps its transition times.
pub(crate) fn status_patch(facts: &Facts, old: Option<&Node>) -> Value {
    let config = facts.config;
    json!({"status": {
        "capacity": facts.allocatable,
        "allocatable": facts.allocatable,
        "conditions": conditions(facts, old),
        "addresses": [{"type": "InternalIP", "address": config.address.to_string()}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": config.port}},
        "declaredFeatures": FEATURES,
        "nodeInfo": {
            "operatingSystem": "linux",
            "architecture": architecture(),
            "kubeletVersion": kubelet_version(facts.server_version),
            "kubeProxyVersion": "",
            "containerRuntimeVersion": format!("{}://{}", facts.kind, facts.engine.version),
            "kernelVersion": "",
            "osImage": format!("RemoteGPU virtual node ({})", facts.kind),
            "machineID": stable_id(&config.name, "machine"),
            "systemUUID": stable_id(&config.name, "system"),
            "bootID": stable_id(&config.name, "boot"),
        },
    }})
}

fn conditions(facts: &Facts, old: Option<&Node>) -> Vec<Value> {
    let health = facts.health;
    let (status, reason, message) = match (health.is_ready(), health.listed) {
        (true, _) => ("True", "EngineReady", "The engine answers".to_owned()),
        (false, false) if health.failures == 0 => ("False", "Starting", "The engine was not listed yet".to_owned()),
        (false, _) => ("False", "EngineUnreachable", health.message.clone()),
    };
    let mut all = vec![condition(facts.now, old, "Ready", status, reason, &message)];
    for (type_, reason) in [
        ("MemoryPressure", "EngineHasSufficientMemory"),
        ("DiskPressure", "EngineHasNoDiskPressure"),
        ("PIDPressure", "EngineHasSufficientPID"),
        ("NetworkUnavailable", "RouteCreated"),
    ] {
        all.push(condition(facts.now, old, type_, "False", reason, ""));
    }
    let (status, reason, message) = facts.orphans.condition(facts.now);
    all.push(condition(facts.now, old, ORPHANS, status, reason, &message));
    // A patch takes no condition away: one that was there is said to be over.
    match facts.unpaid {
        Some(message) => all.push(condition(facts.now, old, UNPAID, "True", "CreateRefused", message)),
        None if known(old, UNPAID).is_some() => all.push(condition(facts.now, old, UNPAID, "False", "CreatePaid", "")),
        None => {}
    }
    all
}

fn known<'a>(old: Option<&'a Node>, type_: &str) -> Option<&'a NodeCondition> {
    old?.status.as_ref()?.conditions.as_ref()?.iter().find(|one| one.type_ == type_)
}

fn condition(now: Timestamp, old: Option<&Node>, type_: &str, status: &str, reason: &str, message: &str) -> Value {
    let kept = known(old, type_).filter(|one| one.status == status).and_then(|one| one.last_transition_time.clone());
    json!({
        "type": type_, "status": status, "reason": reason, "message": message,
        "lastHeartbeatTime": seconds(now),
        "lastTransitionTime": kept.unwrap_or_else(|| seconds(now)),
    })
}

/// The API server's version without its own suffix, and ours: never newer than the cluster.
fn kubelet_version(server: &str) -> String {
    let end = server.find(['-', '+']).unwrap_or(server.len());
    format!("{}-remotegpu", &server[..end])
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

/// The same for the same node at every start, and different between nodes.
fn stable_id(node: &str, what: &str) -> String {
    let digest = Sha256::digest(format!("remotegpu/{node}/{what}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;

    #[test]
    fn a_gpu_node_says_what_it_has() {
        let engine = EngineInfo { version: "1".into(), cpus: Some(64), memory_bytes: Some(1 << 40) };
        let all = capacity(&config(), &engine, &["amd.com/gpu"]);
        assert_eq!((all["nvidia.com/gpu"].as_str(), all["amd.com/gpu"].as_str()), ("16", "16"));
        assert_eq!(
            (all["cpu"].as_str(), all["memory"].as_str(), all["pods"].as_str()),
            ("64", "1073741824Ki", "20000")
        );
        let labels = labels(&config());
        assert_eq!(labels["nvidia.com/gpu.product"], "H100");
        assert_eq!(labels["type"], "virtual-kubelet");
    }

    #[test]
    fn a_taint_has_the_effect_that_was_asked_for() {
        let mut config = config();
        for effect in ["NoSchedule", "PreferNoSchedule", "NoExecute"] {
            config.taints[0].effect = effect.parse().unwrap();
            assert_eq!(taints(&config)[0].effect, effect);
        }
        assert!("noschedule".parse::<crate::TaintEffect>().is_err());
    }

    #[test]
    fn a_node_says_what_it_has_from_its_first_moment() {
        let engine = EngineInfo { version: "1".into(), cpus: Some(64), memory_bytes: Some(1 << 40) };
        let has = capacity(&config(), &engine, &[]);
        let status = new_node(&config(), "simulated", &has).status.unwrap();
        for part in [status.capacity.unwrap(), status.allocatable.unwrap()] {
            assert_eq!((part["cpu"].0.as_str(), part["nvidia.com/gpu"].0.as_str()), ("64", "16"));
            assert!(part.contains_key("memory"));
        }
    }

    #[test]
    fn an_empty_balance_is_a_condition_of_its_own_until_something_is_paid_for_again() {
        let (config, engine, allocatable) = (config(), EngineInfo::default(), BTreeMap::new());
        let shown = |unpaid: Option<&str>, old: Option<&Node>| -> Vec<Value> {
            let facts = Facts {
                config: &config,
                engine: &engine,
                kind: "runpod",
                allocatable: &allocatable,
                server_version: "v1.36.3",
                health: &Health { listed: true, ..Health::default() },
                orphans: &Orphans::default(),
                unpaid,
                now: Timestamp::UNIX_EPOCH,
            };
            conditions(&facts, old)
        };
        let of = |all: &[Value], type_: &str| {
            let found = all.iter().find(|one| one["type"] == type_);
            found.map(|one| (one["status"].clone(), one["message"].clone()))
        };
        assert_eq!(of(&shown(None, None), UNPAID), None);
        let all = shown(Some("no credit"), None);
        assert_eq!(of(&all, UNPAID), Some((json!("True"), json!("no credit"))));
        assert_eq!(of(&all, "Ready").unwrap().0, "True", "what runs is paid for, and goes on");
        let old: Node = serde_json::from_value(json!({"metadata": {}, "status": {"conditions": all}})).unwrap();
        assert_eq!(of(&shown(None, Some(&old)), UNPAID), Some((json!("False"), json!(""))));
    }

    #[test]
    fn the_version_is_the_servers_with_our_suffix() {
        assert_eq!(kubelet_version("v1.36.3"), "v1.36.3-remotegpu");
        assert_eq!(kubelet_version("v1.36.3+k3s1"), "v1.36.3-remotegpu");
    }

    #[test]
    fn readiness_follows_the_engine_after_three_failures() {
        let mut health = Health { listed: true, failures: 2, message: "no socket".into() };
        assert!(health.is_ready());
        health.failures = 3;
        assert!(!health.is_ready());
        assert!(!Health::default().is_ready());
    }
}
