//! Rules about idle GPUs in SQL.

use async_trait::async_trait;
use backend::ports::{IdleGpus, RuledNamespace};
use domain::audit::AuditEvent;
use domain::id::{AccountId, NamespaceId};
use domain::idle_gpu::{IdleGpuAction, IdleGpuRule};
use domain::namespace::NamespaceName;
use domain::{Error, Result};

use crate::SqlStore;
use crate::error::{is_dangling, translate};
use crate::pool::{change, on_db};
use crate::row::{one, places, stored};

/// Places in one statement: both engines take more.
const MOST: usize = 500;

#[derive(sqlx::FromRow)]
struct RuleRow {
    action: String,
    warn_minutes: i64,
    stop_minutes: i64,
}

impl TryFrom<RuleRow> for IdleGpuRule {
    type Error = Error;
    fn try_from(row: RuleRow) -> Result<Self> {
        Ok(Self {
            action: stored(IdleGpuAction::parse, &row.action)?,
            warn_after_minutes: u32::try_from(row.warn_minutes).map_err(Error::internal)?,
            stop_after_minutes: u32::try_from(row.stop_minutes).map_err(Error::internal)?,
        })
    }
}

#[derive(sqlx::FromRow)]
struct NamespaceRow {
    id: String,
    name: String,
    action: Option<String>,
    warn_minutes: Option<i64>,
    stop_minutes: Option<i64>,
}

impl NamespaceRow {
    fn ruled(self) -> Result<RuledNamespace> {
        let Self { id, name, action, warn_minutes, stop_minutes } = self;
        let rule = match (action, warn_minutes, stop_minutes) {
            (Some(action), Some(warn_minutes), Some(stop_minutes)) => {
                Some(RuleRow { action, warn_minutes, stop_minutes })
            }
            _ => None,
        };
        Ok((stored(NamespaceId::parse, &id)?, NamespaceName::from_stored(name), one(rule)?))
    }
}

#[async_trait]
impl IdleGpus for SqlStore {
    async fn idle_gpu(&self, namespace: NamespaceId) -> Result<Option<IdleGpuRule>> {
        let row = on_db!(read &self.pool, db => sqlx::query_as::<_, RuleRow>(
            "SELECT action, warn_minutes, stop_minutes FROM idle_gpu_rules WHERE namespace_id = $1",
        )
        .bind(namespace.to_string())
        .fetch_optional(db)
        .await);
        one(row.map_err(translate)?)
    }

    async fn idle_gpus(&self, account: AccountId, ids: &[NamespaceId]) -> Result<Vec<RuledNamespace>> {
        let mut all = Vec::new();
        for ids in ids.chunks(MOST) {
            let text = format!(
                "SELECT n.id, n.name, r.action, r.warn_minutes, r.stop_minutes
                 FROM namespaces n LEFT JOIN idle_gpu_rules r ON r.namespace_id = n.id
                 WHERE n.account_id = $1 AND n.id IN ({})",
                places(2, ids.len())
            );
            let rows: Vec<NamespaceRow> = on_db!(read &self.pool, db => {
                // Safe: the text holds nothing but numbered places.
                let query = sqlx::query_as::<_, NamespaceRow>(sqlx::AssertSqlSafe(text)).bind(account.to_string());
                ids.iter().fold(query, |query, id| query.bind(id.to_string())).persistent(false).fetch_all(db).await
            })
            .map_err(translate)?;
            all.extend(rows.into_iter().map(NamespaceRow::ruled).collect::<Result<Vec<_>>>()?);
        }
        Ok(all)
    }

    async fn set_idle_gpu(&self, namespace: NamespaceId, rule: &IdleGpuRule, audit: &AuditEvent) -> Result<()> {
        change!(&self.pool, audit, tx => sqlx::query(
            "INSERT INTO idle_gpu_rules (namespace_id, action, warn_minutes, stop_minutes) VALUES ($1, $2, $3, $4)
             ON CONFLICT (namespace_id) DO UPDATE SET action = $2, warn_minutes = $3, stop_minutes = $4",
        )
        .bind(namespace.to_string())
        .bind(rule.action.as_str())
        .bind(i64::from(rule.warn_after_minutes))
        .bind(i64::from(rule.stop_after_minutes))
        .execute(&mut *tx)
        .await
        .map(|_| Some(())))
        .map(drop)
        .map_err(|error| if is_dangling(&error) { Error::NotFound } else { translate(error) })
    }
}
