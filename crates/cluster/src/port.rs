//! `KubeCluster` as the port `Cluster`: each method finds the right identity and calls the part that does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{Cluster, ClusterToken, IdentityFilter, Removal, TenantFacts, TenantRules, Terminal};
use domain::Result;
use domain::credential::{FoundIdentity, Identity};
use domain::id::{AccountId, NamespaceId};
use domain::log::LogOptions;
use domain::namespace::{KubernetesName, Namespace};
use domain::sku::{Sku, SkuSpec};
use domain::terminal::TerminalOptions;
use domain::usage::Metering;
use domain::webhook::deployment::SeenDeployment;
use domain::workload::{EventView, OccupiedBySku, Revision, WorkloadKind, WorkloadPatch, WorkloadState};
use futures::stream::BoxStream;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use crate::client::call;
use crate::identity::Issuer;
use crate::workload::change;
use crate::{KubeCluster, identity, live, log, meter, rollout, sku, tenant, terminal, workload};

impl KubeCluster {
    fn issuer(&self) -> Issuer<'_> {
        let inner = &self.inner;
        Issuer { client: &inner.clients.issuer, known: &inner.known, installation: &inner.installation }
    }
}

#[async_trait]
impl Cluster for KubeCluster {
    async fn apply_tenant(&self, tenant: &Namespace, rules: &TenantRules) -> Result<()> {
        tenant::apply(&self.inner.clients.reconciler, tenant, rules).await
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

    fn fact_changes(&self) -> BoxStream<'static, String> {
        self.inner.views.facts_changed.listen()
    }

    fn knows_identity(&self, tenant: &Namespace, identity: &Identity) -> bool {
        self.inner.known.uid(&identity.service_account(tenant.id)).is_some()
    }

    async fn ensure_identity(&self, tenant: &Namespace, identity: &Identity) -> Result<String> {
        identity::ensure(&self.issuer(), tenant, identity).await
    }

    async fn request_token(&self, tenant: &Namespace, identity: &Identity, uid: &str) -> Result<ClusterToken> {
        let name = identity.service_account(tenant.id);
        identity::token(&self.inner.clients.issuer, &self.inner.known, &name, uid, identity.asked_seconds()).await
    }

    async fn list_identities(&self, filter: &IdentityFilter) -> Result<Vec<FoundIdentity>> {
        identity::stand::list(&self.issuer(), filter).await
    }

    async fn remove_identities(&self, identities: &[FoundIdentity]) -> Result<()> {
        identity::stand::remove(&self.issuer(), identities).await
    }

    async fn unbind_identities(&self, identities: &[FoundIdentity]) -> Result<()> {
        identity::stand::unbind(&self.issuer(), identities).await
    }

    async fn bind_identities(&self, tenant: &Namespace, identities: &[Identity]) -> Result<()> {
        identity::bind_all(&self.issuer(), tenant, identities).await
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

    async fn create_workload(&self, token: &SecretString, tenant: &KubernetesName, manifest: &Value) -> Result<()> {
        let answer = workload::create(self.inner.clients.with_token(token)?, tenant, manifest).await;
        self.inner.views.written.note(tenant, answer)
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

    async fn list_workloads(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        only: Option<WorkloadKind>,
    ) -> Result<Vec<WorkloadState>> {
        let held = self.inner.views.many_pods(tenant.as_str());
        workload::list(self.inner.clients.with_token(token)?, tenant, only, held).await
    }

    fn known_workloads(&self, tenant: &KubernetesName) -> Option<Vec<WorkloadState>> {
        self.inner.views.up_to_date(tenant.as_str())
    }

    async fn get_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<Option<WorkloadState>> {
        workload::get(self.inner.clients.with_token(token)?, tenant, kind, name).await
    }

    async fn workload_events(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        workload: &WorkloadState,
    ) -> Result<Vec<EventView>> {
        workload::events(self.inner.clients.with_token(token)?, tenant, workload).await
    }

    async fn delete_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<bool> {
        let answer = workload::delete(self.inner.clients.with_token(token)?, tenant, kind, name).await;
        self.inner.views.written.note(tenant, answer)
    }

    async fn patch_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
        patch: &WorkloadPatch,
    ) -> Result<()> {
        let answer = change::patch(self.inner.clients.with_token(token)?, tenant, kind, name, patch).await;
        self.inner.views.written.note(tenant, answer)
    }

    async fn deployment_revisions(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
    ) -> Result<Vec<(Revision, Value)>> {
        change::revisions(self.inner.clients.with_token(token)?, tenant, name).await
    }

    async fn workload_object(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<Option<Value>> {
        change::object(self.inner.clients.with_token(token)?, tenant, kind, name).await
    }

    async fn replace_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        object: &Value,
        dry_run: bool,
    ) -> Result<Value> {
        let answer = change::replace(self.inner.clients.with_token(token)?, tenant, kind, object, dry_run).await;
        self.inner.views.written.note(tenant, answer)
    }

    async fn apply_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        object: &Value,
        take_over: bool,
    ) -> Result<()> {
        let answer = change::apply(self.inner.clients.with_token(token)?, tenant, kind, object, take_over).await;
        self.inner.views.written.note(tenant, answer)
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

    async fn open_terminal(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        pod: &str,
        options: &TerminalOptions,
    ) -> Result<Terminal> {
        terminal::open(self.inner.clients.with_token(token)?, tenant, pod, options).await
    }

    fn watch_workload(
        &self,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
    ) -> BoxStream<'static, Option<(WorkloadState, Vec<EventView>)>> {
        live::one(&self.inner.views, tenant, kind, name)
    }

    fn watch_workloads(&self, tenant: &KubernetesName) -> BoxStream<'static, Vec<WorkloadState>> {
        live::all(&self.inner.views, tenant)
    }

    fn interrupted(&self) -> BoxStream<'static, Option<Timestamp>> {
        live::interrupted(&self.inner.views)
    }

    fn counted(&self) -> BoxStream<'static, ()> {
        live::counted(&self.inner.views)
    }

    fn occupied(&self, account: AccountId) -> OccupiedBySku {
        self.inner.views.occupied(&account.to_string())
    }

    fn starts(&self, sku_code: Option<&str>) -> BTreeMap<String, Vec<(Timestamp, u32)>> {
        self.inner.views.starts(sku_code)
    }

    fn metering(&self) -> Option<Metering> {
        meter::metering(&self.inner.views)
    }

    fn seen_deployments(&self) -> Option<Vec<(NamespaceId, SeenDeployment)>> {
        rollout::seen(&self.inner.views)
    }

    async fn ping(&self) -> Result<()> {
        call("asking for the version", self.inner.clients.reconciler.apiserver_version()).await.map(drop)
    }
}
