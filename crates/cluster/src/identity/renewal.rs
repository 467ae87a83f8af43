//! A connector renews its own token: one Role and one RoleBinding in the access namespace, of its name and for its name
//! alone (RULINGS 20). Whoever holds the token of one connector can make none of another.

use domain::Result;
use domain::credential::{ACCESS_NAMESPACE, FoundIdentity, Identity};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;

use super::{CONNECTOR, Subject, typed};
use crate::client::{CALL_LIMIT, call, within};
use crate::error::{exists_already, translate};
use crate::tenant::ignore_gone;

/// Makes both unless they stand. Names are never used twice, so what stands is ours.
pub(super) async fn allow(issuer: &Client, subject: &Subject<'_>) -> Result<()> {
    let metadata = json!({"name": subject.name, "labels": subject.labels()});
    let rule = json!({
        "apiGroups": [""],
        "resources": ["serviceaccounts/token"],
        "resourceNames": [subject.name],
        "verbs": ["create"],
    });
    let role: Role = typed(json!({"metadata": metadata, "rules": [rule]}))?;
    let binding: RoleBinding = typed(json!({
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": subject.name},
        "subjects": [{"kind": "ServiceAccount", "name": subject.name, "namespace": ACCESS_NAMESPACE}],
    }))?;
    made("creating a connector's Role", issuer, &role).await?;
    made("creating a connector's RoleBinding", issuer, &binding).await
}

/// Takes the Role of one away; its RoleBinding goes with those of the identity.
pub(super) async fn forbid(issuer: &Client, identity: &FoundIdentity) -> Result<()> {
    let Identity::Connector { .. } = identity.identity else { return Ok(()) };
    let api: Api<Role> = Api::namespaced(issuer.clone(), ACCESS_NAMESPACE);
    ignore_gone(call("deleting a connector's Role", api.delete(&identity.name, &DeleteParams::default())).await)
}

/// Takes away what all connectors of a tenant have there; `of` selects the tenant's objects.
pub(crate) async fn forbid_all(issuer: &Client, of: &ListParams) -> Result<()> {
    let labels = of.label_selector.clone().unwrap_or_default();
    let of = ListParams::default().labels(&format!("{labels},{CONNECTOR}"));
    let params = DeleteParams::default();
    let bindings: Api<RoleBinding> = Api::namespaced(issuer.clone(), ACCESS_NAMESPACE);
    call("deleting the connectors' RoleBindings", bindings.delete_collection(&params, &of)).await?;
    let roles: Api<Role> = Api::namespaced(issuer.clone(), ACCESS_NAMESPACE);
    call("deleting the connectors' Roles", roles.delete_collection(&params, &of)).await.map(drop)
}

async fn made<K>(doing: &'static str, issuer: &Client, wanted: &K) -> Result<()>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + serde::Serialize
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(issuer.clone(), ACCESS_NAMESPACE);
    match within(doing, CALL_LIMIT, api.create(&PostParams::default(), wanted)).await? {
        Err(error) if !exists_already(&error) => Err(translate(doing, error)),
        Ok(_) | Err(_) => Ok(()),
    }
}
