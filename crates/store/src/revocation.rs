//! The order to note each revocation, and the end of everything that must not come back with an old database.

use async_trait::async_trait;
use backend::ports::{Ended, Revocations};
use domain::api_key::PublicId;
use domain::audit::AuditEvent;
use domain::revocation::Revocation;
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{at, ms};

/// What opens something by itself and is not a key: nobody may come in with what an old backup still knew.
const SESSIONS: [&str; 3] = ["DELETE FROM sessions", "DELETE FROM cli_sessions", "DELETE FROM cli_codes"];
const LINKS: [&str; 2] =
    ["DELETE FROM password_resets", "DELETE FROM invitations WHERE accepted_ms IS NULL AND revoked_ms IS NULL"];

#[async_trait]
impl Revocations for SqlStore {
    async fn revocations_to_note(&self, limit: u32) -> Result<Vec<Revocation>> {
        // The condition reads like that of the partial index, or SQLite would not use it.
        let text = "SELECT public_id, revoked_ms FROM api_keys
             WHERE revoked_ms IS NOT NULL AND revocation_noted = FALSE ORDER BY revoked_ms LIMIT $1";
        let rows: Vec<(String, i64)> =
            on_db!(read &self.pool, db => sqlx::query_as(text).bind(i64::from(limit)).fetch_all(db).await)
                .map_err(translate)?;
        let revocation = |(id, ms): (String, i64)| {
            Ok(Revocation { public_id: PublicId::from_trusted(id), revoked_at: at(ms)?, before: None })
        };
        let revoked: Result<Vec<Revocation>> = rows.into_iter().map(revocation).collect();
        Ok([revoked?, rotations_to_note(&self.pool, limit).await?].concat())
    }

    async fn revocations_noted(&self, noted: &[Revocation]) -> Result<()> {
        for revocation in noted {
            let id = revocation.public_id.as_str();
            let done = match revocation.before {
                None => on_db!(write &self.pool, db => sqlx::query(
                    "UPDATE api_keys SET revocation_noted = TRUE WHERE public_id = $1 AND revoked_ms IS NOT NULL",
                )
                .bind(id)
                .execute(db)
                .await
                .map(drop)),
                Some(secret) => on_db!(write &self.pool, db => sqlx::query(
                    "UPDATE api_keys SET rotation_noted = $2 WHERE public_id = $1 AND rotation_noted < $2",
                )
                .bind(id)
                .bind(i64::from(secret))
                .execute(db)
                .await
                .map(drop)),
            };
            done.map_err(translate)?;
        }
        Ok(())
    }

    async fn end_after_restore(&self, revoked: &[Revocation], at: Timestamp, audit: &AuditEvent) -> Result<Ended> {
        let mut ended = Ended::default();
        change!(&self.pool, audit, tx => {
            for text in SESSIONS {
                ended.sessions += sqlx::query(text).execute(&mut *tx).await?.rows_affected();
            }
            // Tokens of the tenant API carry this number. Milliseconds since 1970 are above all that were given since
            // the backup, so that neither its tokens nor later ones are good.
            sqlx::query(
                "UPDATE users SET token_version = CASE WHEN token_version < $1 THEN $1 ELSE token_version + 1 END",
            )
            .bind(ms(at))
            .execute(&mut *tx)
            .await?;
            for text in LINKS {
                ended.links += sqlx::query(text).execute(&mut *tx).await?.rows_affected();
            }
            for revocation in revoked {
                let done = sqlx::query(
                    "UPDATE api_keys SET revoked_ms = $2, cluster_removed = FALSE, revocation_noted = TRUE
                     WHERE public_id = $1 AND revoked_ms IS NULL AND generation < $3",
                )
                .bind(revocation.public_id.as_str())
                .bind(ms(revocation.revoked_at.min(at)))
                // A key that this database has with the newer secret stays; revoked as a whole, it goes with any.
                .bind(i64::from(revocation.before.unwrap_or(u32::MAX)))
                .execute(&mut *tx)
                .await?;
                ended.keys += done.rows_affected();
            }
            // The cluster holds what was true later than this database: every key is looked at again.
            sqlx::query(
                "INSERT INTO api_key_removals (api_key_id, ticket) SELECT id, 1 FROM api_keys WHERE TRUE
                 ON CONFLICT (api_key_id) DO UPDATE SET ticket = api_key_removals.ticket + 1",
            )
            .execute(&mut *tx)
            .await?;
            Ok(Some(()))
        })
        .map_err(translate)?
        .ok_or_else(|| Error::internal("nothing was ended"))?;
        Ok(ended)
    }
}

/// Keys with a newer secret than the ledger knows of.
async fn rotations_to_note(pool: &Pool, limit: u32) -> Result<Vec<Revocation>> {
    // Condition and order read like those of the partial index, or SQLite would not use it.
    let text = "SELECT public_id, generation FROM api_keys
         WHERE revoked_ms IS NULL AND generation > rotation_noted ORDER BY generation LIMIT $1";
    let rows: Vec<(String, i64)> =
        on_db!(read pool, db => sqlx::query_as(text).bind(i64::from(limit)).fetch_all(db).await).map_err(translate)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let revoked_at = crate::clock::now(pool).await?;
    let rotation = |(id, secret): (String, i64)| {
        let before = Some(u32::try_from(secret).map_err(Error::internal)?);
        Ok(Revocation { public_id: PublicId::from_trusted(id), revoked_at, before })
    };
    rows.into_iter().map(rotation).collect()
}
