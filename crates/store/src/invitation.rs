//! Invitations in SQL: the token's hash only. Using a link up and becoming a member is one transaction.

use async_trait::async_trait;
use backend::ports::{Invitations, Joining};
use domain::account::{Account, Limit};
use domain::audit::AuditEvent;
use domain::id::{AccountId, InvitationId, UserId};
use domain::invitation::Invitation;
use domain::page::PageRequest;
use domain::user::{Email, Role};
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::account::{AccountRow, columns, room_for_one};
use crate::error::translate;
use crate::password::end_reset_link;
use crate::pool::{Pool, change, on_db};
use crate::row::{all, ascending, at, maybe_at, ms, one, stored, with_surplus};
use crate::user::insert_user;

#[derive(sqlx::FromRow)]
struct InvitationRow {
    id: String,
    invited_to: String,
    email: String,
    role: String,
    invited_by: String,
    created_ms: i64,
    expires_ms: i64,
    accepted_ms: Option<i64>,
    revoked_ms: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct OpenRow {
    #[sqlx(flatten)]
    invitation: InvitationRow,
    #[sqlx(flatten)]
    account: AccountRow,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.account_id AS invited_to, i.email, i.role, i.invited_by, i.created_ms, i.expires_ms,
                 i.accepted_ms, i.revoked_ms
             FROM invitations i WHERE ",
            $rest
        )
    };
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = Error;
    fn try_from(row: InvitationRow) -> Result<Self> {
        Ok(Self {
            id: stored(InvitationId::parse, &row.id)?,
            account_id: stored(AccountId::parse, &row.invited_to)?,
            email: stored(Email::new, &row.email)?,
            role: stored(Role::parse, &row.role)?,
            invited_by: stored(UserId::parse, &row.invited_by)?,
            created_at: at(row.created_ms)?,
            expires_at: at(row.expires_ms)?,
            accepted_at: maybe_at(row.accepted_ms)?,
            revoked_at: maybe_at(row.revoked_ms)?,
        })
    }
}

#[async_trait]
impl Invitations for SqlStore {
    async fn create_invitation(&self, invitation: &Invitation, token_hash: &str, audit: &AuditEvent) -> Result<()> {
        create(&self.pool, invitation, token_hash, audit).await
    }

    async fn invitation(&self, account: AccountId, id: InvitationId) -> Result<Option<Invitation>> {
        of_account(&self.pool, account, id).await
    }

    async fn list_invitations(&self, account: AccountId, page: &PageRequest) -> Result<Vec<Invitation>> {
        list(&self.pool, account, page).await
    }

    async fn resend_invitation(
        &self,
        id: InvitationId,
        by: UserId,
        token_hash: &str,
        expires_at: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool> {
        resend(&self.pool, (id, by), token_hash, expires_at, audit).await
    }

    async fn revoke_invitation(&self, id: InvitationId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
        revoke(&self.pool, id, at, audit).await
    }

    async fn open_invitation(&self, token_hash: &str, now: Timestamp) -> Result<Option<(Invitation, Account)>> {
        open(&self.pool, token_hash, now).await
    }

    async fn accept_invitation(
        &self,
        token_hash: &str,
        who: Joining<'_>,
        at: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool> {
        accept(&self.pool, token_hash, who, at, audit).await
    }
}

/// Inside `change!`: withdraws what `$user`, who is no owner any more, invited to the account and nobody took up, but
/// for what they may still grant if they are an `$admin`: a link to themselves would bring back the right that was
/// taken. Comes before the account is locked, as in `accept`, so that no two wait for each other.
macro_rules! end_invitations {
    ($tx:ident, $account:expr, $user:expr, $at:expr, $admin:expr) => {
        sqlx::query(
            "UPDATE invitations SET revoked_ms = $3
             WHERE account_id = $1 AND invited_by = $2 AND accepted_ms IS NULL AND revoked_ms IS NULL
                 AND ($4 = FALSE OR role = 'owner')",
        )
        .bind($account.to_string())
        .bind($user.to_string())
        .bind($crate::row::ms($at))
        .bind($admin)
        .execute(&mut *$tx)
        .await?;
    };
}
pub(crate) use end_invitations;

/// Members and open invitations count together, so that nobody is invited into an account that will be full.
pub(crate) const TAKEN: &str = "SELECT (SELECT count(*) FROM members WHERE account_id = $1)
     + (SELECT count(*) FROM invitations WHERE account_id = $1 AND accepted_ms IS NULL AND revoked_ms IS NULL)";

pub(crate) async fn create(pool: &Pool, invitation: &Invitation, token_hash: &str, audit: &AuditEvent) -> Result<()> {
    let mut refused = None;
    let added: Option<String> = change!(pool, audit, tx => {
        if !room_for_one!(tx, invitation.account_id, Limit::Members, TAKEN, refused) {
            return Ok(None);
        }
        let member: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM members m JOIN users u ON u.id = m.user_id
                 WHERE m.account_id = $1 AND u.email = $2)",
        )
        .bind(invitation.account_id.to_string())
        .bind(invitation.email.as_str())
        .fetch_one(&mut *tx)
        .await?;
        if member {
            refused = Some(Error::conflict(Code::Conflict, "This person is a member already"));
            return Ok(None);
        }
        sqlx::query_scalar(
            "INSERT INTO invitations (id, account_id, email, role, token_hash, invited_by, created_ms, expires_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(invitation.id.to_string())
        .bind(invitation.account_id.to_string())
        .bind(invitation.email.as_str())
        .bind(invitation.role.as_str())
        .bind(token_hash)
        .bind(invitation.invited_by.to_string())
        .bind(ms(invitation.created_at))
        .bind(ms(invitation.expires_at))
        .fetch_optional(&mut *tx)
        .await
    })
    .map_err(translate)?;
    let invited = || Error::conflict(Code::Conflict, "This person is invited already: make them a new link instead");
    added.map(drop).ok_or_else(|| refused.unwrap_or_else(invited))
}

pub(crate) async fn of_account(pool: &Pool, account: AccountId, id: InvitationId) -> Result<Option<Invitation>> {
    let text = select!("i.id = $1 AND i.account_id = $2");
    let row = on_db!(read pool, db => sqlx::query_as::<_, InvitationRow>(text)
        .bind(id.to_string())
        .bind(account.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn list(pool: &Pool, account: AccountId, page: &PageRequest) -> Result<Vec<Invitation>> {
    let text = select!("i.account_id = $1 AND i.id > $2 ORDER BY i.id LIMIT $3");
    let rows = on_db!(read pool, db => sqlx::query_as::<_, InvitationRow>(text)
        .bind(account.to_string())
        .bind(ascending(page.after.as_deref()))
        .bind(with_surplus(page.limit))
        .fetch_all(db)
        .await);
    all(rows.map_err(translate)?)
}

pub(crate) async fn resend(
    pool: &Pool,
    (id, by): (InvitationId, UserId),
    token_hash: &str,
    expires_at: Timestamp,
    audit: &AuditEvent,
) -> Result<bool> {
    let sent: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE invitations SET token_hash = $2, expires_ms = $3, invited_by = $4
         WHERE id = $1 AND accepted_ms IS NULL AND revoked_ms IS NULL RETURNING id",
    )
    .bind(id.to_string())
    .bind(token_hash)
    .bind(ms(expires_at))
    .bind(by.to_string())
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(sent.is_some())
}

pub(crate) async fn revoke(pool: &Pool, id: InvitationId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
    let revoked: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE invitations SET revoked_ms = $2 WHERE id = $1 AND accepted_ms IS NULL AND revoked_ms IS NULL RETURNING id",
    )
    .bind(id.to_string())
    .bind(ms(at))
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(revoked.is_some())
}

pub(crate) async fn open(pool: &Pool, token_hash: &str, now: Timestamp) -> Result<Option<(Invitation, Account)>> {
    let text = concat!(
        "SELECT i.id, i.account_id AS invited_to, i.email, i.role, i.invited_by, i.created_ms, i.expires_ms,
             i.accepted_ms, i.revoked_ms, ",
        columns!(),
        " FROM invitations i JOIN accounts a ON a.id = i.account_id
         WHERE i.token_hash = $1 AND i.accepted_ms IS NULL AND i.revoked_ms IS NULL AND i.expires_ms > $2"
    );
    let row: Option<OpenRow> = on_db!(read pool, db => sqlx::query_as(text)
        .bind(token_hash)
        .bind(ms(now))
        .fetch_optional(db)
        .await)
    .map_err(translate)?;
    row.map(|row| Ok((row.invitation.try_into()?, row.account.try_into()?))).transpose()
}

/// The invitation itself stands for the place it takes, so only its own use is counted out.
const OTHERS: &str = "SELECT count(*) FROM members WHERE account_id = $1";

pub(crate) async fn accept(
    pool: &Pool,
    token_hash: &str,
    who: Joining<'_>,
    at: Timestamp,
    audit: &AuditEvent,
) -> Result<bool> {
    let mut refused = None;
    let joined = change!(pool, audit, tx => {
        let used: Option<(String, String)> = sqlx::query_as(
            "UPDATE invitations SET accepted_ms = $2 WHERE token_hash = $1 AND accepted_ms IS NULL
                 AND revoked_ms IS NULL AND expires_ms > $2 RETURNING account_id, role",
        )
        .bind(token_hash)
        .bind(ms(at))
        .fetch_optional(&mut *tx)
        .await?;
        let Some((account, role)) = used else { return Ok(None) };
        if !room_for_one!(tx, account, Limit::Members, OTHERS, refused) {
            return Ok(None);
        }
        let user = match who {
            Joining::Known(user) => user,
            Joining::New(user, password_hash) => {
                let added: Option<String> = insert_user!(tx, user, password_hash);
                if added.is_none() {
                    return Ok(None);
                }
                user.id
            }
        };
        // Somebody who became a member meanwhile keeps the role they have.
        sqlx::query(
            "INSERT INTO members (account_id, user_id, role, joined_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account_id, user_id) DO NOTHING",
        )
        .bind(&account)
        .bind(user.to_string())
        .bind(&role)
        .bind(ms(at))
        .execute(&mut *tx)
        .await?;
        end_reset_link!(tx, user);
        Ok(Some(()))
    })
    .map_err(translate)?;
    refused.map_or_else(|| Ok(joined.is_some()), Err)
}
