//! Namespaces: made whole, repaired, taken apart.

use std::collections::BTreeSet;

use backend::ports::{Cluster as _, Removal, SkypilotRole as _, TenantRules};
use domain::Error;
use domain::admission::ANNOTATION_SERVICE_ACCOUNTS;
use domain::credential::{ACCESS_NAMESPACE, Access, Identity};
use domain::namespace::Namespace as Tenant;
use domain::skypilot::SkypilotRights;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::given::{Plane, console, eventually, key, next, plane, tenant};

const NAMESPACE_ID: &str = "remotegpu.ai/namespace-id";

fn inside<K>(plane: &Plane, tenant: &Tenant) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    Api::namespaced(plane.admin.clone(), tenant.kubernetes_name.as_str())
}

#[tokio::test]
async fn a_tenant_gets_every_object_and_its_numbers() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let namespace: Namespace = Api::all(plane.admin.clone()).get(tenant.kubernetes_name.as_str()).await.unwrap();
    let labels = namespace.metadata.labels.unwrap();
    assert_eq!(labels[NAMESPACE_ID], tenant.id.to_string());
    assert_eq!(labels["remotegpu.ai/account-id"], tenant.account_id.to_string());
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "baseline");
    let quota: ResourceQuota = inside(&plane, &tenant).get("remotegpu").await.unwrap();
    assert_eq!(quota.spec.unwrap().hard.unwrap()["requests.nvidia.com/gpu"].0, "8");
    let limits: LimitRange = inside(&plane, &tenant).get("remotegpu").await.unwrap();
    let granted = limits.metadata.annotations.unwrap();
    assert_eq!(granted["remotegpu.ai/skus"], "*", "for a node that may not read the Namespace");
    inside::<NetworkPolicy>(&plane, &tenant).get("remotegpu-isolation").await.unwrap();
    let account: ServiceAccount = inside(&plane, &tenant).get("default").await.unwrap();
    assert_eq!(account.automount_service_account_token, Some(false));
    let facts = eventually("the quota is known", async || {
        Some(plane.cluster.tenant_facts(&tenant.kubernetes_name)).filter(|facts| !facts.quota.is_empty())
    })
    .await;
    let first = &facts.quota[0];
    assert_eq!(
        (first.resource.as_str(), first.limit.as_str(), first.used.as_str()),
        ("requests.nvidia.com/gpu", "8", "0")
    );
    assert_eq!(facts.deployments, 0);
}

#[tokio::test]
async fn applying_again_changes_nothing() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let version = async || {
        let policy: NetworkPolicy = inside(&plane, &tenant).get("remotegpu-isolation").await.unwrap();
        let namespace: Namespace = Api::all(plane.admin.clone()).get(tenant.kubernetes_name.as_str()).await.unwrap();
        (policy.metadata.resource_version, namespace.metadata.resource_version)
    };
    let before = version().await;
    plane.cluster.apply_tenant(&tenant, &TenantRules::default()).await.unwrap();
    assert_eq!(version().await, before);
}

#[tokio::test]
async fn what_somebody_deletes_or_edits_is_reported_and_repaired() {
    let plane = plane().await;
    let (one, other) = (plane.tenant().await, plane.tenant().await);
    let mut changes = plane.cluster.tenant_changes();
    // A watch that is still connecting has nothing to compare with.
    eventually("the watches know the tenant", async || {
        (!plane.cluster.tenant_facts(&other.kubernetes_name).quota.is_empty()).then_some(())
    })
    .await;

    let quotas: Api<ResourceQuota> = inside(&plane, &one);
    let edit = json!({"spec": {"hard": {"pods": "999"}}});
    quotas.patch("remotegpu", &PatchParams::default(), &Patch::Merge(&edit)).await.unwrap();
    while next("the edit is reported", &mut changes).await != one.id {}
    plane.cluster.apply_tenant(&one, &TenantRules::default()).await.unwrap();
    assert_eq!(quotas.get("remotegpu").await.unwrap().spec.unwrap().hard.unwrap()["pods"].0, "100");

    quotas.delete("remotegpu", &DeleteParams::default()).await.unwrap();
    while next("the deletion is reported", &mut changes).await != one.id {}
    plane.cluster.apply_tenant(&one, &TenantRules::default()).await.unwrap();
    quotas.get("remotegpu").await.unwrap();

    // Our own repairs wake nobody: a change elsewhere comes next, after at most one late echo of the edits above.
    for _ in 0..3 {
        plane.cluster.apply_tenant(&one, &TenantRules::default()).await.unwrap();
    }
    inside::<LimitRange>(&plane, &other).delete("remotegpu", &DeleteParams::default()).await.unwrap();
    let mut echoes = 0;
    loop {
        match next("the other tenant is reported", &mut changes).await {
            id if id == other.id => break,
            id if id == one.id => echoes += 1,
            _ => {}
        }
    }
    assert!(echoes <= 1, "{echoes} echoes of our own applies");
}

#[tokio::test]
async fn a_deleted_network_policy_is_reported_and_repaired() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let mut changes = plane.cluster.tenant_changes();
    let policies: Api<NetworkPolicy> = inside(&plane, &tenant);
    // Deleting again and again: the first deletions may fall into the time before the watch has its first list.
    eventually("the deletion is reported", async || {
        plane.cluster.apply_tenant(&tenant, &TenantRules::default()).await.unwrap();
        policies.delete("remotegpu-isolation", &DeleteParams::default()).await.unwrap();
        let news = tokio::time::timeout(std::time::Duration::from_millis(500), futures::StreamExt::next(&mut changes));
        news.await.ok().flatten().filter(|id| *id == tenant.id)
    })
    .await;
    plane.cluster.apply_tenant(&tenant, &TenantRules::default()).await.unwrap();
    policies.get("remotegpu-isolation").await.unwrap();
}

#[tokio::test]
async fn a_namespace_whose_labels_somebody_changed_is_still_the_tenants() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let namespaces: Api<Namespace> = Api::all(plane.admin.clone());
    let name = tenant.kubernetes_name.as_str();
    let labels = async || namespaces.get(name).await.unwrap().metadata.labels.unwrap();
    let change = async |labels: serde_json::Value| {
        let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
        namespaces.patch(name, &PatchParams::default(), &patch).await.unwrap();
    };
    let applied = labels().await;
    let nobody = json!({NAMESPACE_ID: "019c1b2e-7f00-7abc-8def-0123456789ab"});
    for other in [json!({NAMESPACE_ID: null}), json!({NAMESPACE_ID: "no-id"}), nobody.clone()] {
        change(other).await;
        plane.cluster.apply_tenant(&tenant, &TenantRules::default()).await.unwrap();
        assert_eq!(labels().await, applied);
    }
    change(nobody).await;
    plane.cluster.delete_tenant(&tenant).await.unwrap();
    let live = namespaces.get_opt(name).await.unwrap();
    assert!(live.is_none_or(|live| live.metadata.deletion_timestamp.is_some()), "it stays behind with all that runs");
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_is_finished_by_another_process() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    for identity in [key(Access::Edit), Identity::Console { access: Access::View }] {
        plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin.clone(), ACCESS_NAMESPACE);
    let of_tenant = ListParams::default().labels(&format!("{NAMESPACE_ID}={}", tenant.id));
    assert_eq!(accounts.list(&of_tenant).await.unwrap().items.len(), 2);
    plane.cluster.delete_tenant(&tenant).await.unwrap();
    assert!(accounts.list(&of_tenant).await.unwrap().items.is_empty(), "identities go before the namespace does");
    let other = console().await;
    eventually("the namespace is gone", async || {
        (other.delete_tenant(&tenant).await.unwrap() == Removal::Gone).then_some(())
    })
    .await;
    let namespaces: Api<Namespace> = Api::all(plane.admin.clone());
    assert!(namespaces.get_opt(tenant.kubernetes_name.as_str()).await.unwrap().is_none());
    assert_eq!(other.delete_tenant(&tenant).await.unwrap(), Removal::Gone, "a second time is no error");
}

#[tokio::test]
async fn a_namespace_of_somebody_else_is_left_alone() {
    let plane = plane().await;
    let tenant = tenant();
    let namespaces: Api<Namespace> = Api::all(plane.admin.clone());
    let mut foreign = Namespace::default();
    foreign.metadata.name = Some(tenant.kubernetes_name.as_str().to_owned());
    namespaces.create(&PostParams::default(), &foreign).await.unwrap();
    assert!(matches!(plane.cluster.apply_tenant(&tenant, &TenantRules::default()).await, Err(Error::Conflict { .. })));
    assert_eq!(plane.cluster.delete_tenant(&tenant).await.unwrap(), Removal::Gone, "the tenant has nothing there");
    let live = namespaces.get(tenant.kubernetes_name.as_str()).await.unwrap();
    assert!(live.metadata.deletion_timestamp.is_none());
}

#[tokio::test]
async fn a_namespace_of_the_same_name_of_another_console_keeps_everything() {
    let plane = plane().await;
    let theirs = plane.tenant().await;
    let rights = SkypilotRights { service_account: "sky-sa".to_owned(), features: BTreeSet::new() };
    plane.cluster.apply_skypilot(&theirs, &rights).await.unwrap();
    let mine = Tenant { kubernetes_name: theirs.kubernetes_name.clone(), ..tenant() };
    plane.cluster.remove_skypilot(&mine).await.unwrap();
    assert_eq!(plane.cluster.delete_tenant(&mine).await.unwrap(), Removal::Gone);
    let live: Namespace = Api::all(plane.admin.clone()).get(theirs.kubernetes_name.as_str()).await.unwrap();
    assert!(live.metadata.deletion_timestamp.is_none());
    assert_eq!(live.metadata.annotations.unwrap()[ANNOTATION_SERVICE_ACCOUNTS], "sky-sa");
    inside::<ServiceAccount>(&plane, &theirs).get("sky-sa").await.unwrap();
}
