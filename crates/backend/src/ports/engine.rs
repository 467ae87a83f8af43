//! What the use cases need of stored engines, and of whoever looks at them.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::engine::settings::OnPremise;
use domain::engine::{Check, Credentials, Depth, Engine, Probed, Row, Settings};
use domain::id::{AccountId, EngineId};
use domain::page::PageRequest;
use jiff::Timestamp;

/// Engines; credentials arrive and leave sealed, as `crate::envelope` made them.
#[async_trait]
pub trait Engines: Send + Sync {
    /// Adds an engine. `NameTaken` when its account (or the platform) has one of this name, `QuotaExceeded`
    /// when its account has [`domain::engine::MOST`].
    async fn create_engine(&self, engine: &Engine, credentials: &str, audit: &AuditEvent) -> Result<()>;
    /// Finds an engine, whoever it belongs to.
    async fn engine(&self, id: EngineId) -> Result<Option<Engine>>;
    /// Its sealed credentials.
    async fn engine_credentials(&self, id: EngineId) -> Result<Option<String>>;
    /// Engines of an account, with `platform` the platform's too, by id, `limit + 1` rows.
    async fn list_engines(&self, account: AccountId, platform: bool, page: &PageRequest) -> Result<Vec<Engine>>;
    /// Every engine by id: for the process that runs their nodes.
    async fn every_engine(&self) -> Result<Vec<Engine>>;
    /// The sealed credentials of every engine, for the same process.
    async fn every_engine_credentials(&self) -> Result<Vec<(EngineId, String)>>;
    /// The engine of this cluster that belongs to the same account (or the platform).
    async fn engine_of_cluster(&self, account: Option<AccountId>, cluster_uid: &str) -> Result<Option<Engine>>;
    /// Engines whose check is due at `now`, the longest due first; disabled ones never are.
    async fn due_engines(&self, now: Timestamp, limit: u32) -> Result<Vec<Engine>>;
    /// Makes a check of everything due at `now`, unless the next one is of everything anyway, or the last such one was
    /// after `calm`: light ones see no lost right. Bookkeeping without an audit row; false when nothing changes.
    async fn check_engine_soon(&self, id: EngineId, now: Timestamp, calm: Timestamp) -> Result<bool>;
    /// Writes an engine over the revision it was read with, and new credentials if there are any. False when somebody
    /// changed it meanwhile or it is gone; `NameTaken` as for a new one.
    async fn change_engine(&self, engine: &Engine, credentials: Option<&str>, audit: &AuditEvent) -> Result<bool>;
    /// The same for what a check found, with the check for history. Bookkeeping without an audit row where the status
    /// stayed as it was.
    async fn record_check(&self, engine: &Engine, check: &Check, audit: Option<&AuditEvent>) -> Result<bool>;
    /// The last checks of an engine, newest first.
    async fn engine_checks(&self, id: EngineId, limit: u32) -> Result<Vec<Check>>;
    /// From now on something of the engine may run: [`Engines::forget_engine`] leaves it alone. False when it is gone.
    async fn hold_engine(&self, id: EngineId) -> Result<bool>;
    /// Nothing of an engine on its way out is left; others stay held.
    async fn release_engine(&self, id: EngineId) -> Result<()>;
    /// Whether something of it may run.
    async fn engine_is_held(&self, id: EngineId) -> Result<bool>;
    /// Deletes an engine of which nothing can run, with its credentials and its history; false when something may, or
    /// when it is gone.
    async fn forget_engine(&self, id: EngineId, audit: &AuditEvent) -> Result<bool>;
    /// The same with what may still run there; false when it is gone.
    async fn delete_engine(&self, id: EngineId, audit: &AuditEvent) -> Result<bool>;
}

/// Is told each row of a check.
pub type Step = Arc<dyn Fn(&Row) + Send + Sync>;

/// Looks at an engine from outside, by the rules for outbound connections (`security.md` §7.1). Creates nothing there but
/// the tokens that it is asked for and, where somebody ticked it, a pod that is gone when it ends.
#[async_trait]
pub trait EngineProbe: Send + Sync {
    /// Checks it; what does not work is a row, never an error. Ends by itself within 30 s.
    async fn probe(&self, settings: &Settings, credentials: &Credentials, depth: Depth, now: Timestamp) -> Probed {
        self.probe_in_steps(settings, credentials, depth, now, Arc::new(|_: &Row| {})).await
    }
    /// The same; `step` is told each row as it is found.
    async fn probe_in_steps(
        &self,
        settings: &Settings,
        credentials: &Credentials,
        depth: Depth,
        now: Timestamp,
        step: Step,
    ) -> Probed;
    /// A new token for the ServiceAccount of `credentials`, with the life of the old one; the error is a fixed sentence
    /// for the log.
    async fn renew(
        &self,
        at: &OnPremise,
        credentials: &Credentials,
        now: Timestamp,
    ) -> std::result::Result<Credentials, &'static str>;
}
