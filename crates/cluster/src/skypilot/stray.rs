//! What stands of SkyPilot access for namespaces that the database does not know any more: bindings, and the accounts that
//! tokens belong to. Found by labels alone, as there is no namespace to ask.

use std::collections::BTreeSet;

use domain::Result;
use domain::id::NamespaceId;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject};
use kube::core::ObjectMeta;
use kube::{Client, Resource};

use super::{INSTALLATION, SKYPILOT};
use crate::client::{Clients, call};
use crate::identity::stand::pages;
use crate::tenant::ignore_gone;
use crate::tenant::objects::NAMESPACE_ID;

/// One kind of what stands, and who may take it away.
struct Kind<'a> {
    resource: ApiResource,
    client: &'a Client,
}

/// Bindings first: that ends what tokens may do, at once.
fn kinds(clients: &Clients) -> [Kind<'_>; 3] {
    fn of<K: Resource<DynamicType = ()>>(client: &Client) -> Kind<'_> {
        Kind { resource: ApiResource::erase::<K>(&()), client }
    }
    let (issuer, reconciler) = (&clients.issuer, &clients.reconciler);
    [of::<ClusterRoleBinding>(issuer), of::<RoleBinding>(issuer), of::<ServiceAccount>(reconciler)]
}

/// Namespaces of which something stands that this installation made.
pub(super) async fn tenants(clients: &Clients, installation: &str) -> Result<Vec<NamespaceId>> {
    let mut found = BTreeSet::new();
    for kind in kinds(clients) {
        found.extend(kind.list(installation).await?.iter().filter_map(tenant));
    }
    Ok(found.into_iter().collect())
}

/// Takes all of it away.
pub(super) async fn remove(clients: &Clients, installation: &str, namespaces: &[NamespaceId]) -> Result<()> {
    for kind in kinds(clients) {
        let stray = kind.list(installation).await?;
        let stray = stray.iter().filter(|meta| tenant(meta).is_some_and(|id| namespaces.contains(&id)));
        try_join_all(stray.map(|meta| kind.delete(meta))).await?;
    }
    Ok(())
}

fn tenant(meta: &ObjectMeta) -> Option<NamespaceId> {
    NamespaceId::parse(meta.labels.as_ref()?.get(NAMESPACE_ID)?).ok()
}

// === impl Kind ===

impl Kind<'_> {
    async fn list(&self, installation: &str) -> Result<Vec<ObjectMeta>> {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &self.resource);
        let selector = format!("{SKYPILOT}=true,{INSTALLATION}={installation}");
        pages("listing what stands of SkyPilot", &api, &selector).await
    }

    async fn delete(&self, meta: &ObjectMeta) -> Result<()> {
        let Some(name) = &meta.name else { return Ok(()) };
        let client = self.client.clone();
        let api: Api<DynamicObject> = match &meta.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &self.resource),
            None => Api::all_with(client, &self.resource),
        };
        ignore_gone(call("deleting what stands of SkyPilot", api.delete(name, &DeleteParams::default())).await)
    }
}
