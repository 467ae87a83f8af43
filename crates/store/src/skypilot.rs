//! SkyPilot access in SQL: the row is the order, its ticket says how far the cluster is.
//!
//! Whoever writes accesses and kubeconfigs in one transaction writes the accesses first, those of several namespaces in
//! the order of their ids, as a namespace that goes does: PostgreSQL ends one of two transactions that lock the same
//! rows the other way round.

use std::collections::BTreeSet;

use async_trait::async_trait;
use backend::ports::Skypilots;
use domain::audit::AuditEvent;
use domain::id::{NamespaceId, SkypilotKubeconfigId, UserId};
use domain::page::PageRequest;
use domain::permission::{Permission, allows};
use domain::skypilot::{Feature, SkypilotAccess, SkypilotKubeconfig, SkypilotRequest};
use domain::user::Role;
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{change, on_db};
use crate::row::{all, ascending, at, descending, maybe_at, ms, one, stored, with_surplus};

#[derive(sqlx::FromRow)]
struct AccessRow {
    namespace_id: String,
    service_account: String,
    features: String,
    approved: String,
    wanted: bool,
    suspended: bool,
    ticket: i64,
    applied: i64,
    changed_ms: i64,
}

#[derive(sqlx::FromRow)]
struct RequestRow {
    namespace_id: String,
    account: String,
    kubernetes_name: String,
    service_account: String,
    features: String,
    approved: String,
}

#[derive(sqlx::FromRow)]
struct KubeconfigRow {
    id: String,
    namespace_id: String,
    name: String,
    service_account: String,
    owner_id: Option<String>,
    created_by: String,
    created_ms: i64,
    expires_ms: i64,
    revoked_ms: Option<i64>,
}

impl TryFrom<AccessRow> for SkypilotAccess {
    type Error = Error;
    fn try_from(row: AccessRow) -> Result<Self> {
        Ok(Self {
            namespace_id: stored(NamespaceId::parse, &row.namespace_id)?,
            service_account: row.service_account,
            features: features(&row.features),
            approved: features(&row.approved),
            wanted: row.wanted,
            suspended: row.suspended,
            ticket: row.ticket,
            applied: row.applied,
            changed_at: at(row.changed_ms)?,
        })
    }
}

impl From<RequestRow> for SkypilotRequest {
    fn from(row: RequestRow) -> Self {
        let beyond = |text: &str| features(text).into_iter().filter(|feature| feature.needs_operator()).collect();
        Self {
            id: row.namespace_id,
            account: row.account,
            kubernetes_name: row.kubernetes_name,
            service_account: row.service_account,
            asked: beyond(&row.features),
            approved: beyond(&row.approved),
        }
    }
}

impl TryFrom<KubeconfigRow> for SkypilotKubeconfig {
    type Error = Error;
    fn try_from(row: KubeconfigRow) -> Result<Self> {
        Ok(Self {
            id: stored(SkypilotKubeconfigId::parse, &row.id)?,
            namespace_id: stored(NamespaceId::parse, &row.namespace_id)?,
            name: row.name,
            service_account: row.service_account,
            owner_id: row.owner_id.as_deref().map(|id| stored(UserId::parse, id)).transpose()?,
            created_by: row.created_by,
            created_at: at(row.created_ms)?,
            expires_at: at(row.expires_ms)?,
            revoked_at: maybe_at(row.revoked_ms)?,
        })
    }
}

/// A word that this version does not know gives nothing.
fn features(text: &str) -> BTreeSet<Feature> {
    text.split(',').filter_map(Feature::parse).collect()
}

fn may_deploy(role: &str) -> bool {
    Role::parse(role).is_ok_and(|role| allows(role, false, Permission::Deploy))
}

fn words(features: &BTreeSet<Feature>) -> String {
    features.iter().map(|feature| feature.as_str()).collect::<Vec<_>>().join(",")
}

/// Inside `change!`, before a kubeconfig is written: the cluster is looked at anew for each of `$namespaces`, which are
/// in order.
macro_rules! order_skypilot {
    ($tx:ident, $namespaces:expr) => {
        for namespace in $namespaces {
            sqlx::query("UPDATE skypilot_access SET ticket = ticket + 1 WHERE namespace_id = $1")
                .bind(namespace)
                .execute(&mut *$tx)
                .await?;
        }
    };
}
pub(crate) use order_skypilot;

macro_rules! select_kubeconfigs {
    ($rest:literal) => {
        concat!(
            "SELECT id, namespace_id, name, service_account, owner_id, created_by, created_ms, expires_ms, revoked_ms
             FROM skypilot_kubeconfigs WHERE ",
            $rest
        )
    };
}

#[async_trait]
impl Skypilots for SqlStore {
    async fn skypilot_access(&self, namespace: NamespaceId) -> Result<Option<SkypilotAccess>> {
        let row = on_db!(read &self.pool, db => sqlx::query_as::<_, AccessRow>(
            "SELECT s.namespace_id, s.service_account, s.features, s.approved, s.wanted, s.ticket, s.applied,
                 s.changed_ms, (a.suspended_ms IS NOT NULL) AS suspended
             FROM skypilot_access s JOIN namespaces n ON n.id = s.namespace_id JOIN accounts a ON a.id = n.account_id
             WHERE s.namespace_id = $1",
        )
        .bind(namespace.to_string())
        .fetch_optional(db)
        .await);
        one(row.map_err(translate)?)
    }

    async fn set_skypilot_access(&self, access: &SkypilotAccess, audit: &AuditEvent) -> Result<()> {
        change!(&self.pool, audit, tx => {
            sqlx::query(
                "INSERT INTO skypilot_access
                     (namespace_id, service_account, features, approved, wanted, ticket, applied, changed_ms)
                 VALUES ($1, $2, $3, '', TRUE, 1, 0, $4)
                 ON CONFLICT (namespace_id) DO UPDATE SET service_account = $2, features = $3,
                     approved = CASE WHEN skypilot_access.wanted THEN skypilot_access.approved ELSE '' END,
                     wanted = TRUE, ticket = skypilot_access.ticket + 1, changed_ms = $4",
            )
            .bind(access.namespace_id.to_string())
            .bind(&access.service_account)
            .bind(words(&access.features))
            .bind(ms(access.changed_at))
            .execute(&mut *tx)
            .await?;
            sqlx::query(
                "UPDATE skypilot_kubeconfigs SET revoked_ms = $3
                 WHERE namespace_id = $1 AND service_account <> $2 AND revoked_ms IS NULL",
            )
            .bind(access.namespace_id.to_string())
            .bind(&access.service_account)
            .bind(ms(access.changed_at))
            .execute(&mut *tx)
            .await?;
            Ok(Some(()))
        })
        .map(drop)
        .map_err(translate)
    }

    async fn remove_skypilot_access(&self, namespace: NamespaceId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
        let removed: Option<String> = change!(&self.pool, audit, tx => {
            let removed = sqlx::query_scalar(
                "UPDATE skypilot_access SET wanted = FALSE, approved = '', ticket = ticket + 1, changed_ms = $2
                 WHERE namespace_id = $1 AND wanted = TRUE RETURNING namespace_id",
            )
            .bind(namespace.to_string())
            .bind(ms(at))
            .fetch_optional(&mut *tx)
            .await?;
            sqlx::query(
                "UPDATE skypilot_kubeconfigs SET revoked_ms = $2 WHERE namespace_id = $1 AND revoked_ms IS NULL",
            )
            .bind(namespace.to_string())
            .bind(ms(at))
            .execute(&mut *tx)
            .await?;
            Ok(removed)
        })
        .map_err(translate)?;
        Ok(removed.is_some())
    }

    async fn approve_skypilot(&self, access: &SkypilotAccess, audit: &AuditEvent) -> Result<bool> {
        let approved: Option<String> = change!(&self.pool, audit, tx => sqlx::query_scalar(
            "UPDATE skypilot_access SET approved = $2, ticket = ticket + 1
             WHERE namespace_id = $1 AND wanted = TRUE RETURNING namespace_id",
        )
        .bind(access.namespace_id.to_string())
        .bind(words(&access.approved))
        .fetch_optional(&mut *tx)
        .await)
        .map_err(translate)?;
        Ok(approved.is_some())
    }

    async fn list_skypilot_requests(&self, page: &PageRequest) -> Result<Vec<SkypilotRequest>> {
        let rows: Vec<RequestRow> = on_db!(read &self.pool, db => sqlx::query_as(
            "SELECT s.namespace_id, a.name AS account, n.kubernetes_name, s.service_account, s.features, s.approved
             FROM skypilot_access s JOIN namespaces n ON n.id = s.namespace_id JOIN accounts a ON a.id = n.account_id
             WHERE s.namespace_id > $1 AND s.wanted = TRUE
                 AND (s.features LIKE '%gpus%' OR s.features LIKE '%ingress%')
             ORDER BY s.namespace_id LIMIT $2",
        )
        .bind(ascending(page.after.as_deref()))
        .bind(with_surplus(page.limit))
        .fetch_all(db)
        .await)
        .map_err(translate)?;
        Ok(rows.into_iter().map(SkypilotRequest::from).collect())
    }

    async fn skypilot_orders(&self, limit: u32) -> Result<Vec<NamespaceId>> {
        let rows: Vec<String> = on_db!(read &self.pool, db => sqlx::query_scalar(
            "SELECT s.namespace_id FROM skypilot_access s JOIN namespaces n ON n.id = s.namespace_id
             WHERE s.ticket <> s.applied AND n.status = 'active' ORDER BY s.changed_ms, s.namespace_id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
        .map_err(translate)?;
        rows.iter().map(|id| stored(NamespaceId::parse, id)).collect()
    }

    async fn skypilot_settled(&self, namespace: NamespaceId, ticket: i64) -> Result<()> {
        let gone = "DELETE FROM skypilot_access WHERE namespace_id = $1 AND ticket = $2 AND wanted = FALSE";
        let done = "UPDATE skypilot_access SET applied = $2 WHERE namespace_id = $1 AND ticket = $2";
        for text in [gone, done] {
            on_db!(write &self.pool, db => sqlx::query(text)
                .bind(namespace.to_string())
                .bind(ticket)
                .execute(db)
                .await
                .map(drop))
            .map_err(translate)?;
        }
        Ok(())
    }

    async fn record_skypilot_kubeconfig(&self, issued: &SkypilotKubeconfig, audit: &AuditEvent) -> Result<bool> {
        let made = change!(&self.pool, audit, tx => {
            // Written although it stays as it is: until the end nobody else changes this row, so that whoever takes the
            // right away comes before this, or finds the kubeconfig and ends it.
            let role: Option<String> = sqlx::query_scalar(
                "UPDATE members SET role = role
                 WHERE user_id = $2 AND account_id = (SELECT account_id FROM namespaces WHERE id = $1) RETURNING role",
            )
            .bind(issued.namespace_id.to_string())
            .bind(issued.owner_id.map(|id| id.to_string()))
            .fetch_optional(&mut *tx)
            .await?;
            if role.is_none_or(|role| !may_deploy(&role)) {
                return Ok(None);
            }
            let made: Option<String> = sqlx::query_scalar(
                "INSERT INTO skypilot_kubeconfigs
                     (id, namespace_id, name, service_account, owner_id, created_by, created_ms, expires_ms, ended)
                 SELECT $1, namespace_id, $3, service_account, $8, $5, $6, $7, FALSE FROM skypilot_access
                 WHERE namespace_id = $2 AND service_account = $4 AND wanted = TRUE RETURNING id",
            )
            .bind(issued.id.to_string())
            .bind(issued.namespace_id.to_string())
            .bind(&issued.name)
            .bind(&issued.service_account)
            .bind(&issued.created_by)
            .bind(ms(issued.created_at))
            .bind(ms(issued.expires_at))
            .bind(issued.owner_id.map(|id| id.to_string()))
            .fetch_optional(&mut *tx)
            .await?;
            Ok(made)
        })
        .map_err(translate)?;
        Ok(made.is_some())
    }

    async fn list_skypilot_kubeconfigs(
        &self,
        namespace: NamespaceId,
        page: &PageRequest,
    ) -> Result<Vec<SkypilotKubeconfig>> {
        let rows = on_db!(read &self.pool, db => sqlx::query_as::<_, KubeconfigRow>(select_kubeconfigs!(
            "namespace_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
        ))
        .bind(namespace.to_string())
        .bind(descending(page.after.as_deref()))
        .bind(with_surplus(page.limit))
        .fetch_all(db)
        .await);
        all(rows.map_err(translate)?)
    }

    async fn skypilot_kubeconfig(
        &self,
        namespace: NamespaceId,
        id: SkypilotKubeconfigId,
    ) -> Result<Option<SkypilotKubeconfig>> {
        let row = on_db!(read &self.pool, db => sqlx::query_as::<_, KubeconfigRow>(
            select_kubeconfigs!("id = $1 AND namespace_id = $2"),
        )
        .bind(id.to_string())
        .bind(namespace.to_string())
        .fetch_optional(db)
        .await);
        one(row.map_err(translate)?)
    }

    async fn revoke_skypilot_kubeconfig(
        &self,
        issued: &SkypilotKubeconfig,
        at: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool> {
        let revoked: Option<String> = change!(&self.pool, audit, tx => {
            // The Secret goes with the next look at this namespace.
            order_skypilot!(tx, [issued.namespace_id.to_string()]);
            sqlx::query_scalar(
                "UPDATE skypilot_kubeconfigs SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL RETURNING id",
            )
            .bind(issued.id.to_string())
            .bind(ms(at))
            .fetch_optional(&mut *tx)
            .await
        })
        .map_err(translate)?;
        Ok(revoked.is_some())
    }

    async fn skypilot_kubeconfigs_to_end(&self, namespace: NamespaceId) -> Result<Vec<SkypilotKubeconfigId>> {
        let rows: Vec<String> = on_db!(read &self.pool, db => sqlx::query_scalar(
            "SELECT id FROM skypilot_kubeconfigs WHERE namespace_id = $1 AND revoked_ms IS NOT NULL AND ended = FALSE",
        )
        .bind(namespace.to_string())
        .fetch_all(db)
        .await)
        .map_err(translate)?;
        rows.iter().map(|id| stored(SkypilotKubeconfigId::parse, id)).collect()
    }

    async fn skypilot_kubeconfig_ended(&self, id: SkypilotKubeconfigId) -> Result<()> {
        let text = "UPDATE skypilot_kubeconfigs SET ended = TRUE WHERE id = $1";
        on_db!(write &self.pool, db => sqlx::query(text).bind(id.to_string()).execute(db).await.map(drop))
            .map_err(translate)
    }
}
