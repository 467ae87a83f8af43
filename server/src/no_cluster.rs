//! The cluster of commands that have none: `remotegpu admin` works on the database alone, also while the cluster is
//! down or does not exist yet. Every question is answered "not reachable".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{
    Cluster, ClusterToken, ConfigMaps, EngineProbe, IdentityFilter, Leadership, Metrics, Nodes, Removal,
    ReviewedAccount, SecretValues, Secrets, Services, SkypilotRole, Step, TenantFacts, TenantRules, Terminal,
};
use domain::config_map::{ConfigMapChange, ConfigMapView, NewConfigMap};
use domain::credential::{FoundIdentity, Identity};
use domain::engine::settings::OnPremise;
use domain::engine::{Credentials, Depth, Probed, Report, Row, Settings};
use domain::id::{AccountId, NamespaceId, SkypilotKubeconfigId};
use domain::log::LogOptions;
use domain::metric::{GpuPod, PodReading};
use domain::namespace::{KubernetesName, Namespace};
use domain::node::NodeState;
use domain::reference::{Referrer, Target};
use domain::secret::SecretView;
use domain::service::{EnginePods, NewService, ServiceView};
use domain::sku::{Sku, SkuSpec};
use domain::skypilot::{Need, SkypilotRights};
use domain::terminal::TerminalOptions;
use domain::usage::Metering;
use domain::webhook::deployment::SeenDeployment;
use domain::workload::{EventView, OccupiedBySku, Revision, WorkloadKind, WorkloadPatch, WorkloadState};
use domain::{Error, Result};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
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

/// Commands look at no engine: what they are asked is answered "not checked".
#[async_trait]
impl EngineProbe for NoCluster {
    async fn probe_in_steps(&self, _: &Settings, _: &Credentials, _: Depth, _: Timestamp, _: Step) -> Probed {
        let report = Report { rows: vec![Row::fail("tcp", "Commands look at no engine")] };
        Probed { report, ..Probed::default() }
    }

    async fn renew(
        &self,
        _: &OnPremise,
        _: &Credentials,
        _: Timestamp,
    ) -> std::result::Result<Credentials, &'static str> {
        Err("Commands look at no engine")
    }
}

#[async_trait]
impl Cluster for NoCluster {
    async fn apply_tenant(&self, _: &Namespace, _: &TenantRules) -> Result<()> {
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

    fn fact_changes(&self) -> BoxStream<'static, String> {
        stream::pending().boxed()
    }

    fn knows_identity(&self, _: &Namespace, _: &Identity) -> bool {
        false
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

    async fn unbind_identities(&self, _: &[FoundIdentity]) -> Result<()> {
        absent()
    }

    async fn bind_identities(&self, _: &Namespace, _: &[Identity]) -> Result<()> {
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

    async fn dry_run(&self, _: &SecretString, _: &KubernetesName, _: &Value, _: bool) -> Result<Vec<String>> {
        absent()
    }

    async fn create_workload(&self, _: &SecretString, _: &KubernetesName, _: &Value) -> Result<()> {
        absent()
    }

    async fn list_workloads(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: Option<WorkloadKind>,
    ) -> Result<Vec<WorkloadState>> {
        absent()
    }

    fn known_workloads(&self, _: &KubernetesName) -> Option<Vec<WorkloadState>> {
        None
    }

    async fn get_workload(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: WorkloadKind,
        _: &str,
    ) -> Result<Option<WorkloadState>> {
        absent()
    }

    async fn workload_events(&self, _: &SecretString, _: &KubernetesName, _: &WorkloadState) -> Result<Vec<EventView>> {
        absent()
    }

    async fn delete_workload(&self, _: &SecretString, _: &KubernetesName, _: WorkloadKind, _: &str) -> Result<bool> {
        absent()
    }

    async fn patch_workload(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: WorkloadKind,
        _: &str,
        _: &WorkloadPatch,
    ) -> Result<()> {
        absent()
    }

    async fn deployment_revisions(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: &str,
    ) -> Result<Vec<(Revision, Value)>> {
        absent()
    }

    async fn workload_object(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: WorkloadKind,
        _: &str,
    ) -> Result<Option<Value>> {
        absent()
    }

    async fn replace_workload(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: WorkloadKind,
        _: &Value,
        _: bool,
    ) -> Result<Value> {
        absent()
    }

    async fn apply_workload(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: WorkloadKind,
        _: &Value,
        _: bool,
    ) -> Result<()> {
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

    async fn open_terminal(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: &str,
        _: &TerminalOptions,
    ) -> Result<Terminal> {
        absent()
    }

    fn watch_workload(
        &self,
        _: &KubernetesName,
        _: WorkloadKind,
        _: &str,
    ) -> BoxStream<'static, Option<(WorkloadState, Vec<EventView>)>> {
        stream::empty().boxed()
    }

    fn watch_workloads(&self, _: &KubernetesName) -> BoxStream<'static, Vec<WorkloadState>> {
        stream::empty().boxed()
    }

    fn interrupted(&self) -> BoxStream<'static, Option<Timestamp>> {
        stream::empty().boxed()
    }

    fn counted(&self) -> BoxStream<'static, ()> {
        stream::empty().boxed()
    }

    fn occupied(&self, _: AccountId) -> OccupiedBySku {
        OccupiedBySku::new()
    }

    fn starts(&self, _: Option<&str>) -> BTreeMap<String, Vec<(Timestamp, u32)>> {
        BTreeMap::new()
    }

    fn metering(&self) -> Option<Metering> {
        None
    }

    fn seen_deployments(&self) -> Option<Vec<(NamespaceId, SeenDeployment)>> {
        None
    }

    async fn ping(&self) -> Result<()> {
        absent()
    }
}

#[async_trait]
impl ConfigMaps for NoCluster {
    async fn create_config_map(&self, _: &SecretString, _: &KubernetesName, _: &NewConfigMap) -> Result<ConfigMapView> {
        absent()
    }

    async fn list_config_maps(&self, _: &SecretString, _: &KubernetesName) -> Result<Vec<ConfigMapView>> {
        absent()
    }

    async fn get_config_map(&self, _: &SecretString, _: &KubernetesName, _: &str) -> Result<Option<ConfigMapView>> {
        absent()
    }

    async fn change_config_map(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: &str,
        _: &ConfigMapChange,
        _: Option<&str>,
    ) -> Result<ConfigMapView> {
        absent()
    }

    async fn delete_config_map(&self, _: &SecretString, _: &KubernetesName, _: &str) -> Result<bool> {
        absent()
    }

    async fn references(&self, _: &SecretString, _: &KubernetesName) -> Result<Vec<(Referrer, BTreeSet<Target>)>> {
        absent()
    }
}

#[async_trait]
impl SkypilotRole for NoCluster {
    async fn apply_skypilot(&self, _: &Namespace, _: &SkypilotRights) -> Result<()> {
        absent()
    }

    async fn remove_skypilot(&self, _: &Namespace) -> Result<()> {
        absent()
    }

    async fn skypilot_tenants(&self) -> Result<Vec<NamespaceId>> {
        absent()
    }

    async fn remove_stray_skypilot(&self, _: &[NamespaceId]) -> Result<()> {
        absent()
    }

    async fn skypilot_key(&self, _: &Namespace) -> Result<Option<ReviewedAccount>> {
        absent()
    }

    async fn review_skypilot(&self, _: &Namespace, _: &ReviewedAccount, _: &[Need]) -> Result<Vec<bool>> {
        absent()
    }

    async fn skypilot_token(&self, _: &Namespace, _: &str, _: SkypilotKubeconfigId, _: i64) -> Result<ClusterToken> {
        absent()
    }

    async fn end_skypilot_token(&self, _: &Namespace, _: SkypilotKubeconfigId) -> Result<()> {
        absent()
    }
}

#[async_trait]
impl Secrets for NoCluster {
    async fn create_secret(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: &str,
        _: &str,
        _: &SecretValues,
    ) -> Result<SecretView> {
        absent()
    }

    async fn list_secrets(&self, _: &SecretString, _: &KubernetesName) -> Result<Vec<SecretView>> {
        absent()
    }

    async fn get_secret(&self, _: &SecretString, _: &KubernetesName, _: &str) -> Result<Option<SecretView>> {
        absent()
    }

    async fn change_secret(
        &self,
        _: &SecretString,
        _: &KubernetesName,
        _: &str,
        _: &SecretValues,
        _: Option<&str>,
    ) -> Result<SecretView> {
        absent()
    }

    async fn delete_secret(&self, _: &SecretString, _: &KubernetesName, _: &str) -> Result<bool> {
        absent()
    }
}

#[async_trait]
impl Services for NoCluster {
    async fn create_service(&self, _: &SecretString, _: &KubernetesName, _: &NewService) -> Result<ServiceView> {
        absent()
    }

    async fn list_services(&self, _: &SecretString, _: &KubernetesName) -> Result<Vec<ServiceView>> {
        absent()
    }

    async fn get_service(&self, _: &SecretString, _: &KubernetesName, _: &str) -> Result<Option<ServiceView>> {
        absent()
    }

    async fn delete_service(&self, _: &SecretString, _: &KubernetesName, _: &str) -> Result<bool> {
        absent()
    }

    fn engines_behind(&self, _: &KubernetesName, _: &BTreeMap<String, String>) -> Vec<EnginePods> {
        Vec::new()
    }
}

#[async_trait]
impl Metrics for NoCluster {
    fn reads_metrics(&self) -> bool {
        false
    }

    async fn node_metrics(&self, _: &str) -> Result<Vec<PodReading>> {
        absent()
    }

    fn gpu_pods(&self) -> Vec<GpuPod> {
        Vec::new()
    }

    async fn report_stop(&self, _: &KubernetesName, _: WorkloadKind, _: &str, _: &str, _: Timestamp) -> Result<()> {
        absent()
    }
}

#[async_trait]
impl Nodes for NoCluster {
    fn nodes(&self) -> Result<Arc<Vec<NodeState>>> {
        absent()
    }

    fn node(&self, _: &str) -> Result<Option<NodeState>> {
        absent()
    }

    fn engine_kinds(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    fn watch_nodes(&self) -> BoxStream<'static, Arc<Vec<NodeState>>> {
        stream::pending().boxed()
    }

    async fn set_node(&self, _: &str, _: bool, _: bool) -> Result<NodeState> {
        absent()
    }
}
