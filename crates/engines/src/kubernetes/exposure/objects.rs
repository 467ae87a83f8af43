//! The objects of one exposure, without any I/O: a Service that selects by a label of ours, and the Ingress that it owns.
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::{
        core::v1::{Service, ServicePort, ServiceSpec},
        networking::v1::{
            HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressClass, IngressRule,
            IngressServiceBackend, IngressSpec, ServiceBackendPort,
        },
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kubelet::ProviderError;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Exposure;
use crate::kubernetes::{CLUSTER, hex};

/// The UID of a Service at home follows; such a label is on the pods that it means.
const MARK: &str = "remotegpu.ai/service-";
const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";
/// The port between the Ingress and the Service.
const PORT: i32 = 80;

/// What is made for one exposure.
pub(super) struct Objects {
    pub(super) name: String,
    pub(super) service: Service,
    host: String,
    class: Option<String>,
}

// === impl Objects ===

impl Objects {
    pub(super) fn new(labels: [(&str, String); 2], of: &Exposure, host: &str, class: Option<&str>) -> Self {
        let labels: BTreeMap<String, String> = labels.map(|(key, value)| (key.to_owned(), value)).into();
        // Whatever differs has another name: nothing is ever changed in place.
        let meant = json!([labels, of.uid, of.target, host, class]);
        let name = format!("rgpu-{}", hex(&Sha256::digest(meant.to_string())[..16]));
        let cluster = labels.get(CLUSTER).map(|cluster| (CLUSTER.to_owned(), cluster.clone()));
        let selector = cluster.into_iter().chain([(mark(&of.uid), "true".to_owned())]).collect();
        let port = ServicePort {
            port: PORT,
            target_port: Some(of.target.clone()),
            protocol: Some("TCP".to_owned()),
            ..ServicePort::default()
        };
        let metadata = ObjectMeta { name: Some(name.clone()), labels: Some(labels), ..ObjectMeta::default() };
        let spec = ServiceSpec { selector: Some(selector), ports: Some(vec![port]), ..ServiceSpec::default() };
        let service = Service { metadata, spec: Some(spec), ..Service::default() };
        Self { name, service, host: host.to_owned(), class: class.map(str::to_owned) }
    }

    /// The Ingress, owned by the Service with this UID: it goes with it.
    pub(super) fn ingress(&self, owner: &str) -> Ingress {
        let owner = OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            name: self.name.clone(),
            uid: owner.to_owned(),
            ..OwnerReference::default()
        };
        let port = ServiceBackendPort { number: Some(PORT), ..ServiceBackendPort::default() };
        let service = IngressServiceBackend { name: self.name.clone(), port: Some(port) };
        let path = HTTPIngressPath {
            backend: IngressBackend { service: Some(service), ..IngressBackend::default() },
            path: Some("/".to_owned()),
            path_type: "Prefix".to_owned(),
        };
        let rule =
            IngressRule { host: Some(self.host.clone()), http: Some(HTTPIngressRuleValue { paths: vec![path] }) };
        Ingress {
            metadata: ObjectMeta { owner_references: Some(vec![owner]), ..self.service.metadata.clone() },
            spec: Some(IngressSpec {
                ingress_class_name: self.class.clone(),
                rules: Some(vec![rule]),
                ..IngressSpec::default()
            }),
            ..Ingress::default()
        }
    }
}

fn mark(uid: &str) -> String {
    format!("{MARK}{uid}")
}

/// The change that leaves exactly the marks of these exposures on a pod; none if they are there.
pub(super) fn marks<'a>(
    labels: &BTreeMap<String, String>,
    exposures: impl Iterator<Item = &'a Exposure>,
) -> Option<Value> {
    let wanted: BTreeSet<String> = exposures.map(|one| mark(&one.uid)).collect();
    let gone = labels.keys().filter(|key| key.starts_with(MARK) && !wanted.contains(*key));
    let gone = gone.map(|key| (key.clone(), Value::Null));
    let new = wanted.iter().filter(|key| !labels.contains_key(*key)).map(|key| (key.clone(), json!("true")));
    let change: Map<String, Value> = gone.chain(new).collect();
    (!change.is_empty()).then(|| json!({"metadata": {"labels": change}}))
}

/// The class that the cluster itself would take, else the only one.
pub(super) fn choose(classes: &[IngressClass]) -> Result<String, ProviderError> {
    let is_default = |class: &&IngressClass| {
        let notes = class.metadata.annotations.as_ref();
        notes.and_then(|notes| notes.get(DEFAULT_CLASS)).is_some_and(|value| value == "true")
    };
    let only = || if let [only] = classes { Some(only) } else { None };
    let chosen = classes.iter().find(is_default).or_else(only).and_then(|class| class.metadata.name.clone());
    chosen.ok_or_else(|| {
        let message = match classes {
            [] => "The engine's cluster has no IngressClass: an ingress controller must be installed there",
            _ => "The engine's cluster has several IngressClasses: one must be marked there as the default",
        };
        ProviderError::Refused { reason: "NoIngressClass", message: message.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

    use super::*;

    fn exposure(uid: &str, target: i32) -> Exposure {
        let target = IntOrString::Int(target);
        let (uid, service, namespace) = (uid.to_owned(), "web".to_owned(), "team".to_owned());
        Exposure { uid, service, namespace, target, pods: BTreeSet::new() }
    }

    fn objects(of: &Exposure, class: Option<&str>) -> Objects {
        let labels = [(CLUSTER, "home".to_owned()), ("remotegpu.ai/engine", "on-prem".to_owned())];
        Objects::new(labels, of, "web.team.on-prem.remotegpu.internal", class)
    }

    #[test]
    fn a_service_selects_by_our_own_label_and_owns_its_ingress() {
        let made = objects(&exposure("u1", 8080), Some("nginx"));
        let service = serde_json::to_value(&made.service).unwrap();
        assert_eq!(
            service["spec"],
            json!({"selector": {"remotegpu.ai/cluster": "home", "remotegpu.ai/service-u1": "true"},
                "ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]})
        );
        let ingress = serde_json::to_value(made.ingress("s1")).unwrap();
        let owner = &ingress["metadata"]["ownerReferences"][0];
        assert_eq!(
            (&owner["kind"], &owner["uid"], &owner["name"]),
            (&json!("Service"), &json!("s1"), &json!(made.name))
        );
        let rule = &ingress["spec"]["rules"][0];
        assert_eq!(rule["host"], "web.team.on-prem.remotegpu.internal");
        assert_eq!(rule["http"]["paths"][0]["backend"]["service"], json!({"name": made.name, "port": {"number": 80}}));
        assert_eq!(ingress["spec"]["ingressClassName"], "nginx");
    }

    #[test]
    fn the_same_has_the_same_name_and_what_differs_another() {
        let name = |uid, target, class| objects(&exposure(uid, target), class).name;
        assert_eq!(name("u1", 80, None), name("u1", 80, None));
        let others = [name("u2", 80, None), name("u1", 81, None), name("u1", 80, Some("nginx"))];
        assert!(others.iter().all(|other| *other != name("u1", 80, None) && other.len() == 37), "{others:?}");
    }

    #[test]
    fn a_pod_has_the_marks_of_exactly_the_services_that_mean_it() {
        let labels = |keys: &[&str]| -> BTreeMap<String, String> {
            keys.iter().map(|key| ((*key).to_owned(), "true".to_owned())).collect()
        };
        let (one, two) = (exposure("1", 80), exposure("2", 80));
        let both = ["remotegpu.ai/service-1", "remotegpu.ai/service-2", "app"];
        assert_eq!(marks(&labels(&both), [&one, &two].into_iter()), None);
        let change =
            json!({"metadata": {"labels": {"remotegpu.ai/service-1": null, "remotegpu.ai/service-2": "true"}}});
        assert_eq!(marks(&labels(&["remotegpu.ai/service-1", "app"]), [&two].into_iter()), Some(change));
    }

    #[test]
    fn the_class_is_the_default_or_the_only_one() {
        let class = |name: &str, default: &str| -> IngressClass {
            let notes = json!({DEFAULT_CLASS: default});
            serde_json::from_value(json!({"metadata": {"name": name, "annotations": notes}})).unwrap()
        };
        assert_eq!(choose(&[class("a", "false")]).unwrap(), "a");
        assert_eq!(choose(&[class("a", "false"), class("b", "true")]).unwrap(), "b");
        let several = choose(&[class("a", "false"), class("b", "false")]).unwrap_err().to_string();
        assert!(several.contains("several"), "{several}");
        assert!(choose(&[]).unwrap_err().to_string().contains("no IngressClass"));
    }
}
