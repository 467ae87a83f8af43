//! SkyPilot access in the cluster: an account, its place on the namespace's allow-list, and bindings to the fixed roles of
//! `deploy/roles/60-skypilot.yaml`. Labelled as ours and as the namespace's; what is wanted no more is found by that.

mod bindings;
mod stray;
mod token;

use async_trait::async_trait;
use backend::ports::{ClusterToken, ReviewedAccount, SkypilotRole};
use domain::Result;
use domain::admission::ANNOTATION_SERVICE_ACCOUNTS;
use domain::credential::ACCESS_NAMESPACE;
use domain::id::{NamespaceId, SkypilotKubeconfigId};
use domain::namespace::Namespace as Tenant;
use domain::skypilot::{Need, Scope, SkypilotRights};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::KubeCluster;
use crate::client::call;
use crate::identity::{INSTALLATION, KEY, typed};
use crate::tenant::ignore_gone;
use crate::tenant::objects::{self, FIELD_MANAGER, NAMESPACE_ID};
use bindings::Desk;

/// Label on what SkyPilot access made.
const SKYPILOT: &str = "remotegpu.ai/skypilot";
/// Field manager of the allow-list: the tenant's own apply says nothing of it and must not take it away.
const MANAGER: &str = "remotegpu-skypilot";
// Reviews cost the API server a look at its cache; more at once would only queue there.
const REVIEWS_AT_ONCE: usize = 16;

#[async_trait]
impl SkypilotRole for KubeCluster {
    async fn apply_skypilot(&self, tenant: &Tenant, rights: &SkypilotRights) -> Result<()> {
        let client = &self.inner.clients.reconciler;
        account(client, tenant, &self.inner.installation, &rights.service_account).await?;
        allow(client, tenant, Some(&rights.service_account)).await?;
        self.desk(tenant).apply(rights).await?;
        remove_accounts(client, tenant, Some(&rights.service_account)).await
    }

    async fn remove_skypilot(&self, tenant: &Tenant) -> Result<()> {
        let client = &self.inner.clients.reconciler;
        self.desk(tenant).remove_all().await?;
        remove_accounts(client, tenant, None).await?;
        disallow(client, tenant).await
    }

    async fn skypilot_tenants(&self) -> Result<Vec<NamespaceId>> {
        stray::tenants(&self.inner.clients, &self.inner.installation).await
    }

    async fn remove_stray_skypilot(&self, namespaces: &[NamespaceId]) -> Result<()> {
        stray::remove(&self.inner.clients, &self.inner.installation, namespaces).await
    }

    async fn skypilot_key(&self, tenant: &Tenant) -> Result<Option<ReviewedAccount>> {
        // One that may create things, where there is one: a view key never launches.
        let names = self.desk(tenant).keys().await?;
        let name = names.iter().find(|name| !name.ends_with("-view")).or(names.first()).cloned();
        Ok(name.map(|name| ReviewedAccount { namespace: ACCESS_NAMESPACE.to_owned(), name }))
    }

    async fn review_skypilot(&self, tenant: &Tenant, account: &ReviewedAccount, needs: &[Need]) -> Result<Vec<bool>> {
        let api: Api<SubjectAccessReview> = Api::all(self.inner.clients.issuer.clone());
        let ask = |need: &Need| {
            let (api, review) = (api.clone(), review(tenant, account, need));
            async move {
                let answer =
                    call("reviewing a right of SkyPilot", api.create(&PostParams::default(), &review?)).await?;
                Ok(answer.status.is_some_and(|status| status.allowed))
            }
        };
        let asked: Vec<_> = needs.iter().map(ask).collect();
        futures::stream::iter(asked).buffered(REVIEWS_AT_ONCE).try_collect().await
    }

    async fn skypilot_token(
        &self,
        tenant: &Tenant,
        service_account: &str,
        id: SkypilotKubeconfigId,
        seconds: i64,
    ) -> Result<ClusterToken> {
        token::issue(&self.inner.clients.issuer, tenant, service_account, id, seconds).await
    }

    async fn end_skypilot_token(&self, tenant: &Tenant, id: SkypilotKubeconfigId) -> Result<()> {
        token::end(&self.inner.clients.issuer, tenant, id).await
    }
}

impl KubeCluster {
    fn desk<'a>(&'a self, tenant: &'a Tenant) -> Desk<'a> {
        Desk { clients: &self.inner.clients, tenant, installation: &self.inner.installation }
    }
}

/// Labels of everything that SkyPilot access makes for a tenant.
fn labels(tenant: &Tenant) -> Value {
    let mut labels = objects::labels(tenant);
    labels[SKYPILOT] = json!("true");
    labels
}

/// What of SkyPilot's stands for a tenant.
fn of(tenant: &Tenant) -> ListParams {
    ListParams::default().labels(&format!("{SKYPILOT}=true,{NAMESPACE_ID}={}", tenant.id))
}

/// The same, and whose: what rights hang on must be told from what another installation on this cluster made.
fn marked(tenant: &Tenant, installation: &str) -> Value {
    let mut labels = labels(tenant);
    labels[INSTALLATION] = json!(installation);
    labels
}

/// SkyPilot's pods need their token: this one account mounts it (RULINGS 16).
async fn account(client: &Client, tenant: &Tenant, installation: &str, name: &str) -> Result<()> {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), tenant.kubernetes_name.as_str());
    let mut labels = marked(tenant, installation);
    labels["parent"] = json!("skypilot");
    let wanted = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "labels": labels},
        "automountServiceAccountToken": true,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    call("applying SkyPilot's ServiceAccount", api.patch(name, &params, &Patch::Apply(&wanted))).await.map(drop)
}

/// Accounts of an earlier name; without one of now, all.
async fn remove_accounts(client: &Client, tenant: &Tenant, keep: Option<&str>) -> Result<()> {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), tenant.kubernetes_name.as_str());
    let (ours, params) = (of(tenant), DeleteParams::default());
    let stand = call("listing SkyPilot's ServiceAccounts", api.list_metadata(&ours)).await?;
    let names = stand.items.iter().map(ResourceExt::name_any);
    for name in names.filter(|name| keep != Some(name.as_str())) {
        let delete = api.delete(&name, &params);
        ignore_gone(call("deleting SkyPilot's ServiceAccount", delete).await)?;
    }
    Ok(())
}

/// Pods may name this account; without one the annotation goes. Merged and not applied: an apply would make a Namespace
/// that is gone anew.
async fn allow(client: &Client, tenant: &Tenant, account: Option<&str>) -> Result<()> {
    let api: Api<Namespace> = Api::all(client.clone());
    let change = json!({"metadata": {"annotations": {ANNOTATION_SERVICE_ACCOUNTS: account}}});
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(&change);
    let patched = api.patch(tenant.kubernetes_name.as_str(), &params, &patch);
    call("allowing SkyPilot's ServiceAccount", patched).await.map(drop)
}

/// The allow-list goes if SkyPilot access wrote it; an administrator's stays, and so does that of a namespace which only
/// has the tenant's name: another console on this cluster wrote it.
async fn disallow(client: &Client, tenant: &Tenant) -> Result<()> {
    let api: Api<Namespace> = Api::all(client.clone());
    let found = api.get_metadata_opt(tenant.kubernetes_name.as_str());
    let Some(live) = call("reading a Namespace", found).await? else { return Ok(()) };
    let foreign = live.labels().get(NAMESPACE_ID).is_some_and(|id| *id != tenant.id.to_string());
    let written = live.managed_fields().iter().any(|entry| entry.manager.as_deref() == Some(MANAGER));
    if foreign || !written {
        return Ok(());
    }
    ignore_gone(allow(client, tenant, None).await)
}

fn review(tenant: &Tenant, account: &ReviewedAccount, need: &Need) -> Result<SubjectAccessReview> {
    let mut attributes = json!({
        "verb": need.verb, "group": need.group, "resource": need.resource, "subresource": need.subresource,
    });
    match &need.scope {
        Scope::Tenant => attributes["namespace"] = json!(tenant.kubernetes_name.as_str()),
        Scope::Namespace(name) => attributes["namespace"] = json!(name),
        Scope::Cluster => {}
    }
    let own = format!("system:serviceaccounts:{}", account.namespace);
    typed(json!({
        "metadata": {},
        "spec": {
            "user": format!("system:serviceaccount:{}:{}", account.namespace, account.name),
            // The API server adds these for a real request and for a review does not.
            "groups": ["system:serviceaccounts", own, "system:authenticated"],
            "resourceAttributes": attributes,
        },
    }))
}
