//! What the revocation ledger and a restore need of the database, and the ledger itself.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::revocation::Revocation;
use jiff::Timestamp;

/// What a restore ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// Browser and command-line sessions.
    pub sessions: u64,
    /// Open invitations and reset links.
    pub links: u64,
    /// Keys that the backup held as live and the ledger as revoked, or with a secret that was rotated away.
    pub keys: u64,
}

/// Revocations, as the database knows them.
#[async_trait]
pub trait Revocations: Send + Sync {
    /// Revocations and rotations that are not in the ledger yet, the oldest first.
    async fn revocations_to_note(&self, limit: u32) -> Result<Vec<Revocation>>;
    /// They are in the ledger now.
    async fn revocations_noted(&self, noted: &[Revocation]) -> Result<()>;
    /// Ends everything that must not come back with an old database: sessions, invitations, reset links, the keys in
    /// `revoked`; and orders a look at what every key has in the cluster.
    async fn end_after_restore(&self, revoked: &[Revocation], at: Timestamp, audit: &AuditEvent) -> Result<Ended>;
}

/// The file that outlives the database.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Adds lines and returns once they are on the disk.
    async fn append(&self, revocations: &[Revocation]) -> Result<()>;
}
