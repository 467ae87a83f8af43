//! What the use cases need of the world. Adapters (`store`, `cluster`, `server`) fulfil these traits and translate their
//! own errors into [`domain::Error`] at the rim.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Result;
use domain::account::Account;
use domain::admission::NamespacePolicy;
use domain::api_key::{ApiKey, PublicId};
use domain::audit::AuditEvent;
use domain::credential::{Credential, Identity};
use domain::deployment::{DeploymentState, LogOptions};
use domain::id::{AccountId, ApiKeyId, CredentialId, NamespaceId, UserId};
use domain::namespace::{KubernetesName, Namespace, NamespaceName, NamespaceStatus, QuotaLine};
use domain::page::PageRequest;
use domain::session::{LoginCounter, SessionRecord};
use domain::sku::Sku;
use domain::user::{Email, Role, User};
use futures::stream::BoxStream;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use uuid::Uuid;

/// Time, so that rules and tests never ask the machine.
pub trait Clock: Send + Sync {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;
}

/// Randomness of the operating system.
pub trait Random: Send + Sync {
    /// A fresh UUIDv7.
    fn uuid(&self) -> Uuid;
    /// Unbiased random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// A user with what sign-in and each request must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub user: User,
    /// Argon2id PHC string; none for people without a password.
    pub password_hash: Option<String>,
    /// Their default account.
    pub account: Account,
    /// Their role in it.
    pub role: Role,
}

/// Everything one exec-credential call must know, read by one SELECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAccess {
    /// The key.
    pub key: ApiKey,
    /// The owner's role in the key's account; none when the owner is disabled or no longer a member.
    pub owner_role: Option<Role>,
    /// The namespace, if it exists **in the key's account**.
    pub namespace: Option<Namespace>,
}

/// The database. Every changing method takes the audit row and commits both in one transaction (RULINGS 39).
#[async_trait]
pub trait Store: Send + Sync {
    // --- accounts and users ---
    /// Adds an account with the next customer number; `account.customer` is ignored, the stored account is returned.
    /// `Conflict NameTaken` when the name is taken.
    async fn create_account(&self, account: &Account, audit: &AuditEvent) -> Result<Account>;
    /// Finds an account by its exact name.
    async fn account_by_name(&self, name: &str) -> Result<Option<Account>>;
    /// Adds a user as a member of `account`. `Conflict NameTaken` when the e-mail is taken.
    async fn create_user(
        &self,
        user: &User,
        password_hash: Option<&str>,
        account: AccountId,
        role: Role,
        audit: &AuditEvent,
    ) -> Result<()>;
    /// Whether any user exists.
    async fn has_users(&self) -> Result<bool>;
    /// Finds a member by normalised e-mail.
    async fn member_by_email(&self, email: &Email) -> Result<Option<Member>>;
    /// Finds a member by user id (default account = the first joined).
    async fn member(&self, user: UserId) -> Result<Option<Member>>;
    /// Replaces a password hash (re-hash after parameters rose).
    async fn set_password_hash(&self, user: UserId, hash: &str) -> Result<()>;

    // --- sign-in throttle: subject is `email:…` or `address:…` ---
    /// Failures of each subject, in order.
    async fn login_counters(&self, subjects: &[String]) -> Result<Vec<LoginCounter>>;
    /// Adds one failure to each subject.
    async fn record_login_failure(&self, subjects: &[String], at: Timestamp, audit: &AuditEvent) -> Result<()>;
    /// Forgets the failures of each subject.
    async fn record_login(&self, subjects: &[String], audit: &AuditEvent) -> Result<()>;
    /// Writes an audit row that belongs to no other change (sign-out, downloads).
    async fn record(&self, audit: &AuditEvent) -> Result<()>;

    // --- namespaces ---
    /// Adds a namespace. `Conflict NameTaken`, detail `You already have a namespace with this name`, when the account
    /// has one of this name.
    async fn create_namespace(&self, namespace: &Namespace, audit: &AuditEvent) -> Result<()>;
    /// Finds a namespace of an account.
    async fn namespace(&self, account: AccountId, id: NamespaceId) -> Result<Option<Namespace>>;
    /// Finds a namespace of any account (reconciler only).
    async fn namespace_by_id(&self, id: NamespaceId) -> Result<Option<Namespace>>;
    /// Namespaces of an account by id (newest last), `limit + 1` rows.
    async fn list_namespaces(&self, account: AccountId, page: &PageRequest) -> Result<Vec<Namespace>>;
    /// Those of `ids` that belong to the account and are not being deleted.
    async fn owned_namespaces(&self, account: AccountId, ids: &[NamespaceId]) -> Result<Vec<NamespaceId>>;
    /// Renames. `Conflict NameTaken` as above; false when it is gone.
    async fn rename_namespace(&self, id: NamespaceId, name: &NamespaceName, audit: &AuditEvent) -> Result<bool>;
    /// Moves the state **if it still is** `from` (compare and set); false when it is not.
    async fn set_namespace_status(
        &self,
        id: NamespaceId,
        from: NamespaceStatus,
        to: NamespaceStatus,
        message: Option<&str>,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Removes the row of a namespace that is `deleting`, with its credentials.
    async fn remove_namespace(&self, id: NamespaceId, audit: &AuditEvent) -> Result<()>;
    /// Every namespace in one of `states`, for the reconciler, by id, `limit` rows after `after`.
    async fn namespaces_in(
        &self,
        states: &[NamespaceStatus],
        after: Option<NamespaceId>,
        limit: u32,
    ) -> Result<Vec<Namespace>>;

    // --- API keys and credentials ---
    /// Adds a key; `Conflict` code `Conflict` when its public id exists (take a new one).
    async fn create_api_key(&self, key: &ApiKey, audit: &AuditEvent) -> Result<()>;
    /// Finds a key of an account.
    async fn api_key(&self, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>>;
    /// Keys of an account, `owner` = only theirs, by id, `limit + 1` rows.
    async fn list_api_keys(&self, account: AccountId, owner: Option<UserId>, page: &PageRequest)
    -> Result<Vec<ApiKey>>;
    /// The one SELECT of exec-credential.
    async fn key_access(&self, key: &PublicId, namespace: Option<NamespaceId>) -> Result<Option<KeyAccess>>;
    /// Marks a key revoked and its cluster objects as to be removed; false when it already was.
    async fn revoke_api_key(&self, id: ApiKeyId, at: Timestamp, audit: &AuditEvent) -> Result<bool>;
    /// Revoked keys whose cluster objects may still exist.
    async fn keys_to_remove(&self, limit: u32) -> Result<Vec<ApiKey>>;
    /// The cluster holds nothing of this key any more.
    async fn key_removed(&self, id: ApiKeyId) -> Result<()>;
    /// Records a fresh credential **if its key is still active**; false when it is not (the token must not leave then).
    async fn record_credential(&self, credential: &Credential, audit: &AuditEvent) -> Result<bool>;
    /// Notes a reuse at most once a minute per credential, together with the key's last use.
    async fn touch_credential(&self, id: CredentialId, at: Timestamp, address: &str, audit: &AuditEvent) -> Result<()>;

    // --- audit ---
    /// Events of an account, newest first, `limit + 1` rows.
    async fn list_audit(&self, account: AccountId, page: &PageRequest) -> Result<Vec<AuditEvent>>;
    /// The database answers.
    async fn ping(&self) -> Result<()>;
}

/// Browser sessions; ids arrive hashed (`security.md` §4.1).
#[async_trait]
pub trait Sessions: Send + Sync {
    /// INSERT; false when the id exists.
    async fn create_session(&self, session: &SessionRecord) -> Result<bool>;
    /// UPDATE only, never an upsert: a slow request must not revive a session that was ended. False when it is gone.
    async fn save_session(&self, id_hash: &str, data: &str) -> Result<bool>;
    /// A live session; moves `last_seen_at` and the idle expiry forward, written at most once a minute.
    async fn load_session(&self, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>>;
    /// Ends one session.
    async fn delete_session(&self, id_hash: &str) -> Result<()>;
    /// Removes up to `limit` dead rows.
    async fn delete_expired_sessions(&self, now: Timestamp, limit: u32) -> Result<u64>;
}

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
    /// Its end; the server may omit it.
    pub expires_at: Option<Timestamp>,
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

/// The home cluster. Changes for a person take that person's token (RULINGS 34).
#[async_trait]
pub trait Cluster: Send + Sync {
    // --- tenants (reconciler identity) ---
    /// Applies every object of DESIGN §5 and reads them back; idempotent, repairs drift.
    async fn apply_tenant(&self, tenant: &Namespace) -> Result<()>;
    /// Removes the tenant's identities, then its namespace; call again until [`Removal::Gone`].
    async fn delete_tenant(&self, tenant: &Namespace) -> Result<Removal>;
    /// Namespaces whose managed objects somebody changed or deleted; endless.
    fn tenant_changes(&self) -> BoxStream<'static, NamespaceId>;
    /// Deployments, quota, policy; empty while unknown.
    fn tenant_facts(&self, tenant: &KubernetesName) -> TenantFacts;

    // --- identities (issuer identity) ---
    /// Makes ServiceAccount and RoleBinding, waits until the binding works (RULINGS 45), returns the account's uid.
    async fn ensure_identity(&self, tenant: &Namespace, identity: &Identity) -> Result<String>;
    /// One TokenRequest with the uid as precondition. `Conflict` when the account is another one now.
    async fn request_token(&self, tenant: &Namespace, identity: &Identity, uid: &str) -> Result<ClusterToken>;
    /// Deletes every RoleBinding, then every ServiceAccount of a key.
    async fn remove_key(&self, key: &PublicId) -> Result<()>;
    /// Names of ServiceAccounts in the access namespace that changed or went; endless. Cached tokens of theirs are void.
    fn identity_changes(&self) -> BoxStream<'static, String>;

    // --- catalogue ---
    /// Every SKU by code, from a watch. `Unavailable` until the first list arrived.
    fn skus(&self) -> Result<Arc<BTreeMap<String, Sku>>>;

    // --- workloads (the person's token) ---
    /// Creates a Deployment. A refusal by the webhook is `Conflict AdmissionDenied` with its sentence, a taken name
    /// `Conflict NameTaken`, detail `Deployment demo already exists`.
    async fn create_deployment(&self, token: &SecretString, tenant: &KubernetesName, manifest: &Value) -> Result<()>;
    /// Every Deployment with its pods.
    async fn list_deployments(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Vec<DeploymentState>>;
    /// One Deployment with its pods.
    async fn get_deployment(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
    ) -> Result<Option<DeploymentState>>;
    /// Deletes a Deployment and its pods; false when there is none.
    async fn delete_deployment(&self, token: &SecretString, tenant: &KubernetesName, name: &str) -> Result<bool>;
    /// Log of one pod's first container, in chunks of whole or partial lines.
    async fn pod_log(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        pod: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<Vec<u8>>>>;
    /// The Deployment as the shared watches see it: at once, then after each change; `None` once it and its pods are
    /// gone. One upstream watch however many listen.
    fn watch_deployment(&self, tenant: &KubernetesName, name: &str) -> BoxStream<'static, Option<DeploymentState>>;
    /// Likewise for all Deployments of a namespace.
    fn watch_deployments(&self, tenant: &KubernetesName) -> BoxStream<'static, Vec<DeploymentState>>;

    /// The API server answers.
    async fn ping(&self) -> Result<()>;
}
