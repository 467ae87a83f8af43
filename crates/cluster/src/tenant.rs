//! A tenant namespace in the cluster: applied whole, read back, and taken apart again (DESIGN §5).
//! Every step may be repeated after a crash at any point.

pub(crate) mod objects;
pub(crate) mod quota;

use std::time::Duration;

use backend::ports::{Removal, TenantRules};
use domain::account::Quota;
use domain::credential::ACCESS_NAMESPACE;
use domain::namespace::Namespace as Tenant;
use domain::{Code, Error, Result};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions};
use kube::runtime::wait::{self, await_condition};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use crate::client::{CALL_LIMIT, Clients, call, within};
use crate::error::{Doing, translate, translate_watch};
use crate::identity::renewal;
use objects::{FIELD_MANAGER, NAMESPACE_ID, Piece};

// How long one apply waits for the quota controller; the desired-state loop comes back after that.
const COUNTED_LIMIT: Duration = Duration::from_secs(3);
// Another writer may have been first between the server's read and write.
const TRIES: usize = 3;
const APPLYING: Doing = "applying a tenant's object";

/// Applies every object and reads them back.
///
/// # Errors
/// `Conflict` when the Kubernetes name belongs to something else; `Unavailable` for what time will solve.
pub(crate) async fn apply(client: &Client, tenant: &Tenant, rules: &TenantRules) -> Result<()> {
    match find(client, tenant).await? {
        Some(namespace) if namespace.metadata.deletion_timestamp.is_some() => {
            return Err(Error::cluster("the namespace is still being taken apart"));
        }
        Some(namespace) => check_ours(client, &namespace, tenant).await?,
        None => {}
    }
    apply_piece(client, tenant, &objects::namespace(tenant, rules)).await?;
    let pieces = objects::inside(tenant, rules);
    try_join_all(pieces.iter().map(|piece| apply_piece(client, tenant, piece))).await?;
    try_join_all(pieces.iter().map(|piece| read_back(client, tenant, piece))).await?;
    lift(client, tenant, &rules.quota).await?;
    counted(client, tenant, &pieces).await
}

/// Takes away the quotas of classes of GPUs that have no limit any more.
async fn lift(client: &Client, tenant: &Tenant, allowed: &Quota) -> Result<()> {
    let api: Api<ResourceQuota> = Api::namespaced(client.clone(), tenant.kubernetes_name.as_str());
    let found = call("listing the namespace's quotas", api.list(&of(tenant))).await?;
    for name in found.items.iter().map(|quota| quota.name_any()) {
        if quota::class(&name).is_some_and(|class| !allowed.gpu_classes.contains_key(class)) {
            ignore_gone(call("deleting a quota", api.delete(&name, &DeleteParams::default())).await)?;
        }
    }
    Ok(())
}

/// Removes the tenant's identities, then the Namespace with all in it. When the name belongs to something else, that is
/// left alone: the tenant has no Namespace, and must not be going for ever.
///
/// # Errors
/// `Unavailable` for what time will solve.
pub(crate) async fn delete(clients: &Clients, tenant: &Tenant) -> Result<Removal> {
    let found = match find(&clients.reconciler, tenant).await? {
        Some(namespace) if is_ours(&clients.reconciler, &namespace, tenant).await? => Some(namespace),
        Some(_) | None => None,
    };
    if found.is_some() {
        remove_bindings(&clients.issuer, tenant).await?;
    }
    renewal::forbid_all(&clients.issuer, &of(tenant)).await?;
    remove_accounts(&clients.issuer, tenant).await?;
    let Some(namespace) = found else { return Ok(Removal::Gone) };
    if namespace.metadata.deletion_timestamp.is_none() {
        // The uid: a Namespace made anew under this name meanwhile is another one.
        let only = Preconditions { uid: namespace.uid(), resource_version: None };
        let params = DeleteParams::background().preconditions(only);
        let api: Api<Namespace> = Api::all(clients.reconciler.clone());
        ignore_gone(call("deleting the Namespace", api.delete(tenant.kubernetes_name.as_str(), &params)).await)?;
    }
    let left = find(&clients.reconciler, tenant).await?;
    Ok(if left.is_some() { Removal::InProgress } else { Removal::Gone })
}

async fn find(client: &Client, tenant: &Tenant) -> Result<Option<Namespace>> {
    let api: Api<Namespace> = Api::all(client.clone());
    call("reading the Namespace", api.get_opt(tenant.kubernetes_name.as_str())).await
}

async fn check_ours(client: &Client, namespace: &Namespace, tenant: &Tenant) -> Result<()> {
    let detail = || format!("Namespace {} exists in the cluster and is not ours", tenant.kubernetes_name.as_str());
    let is_ours = is_ours(client, namespace, tenant).await?;
    if is_ours { Ok(()) } else { Err(Error::conflict(Code::Conflict, detail())) }
}

/// A Namespace whose label somebody took off or changed is still ours if we applied it. Another console on this cluster
/// writes under the same name as a manager, so of a label with another id the quota inside is asked: it bears the id of
/// whom the Namespace was made for.
async fn is_ours(client: &Client, namespace: &Namespace, tenant: &Tenant) -> Result<bool> {
    let id = tenant.id.to_string();
    match namespace.labels().get(NAMESPACE_ID) {
        Some(label) if *label == id => return Ok(true),
        None if namespace.managed_fields().iter().any(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER)) => {
            return Ok(true);
        }
        Some(_) | None => {}
    }
    let api: Api<ResourceQuota> = Api::namespaced(client.clone(), tenant.kubernetes_name.as_str());
    let quota = call("reading the namespace's quota", api.get_opt(objects::QUOTA)).await?;
    Ok(quota.is_some_and(|quota| quota.labels().get(NAMESPACE_ID) == Some(&id)))
}

async fn apply_piece(client: &Client, tenant: &Tenant, piece: &Piece) -> Result<()> {
    let api = piece.api(client, tenant);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&piece.object);
    let mut tries = 1;
    loop {
        let answer = within(APPLYING, CALL_LIMIT, api.patch(&piece.name, &params, &patch)).await?;
        match answer {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 && tries < TRIES => tries += 1,
            Err(error) => return Err(translate(APPLYING, error)),
        }
    }
}

async fn read_back(client: &Client, tenant: &Tenant, piece: &Piece) -> Result<()> {
    let live = call("reading a tenant's object back", piece.api(client, tenant).get(&piece.name)).await;
    let live: DynamicObject = live.map_err(|error| match error {
        // It was there a moment ago: somebody deletes while we build.
        Error::NotFound => Error::cluster(format!("{} {} went away", piece.resource.kind, piece.name)),
        other => other,
    })?;
    let mut whole = live.data;
    whole["metadata"] = serde_json::to_value(&live.metadata).map_err(Error::internal)?;
    for (section, wanted) in piece.sections() {
        if !holds(&whole[section], wanted) {
            let what = format!("{} {} differs in {section} from what was applied", piece.resource.kind, piece.name);
            return Err(Error::cluster(what));
        }
    }
    Ok(())
}

/// Whether `live` says everything that `wanted` says; the server may add defaults.
fn holds(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| live.get(key).is_some_and(|live| holds(live, value)))
        }
        // The server leaves out what is empty.
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| holds(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

/// Until the quota controller has counted once, the API server refuses every pod ("status unknown for quota").
async fn counted(client: &Client, tenant: &Tenant, pieces: &[Piece]) -> Result<()> {
    let quotas = pieces.iter().filter(|piece| piece.resource.kind == "ResourceQuota");
    let done = try_join_all(quotas.map(|piece| {
        let wanted = &piece.object["spec"]["hard"];
        let is_counted =
            move |live: Option<&DynamicObject>| live.is_some_and(|live| holds(&live.data["status"]["hard"], wanted));
        await_condition(piece.api(client, tenant), &piece.name, is_counted)
    }));
    let late = |_| Error::cluster("the quota controller has not counted the namespace yet");
    let failed = |wait::Error::ProbeFailed(error)| translate_watch("watching the namespace's quotas", error);
    tokio::time::timeout(COUNTED_LIMIT, done).await.map_err(late)?.map(drop).map_err(failed)
}

async fn remove_bindings(issuer: &Client, tenant: &Tenant) -> Result<()> {
    let api: Api<RoleBinding> = Api::namespaced(issuer.clone(), tenant.kubernetes_name.as_str());
    let bindings = call("listing the namespace's RoleBindings", api.list(&of(tenant))).await?;
    try_join_all(bindings.items.iter().map(async |binding| {
        ignore_gone(call("deleting a RoleBinding", api.delete(&binding.name_any(), &DeleteParams::default())).await)
    }))
    .await
    .map(drop)
}

async fn remove_accounts(issuer: &Client, tenant: &Tenant) -> Result<()> {
    let api: Api<ServiceAccount> = Api::namespaced(issuer.clone(), ACCESS_NAMESPACE);
    let (params, of_tenant) = (DeleteParams::default(), of(tenant));
    let delete = api.delete_collection(&params, &of_tenant);
    call("deleting the namespace's ServiceAccounts", delete).await.map(drop)
}

fn of(tenant: &Tenant) -> ListParams {
    ListParams::default().labels(&format!("{NAMESPACE_ID}={}", tenant.id))
}

/// Gone already is as good as deleted.
pub(crate) fn ignore_gone<T>(result: Result<T>) -> Result<()> {
    match result {
        Ok(_) | Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use kube::client::Body;
    use serde_json::json;

    use super::objects::tests::tenant;
    use super::*;

    /// An API server that refuses everything.
    fn refusing(status: StatusCode, reason: &str, message: &str) -> Client {
        let answer = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "reason": reason, "message": message, "code": status.as_u16(),
        });
        let answer = answer.to_string().into_bytes();
        let service = tower::service_fn(move |_request: http::Request<Body>| {
            let answer = http::Response::builder().status(status).body(Body::from(answer.clone()));
            async move { answer }
        });
        Client::new(service, "default")
    }

    #[tokio::test]
    async fn a_watch_of_quotas_that_is_refused_is_told_like_a_call_that_is_refused() {
        let tenant = tenant();
        let pieces = objects::inside(&tenant, &TenantRules::default());
        let asked = async |client: Client| counted(&client, &tenant, &pieces).await.unwrap_err().code();
        let no_right = r#"resourcequotas is forbidden: User "u" cannot list resource "resourcequotas""#;
        assert_eq!(asked(refusing(StatusCode::FORBIDDEN, "Forbidden", no_right)).await, Code::Internal);
        let busy = refusing(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "the server is shutting down");
        assert_eq!(asked(busy).await, Code::ClusterUnavailable);
    }
}
