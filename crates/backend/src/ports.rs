//! What the use cases need of the world, one file per noun. Adapters (`store`, `cluster`, `server`) fulfil these traits
//! and translate their own errors into [`domain::Error`] at the rim.

mod account;
mod api_key;
mod audit;
mod budget;
mod cli_session;
mod cluster;
mod config_map;
mod credential;
mod default_sku;
mod engine;
mod engine_manifest;
mod envelope;
mod identity;
mod idle_gpu;
mod invitation;
mod leadership;
mod login;
mod member;
mod metric;
mod namespace;
mod node;
mod password;
mod request;
mod revocation;
mod secret;
mod service;
mod session;
mod skypilot;
mod tenant;
mod terminal;
mod usage;
mod user;
mod webhook;

use async_trait::async_trait;
use domain::Result;
use jiff::Timestamp;
use uuid::Uuid;

pub use account::Accounts;
pub use api_key::{ApiKeys, KeyAccess, KeyToSettle};
pub use audit::{AuditLog, Sealer};
pub use budget::Budgets;
pub use cli_session::CliSessions;
pub use cluster::{Cluster, ClusterToken, IdentityFilter, Removal, TenantFacts, TenantRules};
pub use config_map::ConfigMaps;
pub use credential::{CredentialFilter, Credentials};
pub use default_sku::DefaultSkus;
pub use engine::{EngineProbe, Engines, Step};
pub use engine_manifest::EngineManifests;
pub use envelope::{SealedRow, SealedSecrets};
pub use identity::Identities;
pub use idle_gpu::{IdleGpus, RuledNamespace};
pub use invitation::{Invitations, Joining};
pub use leadership::Leadership;
pub use login::Logins;
pub use member::Members;
pub use metric::Metrics;
pub use namespace::Namespaces;
pub use node::Nodes;
pub use password::Passwords;
pub use request::Requests;
pub use revocation::{Ended, Ledger, Revocations};
pub use secret::{SecretValues, Secrets};
pub use service::Services;
pub use session::{Sessions, UserSessions};
pub use skypilot::{ReviewedAccount, SkypilotRole, Skypilots};
pub use tenant::Tenants;
pub use terminal::Terminal;
pub use usage::{Usage, UsageBatch, UsageFilter};
pub use user::{Member, Users};
pub use webhook::{Courier, EndingKey, Outgoing, Webhooks};

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

/// The database. Every changing method takes the audit row and commits both in one transaction (RULINGS 39).
#[async_trait]
pub trait Store:
    Accounts
    + Users
    + Members
    + Invitations
    + Logins
    + UserSessions
    + Passwords
    + Identities
    + CliSessions
    + Namespaces
    + DefaultSkus
    + Tenants
    + ApiKeys
    + Credentials
    + AuditLog
    + Requests
    + EngineManifests
    + Revocations
    + Usage
    + Budgets
    + Skypilots
    + IdleGpus
    + Engines
    + SealedSecrets
    + Webhooks
{
    /// The database answers.
    async fn ping(&self) -> Result<()>;
}
