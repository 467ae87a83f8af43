//! The audit log in SQL: rows are only ever added, and only together with the change they describe.

use async_trait::async_trait;
use backend::ports::AuditLog;
use domain::audit::{Action, AuditEvent};
use domain::id::{AccountId, AuditId};
use domain::page::PageRequest;
use domain::{Error, Result};

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, on_db};
use crate::row::{all, at, descending, stored, with_surplus};

/// The statement that adds `$event`; `pool::change!` runs it in the transaction of the change.
macro_rules! insert {
    ($event:expr) => {
        sqlx::query(
            "INSERT INTO audit (id, at_ms, account_id, actor, action, target, detail, address, request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind($event.id.to_string())
        .bind($crate::row::ms($event.at))
        .bind($event.account_id.map(|id| id.to_string()))
        .bind(&$event.actor)
        .bind($event.action.as_str())
        .bind(&$event.target)
        .bind(&$event.detail)
        .bind(&$event.address)
        .bind(&$event.request_id)
    };
}
pub(crate) use insert;

/// Every action by name; the match without `_` does not compile when one is missing.
macro_rules! actions {
    ($($action:ident)*) => {
        const ACTIONS: &[Action] = &[$(Action::$action),*];
        const _: fn(Action) = |action| match action { $(Action::$action => (),)* };
    };
}
actions! {
    AccountCreated UserCreated SignedIn SignInFailed SignedOut NamespaceCreated NamespaceActivated NamespaceRenamed
    NamespaceDeletionRequested NamespaceDeleted NamespaceFailed ApiKeyCreated ApiKeyRevoked KubeconfigDownloaded
    CredentialIssued CredentialReused DeploymentCreated DeploymentDeleted AccountRenamed AccountSuspended
    AccountResumed AccountDeleted AccountQuotaChanged OwnershipTransferred SupportAccess MemberAdded MemberRoleChanged
    MemberRemoved InvitationCreated InvitationResent InvitationRevoked InvitationAccepted PasswordChanged
    PasswordResetRequested PasswordReset Reauthenticated SessionRevoked SessionsEnded IdentityLinked IdentityUnlinked
    CliSessionCreated CliSessionRevoked ApiKeyChanged ApiKeyDisabled ApiKeyEnabled ApiKeyRotated CredentialRefused
    CredentialRevoked AdmissionDenied AuditExported
}

#[derive(sqlx::FromRow)]
struct AuditRow {
    id: String,
    at_ms: i64,
    account_id: Option<String>,
    actor: String,
    action: String,
    target: String,
    detail: String,
    address: String,
    request_id: String,
}

impl TryFrom<AuditRow> for AuditEvent {
    type Error = Error;
    fn try_from(row: AuditRow) -> Result<Self> {
        let action = ACTIONS.iter().find(|action| action.as_str() == row.action);
        Ok(Self {
            id: stored(AuditId::parse, &row.id)?,
            at: at(row.at_ms)?,
            account_id: row.account_id.map(|id| stored(AccountId::parse, &id)).transpose()?,
            actor: row.actor,
            action: *action.ok_or_else(|| Error::internal("an audit row has an action of a newer version"))?,
            target: row.target,
            detail: row.detail,
            address: row.address,
            request_id: row.request_id,
        })
    }
}

#[async_trait]
impl AuditLog for SqlStore {
    async fn record(&self, audit: &AuditEvent) -> Result<()> {
        record(&self.pool, audit).await
    }

    async fn list_audit(&self, account: AccountId, page: &PageRequest) -> Result<Vec<AuditEvent>> {
        list(&self.pool, account, page).await
    }
}

pub(crate) async fn record(pool: &Pool, audit: &AuditEvent) -> Result<()> {
    on_db!(write pool, db => insert!(audit).execute(db).await.map(drop)).map_err(translate)
}

pub(crate) async fn list(pool: &Pool, account: AccountId, page: &PageRequest) -> Result<Vec<AuditEvent>> {
    let rows = on_db!(read pool, db => sqlx::query_as::<_, AuditRow>(
        "SELECT id, at_ms, account_id, actor, action, target, detail, address, request_id
         FROM audit WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
    )
    .bind(account.to_string())
    .bind(descending(page.after.as_deref()))
    .bind(with_surplus(page.limit))
    .fetch_all(db)
    .await);
    all(rows.map_err(translate)?)
}
