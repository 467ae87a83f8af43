//! The cluster of commands that have none: `remotegpu admin` works on the database alone, also while the cluster is
//! down or does not exist yet. Every question is answered "not reachable".

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{Cluster, ClusterToken, IdentityFilter, Leadership, Removal, TenantFacts};
use domain::account::Quota;
use domain::credential::{FoundIdentity, Identity};
use domain::deployment::{DeploymentState, LogOptions};
use domain::id::NamespaceId;
use domain::namespace::{KubernetesName, Namespace};
use domain::sku::{Sku, SkuGrants, SkuSpec};
use domain::{Error, Result};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use secrecy::SecretString;
use serde_json::Value;

/// A cluster that is not there.
pub struct NoCluster;

fn absent<T>() -> Result<T> {
    Err(Error::cluster("this command works without a cluster"))
}

/// A command leads nothing: the loops belong to the consoles.
#[async_trait]
impl Leadership for NoCluster {
    fn leads(&self) -> bool {
        false
    }

    async fn lost(&self) {}
}

#[async_trait]
impl Cluster for NoCluster {
    async fn apply_tenant(&self, _: &Namespace, _: &Quota, _: &SkuGrants) -> Result<()> {
        absent()
    }

    async fn delete_tenant(&self, _: &Namespace) -> Result<Removal> {
        absent()
    }

    fn tenant_changes(&self) -> BoxStream<'static, NamespaceId> {
        stream::pending().boxed()
    }

    fn tenant_facts(&self, _: &KubernetesName) -> TenantFacts {
        TenantFacts::default()
    }

    async fn ensure_identity(&self, _: &Namespace, _: &Identity) -> Result<String> {
        absent()
    }

    async fn request_token(&self, _: &Namespace, _: &Identity, _: &str) -> Result<ClusterToken> {
        absent()
    }

    async fn list_identities(&self, _: &IdentityFilter) -> Result<Vec<FoundIdentity>> {
        absent()
    }

    async fn remove_identities(&self, _: &[FoundIdentity]) -> Result<()> {
        absent()
    }

    fn identity_changes(&self) -> BoxStream<'static, String> {
        stream::pending().boxed()
    }

    fn skus(&self) -> Result<Arc<BTreeMap<String, Sku>>> {
        absent()
    }

    async fn read_sku(&self, _: &str) -> Result<Option<Sku>> {
        absent()
    }

    async fn create_sku(&self, _: &str, _: &SkuSpec) -> Result<Sku> {
        absent()
    }

    async fn replace_sku(&self, _: &Sku) -> Result<Sku> {
        absent()
    }

    async fn create_deployment(&self, _: &SecretString, _: &KubernetesName, _: &Value) -> Result<()> {
        absent()
    }

    async fn dry_run(&self, _: &SecretString, _: &KubernetesName, _: &Value, _: bool) -> Result<Vec<String>> {
        absent()
    }

    async fn list_deployments(&self, _: &SecretString, _: &KubernetesName) -> Result<Vec<DeploymentState>> {
        absent()
    }

    async fn get_deployment(&self, _: &SecretString, _: &KubernetesName, _: &str) -> Result<Option<DeploymentState>> {
        absent()
    }

    async fn delete_deployment(&self, _: &SecretString, _: &KubernetesName, _: &str) -> Result<bool> {
        absent()
    }

    async fn pod_log(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: &str,
        _: &LogOptions,
    ) -> Result<BoxStream<'static, Result<Vec<u8>>>> {
        absent()
    }

    fn watch_deployment(&self, _: &KubernetesName, _: &str) -> BoxStream<'static, Option<DeploymentState>> {
        stream::empty().boxed()
    }

    fn watch_deployments(&self, _: &KubernetesName) -> BoxStream<'static, Vec<DeploymentState>> {
        stream::empty().boxed()
    }

    async fn ping(&self) -> Result<()> {
        absent()
    }
}
