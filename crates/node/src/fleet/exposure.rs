//! Services that ask to be reached from outside: found at home once for all engines, made by each engine that runs their
//! pods, and told as a condition of the Service where it is reached or why not.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use engines::{
    Outside, OutsideCondition,
    kubernetes::{Exposure, Exposures},
    outside_condition, outside_engine,
};
use k8s_openapi::{
    api::core::v1::Service,
    apimachinery::pkg::{
        apis::meta::v1::{ObjectMeta, Time},
        util::intstr::IntOrString,
    },
    jiff::Timestamp,
};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    board::Board,
    home::{Home, in_time, is_missing},
};

/// Time between two looks of an engine.
const LOOK: Duration = Duration::from_secs(5);

/// What one engine exposes.
pub(super) struct Exposing {
    home: Arc<Home>,
    engine: String,
    exposures: Exposures,
    /// Namespaces and names of the Services that have our condition.
    told: BTreeSet<(String, String)>,
    ended: bool,
}

// === impl Board ===

impl Board {
    /// Takes off what engines have told that are not among these any more.
    ///
    /// # Errors
    /// When the home cluster does not answer.
    pub(super) async fn sweep(&self, engines: &[&str]) -> Result<()> {
        for service in self.asking().await? {
            let kinds = conditions(&service).filter_map(|one| outside_engine(one.0));
            for engine in kinds.filter(|engine| !engines.contains(engine)) {
                self.tell(&key(&service), taken_off(engine)).await?;
            }
        }
        Ok(())
    }

    async fn tell(&self, (namespace, name): &(String, String), change: Value) -> Result<()> {
        let api = self.services_in(namespace);
        match in_time(api.patch_status(name, &PatchParams::default(), &Patch::Strategic(change))).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

// === impl Exposing ===

impl Exposing {
    /// What the engine of this name exposes.
    pub(super) fn new(home: &Arc<Home>, engine: &str, exposures: Exposures) -> Self {
        Self { home: home.clone(), engine: engine.to_owned(), exposures, told: BTreeSet::new(), ended: false }
    }

    async fn look(&mut self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        let board = &self.home.exposed;
        let exposed = board.now().await?;
        let nodes = if exposed.is_empty() { Vec::new() } else { board.nodes_of(&self.engine).await? };
        let namespaces = exposed.iter().filter_map(|service| service.namespace()).collect();
        let pods = board.pods_on(&nodes, &namespaces).await?;
        let mut wanted = Vec::new();
        for service in &exposed {
            // Without a TCP port there is nothing that HTTP could reach.
            let exposure = exposure(service, selected(service, &pods));
            wanted.extend(exposure.filter(|exposure| !exposure.pods.is_empty()));
        }
        let made = self.exposures.keep(&nodes, &wanted).await?;
        let keys = wanted.into_iter().map(|one| (one.namespace, one.service));
        let outside: BTreeMap<(String, String), Outside> = keys.zip(made).collect();
        self.tell(&exposed, &outside).await
    }

    /// Tells each Service what is so, and takes off what is not any more.
    async fn tell(&mut self, exposed: &[Arc<Service>], outside: &BTreeMap<(String, String), Outside>) -> Result<()> {
        let board = &self.home.exposed;
        for service in exposed {
            let key = key(service);
            if let Some(change) = change(service, &self.engine, outside.get(&key), Timestamp::now()) {
                board.tell(&key, change).await?;
            }
        }
        // These do not ask any more, or what they were told is newer than the list.
        for gone in self.told.iter().filter(|key| !outside.contains_key(*key)) {
            board.tell(gone, taken_off(&self.engine)).await?;
        }
        self.told = outside.keys().cloned().collect();
        Ok(())
    }

    /// Removes everything, for good.
    ///
    /// # Errors
    /// When one of the clusters does not answer; it is tried again.
    pub(super) async fn end(&mut self) -> Result<()> {
        let exposed = self.home.exposed.now().await?;
        let has_told = |service: &Arc<Service>| change(service, &self.engine, None, Timestamp::now()).is_some();
        let is_used = !self.told.is_empty() || exposed.iter().any(has_told);
        match self.exposures.keep(&[], &[]).await {
            // A cluster that is gone must not keep an engine for what was never there.
            Err(error) if !is_used => tracing::warn!(%error, engine.name = self.engine, "Not asked what is exposed"),
            kept => drop(kept?),
        }
        self.tell(&exposed, &BTreeMap::new()).await?;
        self.ended = true;
        Ok(())
    }
}

/// Follows the home cluster until told to stop.
pub(super) async fn run(exposing: Arc<Mutex<Exposing>>, stop: CancellationToken) {
    let engine = exposing.lock().await.engine.clone();
    let mut said = None;
    loop {
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = async { exposing.lock().await.look().await } => looked,
        };
        let error = looked.err().map(|error| format!("{error:#}"));
        if let Some(error) = error.as_ref().filter(|_| error != said) {
            tracing::warn!(engine.name = engine, error, "What an engine exposes may be out of date; trying again");
        }
        said = error;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// UIDs of the pods that a Service selects, in its own namespace; none for one whose addresses somebody keeps by hand.
fn selected(service: &Service, pods: &[ObjectMeta]) -> BTreeSet<String> {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref()).filter(|all| !all.is_empty());
    let Some(selector) = selector else { return BTreeSet::new() };
    let is_meant = |pod: &&ObjectMeta| {
        let labels = pod.labels.as_ref();
        let has = |(key, value): (&String, &String)| labels.is_some_and(|all| all.get(key) == Some(value));
        pod.namespace == service.metadata.namespace && selector.iter().all(has)
    };
    pods.iter().filter(is_meant).filter_map(|pod| pod.uid.clone()).collect()
}

/// What is wanted for the first TCP port of a Service; none without one.
pub(super) fn exposure(service: &Service, pods: BTreeSet<String>) -> Option<Exposure> {
    let ports = service.spec.as_ref()?.ports.as_ref()?;
    let port = ports.iter().find(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP")?;
    Some(Exposure {
        uid: service.uid()?,
        service: service.name_any(),
        namespace: service.namespace().unwrap_or_default(),
        target: port.target_port.clone().unwrap_or(IntOrString::Int(port.port)),
        pods,
    })
}

/// The change of a Service's status after which it says this of the engine, or nothing; none if it does.
pub(super) fn change(service: &Service, engine: &str, wanted: Option<&Outside>, now: Timestamp) -> Option<Value> {
    let kind = outside_condition(engine);
    let known = conditions(service).find(|one| one.0 == kind);
    let Some(wanted) = wanted else { return known.map(|_| taken_off(engine)) };
    let OutsideCondition { kind, status, reason, message } = wanted.condition();
    if known.is_some_and(|(_, known, said)| known == status && said == message) {
        return None;
    }
    let condition = json!({
        "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": Time(now),
    });
    Some(json!({"status": {"conditions": [condition]}}))
}

fn taken_off(engine: &str) -> Value {
    json!({"status": {"conditions": [{"type": outside_condition(engine), "$patch": "delete"}]}})
}

/// Type, status and message of each.
fn conditions(service: &Service) -> impl Iterator<Item = (&str, &str, &str)> {
    let all = service.status.iter().flat_map(|status| status.conditions.iter().flatten());
    all.map(|one| (one.type_.as_str(), one.status.as_str(), one.message.as_str()))
}

fn key(service: &Service) -> (String, String) {
    (service.namespace().unwrap_or_default(), service.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(spec: &Value, conditions: &Value) -> Service {
        let metadata = json!({"name": "web", "namespace": "team", "uid": "s1"});
        let status = json!({"conditions": conditions});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
    }

    #[test]
    fn the_first_tcp_port_is_exposed_and_where_it_goes_to() {
        let target = |ports: Value| exposure(&service(&json!({"ports": ports}), &json!([])), BTreeSet::new());
        let udp = json!({"port": 53, "protocol": "UDP"});
        let named = target(json!([udp, {"port": 80, "targetPort": "http"}, {"port": 9}])).unwrap();
        assert_eq!((named.uid.as_str(), named.target), ("s1", IntOrString::String("http".into())));
        assert_eq!(target(json!([{"port": 9}])).unwrap().target, IntOrString::Int(9));
        assert_eq!(target(json!([udp])), None);
    }

    #[test]
    fn a_service_means_the_pods_of_its_own_namespace_that_have_all_its_labels() {
        let pod = |uid: &str, namespace: &str, labels: &Value| -> ObjectMeta {
            serde_json::from_value(json!({"uid": uid, "namespace": namespace, "labels": labels})).unwrap()
        };
        let both = json!({"app": "web", "tier": "gpu", "more": ""});
        let pods = [
            pod("1", "team", &both),
            pod("2", "other-team", &both),
            pod("3", "team", &json!({"app": "web", "tier": "cpu"})),
            pod("4", "team", &json!({"app": "web"})),
            pod("5", "team", &Value::Null),
        ];
        let meant = |spec: Value| selected(&service(&spec, &json!([])), &pods);
        assert_eq!(meant(json!({"selector": {"app": "web", "tier": "gpu"}})), BTreeSet::from(["1".to_owned()]));
        assert_eq!(meant(json!({"selector": {}})), BTreeSet::new(), "somebody keeps its addresses by hand");
        assert_eq!(meant(json!({})), BTreeSet::new());
    }

    #[test]
    fn a_service_is_told_once_and_each_engine_speaks_for_itself() {
        let of = |conditions: Value, wanted: Option<&Outside>| {
            change(&service(&json!({}), &conditions), "on-prem", wanted, Timestamp::UNIX_EPOCH)
        };
        let refused = Outside::refused("on-prem", "Because".to_owned());
        let told = json!({"type": "outside.remotegpu.ai/on-prem", "status": "False", "reason": "Refused",
            "message": "Because", "lastTransitionTime": "1970-01-01T00:00:00Z"});
        let mut other = told.clone();
        other["type"] = json!("outside.remotegpu.ai/other");
        assert_eq!(of(json!([other]), Some(&refused)), Some(json!({"status": {"conditions": [told]}})));
        assert_eq!(of(json!([other, told]), Some(&refused)), None);
        assert_eq!(of(json!([other]), None), None);
        assert_eq!(of(json!([told]), None), Some(taken_off("on-prem")));
    }
}
