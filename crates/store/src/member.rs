//! Memberships in SQL. Whoever may take away an owner locks the account first: two who do so at once would both see the
//! other one left.

use async_trait::async_trait;
use backend::ports::Members;
use domain::audit::AuditEvent;
use domain::id::{AccountId, UserId};
use domain::member::{AccountMember, last_owner};
use domain::page::PageRequest;
use domain::permission::{Permission, allows};
use domain::user::{Email, Role};
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::account::hold_account;
use crate::error::translate;
use crate::invitation::end_invitations;
use crate::password::end_reset_link;
use crate::pool::{Pool, change, on_db};
use crate::row::{all, ascending, at, ms, one, stored, with_surplus};

#[derive(sqlx::FromRow)]
struct MemberRow {
    user_id: String,
    email: String,
    role: String,
    joined_ms: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT m.user_id, u.email, m.role, m.joined_ms FROM members m JOIN users u ON u.id = m.user_id
             WHERE m.account_id = $1 AND ",
            $rest
        )
    };
}

/// The living SkyPilot kubeconfigs that user `$2` made in account `$1`, also those of which an older binary wrote down
/// only the e-mail.
macro_rules! made_by {
    ($begin:literal, $end:literal) => {
        concat!(
            $begin,
            " WHERE COALESCE(owner_id, (SELECT users.id FROM users WHERE users.email = created_by)) = $2
                 AND revoked_ms IS NULL AND namespace_id IN (SELECT id FROM namespaces WHERE account_id = $1)",
            $end
        )
    };
}
pub(crate) use made_by;

/// Inside `change!` after the right of `$user` was written: ends the SkyPilot kubeconfigs that they made in the
/// account; the ticket makes their Secrets go. Nobody adds one meanwhile: that waits for the right.
macro_rules! end_kubeconfigs {
    ($tx:ident, $account:expr, $user:expr, $at:expr) => {{
        let namespaces: Vec<String> = sqlx::query_scalar($crate::member::made_by!(
            "SELECT DISTINCT namespace_id FROM skypilot_kubeconfigs",
            " ORDER BY namespace_id"
        ))
        .bind($account.to_string())
        .bind($user.to_string())
        .fetch_all(&mut *$tx)
        .await?;
        $crate::skypilot::order_skypilot!($tx, namespaces);
        sqlx::query($crate::member::made_by!("UPDATE skypilot_kubeconfigs SET revoked_ms = $3", ""))
            .bind($account.to_string())
            .bind($user.to_string())
            .bind(ms($at))
            .execute(&mut *$tx)
            .await?;
    }};
}
pub(crate) use end_kubeconfigs;

/// Inside `change!`: whether the account has another owner than `$user`; nobody else can change that before the
/// transaction ends.
macro_rules! another_owner {
    ($tx:ident, $account:expr, $user:expr) => {{
        hold_account!($tx, $account);
        let found: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM members WHERE account_id = $1 AND user_id <> $2 AND role = 'owner')",
        )
        .bind($account.to_string())
        .bind($user.to_string())
        .fetch_one(&mut *$tx)
        .await?;
        found
    }};
}

impl TryFrom<MemberRow> for AccountMember {
    type Error = Error;
    fn try_from(row: MemberRow) -> Result<Self> {
        Ok(Self {
            user_id: stored(UserId::parse, &row.user_id)?,
            email: stored(Email::new, &row.email)?,
            role: stored(Role::parse, &row.role)?,
            joined_at: at(row.joined_ms)?,
        })
    }
}

#[async_trait]
impl Members for SqlStore {
    async fn list_members(&self, account: AccountId, page: &PageRequest) -> Result<Vec<AccountMember>> {
        list(&self.pool, account, page).await
    }

    async fn account_member(&self, account: AccountId, user: UserId) -> Result<Option<AccountMember>> {
        find(&self.pool, account, user).await
    }

    async fn set_member_role(
        &self,
        account: AccountId,
        user: UserId,
        from: Role,
        to: Role,
        audit: &AuditEvent,
    ) -> Result<bool> {
        set_role(&self.pool, (account, user), (from, to), audit).await
    }

    async fn remove_member(
        &self,
        account: AccountId,
        user: UserId,
        from: Role,
        at: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool> {
        remove(&self.pool, (account, user), from, at, audit).await
    }

    async fn transfer_ownership(
        &self,
        account: AccountId,
        from: UserId,
        to: UserId,
        audit: &AuditEvent,
    ) -> Result<bool> {
        transfer(&self.pool, account, (from, to), audit).await
    }
}

pub(crate) async fn list(pool: &Pool, account: AccountId, page: &PageRequest) -> Result<Vec<AccountMember>> {
    let text = select!("m.user_id > $2 ORDER BY m.user_id LIMIT $3");
    let rows = on_db!(read pool, db => sqlx::query_as::<_, MemberRow>(text)
        .bind(account.to_string())
        .bind(ascending(page.after.as_deref()))
        .bind(with_surplus(page.limit))
        .fetch_all(db)
        .await);
    all(rows.map_err(translate)?)
}

pub(crate) async fn find(pool: &Pool, account: AccountId, user: UserId) -> Result<Option<AccountMember>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, MemberRow>(select!("m.user_id = $2"))
        .bind(account.to_string())
        .bind(user.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn set_role(
    pool: &Pool,
    (account, user): (AccountId, UserId),
    (from, to): (Role, Role),
    audit: &AuditEvent,
) -> Result<bool> {
    let mut refused = None;
    let changed = change!(pool, audit, tx => {
        if to != Role::Owner {
            end_invitations!(tx, account, user, audit.at, allows(to, false, Permission::ManageMembers));
        }
        if from == Role::Owner && to != Role::Owner && !another_owner!(tx, account, user) {
            refused = Some(last_owner());
            return Ok(None);
        }
        let changed: Option<String> = sqlx::query_scalar(
            "UPDATE members SET role = $4 WHERE account_id = $1 AND user_id = $2 AND role = $3 RETURNING user_id",
        )
        .bind(account.to_string())
        .bind(user.to_string())
        .bind(from.as_str())
        .bind(to.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        if changed.is_some() {
            end_reset_link!(tx, user);
            if !allows(to, false, Permission::Deploy) {
                end_kubeconfigs!(tx, account, user, audit.at);
            }
        }
        Ok(changed)
    })
    .map_err(translate)?;
    refused.map_or_else(|| Ok(changed.is_some()), Err)
}

pub(crate) async fn remove(
    pool: &Pool,
    (account, user): (AccountId, UserId),
    from: Role,
    at: Timestamp,
    audit: &AuditEvent,
) -> Result<bool> {
    let mut refused = None;
    let removed = change!(pool, audit, tx => {
        end_invitations!(tx, account, user, at, false);
        if from == Role::Owner && !another_owner!(tx, account, user) {
            refused = Some(last_owner());
            return Ok(None);
        }
        let stranded: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM users u WHERE u.id = $2 AND u.operator = TRUE AND NOT EXISTS (
                 SELECT 1 FROM members m WHERE m.user_id = u.id AND m.account_id <> $1))",
        )
        .bind(account.to_string())
        .bind(user.to_string())
        .fetch_one(&mut *tx)
        .await?;
        if stranded {
            refused = Some(only_account());
            return Ok(None);
        }
        let removed: Option<String> = sqlx::query_scalar(
            "DELETE FROM members WHERE account_id = $1 AND user_id = $2 AND role = $3 RETURNING user_id",
        )
        .bind(account.to_string())
        .bind(user.to_string())
        .bind(from.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        if removed.is_some() {
            sqlx::query(
                "UPDATE api_keys SET revoked_ms = $3, cluster_removed = FALSE, revision = revision + 1
                 WHERE account_id = $1 AND owner_id = $2 AND revoked_ms IS NULL",
            )
            .bind(account.to_string())
            .bind(user.to_string())
            .bind(ms(at))
            .execute(&mut *tx)
            .await?;
            end_kubeconfigs!(tx, account, user, at);
            end_reset_link!(tx, user);
            // Who is taken back one day must not find an old token good again, nor whoever stole it.
            for text in [
                "DELETE FROM cli_codes WHERE account_id = $1 AND user_id = $2",
                "DELETE FROM cli_sessions WHERE account_id = $1 AND user_id = $2",
            ] {
                sqlx::query(text).bind(account.to_string()).bind(user.to_string()).execute(&mut *tx).await?;
            }
        }
        Ok(removed)
    })
    .map_err(translate)?;
    refused.map_or_else(|| Ok(removed.is_some()), Err)
}

fn only_account() -> Error {
    let detail = "A platform operator must stay in one account at least: add them to another one first";
    Error::conflict(Code::Conflict, detail)
}

pub(crate) async fn transfer(
    pool: &Pool,
    account: AccountId,
    (from, to): (UserId, UserId),
    audit: &AuditEvent,
) -> Result<bool> {
    let changed = change!(pool, audit, tx => {
        end_invitations!(tx, account, from, audit.at, true);
        // The heir may be an owner already, whom somebody removes at this moment because of the one who hands over.
        hold_account!(tx, account);
        let mut changed = 0;
        for (user, condition_role, role) in [(to, None, Role::Owner), (from, Some(Role::Owner), Role::Admin)] {
            changed += sqlx::query(
                "UPDATE members SET role = $3 WHERE account_id = $1 AND user_id = $2 AND role = COALESCE($4, role)",
            )
            .bind(account.to_string())
            .bind(user.to_string())
            .bind(role.as_str())
            .bind(condition_role.map(Role::as_str))
            .execute(&mut *tx)
            .await?
            .rows_affected();
        }
        end_reset_link!(tx, to);
        Ok((changed == 2).then_some(()))
    })
    .map_err(translate)?;
    Ok(changed.is_some())
}
