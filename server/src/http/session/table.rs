//! The session library's store over our own table.
//!
//! Ids are hashed before they reach the port, `save` only updates, and nothing is stored for people who are not
//! signed in. Source: `security.md` §4.1.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::Backend;
use backend::ports::{Clock, Sessions};
use domain::session::SessionRecord;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

use super::ROW;

// 128 random bits do not collide by chance; more tries would only hide a broken generator.
const CREATE_TRIES: usize = 3;
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const SWEEP_ROWS: u32 = 500;

/// Adapter from the session library to [`Sessions`].
#[derive(Clone)]
pub struct SessionTable {
    port: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
}

// === impl SessionTable ===

impl SessionTable {
    /// Puts the library's store over `port`.
    pub fn new(port: Arc<dyn Sessions>, clock: Arc<dyn Clock>) -> Self {
        Self { port, clock }
    }

    /// The row of a session that is to be stored. Without one it is nobody's: anonymous rows would let anybody fill the
    /// table.
    fn row(record: &Record) -> Result<SessionRecord> {
        let row = record.data.get(ROW).cloned();
        let row = row.ok_or_else(|| Error::Encode("a session without a user is not stored".into()))?;
        let row: SessionRecord = serde_json::from_value(row).map_err(|e| Error::Encode(e.to_string()))?;
        Ok(SessionRecord { id_hash: hashed(record.id), data: stored(record)?, ..row })
    }
}

#[async_trait]
impl SessionStore for SessionTable {
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..CREATE_TRIES {
            if self.port.create_session(&Self::row(record)?).await.map_err(backend)? {
                return Ok(());
            }
            record.id = Id::default();
        }
        Err(Error::Backend("no free session id".into()))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        // False = ended meanwhile: a slow request must not bring it back, and that is no error.
        self.port.save_session(&hashed(record.id), &stored(record)?).await.map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = self.port.load_session(&hashed(*id), self.clock.now()).await.map_err(backend)?;
        let Some(row) = found else { return Ok(None) };
        let mut data: HashMap<String, Value> =
            serde_json::from_str(&row.data).map_err(|e| Error::Decode(e.to_string()))?;
        data.insert(ROW.to_owned(), serde_json::to_value(&row).map_err(|e| Error::Decode(e.to_string()))?);
        Ok(Some(Record { id: *id, data, expiry_date: date(row.absolute_expires_at)? }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.port.delete_session(&hashed(*id)).await.map_err(backend)
    }
}

impl fmt::Debug for SessionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionTable")
    }
}

/// Removes dead rows, and what else sign-in leaves behind, in batches until `shutdown`, on the replica that leads.
pub async fn sweep(state: (Arc<dyn Sessions>, Arc<dyn Clock>, Backend), shutdown: CancellationToken) {
    let (sessions, clock, backend) = state;
    let mut due = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = due.tick() => {}
        }
        while backend.leads() {
            match sessions.delete_expired_sessions(clock.now(), SWEEP_ROWS).await {
                Ok(removed) if removed >= u64::from(SWEEP_ROWS) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "Expired sessions stay until the next round");
                    break;
                }
            }
        }
        while backend.leads() && swept(backend.sweep_sign_in(SWEEP_ROWS).await) {}
    }
}

/// Whether more waits.
fn swept(more: domain::Result<bool>) -> bool {
    more.unwrap_or_else(|error| {
        tracing::warn!(%error, "Old sign-in counters and links stay until the next round");
        false
    })
}

/// SHA-256 of the cookie's id in hex: a dump of the table is no set of cookies.
pub(super) fn hashed(id: Id) -> String {
    Sha256::digest(id.to_string().as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

fn stored(record: &Record) -> Result<String> {
    let rest: HashMap<&String, &Value> = record.data.iter().filter(|(key, _)| *key != ROW).collect();
    serde_json::to_string(&rest).map_err(|e| Error::Encode(e.to_string()))
}

fn date(at: Timestamp) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|e| Error::Decode(e.to_string()))
}

fn backend(error: domain::Error) -> Error {
    use std::error::Error as _;
    Error::Backend(error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")))
}
