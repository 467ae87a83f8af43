//! What the use cases need of the home cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Result;
use domain::account::Quota;
use domain::admission::NamespacePolicy;
use domain::api_key::PublicId;
use domain::credential::{FoundIdentity, Identity};
use domain::id::{AccountId, NamespaceId};
use domain::log::LogOptions;
use domain::namespace::{KubernetesName, Namespace, QuotaLine};
use domain::sku::{Sku, SkuGrants, SkuSpec};
use domain::terminal::TerminalOptions;
use domain::usage::Metering;
use domain::webhook::deployment::SeenDeployment;
use domain::workload::{EventView, OccupiedBySku, Revision, WorkloadKind, WorkloadPatch, WorkloadState};
use futures::stream::BoxStream;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::{ConfigMaps, Metrics, Nodes, Secrets, Services, SkypilotRole, Terminal};

/// How far a deletion got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Nothing is left in the cluster.
    Gone,
    /// Kubernetes is still taking it apart.
    InProgress,
}

/// A token as the API server gave it.
pub struct ClusterToken {
    /// The bearer token.
    pub token: SecretString,
    /// When it was made, by the server's clock; ours may be wrong.
    pub issued_at: Option<Timestamp>,
    /// Its end, by the same clock; the server may omit it.
    pub expires_at: Option<Timestamp>,
    /// For whom the server says it is; empty when it does not say.
    pub audiences: Vec<String>,
}

/// Which identities of keys are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityFilter {
    /// All that this installation made.
    All,
    /// Those of one key.
    Key(PublicId),
    /// Those of a namespace's connectors.
    Connectors(NamespaceId),
    /// One ServiceAccount, keys' or the console's.
    Account {
        /// Its name.
        name: String,
        /// The tenant namespace it was made for.
        namespace: NamespaceId,
    },
}

/// What only the cluster knows of a tenant namespace, from watches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantFacts {
    /// Deployments in it.
    pub deployments: u32,
    /// Quota with its use.
    pub quota: Vec<QuotaLine>,
    /// Policy annotations.
    pub policy: NamespacePolicy,
}

/// What is written into a tenant namespace beyond what all have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantRules {
    /// Limits of its account, or of its share.
    pub quota: Quota,
    /// SKUs that may be used in it.
    pub skus: SkuGrants,
    /// Code of the SKU of pods that name none.
    pub default_sku: Option<String>,
    /// New pods are refused: a budget is used up.
    pub spending_stopped: bool,
}

/// The home cluster. Changes for a person take that person's token (RULINGS 34).
#[async_trait]
pub trait Cluster: ConfigMaps + Metrics + Nodes + Secrets + Services + SkypilotRole + Send + Sync {
    // --- tenants (reconciler identity) ---
    /// Applies every object of DESIGN §5 with these rules and reads them back; idempotent, repairs drift.
    async fn apply_tenant(&self, tenant: &Namespace, rules: &TenantRules) -> Result<()>;
    /// Removes the tenant's identities, then its namespace; call again until [`Removal::Gone`].
    async fn delete_tenant(&self, tenant: &Namespace) -> Result<Removal>;
    /// Namespaces whose managed objects somebody changed or deleted; endless.
    fn tenant_changes(&self) -> BoxStream<'static, NamespaceId>;
    /// Deployments, quota, policy; empty while unknown.
    fn tenant_facts(&self, tenant: &KubernetesName) -> TenantFacts;
    /// Kubernetes names of namespaces whose deployments, quota or use of it may differ now; endless.
    fn fact_changes(&self) -> BoxStream<'static, String>;

    // --- identities (issuer identity) ---
    /// Whether this process has seen the identity stand and work; costs no call.
    fn knows_identity(&self, tenant: &Namespace, identity: &Identity) -> bool;
    /// Makes ServiceAccount and RoleBinding, waits until the binding works (RULINGS 45), returns the account's uid.
    async fn ensure_identity(&self, tenant: &Namespace, identity: &Identity) -> Result<String>;
    /// One TokenRequest with the uid as precondition. `Conflict` when the account is another one now.
    async fn request_token(&self, tenant: &Namespace, identity: &Identity, uid: &str) -> Result<ClusterToken>;
    /// What stands of such identities, whether account, binding or both; never what another installation made.
    async fn list_identities(&self, filter: &IdentityFilter) -> Result<Vec<FoundIdentity>>;
    /// Deletes the RoleBindings, then the ServiceAccounts: the first ends what tokens may do, at once.
    async fn remove_identities(&self, identities: &[FoundIdentity]) -> Result<()>;
    /// Deletes the RoleBindings in tenant namespaces alone: what a token may do ends at once, and the token stays one.
    async fn unbind_identities(&self, identities: &[FoundIdentity]) -> Result<()>;
    /// Makes the RoleBindings of identities whose ServiceAccounts stand.
    async fn bind_identities(&self, tenant: &Namespace, identities: &[Identity]) -> Result<()>;
    /// Names of ServiceAccounts in the access namespace that changed or went; endless. Cached tokens of theirs are void.
    fn identity_changes(&self) -> BoxStream<'static, String>;

    // --- catalogue ---
    /// Every SKU by code, from a watch. `Unavailable` until the first list arrived.
    fn skus(&self) -> Result<Arc<BTreeMap<String, Sku>>>;
    /// One SKU as the API server has it now.
    async fn read_sku(&self, code: &str) -> Result<Option<Sku>>;
    /// Adds a SKU. `Conflict NameTaken` when there is one of this code, `Invalid` for what the schema refuses.
    async fn create_sku(&self, code: &str, spec: &SkuSpec) -> Result<Sku>;
    /// Replaces a SKU's spec, only if its version is still that of `sku`; else `Conflict`.
    async fn replace_sku(&self, sku: &Sku) -> Result<Sku>;

    // --- workloads (the person's token) ---
    /// Creates the Deployment, Job or Pod of a plan. A refusal by the webhook is `Conflict AdmissionDenied` with its sentence, a taken name
    /// `Conflict NameTaken`, detail `Deployment demo already exists`.
    async fn create_workload(&self, token: &SecretString, tenant: &KubernetesName, manifest: &Value) -> Result<()>;
    /// What the API server would say to a workload, keeping nothing: its warnings, or the
    /// error of doing it. A `new` object must not exist; any other may change one that does.
    async fn dry_run(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        object: &Value,
        new: bool,
    ) -> Result<Vec<String>>;
    /// Every workload with its pods, or those of one kind.
    async fn list_workloads(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        only: Option<WorkloadKind>,
    ) -> Result<Vec<WorkloadState>>;
    /// Every workload with its pods, from watches; none where they may be behind what was written through this console.
    fn known_workloads(&self, tenant: &KubernetesName) -> Option<Vec<WorkloadState>>;
    /// One workload with its pods.
    async fn get_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<Option<WorkloadState>>;
    /// What was reported about a workload and its pods, newest first.
    async fn workload_events(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        workload: &WorkloadState,
    ) -> Result<Vec<EventView>>;
    /// Deletes a workload and its pods; false when there is none.
    async fn delete_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<bool>;
    /// Changes a workload. `NotFound` without it; refusals as for [`Self::create_workload`].
    async fn patch_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
        patch: &WorkloadPatch,
    ) -> Result<()>;
    /// Templates of a Deployment that the cluster still has, newest first, each with its whole text.
    async fn deployment_revisions(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
    ) -> Result<Vec<(Revision, Value)>>;
    /// The whole object behind a workload, as JSON.
    async fn workload_object(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<Option<Value>>;
    /// Puts `object` in its place and gives what stands there then; a `dry_run` only asks. `Conflict` when the version
    /// in its metadata is no longer the newest.
    async fn replace_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        object: &Value,
        dry_run: bool,
    ) -> Result<Value>;
    /// Server-side apply: makes the workload or changes what is there, as the dry run of a manifest said it would.
    /// Fields that somebody else manages are a `conflict` that names them, unless they are to be taken over.
    async fn apply_workload(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        object: &Value,
        take_over: bool,
    ) -> Result<()>;
    /// Log of one container of a pod, in chunks of whole or partial lines. `NotFound` without that container.
    async fn pod_log(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        pod: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<Vec<u8>>>>;
    /// A shell in a container of a pod. `NotFound` without it; `Conflict NotReady` where nothing runs.
    async fn open_terminal(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        pod: &str,
        options: &TerminalOptions,
    ) -> Result<Terminal>;
    /// The workload and what was reported about it as the shared watches see them: at once, then after each change;
    /// `None` once it and its pods are gone. One upstream watch however many listen.
    fn watch_workload(
        &self,
        tenant: &KubernetesName,
        kind: WorkloadKind,
        name: &str,
    ) -> BoxStream<'static, Option<(WorkloadState, Vec<EventView>)>>;
    /// Likewise for all workloads of a namespace.
    fn watch_workloads(&self, tenant: &KubernetesName) -> BoxStream<'static, Vec<WorkloadState>>;
    /// Since when the shared watches hear nothing from the API server: at once, then after each change.
    fn interrupted(&self) -> BoxStream<'static, Option<Timestamp>>;
    /// Each time after what is free was counted anew: pods may wait for another reason then. Many changes in a short
    /// time are told of once; endless.
    fn counted(&self) -> BoxStream<'static, ()>;
    /// Pods that hold a place on a node, by SKU, those of an account apart; from watches, empty while unknown.
    fn occupied(&self, account: AccountId) -> OccupiedBySku;
    /// When the pods that are there now started, and how many seconds after they had a place, by SKU: of one, or of all;
    /// from watches.
    fn starts(&self, sku_code: Option<&str>) -> BTreeMap<String, Vec<(Timestamp, u32)>>;

    /// What has run in tenant namespaces and what went lately, from watches; none until they know everything.
    fn metering(&self) -> Option<Metering>;
    /// The Deployments in tenant namespaces, from watches; none until they know everything.
    fn seen_deployments(&self) -> Option<Vec<(NamespaceId, SeenDeployment)>>;

    /// The API server answers.
    async fn ping(&self) -> Result<()>;
}
