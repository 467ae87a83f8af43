//! Namespaces as tenants in SQL. Numbers come from a counter that never gives one twice, and stay known for ever.

use async_trait::async_trait;
use backend::ports::Tenants;
use domain::account::CustomerId;
use domain::audit::AuditEvent;
use domain::id::{AccountId, NamespaceId};
use domain::namespace::Namespace;
use domain::order::OrderedRequest;
use domain::tenant::{TenantId, TenantLabel, TenantUse};
use domain::{Error, Result};

use crate::SqlStore;
use crate::error::translate;
use crate::namespace::{NamespaceRow, select};
use crate::order::{Columns, Listing, list_rows};
use crate::pool::{Pool, change, on_db};
use crate::row::{all, one};

// The label is what people call it; without one that is the namespace's name.
const COLUMNS: Columns = Columns { id: "n.id", name: "lower(COALESCE(n.tenant_label, n.name))" };

const NEXT: &str = "INSERT INTO sequences (name, last) VALUES ('tenant', 1)
     ON CONFLICT (name) DO UPDATE SET last = sequences.last + 1 RETURNING last";

#[derive(sqlx::FromRow)]
struct TenantUseRow {
    #[sqlx(flatten)]
    namespace: NamespaceRow,
    account_name: String,
    customer_number: i64,
    connectors: i64,
}

impl TryFrom<TenantUseRow> for TenantUse {
    type Error = Error;
    fn try_from(row: TenantUseRow) -> Result<Self> {
        Ok(Self {
            namespace: row.namespace.try_into()?,
            account: row.account_name,
            customer: CustomerId::from_number(row.customer_number.try_into().map_err(Error::internal)?),
            connectors: u32::try_from(row.connectors).unwrap_or(u32::MAX),
        })
    }
}

/// Inside a transaction: keeps which namespace has this number, for as long as bills may name it.
macro_rules! remember {
    ($tx:ident, $namespace:expr, $number:expr) => {
        sqlx::query("INSERT INTO tenant_numbers (number, namespace_id) VALUES ($1, $2)")
            .bind($number)
            .bind($namespace)
            .execute(&mut *$tx)
            .await?
    };
}
pub(crate) use remember;

/// A stored number as an id.
pub(crate) fn number(stored: i64) -> Result<TenantId> {
    Ok(TenantId::from_number(stored.try_into().map_err(Error::internal)?))
}

/// An id as it is stored; numbers come from the counter and are far below the limit.
pub(crate) fn number_of(id: TenantId) -> i64 {
    i64::try_from(id.number()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Tenants for SqlStore {
    async fn next_tenant(&self) -> Result<TenantId> {
        next(&self.pool).await
    }

    async fn continue_tenants_at(&self, next: TenantId) -> Result<TenantId> {
        continue_at(&self.pool, next).await
    }

    async fn number_tenants(&self, limit: u32) -> Result<u64> {
        number_old(&self.pool, limit).await
    }

    async fn tenant_id_of(&self, namespace: NamespaceId) -> Result<Option<TenantId>> {
        id_of(&self.pool, namespace).await
    }

    async fn tenant(&self, account: AccountId, id: TenantId) -> Result<Option<Namespace>> {
        find(&self.pool, account, id).await
    }

    async fn set_tenant_label(&self, id: NamespaceId, label: &TenantLabel, audit: &AuditEvent) -> Result<bool> {
        set_label(&self.pool, id, label, audit).await
    }

    async fn list_tenants(&self, page: &OrderedRequest) -> Result<Vec<TenantUse>> {
        list(&self.pool, page).await
    }
}

async fn next(pool: &Pool) -> Result<TenantId> {
    let given: i64 = on_db!(write pool, db => sqlx::query_scalar(NEXT).fetch_one(db).await).map_err(translate)?;
    number(given)
}

async fn continue_at(pool: &Pool, next: TenantId) -> Result<TenantId> {
    let last: i64 = on_db!(write pool, db => sqlx::query_scalar(
        "INSERT INTO sequences (name, last) VALUES ('tenant', $1)
         ON CONFLICT (name) DO UPDATE SET last = CASE WHEN sequences.last < $1 THEN $1 ELSE sequences.last END
         RETURNING last",
    )
    .bind(number_of(next).saturating_sub(1))
    .fetch_one(db)
    .await)
    .map_err(translate)?;
    number(last.saturating_add(1))
}

/// One row at a time: the statement is short, and a replica that does the same meanwhile loses a number, not a row.
async fn number_old(pool: &Pool, limit: u32) -> Result<u64> {
    let text = "SELECT id FROM namespaces WHERE tenant_number IS NULL ORDER BY id LIMIT $1";
    let rows: Vec<String> =
        on_db!(read pool, db => sqlx::query_scalar(text).bind(i64::from(limit)).fetch_all(db).await)
            .map_err(translate)?;
    let mut numbered = 0;
    for id in rows {
        let given = number_of(next(pool).await?);
        numbered += number_one(pool, &id, given).await?;
    }
    Ok(numbered)
}

/// The registry first: a row that has a number there already keeps it, whoever was quicker.
async fn number_one(pool: &Pool, id: &str, given: i64) -> Result<u64> {
    on_db!(write pool, db => sqlx::query(
        "INSERT INTO tenant_numbers (number, namespace_id) VALUES ($1, $2) ON CONFLICT (namespace_id) DO NOTHING",
    )
    .bind(given)
    .bind(id)
    .execute(db)
    .await
    .map(drop))
    .map_err(translate)?;
    on_db!(write pool, db => sqlx::query(
        "UPDATE namespaces SET tenant_number = (SELECT number FROM tenant_numbers WHERE namespace_id = $1)
         WHERE id = $1 AND tenant_number IS NULL",
    )
    .bind(id)
    .execute(db)
    .await
    .map(|done| done.rows_affected()))
    .map_err(translate)
}

async fn id_of(pool: &Pool, namespace: NamespaceId) -> Result<Option<TenantId>> {
    let text = "SELECT number FROM tenant_numbers WHERE namespace_id = $1";
    let row: Option<i64> = on_db!(read pool, db => sqlx::query_scalar(text)
        .bind(namespace.to_string())
        .fetch_optional(db)
        .await)
    .map_err(translate)?;
    row.map(number).transpose()
}

async fn find(pool: &Pool, account: AccountId, id: TenantId) -> Result<Option<Namespace>> {
    let text = select!("tenant_number = $1 AND account_id = $2");
    let row = on_db!(read pool, db => sqlx::query_as::<_, NamespaceRow>(text)
        .bind(number_of(id))
        .bind(account.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

async fn set_label(pool: &Pool, id: NamespaceId, label: &TenantLabel, audit: &AuditEvent) -> Result<bool> {
    let renamed: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE namespaces SET tenant_label = $2 WHERE id = $1 AND status IN ('creating', 'active') RETURNING id",
    )
    .bind(id.to_string())
    .bind(label.as_str())
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(renamed.is_some())
}

async fn list(pool: &Pool, page: &OrderedRequest) -> Result<Vec<TenantUse>> {
    let listing = listing(page);
    all(list_rows!(pool, TenantUseRow, listing).map_err(translate)?)
}

pub(crate) fn listing(page: &OrderedRequest) -> Listing {
    let select = "SELECT n.id, n.account_id, n.name, n.kubernetes_name, n.status, n.status_message, n.created_by,
             n.created_ms, n.tenant_number, n.tenant_label, n.activated_ms, n.share, a.name AS account_name,
             a.customer_number,
             (SELECT count(*) FROM credentials c WHERE c.namespace_id = n.id AND c.revoked_ms IS NULL
                 AND c.service_account LIKE 'connector-%') AS connectors
         FROM namespaces n JOIN accounts a ON a.id = n.account_id";
    Listing::new(select, &[], &COLUMNS, page)
}
