//! Keys' accounts: what they open, and how fast they stop opening it.

use backend::ports::{Cluster as _, IdentityFilter};
use domain::Error;
use domain::credential::{ACCESS_NAMESPACE, Access, Identity};
use domain::namespace::Namespace as Tenant;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, PostParams};

use crate::given::{Plane, eventually, key, next, plane, public_id, remove_key, stranger, tenant};

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

/// Who may make a pod may run it as any account of that namespace, and its token would outlive the key.
#[tokio::test]
async fn no_pod_runs_where_the_accounts_of_keys_are() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let identity = key(Access::Edit);
    plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
    // Nothing else is wrong with it, so that it is the quota that refuses.
    let closed = serde_json::json!({"allowPrivilegeEscalation": false, "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}});
    let pod = serde_json::from_value(serde_json::json!({
        "metadata": {"generateName": "proof-"},
        "spec": {"serviceAccountName": name(&tenant, &identity), "containers": [{"name": "c", "image": "x",
            "securityContext": closed, "resources": {"limits": {"cpu": "1m", "memory": "1Mi"}}}]},
    }));
    let pods: Api<Pod> = Api::namespaced(plane.admin.clone(), ACCESS_NAMESPACE);
    match pods.create(&PostParams::default(), &pod.unwrap()).await {
        Err(kube::Error::Api(status)) => {
            assert_eq!(status.code, 403, "{}", status.message);
            assert!(
                status.message.contains("exceeded quota") && status.message.contains("pods=0"),
                "{}",
                status.message
            );
        }
        other => panic!("{other:?}"),
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
    remove_key(&plane.cluster, public_id(&dead)).await;
    for (client, tenant) in clients.iter().zip([&one, &two]) {
        eventually("the key is refused", async || refused::<Pod>(client, tenant.kubernetes_name.as_str()).await).await;
    }
    assert_eq!(refused::<Pod>(&other, one.kubernetes_name.as_str()).await, None);
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin.clone(), ACCESS_NAMESPACE);
    for tenant in [&one, &two] {
        assert!(accounts.get_opt(&name(tenant, &dead)).await.unwrap().is_none());
    }
    while next("the lost account is announced", &mut lost).await != name(&one, &dead) {}
    remove_key(&plane.cluster, public_id(&dead)).await;
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
    remove_key(&plane.cluster, public_id(&identity)).await;
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

#[tokio::test]
async fn what_stands_of_a_key_is_found_and_single_identities_go_alone() {
    let plane = plane().await;
    let (one, two) = (plane.tenant().await, plane.tenant().await);
    let edit = key(Access::Edit);
    let Identity::Key { key: id, .. } = &edit else { panic!("a key") };
    let view = Identity::Key { key: id.clone(), generation: 2, access: Access::View };
    let clients = [plane.person(&one, &edit).await, plane.person(&two, &view).await];
    let found = plane.cluster.list_identities(&IdentityFilter::Key(id.clone())).await.unwrap();
    let mut names: Vec<&str> = found.iter().map(|found| &*found.name).collect();
    names.sort_unstable();
    let mut wanted = [name(&one, &edit), name(&two, &view)];
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    let doomed: Vec<_> = found.into_iter().filter(|found| found.identity == view).collect();
    assert_eq!(doomed[0].bound_in, [two.kubernetes_name.as_str()]);
    plane.cluster.remove_identities(&doomed).await.unwrap();
    eventually("it is refused", async || refused::<Pod>(&clients[1], two.kubernetes_name.as_str()).await).await;
    assert_eq!(refused::<Pod>(&clients[0], one.kubernetes_name.as_str()).await, None);
    let left = plane.cluster.list_identities(&IdentityFilter::All).await.unwrap();
    assert!(left.iter().any(|found| found.name == name(&one, &edit)));
    assert!(left.iter().all(|found| found.name != name(&two, &view)));
}

#[tokio::test]
async fn one_account_is_found_by_name_and_namespace() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let console = Identity::Console { access: Access::View };
    plane.cluster.ensure_identity(&tenant, &console).await.unwrap();
    plane.cluster.ensure_identity(&tenant, &key(Access::View)).await.unwrap();
    let filter = IdentityFilter::Account { name: name(&tenant, &console), namespace: tenant.id };
    let found = plane.cluster.list_identities(&filter).await.unwrap();
    assert_eq!(found.iter().map(|found| &found.identity).collect::<Vec<_>>(), [&console]);
}

#[tokio::test]
async fn another_installation_on_the_cluster_sees_and_trusts_nothing_of_ours() {
    let (plane, other) = (plane().await, stranger().await);
    let tenant = plane.tenant().await;
    let identity = key(Access::Edit);
    plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
    for filter in [IdentityFilter::All, IdentityFilter::Key(public_id(&identity).clone())] {
        assert_eq!(other.list_identities(&filter).await.unwrap(), []);
    }
    let taken = other.ensure_identity(&tenant, &identity).await;
    assert!(matches!(taken, Err(Error::Conflict { .. })), "{taken:?}");
}

#[tokio::test]
async fn an_identity_of_an_earlier_version_is_marked_when_it_is_touched_and_lives_on() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let identity = key(Access::Edit);
    let uid = plane.cluster.ensure_identity(&tenant, &identity).await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin.clone(), ACCESS_NAMESPACE);
    let unmark = serde_json::json!({"metadata": {"labels": {"remotegpu.ai/installation": null}}});
    let patch = kube::api::Patch::Merge(&unmark);
    accounts.patch(&name(&tenant, &identity), &kube::api::PatchParams::default(), &patch).await.unwrap();
    // Another process knows nothing yet and looks at the objects.
    assert_eq!(crate::given::console().await.ensure_identity(&tenant, &identity).await.unwrap(), uid);
    let live = accounts.get(&name(&tenant, &identity)).await.unwrap();
    assert!(live.metadata.labels.unwrap().contains_key("remotegpu.ai/installation"));
}
