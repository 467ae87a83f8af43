//! What repeating a request needs of the database.

use async_trait::async_trait;
use domain::Result;
use domain::request::{Begun, KeptAnswer, RequestRecord};
use jiff::Timestamp;

/// Requests with an `Idempotency-Key`. Bookkeeping of the HTTP layer: the change itself writes the audit.
#[async_trait]
pub trait Requests: Send + Sync {
    /// Takes the key for `request` if it is free or out of date at `now`; of many at once exactly one gets `New`. A
    /// request that is not answered until `running_until` is given up.
    async fn begin_request(&self, request: &RequestRecord, now: Timestamp, running_until: Timestamp) -> Result<Begun>;
    /// Keeps the answer until `expires_at`.
    async fn finish_request(&self, key_hash: &str, answer: &KeptAnswer, expires_at: Timestamp) -> Result<()>;
    /// Forgets a request that changed nothing: its key may be used again.
    async fn abandon_request(&self, key_hash: &str) -> Result<()>;
}
