//! The audit log in SQL: rows are only ever added, each sealed to the one before it, and only together with the change
//! they describe.

mod list;
mod prune;
mod verify;

use async_trait::async_trait;
use backend::ports::AuditLog;
use domain::audit::{AuditEvent, AuditFilter, AuditRecord, AuditScope, ChainReport};
use domain::id::{AccountId, AuditId};
use domain::page::PageRequest;
use domain::{Error, Result};
use futures::stream::BoxStream;
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::journal::Feed;
use crate::pool::{Pool, change};
use crate::row::{at, stored};

pub(crate) use list::since;
pub(crate) use verify::seal_rows_from_before;

/// What a change writes down: of most, one event.
pub(crate) trait Events {
    fn events(&self) -> &[AuditEvent];
}

impl Events for AuditEvent {
    fn events(&self) -> &[AuditEvent] {
        std::slice::from_ref(self)
    }
}

impl Events for [AuditEvent] {
    fn events(&self) -> &[AuditEvent] {
        self
    }
}

/// Adds `$event` at the end of its chain, within `$transaction`; gives the row. The first statement locks the head of
/// the chain until the end of the transaction, so that no two rows get the same place.
macro_rules! append {
    ($engine:ident, $transaction:ident, $journal:expr, $event:expr) => {{
        let chain = domain::audit::record::chain_of($event.account_id);
        let (sequence, previous): (i64, String) = sqlx::query_as(
            "INSERT INTO audit_heads (chain, sequence, hash, key_id, seal) VALUES ($1, 1, '', '', '')
             ON CONFLICT (chain) DO UPDATE SET sequence = audit_heads.sequence + 1 RETURNING sequence, hash",
        )
        .bind(&chain)
        .fetch_one(&mut *$transaction)
        .await?;
        let row = $journal.row($event, sequence, &previous);
        let head = $journal.head(chain, row.sequence, row.hash.clone());
        $crate::audit::write_row!(@$engine $transaction, row, head);
        row
    }};
}
pub(crate) use append;

/// Writes a row and the head that ends with it at once, which saves a round trip within every change: on PostgreSQL by
/// one statement, on SQLite, which has none such, by two that its thread is given together.
macro_rules! write_row {
    (@sqlite $transaction:ident, $row:ident, $head:ident) => {
        let both = sqlx::query(concat!(
            $crate::audit::insert_row!(),
            "; UPDATE audit_heads SET hash = $18, key_id = $20, seal = $21 WHERE chain = $16"
        ));
        $crate::audit::write_row!(@run both, $transaction, $row, $head);
    };
    (@postgres $transaction:ident, $row:ident, $head:ident) => {
        let both = sqlx::query(concat!(
            "WITH added AS (",
            $crate::audit::insert_row!(),
            ") UPDATE audit_heads SET hash = $18, key_id = $20, seal = $21 WHERE chain = $16"
        ));
        $crate::audit::write_row!(@run both, $transaction, $row, $head);
    };
    (@run $both:ident, $transaction:ident, $row:ident, $head:ident) => {
        $crate::audit::write_row!(@bind $both, $row, $head)
            .bind(&$head.key_id)
            .bind(&$head.seal)
            .execute(&mut *$transaction)
            .await?;
    };
    (@bind $query:ident, $row:ident, $head:ident) => {
        $query
            .bind($row.id.to_string())
            .bind($crate::row::ms($row.at))
            .bind($row.account_id.map(|id| id.to_string()))
            .bind(&$row.actor)
            .bind(&$row.actor_name)
            .bind(&$row.action)
            .bind(&$row.target)
            .bind(&$row.target_name)
            .bind(&$row.outcome)
            .bind(&$row.code)
            .bind(&$row.detail)
            .bind(&$row.address)
            .bind(&$row.user_agent)
            .bind(&$row.request_id)
            .bind(&$row.jti)
            .bind(&$head.chain)
            .bind($row.sequence)
            .bind(&$row.hash)
            .bind(&$row.key_id)
    };
}
pub(crate) use write_row;

macro_rules! insert_row {
    () => {
        "INSERT INTO audit (id, at_ms, account_id, actor, actor_name, action, target, target_name, outcome, code,
             detail, address, user_agent, request_id, jti, chain, sequence, hash, key_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
    };
}
pub(crate) use insert_row;

#[derive(sqlx::FromRow)]
struct AuditRow {
    id: String,
    at_ms: i64,
    account_id: Option<String>,
    actor: String,
    actor_name: String,
    action: String,
    target: String,
    target_name: String,
    outcome: String,
    code: String,
    detail: String,
    address: String,
    user_agent: String,
    request_id: String,
    jti: String,
    sequence: Option<i64>,
    hash: String,
    key_id: String,
}

/// Reads whole rows.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, at_ms, account_id, actor, actor_name, action, target, target_name, outcome, code, detail,
                 address, user_agent, request_id, jti, sequence, hash, key_id
             FROM audit WHERE ",
            $rest
        )
    };
}
use select;

impl TryFrom<AuditRow> for AuditRecord {
    type Error = Error;
    fn try_from(row: AuditRow) -> Result<Self> {
        Ok(Self {
            id: stored(AuditId::parse, &row.id)?,
            at: at(row.at_ms)?,
            account_id: row.account_id.map(|id| stored(AccountId::parse, &id)).transpose()?,
            actor: row.actor,
            actor_name: row.actor_name,
            action: row.action,
            target: row.target,
            target_name: row.target_name,
            outcome: row.outcome,
            code: row.code,
            detail: row.detail,
            address: row.address,
            user_agent: row.user_agent,
            request_id: row.request_id,
            jti: row.jti,
            sequence: row.sequence.unwrap_or_default(),
            hash: row.hash,
            key_id: row.key_id,
        })
    }
}

#[async_trait]
impl AuditLog for SqlStore {
    async fn record(&self, audit: &AuditEvent) -> Result<()> {
        record(&self.pool, audit).await
    }

    async fn list_audit(
        &self,
        scope: AuditScope,
        filter: &AuditFilter,
        newer_than: Option<AuditId>,
        page: &PageRequest,
    ) -> Result<Vec<AuditRecord>> {
        list::page(&self.pool, scope, filter, newer_than, page).await
    }

    async fn audit_row(&self, scope: AuditScope, id: AuditId) -> Result<Option<AuditRecord>> {
        list::one_row(&self.pool, scope, id).await
    }

    fn follow_audit(&self) -> BoxStream<'static, Option<AuditRecord>> {
        Feed::follow(&self.pool)
    }

    async fn verify_audit(&self, account: Option<AccountId>) -> Result<Vec<ChainReport>> {
        verify::chains(&self.pool, account).await
    }

    async fn prune_audit(&self, before: Timestamp, now: Timestamp) -> Result<i64> {
        prune::all(&self.pool, before, now).await
    }
}

impl SqlStore {
    /// How the database reads one page of the log: for the tests that no page needs a whole table, and for operators who
    /// ask why one is slow.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn explain_audit(&self, scope: AuditScope, filter: &AuditFilter, page: &PageRequest) -> Result<String> {
        list::plan(&self.pool, scope, filter, page).await
    }
}

pub(crate) async fn record(pool: &Pool, audit: &AuditEvent) -> Result<()> {
    change!(pool, audit, _tx => Ok(Some(()))).map(drop).map_err(translate)
}
