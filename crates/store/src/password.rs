//! Passwords and reset links in SQL. Whatever changes a password ends sessions in the same transaction.

use async_trait::async_trait;
use backend::ports::Passwords;
use domain::audit::AuditEvent;
use domain::id::{AccountId, SessionId, UserId};
use domain::password::{PasswordReset, ResetMaker, ResetTarget};
use domain::user::{Email, Role};
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{ms, one, stored};
use crate::session::end_all_but;
use crate::user::AT_VERSION;

#[derive(sqlx::FromRow)]
struct TargetRow {
    user_id: String,
    email: String,
    operator: bool,
    role: Option<String>,
    accounts: i64,
}

impl TryFrom<TargetRow> for ResetTarget {
    type Error = Error;
    fn try_from(row: TargetRow) -> Result<Self> {
        Ok(Self {
            user_id: stored(UserId::parse, &row.user_id)?,
            email: stored(Email::new, &row.email)?,
            operator: row.operator,
            role: row.role.as_deref().map(|role| stored(Role::parse, role)).transpose()?,
            accounts: u32::try_from(row.accounts).unwrap_or(u32::MAX),
        })
    }
}

#[async_trait]
impl Passwords for SqlStore {
    async fn change_password(
        &self,
        user: (UserId, i64),
        hash: &str,
        keep: Option<SessionId>,
        audit: &AuditEvent,
    ) -> Result<bool> {
        change(&self.pool, user, hash, keep, audit).await
    }

    async fn reset_target(&self, account: AccountId, user: UserId) -> Result<Option<ResetTarget>> {
        target(&self.pool, account, user).await
    }

    async fn create_password_reset(
        &self,
        reset: &PasswordReset,
        judged: Option<(ResetMaker, &ResetTarget)>,
        audit: &AuditEvent,
    ) -> Result<bool> {
        create_reset(&self.pool, reset, judged, audit).await
    }

    async fn password_reset(&self, token_hash: &str, now: Timestamp) -> Result<Option<(UserId, Email)>> {
        reset(&self.pool, token_hash, now).await
    }

    async fn use_password_reset(
        &self,
        token_hash: &str,
        now: Timestamp,
        hash: &str,
        subject: &str,
        audit: &AuditEvent,
    ) -> Result<bool> {
        use_reset(&self.pool, token_hash, now, hash, subject, audit).await
    }

    async fn delete_dead_password_resets(&self, now: Timestamp) -> Result<u64> {
        delete_dead(&self.pool, now).await
    }
}

// Inside `change!`: holds a user until the transaction ends. Before their link is touched, always: two that took the
// two in another order could wait for each other.
macro_rules! hold_user {
    ($tx:ident, $user:expr) => {
        sqlx::query("UPDATE users SET created_ms = created_ms WHERE id = $1")
            .bind($user.to_string())
            .execute(&mut *$tx)
            .await?;
    };
}
pub(crate) use hold_user;

// Ends the open link of somebody who joins or leaves an account or gets another role, in the same transaction: whoever
// made it may have no right to reset the password of who they are now. Holds the user: one that is being made either
// stands already and goes, or is judged anew.
macro_rules! end_reset_link {
    ($tx:ident, $user:expr) => {
        $crate::password::hold_user!($tx, $user);
        sqlx::query("DELETE FROM password_resets WHERE user_id = $1")
            .bind($user.to_string())
            .execute(&mut *$tx)
            .await?;
    };
}
pub(crate) use end_reset_link;

// One text for a change and for a reset: sets the hash, ends the sessions, forgets the open link.
macro_rules! set {
    ($tx:ident, $user:expr, $hash:expr, $keep:expr) => {
        sqlx::query("UPDATE users SET password_hash = $2 WHERE id = $1")
            .bind($user.to_string())
            .bind($hash)
            .execute(&mut *$tx)
            .await?;
        end_reset_link!($tx, $user);
        end_all_but!($tx, $user, $keep);
    };
}

/// The link with token `$1`, live at `$2`. Its maker's right is judged here and not taken away with their role: who is
/// removed would have to hold everybody for whom they made a link.
macro_rules! live {
    ($begin:literal, $end:literal) => {
        concat!(
            $begin,
            " WHERE password_resets.token_hash = $1 AND password_resets.expires_ms > $2
                 AND (maker_id IS NULL OR EXISTS (
                     SELECT 1 FROM members m WHERE m.account_id = password_resets.maker_account_id
                         AND m.user_id = password_resets.maker_id AND m.role = password_resets.maker_role
                         AND m.joined_ms <= password_resets.created_ms))",
            $end
        )
    };
}

pub(crate) async fn change(
    pool: &Pool,
    (user, token_version): (UserId, i64),
    hash: &str,
    keep: Option<SessionId>,
    audit: &AuditEvent,
) -> Result<bool> {
    let changed = change!(pool, audit, tx => {
        let found: Option<String> = sqlx::query_scalar(AT_VERSION)
            .bind(user.to_string())
            .bind(token_version)
            .fetch_optional(&mut *tx)
            .await?;
        if found.is_some() {
            set!(tx, user, hash, keep);
        }
        Ok(found)
    });
    Ok(changed.map_err(translate)?.is_some())
}

const TARGET: &str = "SELECT u.id AS user_id, u.email, u.operator,
         (SELECT m.role FROM members m WHERE m.user_id = u.id AND m.account_id = $1) AS role,
         (SELECT count(*) FROM members m WHERE m.user_id = u.id) AS accounts
     FROM users u WHERE u.id = $2";

pub(crate) async fn target(pool: &Pool, account: AccountId, user: UserId) -> Result<Option<ResetTarget>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, TargetRow>(TARGET)
        .bind(account.to_string())
        .bind(user.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn create_reset(
    pool: &Pool,
    reset: &PasswordReset,
    judged: Option<(ResetMaker, &ResetTarget)>,
    audit: &AuditEvent,
) -> Result<bool> {
    let maker = judged.map(|(maker, _)| maker);
    let created = change!(pool, audit, tx => {
        hold_user!(tx, reset.user_id);
        if let Some((maker, judged)) = judged {
            let row = sqlx::query_as::<_, TargetRow>(TARGET)
                .bind(maker.account_id.to_string())
                .bind(reset.user_id.to_string())
                .fetch_optional(&mut *tx)
                .await?;
            let target = row.and_then(|row| ResetTarget::try_from(row).ok());
            if target.as_ref() != Some(judged) {
                return Ok(None);
            }
        }
        sqlx::query(
            "INSERT INTO password_resets
                 (token_hash, user_id, created_ms, expires_ms, maker_account_id, maker_id, maker_role)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, created_ms = excluded.created_ms,
                 expires_ms = excluded.expires_ms, maker_account_id = excluded.maker_account_id,
                 maker_id = excluded.maker_id, maker_role = excluded.maker_role",
        )
        .bind(&reset.token_hash)
        .bind(reset.user_id.to_string())
        .bind(ms(reset.created_at))
        .bind(ms(reset.expires_at))
        .bind(maker.map(|maker| maker.account_id.to_string()))
        .bind(maker.map(|maker| maker.user_id.to_string()))
        .bind(maker.map(|maker| maker.role.as_str()))
        .execute(&mut *tx)
        .await?;
        Ok(Some(()))
    });
    Ok(created.map_err(translate)?.is_some())
}

pub(crate) async fn reset(pool: &Pool, token_hash: &str, now: Timestamp) -> Result<Option<(UserId, Email)>> {
    let row: Option<(String, String)> = on_db!(read pool, db => sqlx::query_as(
        live!("SELECT users.id, users.email FROM password_resets JOIN users ON users.id = password_resets.user_id", ""),
    )
    .bind(token_hash)
    .bind(ms(now))
    .fetch_optional(db)
    .await)
    .map_err(translate)?;
    row.map(|(id, email)| Ok((stored(UserId::parse, &id)?, stored(Email::new, &email)?))).transpose()
}

pub(crate) async fn use_reset(
    pool: &Pool,
    token_hash: &str,
    now: Timestamp,
    hash: &str,
    subject: &str,
    audit: &AuditEvent,
) -> Result<bool> {
    let used = change!(pool, audit, tx => {
        // As `hold_user!`: whoever changes the password at this moment holds the user and ends this very link.
        sqlx::query(
            "UPDATE users SET created_ms = created_ms
             WHERE id = (SELECT user_id FROM password_resets WHERE token_hash = $1)",
        )
        .bind(token_hash)
        .execute(&mut *tx)
        .await?;
        let user: Option<String> = sqlx::query_scalar(
            live!("DELETE FROM password_resets", " RETURNING user_id"),
        )
        .bind(token_hash)
        .bind(ms(now))
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(user) = &user {
            set!(tx, user, hash, None::<SessionId>);
            sqlx::query("DELETE FROM login_counters WHERE subject = $1").bind(subject).execute(&mut *tx).await?;
        }
        Ok(user)
    });
    Ok(used.map_err(translate)?.is_some())
}

pub(crate) async fn delete_dead(pool: &Pool, now: Timestamp) -> Result<u64> {
    on_db!(write pool, db => sqlx::query("DELETE FROM password_resets WHERE expires_ms <= $1")
        .bind(ms(now))
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(translate)
}
