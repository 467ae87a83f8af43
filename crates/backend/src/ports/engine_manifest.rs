//! What the generator of engine manifests needs of the database.

use async_trait::async_trait;
use domain::Result;
use domain::engine_manifest::{KeptManifest, NewEngineManifest};
use jiff::Timestamp;

/// Generated files while their URL works. They hold no secret and give nobody a right by being here, so keeping one is
/// bookkeeping and writes no audit row.
#[async_trait]
pub trait EngineManifests: Send + Sync {
    /// Keeps a file until `expires_at`, and forgets some that are out of date at `now`.
    async fn keep_engine_manifest(&self, kept: &KeptManifest, now: Timestamp, expires_at: Timestamp) -> Result<()>;
    /// From what the file `id` is generated, if it is still kept at `now`.
    async fn find_engine_manifest(&self, id: &str, now: Timestamp) -> Result<Option<NewEngineManifest>>;
}
