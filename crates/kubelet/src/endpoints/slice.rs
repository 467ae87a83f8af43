//! The slices of one Service, without any I/O: which pods it names, and at which public ports they are reached.
//! Each pod has public ports of its own, and all endpoints of a slice share their ports: so each pod has its own slice.
use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::{
    api::{
        core::v1::{ObjectReference, Pod, Service, ServicePort},
        discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice},
    },
    apimachinery::pkg::{
        apis::meta::v1::{ObjectMeta, OwnerReference},
        util::intstr::IntOrString,
    },
};

use crate::PublicPort;

pub(super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
pub(super) const MANAGER: &str = "remotegpu-kubelet";
/// Several nodes may serve one Service: each takes care of its own slices.
pub(super) const NODE: &str = "remotegpu.ai/node";
const SERVICE: &str = "kubernetes.io/service-name";

/// A Service that asks for slices.
pub(super) struct Wanted<'a> {
    service: &'a Service,
    selector: BTreeMap<&'a str, &'a str>,
}

// === impl Wanted ===

impl<'a> Wanted<'a> {
    /// `None` unless the Service asks for it and says for which pods. One with a selector of its own is left alone:
    /// Kubernetes fills that one with addresses of the cluster, where nobody answers.
    pub(super) fn of(service: &'a Service, prefix: &str) -> Option<Self> {
        let notes = service.metadata.annotations.as_ref()?;
        let note = |name: &str| notes.get(&format!("{prefix}/{name}")).map(String::as_str);
        let own = service.spec.as_ref().and_then(|spec| spec.selector.as_ref()).is_some_and(|all| !all.is_empty());
        if own || note("managed-endpoints") != Some("true") {
            return None;
        }
        let pairs = note("pod-selector")?.split(',').map(|pair| pair.split_once('='));
        let selector: Option<BTreeMap<&str, &str>> =
            pairs.map(|pair| pair.map(|(key, value)| (key.trim(), value.trim()))).collect();
        Some(Self { service, selector: selector? })
    }

    pub(super) fn namespace(&self) -> &str {
        self.service.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn selects(&self, pod: &Pod) -> bool {
        let labels = pod.metadata.labels.as_ref();
        let has = |key: &str, value: &str| labels.and_then(|all| all.get(key)).is_some_and(|own| own == value);
        pod.metadata.namespace == self.service.metadata.namespace
            && self.selector.iter().all(|(key, value)| has(key, value))
    }

    /// One slice for each public address of the pod; none before one of the Service's ports is mapped.
    pub(super) fn slices(&self, pod: &Pod, public: &[PublicPort], node: &str) -> Vec<EndpointSlice> {
        let mut by_address: BTreeMap<IpAddr, Vec<EndpointPort>> = BTreeMap::new();
        let ports = self.service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
        for port in ports.filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP") {
            let Some(found) = public.iter().find(|one| Some(one.private) == target(port, pod)) else { continue };
            by_address.entry(found.address).or_default().push(EndpointPort {
                app_protocol: port.app_protocol.clone(),
                name: Some(port.name.clone().unwrap_or_default()),
                port: Some(found.public.into()),
                protocol: Some("TCP".into()),
            });
        }
        by_address.into_iter().map(|(address, ports)| self.slice(pod, address, ports, node)).collect()
    }

    fn slice(&self, pod: &Pod, address: IpAddr, ports: Vec<EndpointPort>, node: &str) -> EndpointSlice {
        let service = self.service.metadata.name.clone().unwrap_or_default();
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let digits: String = address.to_string().chars().map(|one| if one == ':' { '-' } else { one }).collect();
        let owner = OwnerReference {
            api_version: "v1".into(),
            kind: "Service".into(),
            name: service.clone(),
            uid: self.service.metadata.uid.clone().unwrap_or_default(),
            ..OwnerReference::default()
        };
        let labels = [(SERVICE, service.as_str()), (MANAGED_BY, MANAGER), (NODE, node)];
        EndpointSlice {
            address_type: if address.is_ipv4() { "IPv4".into() } else { "IPv6".into() },
            endpoints: Some(vec![endpoint(pod, address, node)]),
            metadata: ObjectMeta {
                name: Some(format!("{service}-{uid}-{}", digits.trim_matches('-'))),
                namespace: self.service.metadata.namespace.clone(),
                labels: Some(labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()),
                owner_references: Some(vec![owner]),
                ..ObjectMeta::default()
            },
            ports: Some(ports),
        }
    }
}

fn endpoint(pod: &Pod, address: IpAddr, node: &str) -> Endpoint {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let serving = conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"));
    let terminating = pod.metadata.deletion_timestamp.is_some();
    Endpoint {
        addresses: vec![address.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(serving && !terminating),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        node_name: Some(node.to_owned()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".into()),
            name: pod.metadata.name.clone(),
            namespace: pod.metadata.namespace.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        }),
        ..Endpoint::default()
    }
}

/// The number of the container's port that a Service's port means for this pod.
fn target(port: &ServicePort, pod: &Pod) -> Option<u16> {
    let number = match &port.target_port {
        None | Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.iter().flat_map(|spec| spec.containers.iter());
            let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
            ports.find(|one| one.name.as_ref() == Some(name))?.container_port
        }
    };
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(annotations: Value, spec: Value) -> Service {
        let metadata = json!({"name": "db", "namespace": "team", "uid": "s", "annotations": annotations});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
    }

    fn asking(ports: Value) -> Service {
        let notes = json!({"runpod.io/managed-endpoints": "true", "runpod.io/pod-selector": "app=db, tier=gpu"});
        service(notes, json!({"ports": ports}))
    }

    fn pod(change: impl FnOnce(&mut Value)) -> Pod {
        let mut pod = json!({"metadata": {"name": "db-0", "namespace": "team", "uid": "u",
                "labels": {"app": "db", "tier": "gpu", "more": "x"}},
            "spec": {"containers": [{"name": "app", "ports": [{"name": "pg", "containerPort": 5432}]}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        change(&mut pod);
        serde_json::from_value(pod).unwrap()
    }

    fn public(private: u16, public: u16) -> PublicPort {
        PublicPort { private, public, address: [203, 0, 113, 7].into() }
    }

    fn shown(service: &Service, pod: &Pod, ports: &[PublicPort]) -> Vec<Value> {
        let slices = Wanted::of(service, "runpod.io").unwrap().slices(pod, ports, "virtual-runpod");
        slices.iter().map(|slice| serde_json::to_value(slice).unwrap()).collect()
    }

    #[test]
    fn a_service_asks_by_annotation_and_one_with_a_selector_is_left_alone() {
        let notes = json!({"runpod.io/managed-endpoints": "true", "runpod.io/pod-selector": "app=db"});
        assert!(Wanted::of(&service(notes.clone(), json!({})), "runpod.io").is_some());
        assert!(Wanted::of(&service(notes, json!({"selector": {"app": "db"}})), "runpod.io").is_none());
        for few in [json!({}), json!({"runpod.io/managed-endpoints": "true"}), json!({"runpod.io/pod-selector": "a=b"})]
        {
            assert!(Wanted::of(&service(few, json!({})), "runpod.io").is_none());
        }
        let wrong = json!({"runpod.io/managed-endpoints": "true", "runpod.io/pod-selector": "app"});
        assert!(Wanted::of(&service(wrong, json!({})), "runpod.io").is_none(), "never all pods by mistake");
    }

    #[test]
    fn only_pods_of_its_namespace_with_all_labels_are_meant() {
        let service = asking(json!([]));
        let wanted = Wanted::of(&service, "runpod.io").unwrap();
        assert!(wanted.selects(&pod(|_| {})));
        assert!(!wanted.selects(&pod(|pod| pod["metadata"]["namespace"] = json!("other"))));
        assert!(!wanted.selects(&pod(|pod| pod["metadata"]["labels"] = json!({"app": "db"}))));
    }

    #[test]
    fn a_slice_has_the_public_address_and_port_of_each_mapped_port() {
        let ports = json!([{"name": "sql", "port": 5432, "targetPort": "pg"}, {"name": "ssh", "port": 2222,
            "targetPort": 22}, {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "late", "port": 9}]);
        let slices = shown(&asking(ports), &pod(|_| {}), &[public(5432, 30123), public(22, 30124), public(53, 1)]);
        assert_eq!(slices.len(), 1);
        let slice = &slices[0];
        assert_eq!(slice["metadata"]["name"], "db-u-203.0.113.7");
        assert_eq!(slice["metadata"]["labels"][SERVICE], "db");
        let expected = json!([{"name": "sql", "port": 30123, "protocol": "TCP"},
            {"name": "ssh", "port": 30124, "protocol": "TCP"}]);
        assert_eq!((&slice["ports"], &slice["addressType"]), (&expected, &json!("IPv4")));
        let endpoint = &slice["endpoints"][0];
        assert_eq!(endpoint["addresses"], json!(["203.0.113.7"]));
        assert_eq!(endpoint["conditions"], json!({"ready": true, "serving": true, "terminating": false}));
        assert_eq!(shown(&asking(json!([{"port": 5432}])), &pod(|_| {}), &[]), Vec::<Value>::new());
    }

    #[test]
    fn a_pod_that_is_not_ready_or_is_leaving_gets_no_traffic() {
        let service = asking(json!([{"port": 5432}]));
        let conditions = |change: fn(&mut Value)| {
            shown(&service, &pod(change), &[public(5432, 1)])[0]["endpoints"][0]["conditions"].clone()
        };
        let waiting = conditions(|pod| pod["status"]["conditions"][0]["status"] = json!("False"));
        assert_eq!(waiting, json!({"ready": false, "serving": false, "terminating": false}));
        let leaving = conditions(|pod| pod["metadata"]["deletionTimestamp"] = json!("2026-09-01T00:00:00Z"));
        assert_eq!(leaving, json!({"ready": false, "serving": true, "terminating": true}));
    }
}
