//! The webhook as it is to be run: `deploy/admission`, as the API server and the policies of its namespace take it.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use crate::given::plane;

const SYSTEM: &str = "remotegpu-system";
const NAME: &str = "remotegpu-admission";

fn documents(file: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
    let text = std::fs::read_to_string(path).unwrap().replace("${CONTROL_PLANE_CIDR}", "192.0.2.0/24");
    text.split("\n---\n").map(|part| serde_saphyr::from_str(part).unwrap()).collect()
}

/// The API server would store it. It refuses fields that it does not know.
async fn is_taken(admin: &Client, object: &Value) {
    let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let kind = ApiResource::from_gvk(&GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap());
    let api: Api<DynamicObject> = match object.metadata.namespace.as_deref() {
        Some(namespace) => Api::namespaced_with(admin.clone(), namespace, &kind),
        None => Api::all_with(admin.clone(), &kind),
    };
    let name = object.metadata.name.clone().unwrap();
    let how = PatchParams::apply("test").dry_run().validation_strict();
    if let Err(error) = api.patch(&name, &how, &Patch::Apply(&object)).await {
        panic!("{} {name}: {error}", kind.kind);
    }
}

#[tokio::test]
async fn the_webhooks_manifests_are_taken_and_its_pods_hold_to_the_policy_of_their_namespace() {
    let plane = plane().await;
    let objects = documents("admission/admission.yaml");
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"]);
    for object in &objects {
        assert_eq!(object["metadata"]["namespace"], SYSTEM);
        is_taken(&plane.admin, object).await;
    }
    // The namespace enforces `restricted` on pods, not on what makes them; the pod's account must be there, too.
    let template = &objects[0]["spec"]["template"];
    let metadata = json!({"name": NAME, "namespace": SYSTEM, "labels": template["metadata"]["labels"]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]});
    is_taken(&plane.admin, &pod).await;
    let mut privileged = pod;
    privileged["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let pods: Api<Pod> = Api::namespaced(plane.admin.clone(), SYSTEM);
    let how = PatchParams::apply("test").dry_run();
    let refused = pods.patch(NAME, &how, &Patch::Apply(&privileged)).await.unwrap_err();
    assert!(refused.to_string().contains("violates PodSecurity"), "{refused}");
}

#[test]
fn service_budget_and_policy_are_about_the_webhooks_pods() {
    let objects = documents("admission/admission.yaml");
    let [deployment, service, budget, policy] = &objects[..] else { panic!("four objects") };
    let template = &deployment["spec"]["template"];
    let selector = &deployment["spec"]["selector"]["matchLabels"];
    for (key, value) in selector.as_object().unwrap() {
        assert_eq!(&template["metadata"]["labels"][key], value);
    }
    assert_eq!(&service["spec"]["selector"], selector);
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], selector);
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], selector);
    for spread in template["spec"]["topologySpreadConstraints"].as_array().unwrap() {
        assert_eq!(&spread["labelSelector"]["matchLabels"], selector);
    }
    let container = &template["spec"]["containers"][0];
    assert_eq!(service["spec"]["ports"][0]["targetPort"], container["ports"][0]["name"]);
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], container["ports"][0]["containerPort"]);
    assert_eq!(container["image"], format!("remotegpu/remotegpu-admission:{}", env!("CARGO_PKG_VERSION")));
    assert!(deployment["spec"]["replicas"].as_u64() >= Some(2) && budget["spec"]["minAvailable"] == 1);
}

#[tokio::test]
async fn the_webhook_can_be_registered_by_its_service() {
    let plane = plane().await;
    for mut registration in documents("webhook/webhook.yaml") {
        // Beside the one of the plane.
        registration["metadata"]["name"] = json!("remotegpu-admission-by-service");
        for webhook in registration["webhooks"].as_array_mut().unwrap() {
            let url = webhook["clientConfig"]["url"].as_str().unwrap();
            let path = url.strip_prefix("${ADMISSION_URL}").unwrap();
            webhook["clientConfig"] = json!({"service": {"namespace": SYSTEM, "name": NAME, "path": path}});
        }
        is_taken(&plane.admin, &registration).await;
    }
}
