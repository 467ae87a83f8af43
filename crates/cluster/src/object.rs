//! Small objects of a namespace with the token of the person who asks: what ConfigMaps, Secrets and Services share.

use domain::namespace::KubernetesName;
use domain::version::stale;
use domain::{Code, Error, Result};
use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::workload::call;

/// One kind in one namespace.
pub(crate) struct Objects<K> {
    api: Api<K>,
}

impl<K> Objects<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    /// Those of `tenant`, as the holder of the client's token.
    pub fn of(client: Client, tenant: &KubernetesName) -> Self {
        Self { api: Api::namespaced(client, tenant.as_str()) }
    }

    /// Creates one. A taken name reads `Secret database already exists`.
    pub async fn create(&self, wanted: &K) -> Result<K> {
        let made = call("creating an object", self.api.create(&PostParams::default(), wanted)).await;
        made.map_err(|error| match error {
            Error::Conflict { code: Code::NameTaken, .. } => {
                let detail = format!("{} {} already exists", K::kind(&()), wanted.name_any());
                Error::conflict(Code::NameTaken, detail)
            }
            other => other,
        })
    }

    /// All, as the server sorts them: by name.
    pub async fn list(&self) -> Result<Vec<K>> {
        Ok(call("listing objects", self.api.list(&ListParams::default())).await?.items)
    }

    /// One.
    pub async fn get(&self, name: &str) -> Result<Option<K>> {
        call("reading an object", self.api.get_opt(name)).await
    }

    /// Merges `change` into one. With `version`, only while that is the present one.
    pub async fn change(&self, name: &str, mut change: Value, version: Option<&str>) -> Result<K> {
        if let Some(version) = version {
            change["metadata"] = json!({"resourceVersion": version});
        }
        let patch = Patch::Merge(&change);
        let changed = call("changing an object", self.api.patch(name, &PatchParams::default(), &patch)).await;
        changed.map_err(|error| match error {
            Error::Conflict { code: Code::Conflict, .. } => stale(),
            other => other,
        })
    }

    /// Deletes one; false when there is none.
    pub async fn delete(&self, name: &str) -> Result<bool> {
        match call("deleting an object", self.api.delete(name, &DeleteParams::default())).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// When it was made, RFC 3339.
pub(crate) fn created_at<K: Resource>(object: &K) -> String {
    object.meta().creation_timestamp.as_ref().map(|time| time.0.to_string()).unwrap_or_default()
}
