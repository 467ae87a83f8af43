//! What the rotation of the key-encryption key needs of the database.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;

/// A sealed secret with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The table, as its secrets were sealed for.
    pub table: &'static str,
    /// The id of the row.
    pub row: String,
    /// The column.
    pub field: &'static str,
    /// The sealed text.
    pub sealed: String,
}

/// Every secret that is kept sealed, whatever it is for.
#[async_trait]
pub trait SealedSecrets: Send + Sync {
    /// All of them: they are few.
    async fn sealed_rows(&self) -> Result<Vec<SealedRow>>;
    /// Puts `wrapped` in the place of `row.sealed`; false when that is no longer there.
    async fn rewrap(&self, row: &SealedRow, wrapped: &str, audit: &AuditEvent) -> Result<bool>;
}
