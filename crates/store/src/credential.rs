//! Credentials handed out, in SQL: whose and until when, never the token.

mod at_head;
mod connector;
mod list;
mod remove;

use async_trait::async_trait;
use backend::ports::{CredentialFilter, Credentials};
use domain::audit::AuditEvent;
use domain::credential::{Credential, CredentialListed, MOST_CONNECTORS};
use domain::id::{AccountId, CredentialId, NamespaceId};
use domain::page::PageRequest;
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::clock::{postgres_ms, sqlite_ms};
use crate::error::{is_dangling, translate};
use crate::pool::{Engine, Pool, change, limited, on_db};
use crate::row::ms;

// Hand-outs of a reused token are folded to one row a minute (RULINGS 45).
const NOTED_EVERY_MS: i64 = 60_000;
// They renew themselves, so the end that the book knows ends none.
const CONNECTORS: &str = "SELECT count(*) FROM credentials
     WHERE namespace_id = $1 AND revoked_ms IS NULL AND service_account LIKE 'connector-%'";

#[async_trait]
impl Credentials for SqlStore {
    async fn record_credential(&self, credential: &Credential, audit: &AuditEvent) -> Result<bool> {
        record(&self.pool, credential, audit).await
    }

    async fn check_connectors(&self, namespace: NamespaceId) -> Result<()> {
        let have: i64 = on_db!(read &self.pool, db => sqlx::query_scalar(CONNECTORS)
            .bind(namespace.to_string())
            .fetch_one(db)
            .await)
        .map_err(translate)?;
        if have < MOST_CONNECTORS { Ok(()) } else { Err(full()) }
    }

    async fn begin_connector(&self, service_account: &str, namespace: NamespaceId) -> Result<()> {
        connector::begin(&self.pool, service_account, namespace).await
    }

    async fn connectors_of(&self, namespace: NamespaceId) -> Result<Vec<String>> {
        connector::of_namespace(&self.pool, namespace).await
    }

    async fn living_connectors(&self, service_accounts: &[String]) -> Result<Vec<String>> {
        connector::living(&self.pool, service_accounts).await
    }

    async fn touch_credential(&self, id: CredentialId, at: Timestamp, address: &str, audit: &AuditEvent) -> Result<()> {
        touch(&self.pool, id, at, address, audit).await
    }

    async fn list_credentials(&self, filter: &CredentialFilter, page: &PageRequest) -> Result<Vec<CredentialListed>> {
        list::list(&self.pool, filter, page).await
    }

    async fn credential(&self, account: AccountId, id: CredentialId) -> Result<Option<CredentialListed>> {
        list::of_account(&self.pool, account, id).await
    }

    async fn revoke_credential(&self, credential: &Credential, at: Timestamp, audit: &AuditEvent) -> Result<()> {
        remove::revoke(&self.pool, credential, at, audit).await
    }

    async fn accounts_to_remove(&self, limit: u32) -> Result<Vec<(String, NamespaceId)>> {
        remove::to_remove(&self.pool, limit).await
    }

    async fn account_removed(&self, service_account: &str, namespace: NamespaceId) -> Result<()> {
        remove::removed(&self.pool, service_account, namespace).await
    }

    async fn delete_old_credentials(&self, before: Timestamp, batch: u32) -> Result<u64> {
        remove::delete_old(&self.pool, before, batch).await
    }

    async fn installation_id(&self, fresh: &str) -> Result<String> {
        remove::installation(&self.pool, fresh).await
    }
}

fn full() -> Error {
    let have = format!("The tenant has {MOST_CONNECTORS} of {MOST_CONNECTORS} kubeconfigs");
    Error::conflict(Code::QuotaExceeded, format!("{have}: revoke one that is not used any more"))
}

/// Inside `change!`: locks the namespace until the transaction ends, so that two who count and add never meet, and says
/// whether it has as many connectors as it may.
macro_rules! crowded {
    ($tx:ident, $credential:expr) => {{
        let namespace = $credential.namespace_id.to_string();
        sqlx::query("UPDATE namespaces SET created_ms = created_ms WHERE id = $1")
            .bind(&namespace)
            .execute(&mut *$tx)
            .await?;
        let have: i64 = sqlx::query_scalar(CONNECTORS).bind(&namespace).fetch_one(&mut *$tx).await?;
        have >= MOST_CONNECTORS
    }};
}

/// Inside `change!` after [`crowded!`]: whether the account is suspended. A suspension writes to every namespace of its
/// account, so it comes wholly before this or wholly after.
macro_rules! suspended {
    ($tx:ident, $credential:expr) => {{
        let open: Option<String> = sqlx::query_scalar("SELECT id FROM accounts WHERE id = $1 AND suspended_ms IS NULL")
            .bind($credential.account_id.to_string())
            .fetch_optional(&mut *$tx)
            .await?;
        open.is_none()
    }};
}

/// Inside `change!`: the connector gets a row of its own now. False when its draft is gone or was left too long: what stands
/// of it is taken away, or was.
macro_rules! drafted {
    ($tx:ident, $pool:expr, $credential:expr) => {{
        let finished = sqlx::query(connector::finish(&$pool.engine)).bind(&$credential.service_account);
        finished.execute(&mut *$tx).await?.rows_affected() == 1
    }};
}

/// Whether the key `$1` lives by the database's clock, by which it was let in.
macro_rules! lives {
    ($($now_ms:tt)+) => {
        concat!(
            "id = $1 AND revoked_ms IS NULL AND disabled = FALSE AND (expires_ms IS NULL OR expires_ms > ",
            $($now_ms)+,
            ")"
        )
    };
}
use lives;

/// Writes the use of a key: `$1` is the key, `$2` the moment, `$3` the address.
macro_rules! use_key {
    ($($condition:tt)+) => {
        concat!("UPDATE api_keys SET last_used_ms = $2, last_used_ip = $3 WHERE ", $($condition)+)
    };
}
use use_key;

/// Adds a credential; the first three are those of [`use_key!`].
macro_rules! insert {
    ($($from:tt)*) => {
        concat!(
            "INSERT INTO credentials (api_key_id, issued_ms, last_used_ms, address, id, account_id, namespace_id,
                 service_account, expires_ms, access, token_id)
             SELECT $1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10",
            $($from)*
        )
    };
}
use insert;

/// Binds `$1` to `$10` of [`insert!`].
macro_rules! bound {
    ($query:expr, $credential:expr, $key:expr) => {
        $query
            .bind($key)
            .bind($crate::row::ms($credential.issued_at))
            .bind($credential.address.as_deref())
            .bind($credential.id.to_string())
            .bind($credential.account_id.to_string())
            .bind($credential.namespace_id.to_string())
            .bind(&$credential.service_account)
            .bind($crate::row::ms($credential.expires_at))
            .bind($credential.access.map(domain::credential::Access::as_str))
            .bind($credential.token_id.as_deref())
    };
}
use bound;

// Two statements in one hand-over to SQLite's thread, the writing transaction being alone anyway.
const SQLITE: &str = concat!(insert!(" FROM api_keys WHERE ", lives!(sqlite_ms!())), "; ", use_key!("id = $1"));
// The UPDATE locks the key's row, so a revocation at the same moment comes wholly before or wholly after.
const POSTGRES: &str =
    concat!("WITH used AS (", use_key!(lives!(postgres_ms!())), " RETURNING id) ", insert!(" FROM used"));

/// What checks that the key lives, writes its use and adds the credential, and how many rows it then writes.
fn statement(engine: &Engine, of_key: bool) -> (&'static str, u64) {
    match engine {
        _ if !of_key => (insert!(), 1),
        Engine::Sqlite { .. } => (SQLITE, 2),
        Engine::Postgres(_) => (POSTGRES, 1),
    }
}

/// How a credential fared that was to be written down.
enum Written {
    Whole,
    Nothing,
    Full,
}

/// The short way and the long way together take no longer than one call may: the token's holder waits for both.
pub(crate) async fn record(pool: &Pool, credential: &Credential, audit: &AuditEvent) -> Result<bool> {
    let written = limited(write(pool, credential, audit)).await;
    // The namespace may go while the token is made.
    match written.map_err(|error| if is_dangling(&error) { Error::NotFound } else { translate(error) })? {
        Written::Whole => Ok(true),
        Written::Nothing => Ok(false),
        Written::Full => Err(full()),
    }
}

/// The key is checked where its use is written, and the row of its use is locked until all is written or nothing.
async fn write(pool: &Pool, credential: &Credential, audit: &AuditEvent) -> sqlx::Result<Written> {
    if at_head::record(pool, credential, audit).await? {
        return Ok(Written::Whole);
    }
    let key = credential.api_key_id.map(|id| id.to_string());
    let (text, rows) = statement(&pool.engine, key.is_some());
    let mut refused = false;
    let recorded = change!(pool, audit, tx => {
        if credential.renews() {
            refused = crowded!(tx, credential);
            if refused || suspended!(tx, credential) || !drafted!(tx, pool, credential) {
                return Ok(None);
            }
        }
        let written = bound!(sqlx::query(text), credential, key.as_deref()).execute(&mut *tx).await?;
        Ok((written.rows_affected() == rows).then_some(()))
    })?;
    Ok(match recorded {
        Some(()) => Written::Whole,
        None if refused => Written::Full,
        None => Written::Nothing,
    })
}

pub(crate) async fn touch(
    pool: &Pool,
    id: CredentialId,
    at: Timestamp,
    address: &str,
    audit: &AuditEvent,
) -> Result<()> {
    change!(pool, audit, tx => {
        let touched: Option<Option<String>> = sqlx::query_scalar(
            "UPDATE credentials SET last_used_ms = $2 WHERE id = $1 AND last_used_ms <= $3 RETURNING api_key_id",
        )
        .bind(id.to_string())
        .bind(ms(at))
        .bind(ms(at) - NOTED_EVERY_MS)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(Some(key)) = &touched {
            // Another credential of the key may have been used since, or a moment ago.
            sqlx::query(
                "UPDATE api_keys SET last_used_ms = $2, last_used_ip = $3
                 WHERE id = $1 AND (last_used_ms IS NULL OR last_used_ms <= $4)",
            )
            .bind(key)
            .bind(ms(at))
            .bind(address)
            .bind(ms(at) - NOTED_EVERY_MS)
            .execute(&mut *tx)
            .await?;
        }
        Ok(touched)
    })
    .map(drop)
    .map_err(translate)
}
