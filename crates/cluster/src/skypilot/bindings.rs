//! The bindings of SkyPilot access. Their subjects are the account and the keys that reach the namespace at that moment, so
//! each is read, compared and written back on condition that nobody else wrote it: an apply of two replicas at once could
//! lose a key.

use std::collections::BTreeSet;

use domain::credential::ACCESS_NAMESPACE;
use domain::namespace::Namespace as Tenant;
use domain::skypilot::{Feature, INGRESS_NAMESPACE, Scope, SkypilotRights, granted, needs};
use domain::{Error, Result};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use serde_json::{Value, json};

use super::{INSTALLATION, KEY, marked, of, typed};
use crate::client::{CALL_LIMIT, Clients, call, within};
use crate::error::translate;
use crate::tenant::ignore_gone;
use crate::tenant::objects::{FIELD_MANAGER, MANAGED_BY, NAMESPACE_ID};

const TOKEN_ROLE: &str = "remotegpu-skypilot-token";
const NODE_TOKEN_ROLE: &str = "remotegpu-skypilot-node-token";
/// Accounts of the nodes whose engines can hold a pod's token.
const NODES: [&str; 2] = ["remotegpu-nodes", "remotegpu-node-local"];
// Another writer may come first each time; more often than that is a fault.
const TRIES: usize = 5;

/// Who is bound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The account and every key.
    Everybody,
    /// The account and the keys with edit rights.
    Editors,
    /// The console's issuer of tokens.
    Issuer,
    /// The nodes that run pods of the account.
    Nodes,
}

/// One binding that is to stand.
struct Binding {
    scope: Scope,
    role: String,
    name: String,
    who: Who,
}

/// Works on the bindings of one tenant.
pub(super) struct Desk<'a> {
    pub clients: &'a Clients,
    pub tenant: &'a Tenant,
    pub installation: &'a str,
}

// === impl Desk ===

impl Desk<'_> {
    /// Makes the bindings of `rights` and removes all others.
    pub async fn apply(&self, rights: &SkypilotRights) -> Result<()> {
        let wanted = self.wanted(rights)?;
        let live = try_join_all(wanted.iter().map(|binding| self.live(binding))).await?;
        // Listed once, after every binding was read: a key that comes later finds another version and writes itself in.
        let keys = self.keys().await?;
        let put = |(binding, live)| self.put(binding, live, keys.clone(), &rights.service_account);
        try_join_all(wanted.iter().zip(live).map(put)).await?;
        let kept: BTreeSet<&str> = wanted.iter().map(|binding| binding.name.as_str()).collect();
        self.remove(&kept).await
    }

    /// Removes every binding.
    pub async fn remove_all(&self) -> Result<()> {
        self.remove(&BTreeSet::new()).await
    }

    /// Accounts of keys that stand for this tenant now, by name.
    pub async fn keys(&self) -> Result<Vec<String>> {
        let api: Api<ServiceAccount> = Api::namespaced(self.clients.issuer.clone(), ACCESS_NAMESPACE);
        let selector = format!("{MANAGED_BY}={FIELD_MANAGER},{KEY},{NAMESPACE_ID}={}", self.tenant.id);
        let params = ListParams::default().labels(&selector);
        let found = call("listing the keys of a namespace", api.list_metadata(&params));
        let ours = |labels: &std::collections::BTreeMap<String, String>| {
            labels.get(INSTALLATION).is_none_or(|of| of == self.installation)
        };
        let found = found.await?.items;
        let mut names: Vec<String> =
            found.iter().filter(|account| ours(account.labels())).map(ResourceExt::name_any).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn wanted(&self, rights: &SkypilotRights) -> Result<Vec<Binding>> {
        let tokens = [(TOKEN_ROLE, Who::Issuer), (NODE_TOKEN_ROLE, Who::Nodes)];
        let of_tokens = |(role, who): (&str, Who)| Binding {
            scope: Scope::Tenant,
            role: role.to_owned(),
            name: role.to_owned(),
            who,
        };
        let mut wanted: Vec<Binding> = tokens.map(of_tokens).into();
        for feature in &rights.features {
            let needs = needs(&[*feature].into())?;
            let scopes: BTreeSet<Scope> =
                needs.iter().filter(|need| granted(need)).map(|need| need.scope.clone()).collect();
            wanted.extend(scopes.into_iter().map(|scope| self.binding(*feature, scope)));
        }
        Ok(wanted)
    }

    fn binding(&self, feature: Feature, scope: Scope) -> Binding {
        let role = scope.cluster_role(feature);
        // Beyond the namespace its name tells the tenants apart; it is unique in the cluster.
        let name = match scope {
            Scope::Tenant => role.clone(),
            Scope::Cluster | Scope::Namespace(_) => format!("{role}-{}", self.tenant.kubernetes_name.as_str()),
        };
        let who = if scope == Scope::Cluster { Who::Everybody } else { Who::Editors };
        Binding { scope, role, name, who }
    }

    fn api(&self, scope: &Scope) -> Api<DynamicObject> {
        // Who binds keys binds this too: there is one giver of rights.
        let client = self.clients.issuer.clone();
        let bindings = ApiResource::erase::<RoleBinding>(&());
        match scope {
            Scope::Tenant => Api::namespaced_with(client, self.tenant.kubernetes_name.as_str(), &bindings),
            Scope::Namespace(name) => Api::namespaced_with(client, name, &bindings),
            Scope::Cluster => Api::all_with(client, &ApiResource::erase::<ClusterRoleBinding>(&())),
        }
    }

    async fn live(&self, binding: &Binding) -> Result<Option<DynamicObject>> {
        call("reading a binding of SkyPilot", self.api(&binding.scope).get_opt(&binding.name)).await
    }

    async fn put(
        &self,
        binding: &Binding,
        mut live: Option<DynamicObject>,
        mut keys: Vec<String>,
        account: &str,
    ) -> Result<()> {
        let api = self.api(&binding.scope);
        for _ in 0..TRIES {
            let object = self.object(binding, account, &keys)?;
            let (params, doing) = (PostParams::default(), "writing a binding of SkyPilot");
            let answer = match live.take() {
                Some(live) if same(&live, &object) => return Ok(()),
                Some(live) => {
                    let mut object = object;
                    object.metadata.resource_version = live.metadata.resource_version;
                    within(doing, CALL_LIMIT, api.replace(&binding.name, &params, &object)).await?
                }
                None => within(doing, CALL_LIMIT, api.create(&params, &object)).await?,
            };
            match answer {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    live = self.live(binding).await?;
                    keys = self.keys().await?;
                }
                // The ingress controller may be elsewhere or nowhere: nothing to read there, then.
                Err(kube::Error::Api(status)) if status.code == 404 && elsewhere(&binding.scope) => return Ok(()),
                Err(error) => return Err(translate(doing, error)),
            }
        }
        Err(Error::cluster("a binding of SkyPilot was changed by others all the time"))
    }

    fn object(&self, binding: &Binding, account: &str, keys: &[String]) -> Result<DynamicObject> {
        let (kind, namespace) = match &binding.scope {
            Scope::Tenant => ("RoleBinding", Some(self.tenant.kubernetes_name.as_str())),
            Scope::Namespace(name) => ("RoleBinding", Some(name.as_str())),
            Scope::Cluster => ("ClusterRoleBinding", None),
        };
        let mut metadata = json!({"name": binding.name, "labels": marked(self.tenant, self.installation)});
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        typed(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": binding.role},
            "subjects": self.subjects(binding.who, account, keys),
        }))
    }

    fn subjects(&self, who: Who, account: &str, keys: &[String]) -> Vec<Value> {
        let subject =
            |namespace: &str, name: &str| json!({"kind": "ServiceAccount", "name": name, "namespace": namespace});
        match who {
            Who::Issuer => return vec![subject("remotegpu-system", "remotegpu-issuer")],
            Who::Nodes => return NODES.map(|name| subject("remotegpu-system", name)).into(),
            Who::Everybody | Who::Editors => {}
        }
        let mut all = vec![subject(self.tenant.kubernetes_name.as_str(), account)];
        let bound = keys.iter().filter(|name| who == Who::Everybody || !name.ends_with("-view"));
        all.extend(bound.map(|name| subject(ACCESS_NAMESPACE, name)));
        all
    }

    async fn remove(&self, kept: &BTreeSet<&str>) -> Result<()> {
        let scopes = [Scope::Cluster, Scope::Namespace(INGRESS_NAMESPACE.to_owned()), Scope::Tenant];
        let (ours, params) = (of(self.tenant), DeleteParams::default());
        for api in scopes.map(|scope| self.api(&scope)) {
            let stand = call("listing bindings of SkyPilot", api.list_metadata(&ours)).await?;
            let names = stand.items.iter().map(ResourceExt::name_any);
            for name in names.filter(|name| !kept.contains(name.as_str())) {
                let delete = api.delete(&name, &params);
                ignore_gone(call("deleting a binding of SkyPilot", delete).await)?;
            }
        }
        Ok(())
    }
}

fn same(live: &DynamicObject, wanted: &DynamicObject) -> bool {
    ["subjects", "roleRef"].iter().all(|part| live.data[*part] == wanted.data[*part])
        && wanted.labels().iter().all(|(key, value)| live.labels().get(key) == Some(value))
}

fn elsewhere(scope: &Scope) -> bool {
    matches!(scope, Scope::Namespace(_))
}
