//! Services of a namespace.

use std::collections::BTreeMap;

use async_trait::async_trait;
use backend::ports::Services;
use domain::namespace::KubernetesName;
use domain::service::{EXPOSE_HTTP, EXPOSE_LABEL, EnginePods, NewService, Outside, ServicePort, ServiceView};
use domain::{Error, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Service, ServicePort as Port, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use secrecy::SecretString;

use crate::KubeCluster;
use crate::object::{Objects, created_at};

/// What kubelets and `kubectl` take for the domain of a cluster unless told otherwise.
const DOMAIN: &str = "svc.cluster.local";

#[async_trait]
impl Services for KubeCluster {
    async fn create_service(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        new: &NewService,
    ) -> Result<ServiceView> {
        let deployments = Objects::<Deployment>::of(self.inner.clients.with_token(token)?, tenant);
        let none = || Error::field("deployment", "unknown", format!("There is no deployment {}", new.deployment));
        let deployment = deployments.get(&new.deployment).await?.ok_or_else(none)?;
        Ok(view(&self.services(token, tenant)?.create(&exposing(&deployment, new)?).await?))
    }

    async fn list_services(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Vec<ServiceView>> {
        Ok(self.services(token, tenant)?.list().await?.iter().map(view).collect())
    }

    async fn get_service(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
    ) -> Result<Option<ServiceView>> {
        Ok(self.services(token, tenant)?.get(name).await?.as_ref().map(view))
    }

    async fn delete_service(&self, token: &SecretString, tenant: &KubernetesName, name: &str) -> Result<bool> {
        self.services(token, tenant)?.delete(name).await
    }

    fn engines_behind(&self, tenant: &KubernetesName, selector: &BTreeMap<String, String>) -> Vec<EnginePods> {
        self.inner.views.engines_behind(tenant.as_str(), selector)
    }
}

impl KubeCluster {
    fn services(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Objects<Service>> {
        Ok(Objects::of(self.inner.clients.with_token(token)?, tenant))
    }
}

/// What `kubectl expose deployment` makes: the deployment's labels and selector, one TCP port. Like kubectl it refuses a
/// selector with expressions, which a Service cannot say.
fn exposing(deployment: &Deployment, new: &NewService) -> Result<Service> {
    let selector = deployment.spec.as_ref().map(|spec| &spec.selector);
    let labels = selector.filter(|s| s.match_expressions.as_ref().is_none_or(Vec::is_empty));
    let labels = labels.and_then(|selector| selector.match_labels.clone()).filter(|labels| !labels.is_empty());
    let labels = labels.ok_or_else(|| {
        Error::field("deployment", "selector", "The deployment selects its pods by expressions; a service cannot")
    })?;
    let port = Port {
        port: i32::from(new.port),
        target_port: Some(IntOrString::Int(i32::from(new.target_port.unwrap_or(new.port)))),
        protocol: Some("TCP".to_owned()),
        ..Port::default()
    };
    let mut own = deployment.metadata.labels.clone().unwrap_or_default();
    own.remove(EXPOSE_LABEL);
    if new.outside {
        own.insert(EXPOSE_LABEL.to_owned(), EXPOSE_HTTP.to_owned());
    }
    Ok(Service {
        metadata: ObjectMeta {
            name: Some(new.name.clone()),
            labels: Some(own).filter(|all| !all.is_empty()),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec { selector: Some(labels), ports: Some(vec![port]), ..ServiceSpec::default() }),
        ..Service::default()
    })
}

fn view(service: &Service) -> ServiceView {
    let spec = service.spec.clone().unwrap_or_default();
    let port = |port: Port| ServicePort {
        port: u16::try_from(port.port).unwrap_or_default(),
        target_port: match port.target_port {
            Some(IntOrString::Int(number)) => number.to_string(),
            Some(IntOrString::String(name)) => name,
            None => port.port.to_string(),
        },
        protocol: port.protocol.unwrap_or_else(|| "TCP".to_owned()),
    };
    let (name, namespace) = (service.name_any(), service.namespace().unwrap_or_default());
    let exposed = service.labels().get(EXPOSE_LABEL).is_some_and(|value| value == EXPOSE_HTTP);
    let conditions = service.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let outside = conditions.filter_map(|one| Outside::read(&one.type_, &one.status, &one.message));
    ServiceView {
        host: format!("{name}.{namespace}.{DOMAIN}"),
        name,
        kind: spec.type_.unwrap_or_else(|| "ClusterIP".to_owned()),
        cluster_ip: spec.cluster_ip.filter(|ip| !ip.is_empty() && ip != "None"),
        ports: spec.ports.into_iter().flatten().map(port).collect(),
        selector: spec.selector.unwrap_or_default(),
        exposed,
        // What a Service is told stays for a moment after it does not ask any more.
        outside: if exposed { outside.collect() } else { Vec::new() },
        reach: Vec::new(),
        created_at: created_at(service),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(selector: serde_json::Value) -> Deployment {
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}});
        let value = json!({"metadata": {"name": "web", "labels": {"team": "ml"}}, "spec": {"selector": selector, "template": template}});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_service_is_what_kubectl_expose_makes() {
        let new = NewService { name: "web".into(), deployment: "web".into(), port: 80, ..NewService::default() };
        let new = NewService { target_port: Some(8080), ..new };
        let made = exposing(&deployment(json!({"matchLabels": {"app": "web"}})), &new).unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "labels": {"team": "ml"}},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}]},
        });
        assert_eq!(serde_json::to_value(made).unwrap(), expected);
    }

    #[test]
    fn a_service_asks_for_the_way_from_outside_by_a_label_and_shows_what_it_is_told() {
        let new = NewService { name: "web".into(), port: 80, outside: true, ..NewService::default() };
        let mut made = exposing(&deployment(json!({"matchLabels": {"app": "web"}})), &new).unwrap();
        assert_eq!(made.labels()["remotegpu.ai/expose"], "http");
        let told = json!({"type": "outside.remotegpu.ai/on-prem", "status": "True", "reason": "Served",
            "message": "http://web.team/ at 192.0.2.1", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        made.status = Some(serde_json::from_value(json!({"conditions": [told]})).unwrap());
        assert_eq!(
            view(&made).outside,
            [Outside::read("outside.remotegpu.ai/on-prem", "True", "http://web.team/ at 192.0.2.1").unwrap()]
        );
        made.labels_mut().clear();
        let shown = view(&made);
        assert_eq!((shown.exposed, shown.outside), (false, Vec::new()));
    }

    #[test]
    fn a_selector_that_a_service_cannot_say_is_refused() {
        let expressions = json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]});
        for selector in [json!({}), expressions] {
            let refused = exposing(&deployment(selector), &NewService::default()).unwrap_err();
            assert_eq!(refused.code(), domain::Code::InvalidRequest);
        }
    }
}
