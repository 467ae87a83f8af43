//! The one SELECT of exec-credential: key, owner's role and namespace in a single round trip.

use backend::ports::KeyAccess;
use domain::api_key::{ApiKey, PublicId};
use domain::id::NamespaceId;
use domain::namespace::Namespace;
use domain::user::{Email, Role};
use domain::{Error, Result};

use crate::api_key::ApiKeyRow;
use crate::clock::{postgres_ms, sqlite_ms};
use crate::error::translate;
use crate::namespace::NamespaceRow;
use crate::pool::{Engine, Pool, on_db};
use crate::row::{at, one, stored};

#[derive(sqlx::FromRow)]
struct KeyAccessRow {
    #[sqlx(flatten)]
    key: ApiKeyRow,
    read_ms: i64,
    owner_role: Option<String>,
    owner_email: Option<String>,
    ns_id: Option<String>,
    ns_account_id: Option<String>,
    ns_name: Option<String>,
    ns_kubernetes_name: Option<String>,
    ns_status: Option<String>,
    ns_status_message: Option<String>,
    ns_created_by: Option<String>,
    ns_created_ms: Option<i64>,
    ns_tenant_number: Option<i64>,
    ns_tenant_label: Option<String>,
    ns_activated_ms: Option<i64>,
    ns_share: Option<String>,
}

impl KeyAccessRow {
    /// None when the outer join found nothing.
    fn namespace(&mut self) -> Option<NamespaceRow> {
        Some(NamespaceRow {
            id: self.ns_id.take()?,
            account_id: self.ns_account_id.take()?,
            name: self.ns_name.take()?,
            kubernetes_name: self.ns_kubernetes_name.take()?,
            status: self.ns_status.take()?,
            status_message: self.ns_status_message.take(),
            created_by: self.ns_created_by.take()?,
            created_ms: self.ns_created_ms?,
            tenant_number: self.ns_tenant_number,
            tenant_label: self.ns_tenant_label.take(),
            activated_ms: self.ns_activated_ms,
            share: self.ns_share.take(),
        })
    }

    /// A role that cannot be read is none.
    fn owner_role(&self) -> Option<Role> {
        let role = Role::parse(self.owner_role.as_deref()?);
        role.inspect_err(|_| tracing::error!("the stored role of a member is not valid; it grants nothing")).ok()
    }
}

impl TryFrom<KeyAccessRow> for KeyAccess {
    type Error = Error;
    fn try_from(mut row: KeyAccessRow) -> Result<Self> {
        let namespace = row.namespace().map(Namespace::try_from).transpose()?;
        let owner_role = row.owner_role();
        let owner_email = row.owner_email.filter(|_| owner_role.is_some());
        let owner_email = owner_email.map(|email| stored(Email::new, &email)).transpose()?;
        Ok(Self { owner_role, owner_email, namespace, read_at: at(row.read_ms)?, key: ApiKey::try_from(row.key)? })
    }
}

/// The SELECT with the engine's own words for its clock, the one thing in which the two differ.
macro_rules! select {
    ($($now_ms:tt)+) => {
        concat!(
            "SELECT ",
            $($now_ms)+,
            " AS read_ms,
             k.id, k.account_id, k.owner_id, k.name, k.public_id, k.generation, k.digest, k.pepper_id,
             k.hash_version, k.old_generation, k.old_digest, k.old_pepper_id, k.old_hash_version, k.old_ends_ms,
             k.scope, k.access, k.expires_ms, k.disabled, k.revoked_ms, k.created_ms, k.last_used_ms, k.last_used_ip,
             k.revision, FALSE AS removal_pending,
             m.role AS owner_role, u.email AS owner_email,
             n.id AS ns_id, n.account_id AS ns_account_id, n.name AS ns_name, n.kubernetes_name AS ns_kubernetes_name,
             n.status AS ns_status, n.status_message AS ns_status_message, n.created_by AS ns_created_by,
             n.created_ms AS ns_created_ms, n.tenant_number AS ns_tenant_number, n.tenant_label AS ns_tenant_label,
             n.activated_ms AS ns_activated_ms, n.share AS ns_share
         FROM api_keys k
         LEFT JOIN accounts a ON a.id = k.account_id AND a.suspended_ms IS NULL
         LEFT JOIN users u ON u.id = k.owner_id AND u.disabled = FALSE
         LEFT JOIN members m ON m.user_id = u.id AND m.account_id = a.id
         LEFT JOIN namespaces n ON n.id = $2 AND n.account_id = k.account_id
         WHERE k.public_id = $1"
        )
    };
}

const SQLITE: &str = select!(sqlite_ms!());
const POSTGRES: &str = select!(postgres_ms!());

pub(crate) async fn find(pool: &Pool, key: &PublicId, namespace: Option<NamespaceId>) -> Result<Option<KeyAccess>> {
    let text = match &pool.engine {
        Engine::Sqlite { .. } => SQLITE,
        Engine::Postgres(_) => POSTGRES,
    };
    let row = on_db!(read pool, db => sqlx::query_as::<_, KeyAccessRow>(text)
    .bind(key.as_str())
    .bind(namespace.map(|id| id.to_string()))
    .fetch_optional(db)
    .await);
    one(row.map_err(translate)?)
}
