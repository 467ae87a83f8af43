//! Accounts in SQL as operators manage them: with their counts, suspended, limited, deleted.

use domain::account::{Account, Quota};
use domain::audit::AuditEvent;
use domain::id::AccountId;
use domain::order::OrderedRequest;
use domain::platform_account::AccountUse;
use domain::sku::SkuGrants;
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::account::{self, AccountRow, columns};
use crate::error::translate;
use crate::order::{Columns, Listing, list_rows};
use crate::pool::{Pool, change, on_db};
use crate::row::{all, ms, one};
use crate::share;
use crate::skypilot::order_skypilot;

const COLUMNS: Columns = Columns { id: "a.id", name: "lower(a.name)" };

#[derive(sqlx::FromRow)]
struct AccountUseRow {
    #[sqlx(flatten)]
    account: AccountRow,
    namespaces: i64,
    members: i64,
    api_keys: i64,
}

/// Each count reads one index range of the account.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", (SELECT count(*) FROM namespaces n WHERE n.account_id = a.id) AS namespaces,
             (SELECT count(*) FROM members m WHERE m.account_id = a.id) AS members,
             (SELECT count(*) FROM api_keys k WHERE k.account_id = a.id AND k.revoked_ms IS NULL) AS api_keys
             FROM accounts a",
            $rest
        )
    };
}

impl TryFrom<AccountUseRow> for AccountUse {
    type Error = Error;
    fn try_from(row: AccountUseRow) -> Result<Self> {
        let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let (namespaces, members, api_keys) = (count(row.namespaces), count(row.members), count(row.api_keys));
        Ok(Self { account: Account::try_from(row.account)?, namespaces, members, api_keys })
    }
}

/// Inside `change!`: locks the account until the transaction ends and says whether it still is what an operator decided
/// on. Compared here and not in SQL: an older binary may have written the same limits in another way.
macro_rules! is_still {
    ($tx:ident, $from:expr) => {{
        let now: Option<(Option<i64>, Option<String>, Option<String>)> = sqlx::query_as(
            "UPDATE accounts SET created_ms = created_ms WHERE id = $1 RETURNING suspended_ms, quota, skus",
        )
        .bind($from.id.to_string())
        .fetch_optional(&mut *$tx)
        .await?;
        now.is_some_and(|(suspended_ms, quota, skus)| same($from, suspended_ms, quota.as_deref(), skus.as_deref()))
    }};
}

fn same(from: &Account, suspended_ms: Option<i64>, quota: Option<&str>, skus: Option<&str>) -> bool {
    from.suspended_at.map(ms) == suspended_ms
        && account::quota(quota).is_ok_and(|quota| quota == from.quota)
        && account::skus(skus).is_ok_and(|skus| skus == from.skus)
}

pub(crate) async fn list(pool: &Pool, page: &OrderedRequest) -> Result<Vec<AccountUse>> {
    let listing = listing(page);
    all(list_rows!(pool, AccountUseRow, listing).map_err(translate)?)
}

pub(crate) fn listing(page: &OrderedRequest) -> Listing {
    Listing::new(select!(""), &[], &COLUMNS, page)
}

pub(crate) async fn by_id(pool: &Pool, id: AccountId) -> Result<Option<AccountUse>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, AccountUseRow>(select!(" WHERE a.id = $1"))
        .bind(id.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

/// Inside `change!`: orders of what connectors and SkyPilot may do from now on; a trigger writes those of keys. A mark that
/// stands is moved: work that began before must not fulfil it.
macro_rules! order_rights {
    ($tx:ident, $account:expr, $audit:ident) => {
        sqlx::query("UPDATE namespaces SET outdated_ms = COALESCE(outdated_ms + 1, $2) WHERE account_id = $1")
            .bind($account.to_string())
            .bind(ms($audit.at))
            .execute(&mut *$tx)
            .await?;
        let namespaces: Vec<String> = sqlx::query_scalar(
            "SELECT namespace_id FROM skypilot_access
             WHERE namespace_id IN (SELECT id FROM namespaces WHERE account_id = $1) ORDER BY namespace_id",
        )
        .bind($account.to_string())
        .fetch_all(&mut *$tx)
        .await?;
        order_skypilot!($tx, namespaces);
    };
}

pub(crate) async fn suspend(pool: &Pool, from: &Account, at: Option<Timestamp>, audit: &AuditEvent) -> Result<bool> {
    let changed = change!(pool, audit, tx => {
        if !is_still!(tx, from) {
            return Ok(None);
        }
        let changed: Option<String> = sqlx::query_scalar(
            "UPDATE accounts SET suspended_ms = $2
             WHERE id = $1 AND (suspended_ms IS NULL) <> (CAST($2 AS BIGINT) IS NULL) RETURNING id",
        )
        .bind(from.id.to_string())
        .bind(at.map(ms))
        .fetch_optional(&mut *tx)
        .await?;
        if changed.is_some() {
            order_rights!(tx, from.id, audit);
        }
        Ok(changed)
    })
    .map_err(translate)?;
    Ok(changed.is_some())
}

pub(crate) async fn set_quota(
    pool: &Pool,
    from: &Account,
    quota: &Quota,
    outdated: Option<Timestamp>,
    audit: &AuditEvent,
) -> Result<bool> {
    let json = serde_json::to_string(quota).map_err(Error::internal)?;
    let mut refused = None;
    let changed = change!(pool, audit, tx => {
        if !is_still!(tx, from) {
            return Ok(None);
        }
        if !quota.total.is_empty() {
            let stored: Vec<Option<String>> = sqlx::query_scalar("SELECT share FROM namespaces WHERE account_id = $1")
                .bind(from.id.to_string())
                .fetch_all(&mut *tx)
                .await?;
            refused = share::all(None, &stored).and_then(|(_, shares)| quota.keeps_total(&shares)).err();
            if refused.is_some() {
                return Ok(None);
            }
        }
        sqlx::query("UPDATE accounts SET quota = $2 WHERE id = $1")
            .bind(from.id.to_string())
            .bind(&json)
            .execute(&mut *tx)
            .await?;
        if let Some(since) = outdated {
            sqlx::query("UPDATE namespaces SET outdated_ms = $2 WHERE account_id = $1")
                .bind(from.id.to_string())
                .bind(ms(since))
                .execute(&mut *tx)
                .await?;
        }
        Ok(Some(()))
    })
    .map_err(translate)?;
    refused.map_or_else(|| Ok(changed.is_some()), Err)
}

pub(crate) async fn set_skus(
    pool: &Pool,
    from: &Account,
    skus: &SkuGrants,
    outdated: Timestamp,
    audit: &AuditEvent,
) -> Result<bool> {
    let json = serde_json::to_string(skus).map_err(Error::internal)?;
    let changed = change!(pool, audit, tx => {
        if !is_still!(tx, from) {
            return Ok(None);
        }
        sqlx::query("UPDATE accounts SET skus = $2 WHERE id = $1")
            .bind(from.id.to_string())
            .bind(&json)
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE namespaces SET outdated_ms = $2 WHERE account_id = $1")
            .bind(from.id.to_string())
            .bind(ms(outdated))
            .execute(&mut *tx)
            .await?;
        Ok(Some(()))
    })
    .map_err(translate)?;
    Ok(changed.is_some())
}

/// Without namespaces the cluster holds nothing of its keys any more: their accounts went with each namespace.
pub(crate) async fn delete(pool: &Pool, id: AccountId, audit: &AuditEvent) -> Result<bool> {
    let mut refused = None;
    let gone = change!(pool, audit, tx => {
        let locked: Option<String> =
            sqlx::query_scalar("UPDATE accounts SET created_ms = created_ms WHERE id = $1 RETURNING id")
                .bind(id.to_string())
                .fetch_optional(&mut *tx)
                .await?;
        let namespaces: i64 = sqlx::query_scalar("SELECT count(*) FROM namespaces WHERE account_id = $1")
            .bind(id.to_string())
            .fetch_one(&mut *tx)
            .await?;
        // Whoever begins to run something at this moment finds no row, or is waited for.
        sqlx::query("DELETE FROM engines WHERE account_id = $1 AND held = FALSE")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        let engines: i64 = sqlx::query_scalar("SELECT count(*) FROM engines WHERE account_id = $1")
            .bind(id.to_string())
            .fetch_one(&mut *tx)
            .await?;
        let stranded: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM members m JOIN users u ON u.id = m.user_id AND u.operator = TRUE
                 WHERE m.account_id = $1 AND NOT EXISTS (
                     SELECT 1 FROM members o WHERE o.user_id = m.user_id AND o.account_id <> $1))",
        )
        .bind(id.to_string())
        .fetch_one(&mut *tx)
        .await?;
        refused = why_not(namespaces, engines, stranded);
        if locked.is_none() || refused.is_some() {
            return Ok(None);
        }
        for text in ["DELETE FROM api_keys WHERE account_id = $1", "DELETE FROM accounts WHERE id = $1"] {
            sqlx::query(text).bind(id.to_string()).execute(&mut *tx).await?;
        }
        Ok(locked)
    })
    .map_err(translate)?;
    refused.map_or_else(|| Ok(gone.is_some()), Err)
}

fn why_not(namespaces: i64, engines: i64, stranded: bool) -> Option<Error> {
    let detail = match (namespaces, engines, stranded) {
        (0, 0, false) => return None,
        (0, 0, true) => "A platform operator belongs to this account alone: add them to another one first".to_owned(),
        (0, 1, _) => "The account has 1 engine on which something may still run: delete it first".to_owned(),
        (0, n, _) => format!("The account has {n} engines on which something may still run: delete them first"),
        (1, ..) => "The account has 1 namespace: delete it first".to_owned(),
        (n, ..) => format!("The account has {n} namespaces: delete them first"),
    };
    Some(Error::conflict(Code::Conflict, detail))
}
