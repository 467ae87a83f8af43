//! Who acts in the cluster for a key or a person: one ServiceAccount in the access namespace, one RoleBinding in the
//! tenant's (DESIGN §5, `security.md` §2.2). The binding goes first, on the way in and on the way out.

pub(crate) mod known;
pub(crate) mod renewal;
pub(crate) mod stand;

use std::time::Duration;

use backend::ports::ClusterToken;
use domain::credential::{ACCESS_NAMESPACE, Identity};
use domain::namespace::Namespace as Tenant;
use domain::{Code, Error, Result};
use futures::future::try_join_all;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, Resource, ResourceExt as _};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::client::{CALL_LIMIT, call, within};
use crate::error::{exists_already, is_terminating, translate};
use crate::tenant::ignore_gone;
use crate::tenant::objects::{self, FIELD_MANAGER};
use known::Known;

/// Label: public id of the API key.
pub(crate) const KEY: &str = "remotegpu.ai/key";
/// Label: which of the key's secrets.
const GENERATION: &str = "remotegpu.ai/key-generation";
/// Label: which download of a tenant's kubeconfig.
const CONNECTOR: &str = "remotegpu.ai/connector";
/// Label: which installation made it. Two of them on one cluster must never remove each other's.
pub(crate) const INSTALLATION: &str = "remotegpu.ai/installation";

// The authoriser learns of a binding through a watch of its own, within milliseconds.
const BOUND_LIMIT: Duration = Duration::from_secs(3);
const BOUND_PAUSE: Duration = Duration::from_millis(20);

/// What one identity is called and carries.
struct Subject<'a> {
    tenant: &'a Tenant,
    identity: &'a Identity,
    installation: &'a str,
    name: String,
}

/// The issuer's client, and what this process knows.
pub(crate) struct Issuer<'a> {
    /// Acts as `remotegpu-issuer`.
    pub client: &'a Client,
    /// Identities that were confirmed.
    pub known: &'a Known,
    /// Id of this installation.
    pub installation: &'a str,
}

/// Makes the identity unless it stands, and returns the ServiceAccount's uid.
///
/// # Errors
/// `NamespaceNotReady` when the namespace is not there; `Conflict` when the name belongs to something else.
pub(crate) async fn ensure(issuer: &Issuer<'_>, tenant: &Tenant, identity: &Identity) -> Result<String> {
    let (client, name) = (issuer.client, identity.service_account(tenant.id));
    let subject = Subject { tenant, identity, installation: issuer.installation, name };
    if let Some(uid) = issuer.known.uid(&subject.name) {
        return Ok(uid);
    }
    bind(client, &subject).await?;
    let uid = account(client, &subject).await?;
    if let Identity::Connector { .. } = identity {
        renewal::allow(client, &subject).await?;
    }
    confirm(client, &subject).await?;
    issuer.known.remember(&subject.name, &uid);
    Ok(uid)
}

/// Makes the bindings of identities whose accounts stand.
///
/// # Errors
/// As [`ensure`].
pub(crate) async fn bind_all(issuer: &Issuer<'_>, tenant: &Tenant, identities: &[Identity]) -> Result<()> {
    let bound = identities.iter().map(async |identity| {
        let name = identity.service_account(tenant.id);
        bind(issuer.client, &Subject { tenant, identity, installation: issuer.installation, name }).await
    });
    try_join_all(bound).await.map(drop)
}

/// Asks for a token of exactly the account `uid`, `seconds` long.
///
/// # Errors
/// `Conflict` when the account is another one now, `NotFound` when there is none.
pub(crate) async fn token(issuer: &Client, known: &Known, name: &str, uid: &str, seconds: i64) -> Result<ClusterToken> {
    let request = TokenRequest {
        // The uid is the precondition: an account made anew under this name must not inherit anything.
        metadata: ObjectMeta { name: Some(name.to_owned()), uid: Some(uid.to_owned()), ..ObjectMeta::default() },
        // No audiences: those of the API server.
        spec: Some(TokenRequestSpec { expiration_seconds: Some(seconds), ..TokenRequestSpec::default() }),
        status: None,
    };
    let api: Api<ServiceAccount> = Api::namespaced(issuer.clone(), ACCESS_NAMESPACE);
    let answer = call("requesting a token", api.create_token_request(name, &PostParams::default(), &request)).await;
    let answer = answer.inspect_err(|_| known.forget(name))?;
    let issued_at = answer.metadata.creation_timestamp.map(|time| time.0);
    let audiences = answer.spec.and_then(|spec| spec.audiences).unwrap_or_default();
    let given = answer.status.ok_or_else(|| Error::cluster("the token answer has no status"))?;
    let token = SecretString::from(given.token.ok_or_else(|| Error::cluster("the token answer has no token"))?);
    let expires_at = given.expiration_timestamp.map(|time| time.0);
    Ok(ClusterToken { token, issued_at, expires_at, audiences })
}

async fn bind(issuer: &Client, subject: &Subject<'_>) -> Result<()> {
    let api: Api<RoleBinding> = Api::namespaced(issuer.clone(), subject.tenant.kubernetes_name.as_str());
    let wanted = subject.binding()?;
    let answer = within("creating a RoleBinding", CALL_LIMIT, api.create(&PostParams::default(), &wanted)).await?;
    match answer {
        Ok(_) => return Ok(()),
        Err(error) if exists_already(&error) => {}
        Err(error) => return Err(no_namespace("creating a RoleBinding", error)),
    }
    let Some(live) = call("reading a RoleBinding", api.get_opt(&subject.name)).await? else {
        return Err(Error::cluster("a RoleBinding went away while it was made"));
    };
    subject.check(live.labels())?;
    if live.role_ref == wanted.role_ref && live.subjects == wanted.subjects {
        return subject.claim(&api, &live).await;
    }
    // Its role cannot be changed, only made anew.
    let only = Preconditions { uid: live.uid(), resource_version: None };
    let params = DeleteParams::default().preconditions(only);
    let delete = api.delete(&subject.name, &params);
    ignore_gone(call("deleting a changed RoleBinding", delete).await)?;
    call("creating a RoleBinding", api.create(&PostParams::default(), &wanted)).await.map(drop)
}

async fn account(issuer: &Client, subject: &Subject<'_>) -> Result<String> {
    let api: Api<ServiceAccount> = Api::namespaced(issuer.clone(), ACCESS_NAMESPACE);
    let wanted = subject.account()?;
    let answer = within("creating a ServiceAccount", CALL_LIMIT, api.create(&PostParams::default(), &wanted)).await?;
    let live = match answer {
        Err(error) if exists_already(&error) => call("reading a ServiceAccount", api.get(&subject.name)).await?,
        Err(error) => return Err(no_namespace("creating a ServiceAccount", error)),
        Ok(live) => live,
    };
    subject.check(live.labels())?;
    subject.claim(&api, &live).await?;
    live.uid().ok_or_else(|| Error::cluster("the ServiceAccount has no uid"))
}

/// A binding that the authoriser has not seen yet would make the first command fail (RULINGS 45).
async fn confirm(issuer: &Client, subject: &Subject<'_>) -> Result<()> {
    let api: Api<SubjectAccessReview> = Api::all(issuer.clone());
    let review = subject.review()?;
    let bound = async {
        loop {
            let answer = call("reviewing a new binding", api.create(&PostParams::default(), &review)).await?;
            if answer.status.is_some_and(|status| status.allowed) {
                return Ok(());
            }
            tokio::time::sleep(BOUND_PAUSE).await;
        }
    };
    let limited = tokio::time::timeout(BOUND_LIMIT, bound).await;
    limited.unwrap_or_else(|_| Err(Error::cluster("a new RoleBinding does not work yet")))
}

fn no_namespace(doing: &'static str, error: kube::Error) -> Error {
    match error {
        kube::Error::Api(status) if status.code == 404 || is_terminating(&status) => Error::NamespaceNotReady,
        error => translate(doing, error),
    }
}

// === impl Subject ===

impl Subject<'_> {
    fn labels(&self) -> Value {
        let mut labels = objects::labels(self.tenant);
        labels[INSTALLATION] = json!(self.installation);
        match self.identity {
            Identity::Key { key, generation, .. } => {
                labels[KEY] = json!(key.as_str());
                labels[GENERATION] = json!(generation.to_string());
            }
            Identity::Connector { serial } => labels[CONNECTOR] = json!(serial),
            Identity::Console { .. } => {}
        }
        labels
    }

    fn account(&self) -> Result<ServiceAccount> {
        typed(json!({
            "metadata": {"name": self.name, "labels": self.labels()},
            "automountServiceAccountToken": false,
        }))
    }

    fn binding(&self) -> Result<RoleBinding> {
        typed(json!({
            "metadata": {"name": self.name, "labels": self.labels()},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": self.identity.access().cluster_role(),
            },
            "subjects": [{"kind": "ServiceAccount", "name": self.name, "namespace": ACCESS_NAMESPACE}],
        }))
    }

    fn review(&self) -> Result<SubjectAccessReview> {
        let namespace = self.tenant.kubernetes_name.as_str();
        let groups =
            ["system:serviceaccounts", &format!("system:serviceaccounts:{ACCESS_NAMESPACE}"), "system:authenticated"];
        typed(json!({
            "metadata": {},
            "spec": {
                "user": format!("system:serviceaccount:{ACCESS_NAMESPACE}:{}", self.name),
                "groups": groups,
                "resourceAttributes": {"namespace": namespace, "verb": "list", "group": "", "resource": "pods"},
            },
        }))
    }

    /// An object of this name that somebody else made is not touched and not trusted. One without the mark of an
    /// installation was made by a version that had none.
    fn check(&self, live: &std::collections::BTreeMap<String, String>) -> Result<()> {
        let wanted = self.labels();
        let unmarked = !live.contains_key(INSTALLATION);
        let ours = wanted
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| !(unmarked && *key == INSTALLATION))
            .all(|(key, value)| live.get(key).map(String::as_str) == value.as_str());
        let detail = || format!("{} exists in the cluster and is not ours", self.name);
        if ours { Ok(()) } else { Err(Error::conflict(Code::Conflict, detail())) }
    }

    /// Puts our mark on an object of an earlier version. Without it the object works all the same, only the sweep does
    /// not see it: a missing right to patch is no reason to refuse a token.
    async fn claim<K>(&self, api: &Api<K>, live: &K) -> Result<()>
    where
        K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
    {
        if live.labels().contains_key(INSTALLATION) {
            return Ok(());
        }
        let mark = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": self.name, "labels": {INSTALLATION: self.installation}},
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&mark);
        if let Err(error) = call("marking an identity as ours", api.patch(&self.name, &params, &patch)).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an identity of an earlier version stays unmarked"
            );
        }
        Ok(())
    }
}

/// A value of a Kubernetes type.
pub(crate) fn typed<T: serde::de::DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(Error::internal)
}
