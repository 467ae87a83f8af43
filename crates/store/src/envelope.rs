//! Every sealed secret, wherever it is kept, for the rotation of the key-encryption key.

use async_trait::async_trait;
use backend::ports::{SealedRow, SealedSecrets};
use domain::audit::AuditEvent;
use domain::{Error, Result};

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{change, on_db};

/// Table, column, and all that stands there.
const PLACES: [(&str, &str, &str); 3] = [
    ("engines", "credentials", "SELECT id, credentials FROM engines ORDER BY id"),
    ("webhooks", "secret", "SELECT id, secret FROM webhooks ORDER BY id"),
    ("webhooks", "old_secret", "SELECT id, old_secret FROM webhooks WHERE old_secret IS NOT NULL ORDER BY id"),
];

#[async_trait]
impl SealedSecrets for SqlStore {
    async fn sealed_rows(&self) -> Result<Vec<SealedRow>> {
        let mut all = Vec::new();
        for (table, field, text) in PLACES {
            let rows: sqlx::Result<Vec<(String, String)>> =
                on_db!(read &self.pool, db => sqlx::query_as(text).fetch_all(db).await);
            let row = |(row, sealed)| SealedRow { table, row, field, sealed };
            all.extend(rows.map_err(translate)?.into_iter().map(row));
        }
        Ok(all)
    }

    async fn rewrap(&self, row: &SealedRow, wrapped: &str, audit: &AuditEvent) -> Result<bool> {
        let text = match (row.table, row.field) {
            ("engines", "credentials") => {
                "UPDATE engines SET credentials = $3 WHERE id = $1 AND credentials = $2 RETURNING id"
            }
            ("webhooks", "secret") => "UPDATE webhooks SET secret = $3 WHERE id = $1 AND secret = $2 RETURNING id",
            ("webhooks", "old_secret") => {
                "UPDATE webhooks SET old_secret = $3 WHERE id = $1 AND old_secret = $2 RETURNING id"
            }
            (table, field) => return Err(Error::internal(format!("{table}.{field} holds no sealed secrets"))),
        };
        let changed: Option<String> = change!(&self.pool, audit, tx => {
            sqlx::query_scalar(text).bind(&row.row).bind(&row.sealed).bind(wrapped).fetch_optional(&mut *tx).await
        })
        .map_err(translate)?;
        Ok(changed.is_some())
    }
}
