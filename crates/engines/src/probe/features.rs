//! What is installed there: RBAC says yes for kinds that do not exist, so discovery is a check of its own.

use std::net::IpAddr;

use domain::engine::settings::OnPremise;
use domain::engine_manifest::EngineFeature;
use serde_json::Value;

use super::http::Api;
use super::{Look, nodes, shown};

/// Row, group, resource, what it is called.
const APIS: [(EngineFeature, &str, &str, &str, &str); 3] = [
    (EngineFeature::Argo, "api/argo", "argoproj.io", "workflows", "Argo Workflows"),
    (EngineFeature::Ray, "api/ray", "ray.instadeep.io", "rayclusters", "Ray"),
    (EngineFeature::Certificates, "api/cert-manager", "cert-manager.io", "certificates", "cert-manager"),
];
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
    let wanted = APIS.iter().filter(|(feature, ..)| at.features.contains(feature));
    let Ok(groups) = api.get("/apis").await else {
        return look.fail("api", "The API server does not say what is installed");
    };
    for (_, id, group, resource, name) in wanted {
        let found = groups.body["groups"].as_array().and_then(|all| all.iter().find(|one| one["name"] == *group));
        let version = found.and_then(|found| found.pointer("/preferredVersion/groupVersion")).and_then(Value::as_str);
        let installed = match version {
            // The version comes from the other side and becomes part of a path.
            Some(version) if version.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-')) => {
                let listed = api.get(&format!("/apis/{version}")).await.ok();
                listed.is_some_and(|listed| {
                    let all = listed.body["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
                    all.iter().any(|one| one["name"] == *resource)
                })
            }
            _ => false,
        };
        if installed {
            look.pass(id, format!("{name} is installed"));
        } else {
            look.fail(id, format!("{name} is not installed"));
        }
    }
}

async fn ingress(api: &Api, at: &OnPremise, look: &mut Look) {
    let (Ok(classes), Ok(services)) = (
        api.get("/apis/networking.k8s.io/v1/ingressclasses?limit=100").await,
        api.get("/api/v1/services?limit=500").await,
    ) else {
        return look.warn("ingress", "Ingress classes and services could not be read");
    };
    if !classes.ok() || !services.ok() {
        return look.skip("ingress", "Ingress classes or services may not be read");
    }
    if classes.items().is_empty() {
        return look.warn("ingress", "No IngressClass: is an ingress controller installed?");
    }
    let mut others = Vec::new();
    for service in services.items() {
        let name = shown(service.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default());
        let points = service.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
        for address in points.into_iter().flatten().filter_map(|point| point["ip"].as_str()) {
            if address.parse::<IpAddr>().is_ok_and(|found| found == at.load_balancer_ip) {
                return look.pass("ingress", format!("{name} has the address {}", at.load_balancer_ip));
            }
            others.push(format!("{} ({name})", shown(address)));
        }
    }
    let found = if others.is_empty() { "none".to_owned() } else { others[..others.len().min(5)].join(", ") };
    // A translated address is no mistake.
    look.warn("ingress", format!("No Service has the address {}; found {found}", at.load_balancer_ip));
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
        _ => look.skip("storage", "Storage classes may not be read"),
    }
}
