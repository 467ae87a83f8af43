//! Services of a tenant take no address and no name that belongs to somebody else.

use domain::credential::Access;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use crate::given::{key, plane};

#[tokio::test]
async fn a_tenants_service_takes_no_address_and_no_name_of_others() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let person = plane.person(&tenant, &key(Access::Edit)).await;
    let api: Api<Service> = Api::namespaced(person, tenant.kubernetes_name.as_str());
    let create = async |notes: Value, spec: Value| {
        let service = json!({"metadata": {"name": "proof", "annotations": notes}, "spec": spec});
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        match api.create(&dry, &serde_json::from_value(service).unwrap()).await {
            Ok(_) => String::new(),
            Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
            Err(error) => panic!("{error}"),
        }
    };
    let (ports, selector) = (json!([{"port": 80}]), json!({"app": "web"}));
    let headless = json!({"clusterIP": "None", "ports": ports, "selector": selector});
    assert_eq!(create(json!({"prometheus.io/scrape": "true"}), headless.clone()).await, "");
    let taken = json!({"ports": ports, "selector": selector, "externalIPs": ["192.0.2.1"]});
    let elsewhere = json!({"type": "ExternalName", "externalName": "console.example.com"});
    let named = json!({"external-dns.alpha.kubernetes.io/hostname": "console.example.com"});
    for (notes, spec, sentence) in [
        (json!({}), taken, "spec.externalIPs is not allowed here"),
        (json!({}), elsewhere, "Services of type ExternalName are not allowed here"),
        (named, headless, "Annotations of external-dns are not allowed here"),
    ] {
        let refused = create(notes, spec).await;
        assert!(refused.starts_with("403") && refused.contains(sentence), "{refused}");
    }
}
