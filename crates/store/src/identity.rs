//! Identities at providers in SQL. Linking and unlinking end the user's other sessions in the same transaction.

use async_trait::async_trait;
use backend::ports::Identities;
use domain::account::Limit;
use domain::audit::AuditEvent;
use domain::id::{AccountId, IdentityId, SessionId, UserId};
use domain::identity::Identity;
use domain::permission::{Permission, allows};
use domain::user::{Role, User};
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::account::room_for_one;
use crate::error::translate;
use crate::invitation::{TAKEN, end_invitations};
use crate::member::end_kubeconfigs;
use crate::password::{end_reset_link, hold_user};
use crate::pool::{Pool, change, on_db};
use crate::row::{all, at, ms, one, stored};
use crate::session::end_all_but;
use crate::user::{email_taken, insert_first_member, insert_user};

#[derive(sqlx::FromRow)]
struct IdentityRow {
    id: String,
    user_id: String,
    issuer: String,
    subject: String,
    provider: String,
    label: String,
    created_ms: i64,
    last_used_ms: i64,
}

macro_rules! identity_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, user_id, issuer, subject, provider, label, created_ms, last_used_ms FROM identities WHERE ",
            $condition
        )
    };
}

// One text for linking and for a new user.
macro_rules! insert {
    ($identity:expr) => {
        sqlx::query_scalar(
            "INSERT INTO identities (id, user_id, issuer, subject, provider, label, created_ms, last_used_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (issuer, subject) DO NOTHING RETURNING id",
        )
        .bind($identity.id.to_string())
        .bind($identity.user_id.to_string())
        .bind(&$identity.issuer)
        .bind(&$identity.subject)
        .bind(&$identity.provider)
        .bind(&$identity.label)
        .bind(ms($identity.created_at))
        .bind(ms($identity.last_used_at))
    };
}

impl TryFrom<IdentityRow> for Identity {
    type Error = Error;
    fn try_from(row: IdentityRow) -> Result<Self> {
        Ok(Self {
            id: stored(IdentityId::parse, &row.id)?,
            user_id: stored(UserId::parse, &row.user_id)?,
            issuer: row.issuer,
            subject: row.subject,
            provider: row.provider,
            label: row.label,
            created_at: at(row.created_ms)?,
            last_used_at: at(row.last_used_ms)?,
        })
    }
}

#[async_trait]
impl Identities for SqlStore {
    async fn identity(&self, issuer: &str, subject: &str) -> Result<Option<Identity>> {
        find(&self.pool, issuer, subject).await
    }

    async fn list_identities(&self, user: UserId) -> Result<Vec<Identity>> {
        list(&self.pool, user).await
    }

    async fn link_identity(&self, identity: &Identity, keep: Option<SessionId>, audit: &AuditEvent) -> Result<()> {
        link(&self.pool, identity, keep, audit).await
    }

    async fn unlink_identity(
        &self,
        user: UserId,
        id: IdentityId,
        keep: Option<SessionId>,
        audit: &AuditEvent,
    ) -> Result<bool> {
        unlink(&self.pool, user, id, keep, audit).await
    }

    async fn create_identity_user(
        &self,
        user: &User,
        account: AccountId,
        role: Role,
        identity: &Identity,
        audit: &AuditEvent,
    ) -> Result<()> {
        create_user(&self.pool, user, account, role, identity, audit).await
    }

    async fn record_identity_login(&self, id: IdentityId, at: Timestamp, audit: &AuditEvent) -> Result<()> {
        record_login(&self.pool, id, at, audit).await
    }

    async fn set_claimed_role(&self, account: AccountId, user: UserId, role: Role, audit: &AuditEvent) -> Result<bool> {
        set_role(&self.pool, account, user, role, audit).await
    }
}

pub(crate) async fn find(pool: &Pool, issuer: &str, subject: &str) -> Result<Option<Identity>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, IdentityRow>(
        identity_where!("issuer = $1 AND subject = $2"),
    )
    .bind(issuer)
    .bind(subject)
    .fetch_optional(db)
    .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn list(pool: &Pool, user: UserId) -> Result<Vec<Identity>> {
    let rows = on_db!(read pool, db => sqlx::query_as::<_, IdentityRow>(
        identity_where!("user_id = $1 ORDER BY id LIMIT 200"),
    )
    .bind(user.to_string())
    .fetch_all(db)
    .await);
    all(rows.map_err(translate)?)
}

pub(crate) async fn link(pool: &Pool, identity: &Identity, keep: Option<SessionId>, audit: &AuditEvent) -> Result<()> {
    let added = change!(pool, audit, tx => {
        let added: Option<String> = insert!(identity).fetch_optional(&mut *tx).await?;
        if added.is_some() {
            end_all_but!(tx, identity.user_id, keep);
        }
        Ok(added)
    })
    .map_err(translate)?;
    let taken = || Error::conflict(Code::Conflict, "This account at the provider is linked to a user already");
    added.map(drop).ok_or_else(taken)
}

pub(crate) async fn unlink(
    pool: &Pool,
    user: UserId,
    id: IdentityId,
    keep: Option<SessionId>,
    audit: &AuditEvent,
) -> Result<bool> {
    let mut stranded = false;
    let removed = change!(pool, audit, tx => {
        // Two that go at once would each see the other one left.
        hold_user!(tx, user);
        let removed: Option<String> =
            sqlx::query_scalar("DELETE FROM identities WHERE id = $1 AND user_id = $2 RETURNING id")
                .bind(id.to_string())
                .bind(user.to_string())
                .fetch_optional(&mut *tx)
                .await?;
        let way_in: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND password_hash IS NOT NULL)
                 OR EXISTS (SELECT 1 FROM identities WHERE user_id = $1)",
        )
        .bind(user.to_string())
        .fetch_one(&mut *tx)
        .await?;
        stranded = removed.is_some() && !way_in;
        if stranded {
            return Ok(None);
        }
        if removed.is_some() {
            end_all_but!(tx, user, keep);
        }
        Ok(removed)
    })
    .map_err(translate)?;
    if stranded { Err(only_way_in()) } else { Ok(removed.is_some()) }
}

fn only_way_in() -> Error {
    Error::conflict(Code::Conflict, "This is your only way to sign in: set a password first")
}

pub(crate) async fn create_user(
    pool: &Pool,
    user: &User,
    account: AccountId,
    role: Role,
    identity: &Identity,
    audit: &AuditEvent,
) -> Result<()> {
    let mut refused = None;
    let added = change!(pool, audit, tx => {
        if !room_for_one!(tx, account, Limit::Members, TAKEN, refused) {
            return Ok(None);
        }
        let free: Option<String> = insert_user!(tx, user, None::<&str>);
        let mut added: Option<String> = None;
        if free.is_some() {
            insert_first_member!(tx, user, account, role);
            added = insert!(identity).fetch_optional(&mut *tx).await?;
        }
        Ok(added)
    })
    .map_err(translate)?;
    added.map(drop).ok_or_else(|| refused.unwrap_or_else(email_taken))
}

pub(crate) async fn record_login(pool: &Pool, id: IdentityId, at: Timestamp, audit: &AuditEvent) -> Result<()> {
    change!(pool, audit, tx => {
        sqlx::query("UPDATE identities SET last_used_ms = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(ms(at))
            .execute(&mut *tx)
            .await?;
        Ok(Some(()))
    })
    .map(drop)
    .map_err(translate)
}

pub(crate) async fn set_role(
    pool: &Pool,
    account: AccountId,
    user: UserId,
    role: Role,
    audit: &AuditEvent,
) -> Result<bool> {
    let changed = change!(pool, audit, tx => {
        if role != Role::Owner {
            end_invitations!(tx, account, user, audit.at, allows(role, false, Permission::ManageMembers));
        }
        let changed: Option<String> = sqlx::query_scalar(
            "UPDATE members SET role = $3
             WHERE account_id = $1 AND user_id = $2 AND role <> $3 AND role <> 'owner' RETURNING user_id",
        )
        .bind(account.to_string())
        .bind(user.to_string())
        .bind(role.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        if changed.is_some() {
            end_all_but!(tx, user, None::<SessionId>);
            end_reset_link!(tx, user);
            if !allows(role, false, Permission::Deploy) {
                end_kubeconfigs!(tx, account, user, audit.at);
            }
        }
        Ok(changed)
    });
    Ok(changed.map_err(translate)?.is_some())
}
