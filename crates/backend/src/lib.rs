//! The use cases of RemoteGPU, by noun: authorise, apply the pure rule, call ports, write audit.
//!
//! The browser, REST and kubectl all end in the methods of [`Backend`]. Knows no HTTP, SQL or Kubernetes: those are
//! behind the traits of [`ports`]. Must never depend on another of our crates but `domain`.
//! Start reading at [`ports`], [`authz`] and [`namespace`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account;
mod api_key;
pub mod audit;
pub mod authz;
mod batch;
mod billing;
mod budget;
mod cli_session;
mod config_map;
mod connector;
pub mod credential;
mod default_sku;
mod deployment;
mod engine;
mod engine_manifest;
pub mod envelope;
mod health;
mod identity;
mod idle_gpu;
mod invitation;
mod jwt;
mod key_ring;
mod kubeconfig;
mod link;
mod member;
mod metric;
mod namespace;
mod node;
mod password;
mod pepper;
mod platform_account;
mod platform_sku;
pub mod ports;
mod reconcile;
mod request;
mod revocation;
mod seal;
mod secret;
mod service;
mod session;
mod sku;
mod skypilot;
mod tenant;
mod terminal;
mod usage;
mod user;
mod webhook;
mod workload;

use std::sync::Arc;

use domain::kubeconfig::Endpoints;

pub use authz::{Caller, Grant, Origin, Proof};
pub use connector::ConnectorKubeconfig;
pub use credential::IssuedCredential;
pub use engine::{open_engine_credentials, seal_engine_credentials};
pub use envelope::{Envelope, KekUse, Place};
pub use identity::claimed_role;
pub use invitation::Accepted;
pub use jwt::JwtKeys;
pub use password::PasswordHasher;
pub use pepper::{Match, Pepper};
pub use seal::AuditKeys;
pub use session::{Proved, SignedIn};
pub use terminal::OpenTerminal;
pub use user::NewUser;
pub use workload::PodLog;

use ports::{Clock, Cluster, EngineProbe, Leadership, Random, Store};

/// All use cases over their ports. Cheap to clone.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<Inner>,
}

/// What a [`Backend`] is made of.
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The home cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Whether this process runs the loops.
    pub leadership: Arc<dyn Leadership>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness and ids.
    pub random: Arc<dyn Random>,
    /// Keys the digests of API keys.
    pub pepper: Pepper,
    /// Seals secrets that must be read again.
    pub envelope: Envelope,
    /// Looks at engines.
    pub probe: Arc<dyn EngineProbe>,
    /// How tenants reach us and the cluster.
    pub endpoints: Endpoints,
    /// Signs the tokens of the tenant API; without it that API lets nobody in.
    pub jwt: Option<JwtKeys>,
}

struct Inner {
    store: Arc<dyn Store>,
    cluster: Arc<dyn Cluster>,
    leadership: Arc<dyn Leadership>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pepper: Pepper,
    envelope: Envelope,
    probe: Arc<dyn EngineProbe>,
    turns: engine::Turns,
    progress: engine::Progress,
    endpoints: Endpoints,
    jwt: Option<JwtKeys>,
    passwords: PasswordHasher,
    tokens: credential::TokenCache,
    refusals: credential::Refusals,
    figures: metric::Figures,
    wake: tokio::sync::Notify,
    /// Lists of workloads that somebody looks at.
    lists: workload::LiveLists,
    /// Failures of the reconcile loop since it last worked.
    failures: std::sync::atomic::AtomicU32,
}

impl Backend {
    /// Puts the use cases over `parts`. Starts nothing: see [`Backend::reconcile`].
    pub fn new(parts: Parts) -> Self {
        let Parts { store, cluster, leadership, clock, random, pepper, envelope, probe, endpoints, jwt } = parts;
        let inner = Inner {
            store,
            cluster,
            leadership,
            clock,
            random,
            pepper,
            envelope,
            probe,
            turns: engine::Turns::default(),
            progress: engine::Progress::default(),
            endpoints,
            jwt,
            passwords: PasswordHasher::new(),
            tokens: credential::TokenCache::default(),
            refusals: credential::Refusals::default(),
            figures: metric::Figures::default(),
            wake: tokio::sync::Notify::new(),
            lists: workload::LiveLists::default(),
            failures: std::sync::atomic::AtomicU32::new(0),
        };
        Self { inner: Arc::new(inner) }
    }
}
