//! What stands of identities in the cluster, and taking it away. Only labels and names are read.

use std::collections::BTreeMap;

use backend::ports::IdentityFilter;
use domain::Result;
use domain::api_key::PublicId;
use domain::credential::{ACCESS_NAMESPACE, Access, FoundIdentity, Identity};
use domain::id::NamespaceId;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams, ListParams};
use kube::core::{ObjectMeta, PartialObjectMeta};

use super::{CONNECTOR, GENERATION, INSTALLATION, Issuer, KEY, renewal};
use crate::client::{Doing, call};
use crate::tenant::ignore_gone;
use crate::tenant::objects::{FIELD_MANAGER, MANAGED_BY, NAMESPACE_ID};

// One answer of the API server; a page has the time of a call.
const PAGE: u32 = 500;

/// Identities of which an account or a binding stands, by name.
pub(crate) async fn list(issuer: &Issuer<'_>, filter: &IdentityFilter) -> Result<Vec<FoundIdentity>> {
    let mut selector = format!("{MANAGED_BY}={FIELD_MANAGER}");
    selector.push_str(&match filter {
        IdentityFilter::All => format!(",{INSTALLATION}={}", issuer.installation),
        IdentityFilter::Key(key) => format!(",{KEY}={}", key.as_str()),
        IdentityFilter::Connectors(namespace) => format!(",{CONNECTOR},{NAMESPACE_ID}={namespace}"),
        IdentityFilter::Account { namespace, .. } => format!(",{NAMESPACE_ID}={namespace}"),
    });
    let accounts: Api<ServiceAccount> = Api::namespaced(issuer.client.clone(), ACCESS_NAMESPACE);
    let bindings: Api<RoleBinding> = Api::all(issuer.client.clone());
    let mut found: BTreeMap<String, FoundIdentity> = BTreeMap::new();
    let accounts = pages("listing ServiceAccounts of keys", &accounts, &selector).await?;
    let bindings = pages("listing RoleBindings of keys", &bindings, &selector).await?;
    // An account has no namespace but the access one; where its binding stands, only the binding says.
    for (meta, bound_in) in accounts.into_iter().map(|meta| (meta, None)).chain(bindings.into_iter().map(|meta| {
        let namespace = meta.namespace.clone();
        (meta, namespace)
    })) {
        let ours = meta.labels.iter().flatten().all(|(key, value)| key != INSTALLATION || value == issuer.installation);
        let wanted = match filter {
            IdentityFilter::Account { name, .. } => meta.name.as_ref() == Some(name),
            IdentityFilter::All | IdentityFilter::Key(_) | IdentityFilter::Connectors(_) => true,
        };
        if let Some(identity) = identity(&meta).filter(|_| ours && wanted) {
            let entry = found.entry(identity.name.clone()).or_insert(identity);
            entry.bound_in.extend(bound_in);
        }
    }
    Ok(found.into_values().collect())
}

/// Bindings first: that ends what tokens may do, at once.
pub(crate) async fn remove(issuer: &Issuer<'_>, identities: &[FoundIdentity]) -> Result<()> {
    let params = DeleteParams::default();
    remove_bindings(issuer, identities, |_| true).await?;
    try_join_all(identities.iter().map(|identity| renewal::forbid(issuer.client, identity))).await?;
    try_join_all(identities.iter().map(async |identity| {
        issuer.known.forget(&identity.name);
        let api: Api<ServiceAccount> = Api::namespaced(issuer.client.clone(), ACCESS_NAMESPACE);
        ignore_gone(call("deleting a ServiceAccount", api.delete(&identity.name, &params)).await)
    }))
    .await
    .map(drop)
}

/// Takes away what tokens may do in tenant namespaces. Accounts stay and with them their tokens; a connector goes on renewing
/// its own, or a pause longer than a token would end it.
pub(crate) async fn unbind(issuer: &Issuer<'_>, identities: &[FoundIdentity]) -> Result<()> {
    remove_bindings(issuer, identities, |namespace| namespace != ACCESS_NAMESPACE).await
}

async fn remove_bindings(
    issuer: &Issuer<'_>,
    identities: &[FoundIdentity],
    which: impl Fn(&str) -> bool,
) -> Result<()> {
    let params = DeleteParams::default();
    let all = identities.iter().flat_map(|identity| identity.bound_in.iter().map(|at| (at, &identity.name)));
    try_join_all(all.filter(|(namespace, _)| which(namespace.as_str())).map(async |(namespace, name)| {
        let api: Api<RoleBinding> = Api::namespaced(issuer.client.clone(), namespace);
        ignore_gone(call("deleting a RoleBinding", api.delete(name, &params)).await)
    }))
    .await
    .map(drop)
}

/// The metadata of everything that a selector finds.
pub(crate) async fn pages<K>(doing: Doing, api: &Api<K>, selector: &str) -> Result<Vec<ObjectMeta>>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let mut metas = Vec::new();
    let mut params = ListParams::default().labels(selector).limit(PAGE);
    loop {
        let page = call(doing, api.list_metadata(&params)).await?;
        metas.extend(page.items.into_iter().map(|object: PartialObjectMeta<K>| object.metadata));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(metas),
        }
    }
}

/// None for objects whose labels are not ours to read.
fn identity(meta: &ObjectMeta) -> Option<FoundIdentity> {
    let name = meta.name.clone()?;
    let label = |key: &str| meta.labels.as_ref()?.get(key).map(String::as_str);
    let access = if name.ends_with("-view") { Access::View } else { Access::Edit };
    let identity = match (label(KEY), label(CONNECTOR)) {
        (Some(key), _) => Identity::Key {
            key: PublicId::from_trusted(key.to_owned()),
            generation: label(GENERATION)?.parse().ok()?,
            access,
        },
        (None, Some(serial)) => Identity::Connector { serial: serial.to_owned() },
        (None, None) => Identity::Console { access },
    };
    let namespace = NamespaceId::parse(label(NAMESPACE_ID)?).ok()?;
    // Nothing but what we would have named so ourselves.
    (identity.service_account(namespace) == name).then(|| FoundIdentity {
        name,
        identity,
        namespace,
        bound_in: Vec::new(),
        made_at: meta.creation_timestamp.as_ref().map(|time| time.0),
    })
}
