//! Doing a repeated request once: who asks, what they call it, and what came of it.

use domain::Result;
use domain::request::{Begun, IdempotencyKey, KEPT_SECONDS, KeptAnswer, RUNNING_SECONDS, RequestRecord};
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use crate::{Backend, Caller};

impl Backend {
    /// Takes `key` for a request of `caller` to `route`. Keys are a person's own, per route.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_request(
        &self,
        caller: &Caller,
        route: &str,
        key: &IdempotencyKey,
        body: &[u8],
    ) -> Result<(RequestRecord, Begun)> {
        let account = caller.account.id.to_string();
        let parts = [caller.user.id.to_string(), account, route.to_owned(), key.as_str().to_owned()];
        let record = RequestRecord { key_hash: hash(parts.iter().map(String::as_bytes)), body_hash: hash([body]) };
        let now = self.inner.clock.now();
        let until = now + SignedDuration::from_secs(RUNNING_SECONDS);
        let begun = self.inner.store.begin_request(&record, now, until).await?;
        Ok((record, begun))
    }

    /// Keeps `answer` to give it again, or, without one, lets the key be used anew. A failure is logged only: the
    /// change was made, and the client must learn of it.
    pub async fn end_request(&self, record: &RequestRecord, answer: Option<&KeptAnswer>) {
        let until = self.inner.clock.now() + SignedDuration::from_secs(KEPT_SECONDS);
        let ended = match answer {
            Some(answer) => self.inner.store.finish_request(&record.key_hash, answer, until).await,
            None => self.inner.store.abandon_request(&record.key_hash).await,
        };
        if let Err(error) = ended {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the answer of a request with an Idempotency-Key was not kept");
        }
    }
}

/// SHA-256 in hex over parts that cannot run into each other.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
