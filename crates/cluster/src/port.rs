//! `KubeCluster` as the port `Cluster`: each method finds the right identity and calls the part that does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{Cluster, ClusterToken, IdentityFilter, Removal, TenantFacts};
use domain::Result;
use domain::account::Quota;
use domain::credential::{FoundIdentity, Identity};
use domain::deployment::{DeploymentState, LogOptions};
use domain::id::NamespaceId;
use domain::namespace::{KubernetesName, Namespace};
use domain::sku::{Sku, SkuGrants, SkuSpec};
use futures::stream::BoxStream;
use secrecy::SecretString;
use serde_json::Value;

use crate::client::call;
use crate::identity::Issuer;
use crate::{KubeCluster, identity, live, log, sku, tenant, workload};

impl KubeCluster {
    fn issuer(&self) -> Issuer<'_> {
        let inner = &self.inner;
        Issuer { client: &inner.clients.issuer, known: &inner.known, installation: &inner.installation }
    }
}

#[async_trait]
impl Cluster for KubeCluster {
    async fn apply_tenant(&self, tenant: &Namespace, quota: &Quota, skus: &SkuGrants) -> Result<()> {
        tenant::apply(&self.inner.clients.reconciler, tenant, quota, skus).await
    }

    async fn delete_tenant(&self, tenant: &Namespace) -> Result<Removal> {
        tenant::delete(&self.inner.clients, tenant).await
    }

    fn tenant_changes(&self) -> BoxStream<'static, NamespaceId> {
        self.inner.drift.changes()
    }

    fn tenant_facts(&self, tenant: &KubernetesName) -> TenantFacts {
        self.inner.views.facts(tenant)
    }

    async fn ensure_identity(&self, tenant: &Namespace, identity: &Identity) -> Result<String> {
        identity::ensure(&self.issuer(), tenant, identity).await
    }

    async fn request_token(&self, tenant: &Namespace, identity: &Identity, uid: &str) -> Result<ClusterToken> {
        let name = identity.service_account(tenant.id);
        identity::token(&self.inner.clients.issuer, &self.inner.known, &name, uid).await
    }

    async fn list_identities(&self, filter: &IdentityFilter) -> Result<Vec<FoundIdentity>> {
        identity::stand::list(&self.issuer(), filter).await
    }

    async fn remove_identities(&self, identities: &[FoundIdentity]) -> Result<()> {
        identity::stand::remove(&self.issuer(), identities).await
    }

    fn identity_changes(&self) -> BoxStream<'static, String> {
        self.inner.known.changes()
    }

    fn skus(&self) -> Result<Arc<BTreeMap<String, Sku>>> {
        self.inner.catalogue.skus()
    }

    async fn read_sku(&self, code: &str) -> Result<Option<Sku>> {
        sku::get(&self.inner.clients.reconciler, code).await
    }

    async fn create_sku(&self, code: &str, spec: &SkuSpec) -> Result<Sku> {
        sku::create(&self.inner.clients.reconciler, code, spec).await
    }

    async fn replace_sku(&self, sku: &Sku) -> Result<Sku> {
        sku::replace(&self.inner.clients.reconciler, sku).await
    }

    async fn create_deployment(&self, token: &SecretString, tenant: &KubernetesName, manifest: &Value) -> Result<()> {
        workload::create(self.inner.clients.with_token(token)?, tenant, manifest).await
    }

    async fn dry_run(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        object: &Value,
        new: bool,
    ) -> Result<Vec<String>> {
        workload::dry_run::dry_run(self.inner.clients.with_token(token)?, tenant, object, new).await
    }

    async fn list_deployments(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Vec<DeploymentState>> {
        workload::list(self.inner.clients.with_token(token)?, tenant).await
    }

    async fn get_deployment(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
    ) -> Result<Option<DeploymentState>> {
        workload::get(self.inner.clients.with_token(token)?, tenant, name).await
    }

    async fn delete_deployment(&self, token: &SecretString, tenant: &KubernetesName, name: &str) -> Result<bool> {
        workload::delete(self.inner.clients.with_token(token)?, tenant, name).await
    }

    async fn pod_log(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        pod: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<Vec<u8>>>> {
        log::open(self.inner.clients.with_token(token)?, tenant, pod, options).await
    }

    fn watch_deployment(&self, tenant: &KubernetesName, name: &str) -> BoxStream<'static, Option<DeploymentState>> {
        live::one(&self.inner.views, tenant, name)
    }

    fn watch_deployments(&self, tenant: &KubernetesName) -> BoxStream<'static, Vec<DeploymentState>> {
        live::all(&self.inner.views, tenant)
    }

    async fn ping(&self) -> Result<()> {
        call("asking for the version", self.inner.clients.reconciler.apiserver_version()).await.map(drop)
    }
}
