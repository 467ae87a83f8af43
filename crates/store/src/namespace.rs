//! Tenant namespaces in SQL. The row is the reconciler's queue: it goes only when the cluster holds nothing more.

use async_trait::async_trait;
use backend::ports::Namespaces;
use domain::account::{Limit, Share};
use domain::audit::AuditEvent;
use domain::id::{AccountId, NamespaceId, UserId};
use domain::namespace::{KubernetesName, Namespace, NamespaceName, NamespaceStatus};
use domain::page::PageRequest;
use domain::tenant::TenantLabel;
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::account::{refusal, room_for_one};
use crate::error::{is_taken, translate};
use crate::pool::{Pool, change, on_db};
use crate::row::{all, ascending, at, maybe_at, ms, one, places, stored, with_surplus};
use crate::share::{self, shares};
use crate::tenant::{number, number_of};

#[derive(sqlx::FromRow)]
pub(crate) struct NamespaceRow {
    pub(crate) id: String,
    pub(crate) account_id: String,
    pub(crate) name: String,
    pub(crate) kubernetes_name: String,
    pub(crate) status: String,
    pub(crate) status_message: Option<String>,
    pub(crate) created_by: String,
    pub(crate) created_ms: i64,
    pub(crate) tenant_number: Option<i64>,
    pub(crate) tenant_label: Option<String>,
    pub(crate) activated_ms: Option<i64>,
    pub(crate) share: Option<String>,
}

#[derive(sqlx::FromRow)]
struct OutdatedRow {
    #[sqlx(flatten)]
    namespace: NamespaceRow,
    outdated_ms: i64,
}

/// The columns of a [`NamespaceRow`] and a condition.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, name, kubernetes_name, status, status_message, created_by, created_ms,
                 tenant_number, tenant_label, activated_ms, share
             FROM namespaces WHERE ",
            $rest
        )
    };
}

impl TryFrom<NamespaceRow> for Namespace {
    type Error = Error;
    fn try_from(row: NamespaceRow) -> Result<Self> {
        Ok(Self {
            id: stored(NamespaceId::parse, &row.id)?,
            account_id: stored(AccountId::parse, &row.account_id)?,
            name: NamespaceName::from_stored(row.name),
            kubernetes_name: KubernetesName::from_stored(row.kubernetes_name),
            status: NamespaceStatus::from_stored(&row.status),
            status_message: row.status_message,
            created_by: stored(UserId::parse, &row.created_by)?,
            created_at: at(row.created_ms)?,
            tenant: row.tenant_number.map(number).transpose()?,
            label: row.tenant_label.map(TenantLabel::from_stored),
            activated_at: maybe_at(row.activated_ms)?,
            share: share::read(row.share.as_deref())?,
        })
    }
}

pub(crate) use select;

#[async_trait]
impl Namespaces for SqlStore {
    async fn check_namespace(&self, account: AccountId, name: Option<&NamespaceName>) -> Result<()> {
        check(&self.pool, account, name).await
    }

    async fn create_namespace(&self, namespace: &Namespace, audit: &AuditEvent) -> Result<Share> {
        create(&self.pool, namespace, audit).await
    }

    async fn namespace(&self, account: AccountId, id: NamespaceId) -> Result<Option<Namespace>> {
        of_account(&self.pool, account, id).await
    }

    async fn namespace_by_id(&self, id: NamespaceId) -> Result<Option<Namespace>> {
        by_id(&self.pool, id).await
    }

    async fn list_namespaces(&self, account: AccountId, page: &PageRequest) -> Result<Vec<Namespace>> {
        list(&self.pool, account, page).await
    }

    async fn owned_namespaces(&self, account: AccountId, ids: &[NamespaceId]) -> Result<Vec<NamespaceId>> {
        owned(&self.pool, account, ids).await
    }

    async fn known_namespaces(&self, ids: &[NamespaceId]) -> Result<Vec<NamespaceId>> {
        known(&self.pool, ids).await
    }

    async fn change_namespace(
        &self,
        from: &Namespace,
        to: &Namespace,
        outdated: Timestamp,
        audit: &[AuditEvent],
    ) -> Result<bool> {
        change(&self.pool, (from, to), outdated, audit).await
    }

    async fn set_namespace_status(
        &self,
        id: NamespaceId,
        from: NamespaceStatus,
        to: NamespaceStatus,
        message: Option<&str>,
        audit: &AuditEvent,
    ) -> Result<bool> {
        set_status(&self.pool, id, (from, to), message, audit).await
    }

    async fn remove_namespace(&self, id: NamespaceId, audit: &AuditEvent) -> Result<()> {
        remove(&self.pool, id, audit).await
    }

    async fn outdated_namespaces(&self, limit: u32) -> Result<Vec<(Namespace, Timestamp)>> {
        outdated(&self.pool, limit).await
    }

    async fn is_outdated(&self, id: NamespaceId) -> Result<bool> {
        is_outdated(&self.pool, id).await
    }

    async fn namespace_applied(&self, id: NamespaceId, since: Timestamp) -> Result<()> {
        applied(&self.pool, id, since).await
    }

    async fn namespaces_in(
        &self,
        states: &[NamespaceStatus],
        after: Option<NamespaceId>,
        limit: u32,
    ) -> Result<Vec<Namespace>> {
        in_states(&self.pool, states, after, limit).await
    }
}

pub(crate) async fn check(pool: &Pool, account: AccountId, name: Option<&NamespaceName>) -> Result<()> {
    let text = "SELECT quota, (SELECT count(*) FROM namespaces WHERE account_id = $1) AS have,
             (SELECT count(*) FROM namespaces WHERE account_id = $1 AND name = $2) AS same
         FROM accounts WHERE id = $1";
    let row: Option<(Option<String>, i64, i64)> = on_db!(read pool, db => sqlx::query_as(text)
        .bind(account.to_string())
        .bind(name.map(NamespaceName::as_str))
        .fetch_optional(db)
        .await)
    .map_err(translate)?;
    let (quota, have, same) = row.ok_or(Error::NotFound)?;
    match refusal(Some(quota), Limit::Namespaces, have) {
        Some(refused) => Err(refused),
        None if same > 0 => Err(name_taken()),
        None => Ok(()),
    }
}

pub(crate) async fn create(pool: &Pool, namespace: &Namespace, audit: &AuditEvent) -> Result<Share> {
    let mut refused = None;
    let added: Option<Share> = change!(pool, audit, tx => {
        let account = namespace.account_id;
        let have = "SELECT count(*) FROM namespaces WHERE account_id = $1";
        if !room_for_one!(tx, account, Limit::Namespaces, have, refused) {
            return Ok(None);
        }
        let first = shares!(tx, account, namespace.id).map(|(quota, others)| quota.first_share(&others));
        let (share, json) = match first.and_then(|share| Ok((share::write(&share)?, share))) {
            Ok((json, share)) => (share, json),
            Err(error) => {
                refused = Some(error);
                return Ok(None);
            }
        };
        let added: Option<String> = sqlx::query_scalar(
        "INSERT INTO namespaces (id, account_id, name, kubernetes_name, status, status_message, created_by, created_ms,
             tenant_number, tenant_label, share)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (account_id, name) DO NOTHING RETURNING id",
    )
    .bind(namespace.id.to_string())
    .bind(namespace.account_id.to_string())
    .bind(namespace.name.as_str())
    .bind(namespace.kubernetes_name.as_str())
    .bind(namespace.status.as_str())
    .bind(namespace.status_message.as_deref())
    .bind(namespace.created_by.to_string())
    .bind(ms(namespace.created_at))
    .bind(namespace.tenant.map(number_of))
    .bind(namespace.label.as_ref().map(TenantLabel::as_str))
    .bind(json)
    .fetch_optional(&mut *tx)
    .await?;
        if let (Some(id), Some(tenant)) = (&added, namespace.tenant) {
            crate::tenant::remember!(tx, id, number_of(tenant));
        }
        Ok(added.map(|_| share))
    })
    .map_err(|error| match is_taken(&error) {
        // Two ids with the same last 8 hex digits: the next try has another id (RULINGS 10).
        true => Error::conflict(Code::Conflict, "The Kubernetes name is taken, try again"),
        false => translate(error),
    })?;
    added.ok_or_else(|| refused.unwrap_or_else(name_taken))
}

fn name_taken() -> Error {
    Error::conflict(Code::NameTaken, "You already have a namespace with this name")
}

pub(crate) async fn of_account(pool: &Pool, account: AccountId, id: NamespaceId) -> Result<Option<Namespace>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, NamespaceRow>(select!("id = $1 AND account_id = $2"))
        .bind(id.to_string())
        .bind(account.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn by_id(pool: &Pool, id: NamespaceId) -> Result<Option<Namespace>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, NamespaceRow>(select!("id = $1"))
        .bind(id.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn list(pool: &Pool, account: AccountId, page: &PageRequest) -> Result<Vec<Namespace>> {
    let text = select!("account_id = $1 AND id > $2 ORDER BY id LIMIT $3");
    let rows = on_db!(read pool, db => sqlx::query_as::<_, NamespaceRow>(text)
        .bind(account.to_string())
        .bind(ascending(page.after.as_deref()))
        .bind(with_surplus(page.limit))
        .fetch_all(db)
        .await);
    all(rows.map_err(translate)?)
}

/// Reads by id rather than by account: a key lists at most 100, an account may have any number.
pub(crate) async fn owned(pool: &Pool, account: AccountId, ids: &[NamespaceId]) -> Result<Vec<NamespaceId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT id FROM namespaces WHERE account_id = $1 AND status <> 'deleting' AND id IN ({})",
        places(2, ids.len())
    );
    let found: Vec<String> = on_db!(read pool, db => {
        // Safe: the text holds nothing but numbered places.
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(account.to_string());
        ids.iter().fold(query, |query, id| query.bind(id.to_string())).persistent(false).fetch_all(db).await
    })
    .map_err(translate)?;
    found.iter().map(|id| stored(NamespaceId::parse, id)).collect()
}

pub(crate) async fn known(pool: &Pool, ids: &[NamespaceId]) -> Result<Vec<NamespaceId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("SELECT id FROM namespaces WHERE id IN ({})", places(1, ids.len()));
    let found: Vec<String> = on_db!(read pool, db => {
        // Safe: the text holds nothing but numbered places.
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(text));
        ids.iter().fold(query, |query, id| query.bind(id.to_string())).persistent(false).fetch_all(db).await
    })
    .map_err(translate)?;
    found.iter().map(|id| stored(NamespaceId::parse, id)).collect()
}

pub(crate) async fn change(
    pool: &Pool,
    (from, to): (&Namespace, &Namespace),
    outdated: Timestamp,
    audit: &[AuditEvent],
) -> Result<bool> {
    let (json, mut refused) = (share::write(&to.share)?, None);
    let changed = change!(pool, audit, tx => {
        if to.share != from.share && !share::set!(tx, from, to.share, json, outdated, refused) {
            return Ok(None);
        }
        if to.name != from.name {
            let renamed = sqlx::query("UPDATE namespaces SET name = $2 WHERE id = $1 AND name = $3")
                .bind(from.id.to_string())
                .bind(to.name.as_str())
                .bind(from.name.as_str())
                .execute(&mut *tx)
                .await?;
            return Ok((renamed.rows_affected() == 1).then_some(()));
        }
        Ok(Some(()))
    })
    .map_err(|error| if is_taken(&error) { name_taken() } else { translate(error) })?;
    refused.map_or_else(|| Ok(changed.is_some()), Err)
}

pub(crate) async fn set_status(
    pool: &Pool,
    id: NamespaceId,
    (from, to): (NamespaceStatus, NamespaceStatus),
    message: Option<&str>,
    audit: &AuditEvent,
) -> Result<bool> {
    let moved: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE namespaces SET status = $3, status_message = $4,
             activated_ms = CASE WHEN $3 = 'active' THEN COALESCE(activated_ms, $5) ELSE activated_ms END
         WHERE id = $1 AND status = $2 RETURNING id",
    )
    .bind(id.to_string())
    .bind(from.as_str())
    .bind(to.as_str())
    .bind(message)
    .bind(ms(audit.at))
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(moved.is_some())
}

/// Its credentials go with it (ON DELETE CASCADE); keys that list its id keep it.
pub(crate) async fn remove(pool: &Pool, id: NamespaceId, audit: &AuditEvent) -> Result<()> {
    let gone: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "DELETE FROM namespaces WHERE id = $1 AND status = 'deleting' RETURNING id",
    )
    .bind(id.to_string())
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    drop(gone);
    Ok(())
}

pub(crate) async fn outdated(pool: &Pool, limit: u32) -> Result<Vec<(Namespace, Timestamp)>> {
    let text =
        "SELECT id, account_id, name, kubernetes_name, status, status_message, created_by, created_ms, tenant_number,
             tenant_label, activated_ms, share, outdated_ms
         FROM namespaces WHERE outdated_ms IS NOT NULL AND status = 'active' ORDER BY outdated_ms LIMIT $1";
    let rows: Vec<OutdatedRow> =
        on_db!(read pool, db => sqlx::query_as(text).bind(i64::from(limit)).fetch_all(db).await).map_err(translate)?;
    rows.into_iter().map(|row| Ok((row.namespace.try_into()?, at(row.outdated_ms)?))).collect()
}

pub(crate) async fn is_outdated(pool: &Pool, id: NamespaceId) -> Result<bool> {
    let text = "SELECT count(*) FROM namespaces WHERE id = $1 AND outdated_ms IS NOT NULL AND status = 'active'";
    let marked: i64 = on_db!(read pool, db => sqlx::query_scalar(text).bind(id.to_string()).fetch_one(db).await)
        .map_err(translate)?;
    Ok(marked > 0)
}

pub(crate) async fn applied(pool: &Pool, id: NamespaceId, since: Timestamp) -> Result<()> {
    on_db!(write pool, db => sqlx::query(
        "UPDATE namespaces SET outdated_ms = NULL WHERE id = $1 AND outdated_ms = $2",
    )
    .bind(id.to_string())
    .bind(ms(since))
    .execute(db)
    .await
    .map(drop))
    .map_err(translate)
}

/// One index range per state, merged here: with `status IN (…)` a database sorts every row of those states. A row that
/// moves meanwhile may be missed or seen in its old state; the reconciler comes again.
pub(crate) async fn in_states(
    pool: &Pool,
    states: &[NamespaceStatus],
    after: Option<NamespaceId>,
    limit: u32,
) -> Result<Vec<Namespace>> {
    let after = after.map(|id| id.to_string());
    let text = select!("status = $1 AND id > $2 ORDER BY id LIMIT $3");
    let mut found: Vec<Namespace> = Vec::new();
    for state in states {
        let rows = on_db!(read pool, db => sqlx::query_as::<_, NamespaceRow>(text)
            .bind(state.as_str())
            .bind(ascending(after.as_deref()))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await);
        found.extend(all::<_, Namespace>(rows.map_err(translate)?)?);
    }
    found.sort_unstable_by_key(|namespace| namespace.id);
    found.dedup_by_key(|namespace| namespace.id);
    found.truncate(limit as usize);
    Ok(found)
}
