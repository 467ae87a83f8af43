//! Keys' accounts: what they open, and how fast they stop opening it.

use backend::ports::Cluster as _;
use domain::Error;
use domain::credential::{ACCESS_NAMESPACE, Access, Identity};
use domain::namespace::Namespace as Tenant;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, PostParams};

use crate::given::{Plane, eventually, key, next, plane, public_id, tenant};

/// The status code with which listing fails, or none.
async fn refused<K>(client: &Client, namespace: &str) -> Option<u16>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    match Api::<K>::namespaced(client.clone(), namespace).list(&ListParams::default()).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some(status.code),
        Err(error) => panic!("{error}"),
    }
}

async fn replace_account(plane: &Plane, name: &str) {
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin.clone(), ACCESS_NAMESPACE);
    let mut account = accounts.get(name).await.unwrap();
    accounts.delete(name, &DeleteParams::default()).await.unwrap();
    account.metadata.uid = None;
    account.metadata.resource_version = None;
    accounts.create(&PostParams::default(), &account).await.unwrap();
}

fn name(tenant: &Tenant, identity: &Identity) -> String {
    identity.service_account(tenant.id)
}

#[tokio::test]
async fn a_key_opens_its_namespace_and_nothing_else() {
    let plane = plane().await;
    let (tenant, other) = (plane.tenant().await, plane.tenant().await);
    let person = plane.person(&tenant, &key(Access::Edit)).await;
    assert_eq!(refused::<Pod>(&person, tenant.kubernetes_name.as_str()).await, None, "at the first try");
    for foreign in [other.kubernetes_name.as_str(), "default", "kube-system", ACCESS_NAMESPACE, "remotegpu-system"] {
        assert_eq!(refused::<Pod>(&person, foreign).await, Some(403), "{foreign}");
        assert_eq!(refused::<Secret>(&person, foreign).await, Some(403), "{foreign}");
    }
}

#[tokio::test]
async fn a_view_key_reads_no_secrets() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let namespace = tenant.kubernetes_name.as_str();
    let viewer = plane.person(&tenant, &key(Access::View)).await;
    assert_eq!(refused::<Pod>(&viewer, namespace).await, None);
    assert_eq!(refused::<Secret>(&viewer, namespace).await, Some(403));
    let editor = plane.person(&tenant, &key(Access::Edit)).await;
    assert_eq!(refused::<Secret>(&editor, namespace).await, None);
}

#[tokio::test]
async fn a_token_says_when_it_ends() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let identity = Identity::Console { access: Access::Edit };
    let uid = plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
    let end = plane.cluster.request_token(&tenant, &identity, &uid).await.unwrap().expires_at.unwrap();
    let left = end.as_second() - Timestamp::now().as_second();
    assert!((3000..=3700).contains(&left), "{left} s");
}

#[tokio::test]
async fn the_same_identity_is_made_once() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let identity = key(Access::Edit);
    let uid = plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
    assert_eq!(plane.cluster.ensure_identity(&tenant, &identity).await.unwrap(), uid, "from memory");
    assert_eq!(crate::given::console().await.ensure_identity(&tenant, &identity).await.unwrap(), uid, "elsewhere");
}

#[tokio::test]
async fn removing_a_key_ends_its_access_and_leaves_the_others() {
    let plane = plane().await;
    let (one, two) = (plane.tenant().await, plane.tenant().await);
    let (dead, alive) = (key(Access::Edit), key(Access::Edit));
    let mut lost = plane.cluster.identity_changes();
    let clients = [plane.person(&one, &dead).await, plane.person(&two, &dead).await];
    let other = plane.person(&one, &alive).await;
    plane.cluster.remove_key(public_id(&dead)).await.unwrap();
    for (client, tenant) in clients.iter().zip([&one, &two]) {
        eventually("the key is refused", async || refused::<Pod>(client, tenant.kubernetes_name.as_str()).await).await;
    }
    assert_eq!(refused::<Pod>(&other, one.kubernetes_name.as_str()).await, None);
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin.clone(), ACCESS_NAMESPACE);
    for tenant in [&one, &two] {
        assert!(accounts.get_opt(&name(tenant, &dead)).await.unwrap().is_none());
    }
    while next("the lost account is announced", &mut lost).await != name(&one, &dead) {}
    plane.cluster.remove_key(public_id(&dead)).await.unwrap();
}

#[tokio::test]
async fn an_account_made_anew_gets_no_token_for_the_old_one() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let identity = key(Access::Edit);
    let uid = plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
    replace_account(&plane, &name(&tenant, &identity)).await;
    let refused = plane.cluster.request_token(&tenant, &identity, &uid).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{:?}", refused.err());
    let new = plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
    assert_ne!(new, uid);
    plane.cluster.request_token(&tenant, &identity, &new).await.unwrap();
    plane.cluster.remove_key(public_id(&identity)).await.unwrap();
    let gone = plane.cluster.request_token(&tenant, &identity, &new).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{:?}", gone.err());
}

#[tokio::test]
async fn a_binding_that_somebody_deletes_is_announced_and_made_again() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let identity = key(Access::Edit);
    let mut lost = plane.cluster.identity_changes();
    let person = plane.person(&tenant, &identity).await;
    let bindings: Api<RoleBinding> = Api::namespaced(plane.admin.clone(), tenant.kubernetes_name.as_str());
    // The watch may still be listing when the first deletion happens.
    eventually("the lost binding is announced", async || {
        let _ = bindings.delete(&name(&tenant, &identity), &DeleteParams::default()).await;
        let news = tokio::time::timeout(std::time::Duration::from_millis(500), futures::StreamExt::next(&mut lost));
        if let Ok(Some(found)) = news.await
            && found == name(&tenant, &identity)
        {
            return Some(());
        }
        plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
        None
    })
    .await;
    plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
    assert_eq!(refused::<Pod>(&person, tenant.kubernetes_name.as_str()).await, None);
}

#[tokio::test]
async fn without_a_namespace_nothing_is_left_behind() {
    let plane = plane().await;
    let (nowhere, identity) = (tenant(), key(Access::Edit));
    let answer = plane.cluster.ensure_identity(&nowhere, &identity).await;
    assert!(matches!(answer, Err(Error::NamespaceNotReady)), "{answer:?}");
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin.clone(), ACCESS_NAMESPACE);
    assert!(accounts.get_opt(&name(&nowhere, &identity)).await.unwrap().is_none());
}
