//! The chosen SKU of a namespace, a column of its row. Whoever changes it marks the row in the same transaction, so that
//! the desired-state loop cannot miss it.

use async_trait::async_trait;
use backend::ports::DefaultSkus;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::NamespaceId;
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{change, on_db};
use crate::row::ms;

#[async_trait]
impl DefaultSkus for SqlStore {
    async fn default_sku(&self, namespace: NamespaceId) -> Result<Option<String>> {
        let text = "SELECT default_sku FROM namespaces WHERE id = $1";
        let found: Option<Option<String>> = on_db!(read &self.pool, db => sqlx::query_scalar(text)
            .bind(namespace.to_string())
            .fetch_optional(db)
            .await)
        .map_err(translate)?;
        Ok(found.flatten())
    }

    async fn set_default_sku(
        &self,
        namespace: NamespaceId,
        code: Option<&str>,
        outdated: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool> {
        let changed: Option<String> = change!(&self.pool, audit, tx => sqlx::query_scalar(
            "UPDATE namespaces SET default_sku = $2, outdated_ms = $3 WHERE id = $1 RETURNING id",
        )
        .bind(namespace.to_string())
        .bind(code)
        .bind(ms(outdated))
        .fetch_optional(&mut *tx)
        .await)
        .map_err(translate)?;
        Ok(changed.is_some())
    }
}
