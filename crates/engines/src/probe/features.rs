//! What is installed there: RBAC says yes for kinds that do not exist, so discovery is a check of its own.

use std::net::IpAddr;

use domain::engine::settings::OnPremise;
use domain::engine_manifest::EngineFeature;
use serde_json::Value;

use super::http::{Answer, Api};
use super::pages::{self, Unread};
use super::{Look, nodes, shown};

/// Row, group, resource, what it is called.
const APIS: [(EngineFeature, &str, &str, &str, &str); 3] = [
    (EngineFeature::Argo, "api/argo", "argoproj.io", "workflows", "Argo Workflows"),
    (EngineFeature::Ray, "api/ray", "ray.instadeep.io", "rayclusters", "Ray"),
    (EngineFeature::Certificates, "api/cert-manager", "cert-manager.io", "certificates", "cert-manager"),
];
/// A Service may hold tens of kilobytes of annotations.
const SERVICES: &str = "/api/v1/services?limit=50";
const DEFAULT_CLASS: &str = "/metadata/annotations/storageclass.kubernetes.io~1is-default-class";

pub(super) async fn find(api: &Api, at: &OnPremise, look: &mut Look) {
    let wants = |feature: EngineFeature| at.features.contains(&feature);
    apis(api, at, look).await;
    if wants(EngineFeature::Ingress) {
        ingress(api, at, look).await;
    }
    nodes::find(api, at, look).await;
    if wants(EngineFeature::Volumes) {
        storage(api, look).await;
    }
}

async fn apis(api: &Api, at: &OnPremise, look: &mut Look) {
    let wanted: Vec<_> = APIS.iter().filter(|(feature, ..)| at.features.contains(feature)).collect();
    if wanted.is_empty() {
        return;
    }
    let groups = match api.get("/apis").await {
        Ok(groups) if groups.ok() => groups,
        // Nothing is known to be missing.
        Ok(refused) if matches!(refused.status, 401 | 403) => {
            return look.warn("api", "What is installed may not be read");
        }
        _ => return look.unanswered("api", "The API server does not say what is installed"),
    };
    for (_, id, group, resource, name) in wanted {
        match installed(api, &groups, group, resource).await {
            Some(true) => look.pass(id, format!("{name} is installed")),
            Some(false) => look.fail(id, format!("{name} is not installed")),
            None => look.unanswered(id, format!("The API server does not say whether {name} is installed")),
        }
    }
}

/// Whether the preferred version of `group` has `resource`; none when that cannot be told.
async fn installed(api: &Api, groups: &Answer, group: &str, resource: &str) -> Option<bool> {
    let found = groups.body["groups"].as_array().and_then(|all| all.iter().find(|one| one["name"] == group));
    let version = found.and_then(|found| found.pointer("/preferredVersion/groupVersion")).and_then(Value::as_str);
    // The version comes from the other side and becomes part of a path.
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-');
    let Some(version) = version.filter(|version| version.bytes().all(legal)) else { return Some(false) };
    let listed = api.get(&format!("/apis/{version}")).await.ok().filter(Answer::ok)?;
    let all = listed.body["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    Some(all.iter().any(|one| one["name"] == resource))
}

async fn ingress(api: &Api, at: &OnPremise, look: &mut Look) {
    let classes = pages::all(api, "/apis/networking.k8s.io/v1/ingressclasses?limit=50", |_| ()).await;
    let (classes, services) = match (classes, pages::all(api, SERVICES, addresses).await) {
        (Ok(classes), Ok(services)) => (classes, services),
        (Err(Unread::Broken), _) | (_, Err(Unread::Broken)) => {
            return look.unanswered("ingress", "Ingress classes and services could not be read");
        }
        _ => return look.skip("ingress", "Ingress classes or services may not be read"),
    };
    if classes.is_empty() {
        return look.warn("ingress", "No IngressClass: is an ingress controller installed?");
    }
    let mut others = Vec::new();
    for (name, address) in services.into_iter().flatten() {
        if address.parse::<IpAddr>().is_ok_and(|found| found == at.load_balancer_ip) {
            return look.pass("ingress", format!("{name} has the address {}", at.load_balancer_ip));
        }
        others.push(format!("{address} ({name})"));
    }
    let found = if others.is_empty() { "none".to_owned() } else { others[..others.len().min(5)].join(", ") };
    // A translated address is no mistake.
    look.warn("ingress", format!("No Service has the address {}; found {found}", at.load_balancer_ip));
}

/// Name and address of a Service, for each address that a load balancer gave it.
fn addresses(service: &Value) -> Vec<(String, String)> {
    let name = shown(service.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default());
    let points = service.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
    let points = points.into_iter().flatten().filter_map(|point| point["ip"].as_str());
    points.map(|address| (name.clone(), shown(address))).collect()
}

async fn storage(api: &Api, look: &mut Look) {
    match api.get("/apis/storage.k8s.io/v1/storageclasses?limit=100").await {
        Ok(classes) if classes.ok() => {
            let default = |class: &&Value| class.pointer(DEFAULT_CLASS).and_then(Value::as_str) == Some("true");
            match classes.items().iter().find(default).and_then(|class| class.pointer("/metadata/name")) {
                Some(name) => look.pass("storage", shown(name.as_str().unwrap_or_default())),
                None if classes.items().is_empty() => look.warn("storage", "No StorageClass"),
                None => look.warn("storage", "No default StorageClass"),
            }
        }
        Ok(refused) if matches!(refused.status, 401 | 403) => look.skip("storage", "Storage classes may not be read"),
        _ => look.unanswered("storage", "Storage classes could not be read"),
    }
}
