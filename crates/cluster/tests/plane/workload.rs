//! Deployments with a person's token, and the live view of them.

use backend::ports::Cluster as _;
use domain::credential::{Access, Identity};
use domain::deployment::DeploymentPlan;
use domain::log::LogOptions;
use domain::namespace::Namespace as Tenant;
use domain::workload::WorkloadKind;
use domain::{Code, Error};
use serde_json::{Value, json};

use crate::given::{next, plane};

const KIND: WorkloadKind = WorkloadKind::Deployment;
const EDIT: Identity = Identity::Console { access: Access::Edit };

/// Resources are stated, as admission would: the quota asks every container for them.
fn manifest(tenant: &Tenant, name: &str) -> Value {
    let plan = DeploymentPlan {
        name: name.into(),
        sku_code: "cpu-shared-8g".into(),
        replicas: 1,
        image: "nginx:1.27-alpine".into(),
        ..DeploymentPlan::default()
    };
    let mut manifest = plan.manifest(tenant.kubernetes_name.as_str());
    let amounts = json!({"cpu": "1", "memory": "8Gi"});
    manifest["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"limits": amounts, "requests": amounts});
    manifest
}

#[tokio::test]
async fn a_deployment_is_seen_from_its_first_moment_to_its_last_pod() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let name = &tenant.kubernetes_name;
    let token = plane.token(&tenant, &EDIT).await;
    let mut all = plane.cluster.watch_workloads(name);
    assert!(next("the first view", &mut all).await.is_empty());
    plane.cluster.create_workload(&token, name, &manifest(&tenant, "demo")).await.unwrap();
    let mut live = plane.cluster.watch_workload(name, KIND, "demo");
    while next("a pod appears", &mut live).await.is_none_or(|(state, _)| state.pods.is_empty()) {}
    while next("a pod appears in the list", &mut all).await.iter().all(|state| state.pods.is_empty()) {}
    let one = plane.cluster.get_workload(&token, name, KIND, "demo").await.unwrap().unwrap();
    assert_eq!((one.sku_code.as_str(), one.wanted, one.pods.len()), ("cpu-shared-8g", 1, 1));
    assert_eq!(plane.cluster.list_workloads(&token, name, None).await.unwrap().len(), 1);
    assert_eq!(plane.cluster.tenant_facts(name).deployments, 1);
    assert!(plane.cluster.delete_workload(&token, name, KIND, "demo").await.unwrap());
    while next("it is gone", &mut live).await.is_some() {}
    while !next("the list is empty", &mut all).await.is_empty() {}
    assert!(plane.cluster.get_workload(&token, name, KIND, "demo").await.unwrap().is_none());
    assert!(!plane.cluster.delete_workload(&token, name, KIND, "demo").await.unwrap());
}

#[tokio::test]
async fn refusals_of_the_api_server_keep_their_meaning() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let name = &tenant.kubernetes_name;
    let token = plane.token(&tenant, &EDIT).await;
    let mut wanted = manifest(&tenant, "demo");
    wanted["spec"]["replicas"] = json!(0);
    plane.cluster.create_workload(&token, name, &wanted).await.unwrap();
    let again = plane.cluster.create_workload(&token, name, &wanted).await.unwrap_err();
    assert_eq!((again.code(), again.to_string().as_str()), (Code::NameTaken, "Deployment demo already exists"));
    let mut odd = manifest(&tenant, "odd");
    odd["spec"]["selector"]["matchLabels"] = json!({"app": "other"});
    let invalid = plane.cluster.create_workload(&token, name, &odd).await.unwrap_err();
    assert!(matches!(invalid.code(), Code::InvalidRequest | Code::AdmissionDenied), "{invalid}");
    let viewer = plane.token(&tenant, &Identity::Console { access: Access::View }).await;
    let forbidden = plane.cluster.create_workload(&viewer, name, &manifest(&tenant, "new")).await.unwrap_err();
    assert_eq!(forbidden.code(), Code::Forbidden);
    assert_eq!(plane.cluster.list_workloads(&viewer, name, Some(KIND)).await.unwrap().len(), 1);
    let options = LogOptions::default();
    let none = plane.cluster.pod_log(&token, name, "none", &options).await;
    assert!(matches!(none, Err(Error::NotFound)));
}
