//! Generated engine manifests in SQL: a small table that clears itself.

use async_trait::async_trait;
use backend::ports::EngineManifests;
use domain::engine_manifest::{KeptManifest, NewEngineManifest};
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::on_db;
use crate::row::ms;

// Each new file clears some old ones away, so the table needs no loop.
const SWEEP: i64 = 20;

#[async_trait]
impl EngineManifests for SqlStore {
    async fn keep_engine_manifest(&self, kept: &KeptManifest, now: Timestamp, expires_at: Timestamp) -> Result<()> {
        on_db!(write &self.pool, db => sqlx::query(
            "DELETE FROM engine_manifests
             WHERE id IN (SELECT id FROM engine_manifests WHERE expires_ms <= $1 LIMIT $2)",
        )
        .bind(ms(now))
        .bind(SWEEP)
        .execute(db)
        .await
        .map(drop))
        .map_err(translate)?;
        let input = serde_json::to_string(&kept.input).map_err(Error::internal)?;
        on_db!(write &self.pool, db => sqlx::query(
            "INSERT INTO engine_manifests (id, input, expires_ms) VALUES ($1, $2, $3)",
        )
        .bind(&kept.id)
        .bind(&input)
        .bind(ms(expires_at))
        .execute(db)
        .await
        .map(drop))
        .map_err(translate)
    }

    async fn find_engine_manifest(&self, id: &str, now: Timestamp) -> Result<Option<NewEngineManifest>> {
        let found: Option<String> = on_db!(read &self.pool, db => sqlx::query_scalar(
            "SELECT input FROM engine_manifests WHERE id = $1 AND expires_ms > $2",
        )
        .bind(id)
        .bind(ms(now))
        .fetch_optional(db)
        .await)
        .map_err(translate)?;
        found.map(|input| serde_json::from_str(&input).map_err(Error::internal)).transpose()
    }
}
