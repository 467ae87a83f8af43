//! People and their memberships in SQL.

use async_trait::async_trait;
use backend::ports::{Member, Users};
use domain::account::Account;
use domain::audit::AuditEvent;
use domain::id::{AccountId, UserId};
use domain::user::{Email, Role, User};
use domain::{Code, Error, Result};

use crate::SqlStore;
use crate::account::{self, AccountRow};
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{at, ms, one, stored};

/// Inside `change!`: writes a user and yields their id; nothing where the e-mail address is taken.
macro_rules! insert_user {
    ($tx:ident, $user:expr, $password_hash:expr) => {
        sqlx::query_scalar(
            "INSERT INTO users (id, email, password_hash, operator, disabled, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING RETURNING id",
        )
        .bind($user.id.to_string())
        .bind($user.email.as_str())
        .bind($password_hash)
        .bind($user.operator)
        .bind($user.disabled)
        .bind(ms($user.created_at))
        .fetch_optional(&mut *$tx)
        .await?
    };
}

pub(crate) use insert_user;

/// Inside `change!`: takes a user who was just written into their first account.
macro_rules! insert_first_member {
    ($tx:ident, $user:expr, $account:expr, $role:expr) => {
        sqlx::query("INSERT INTO members (account_id, user_id, role, joined_ms) VALUES ($1, $2, $3, $4)")
            .bind($account.to_string())
            .bind($user.id.to_string())
            .bind($role.as_str())
            .bind(ms($user.created_at))
            .execute(&mut *$tx)
            .await?;
    };
}

pub(crate) use insert_first_member;

#[derive(sqlx::FromRow)]
struct PersonRow {
    user_id: String,
    email: String,
    password_hash: Option<String>,
    operator: bool,
    disabled: bool,
    user_created_ms: i64,
    token_version: i64,
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    #[sqlx(flatten)]
    person: PersonRow,
    role: String,
    #[sqlx(flatten)]
    account: AccountRow,
}

// One text for both look-ups; the default account is the first joined.
macro_rules! member_where {
    ($condition:literal, $first:literal) => {
        concat!(
            "SELECT u.id AS user_id, u.email, u.password_hash, u.operator, u.disabled, u.created_ms AS user_created_ms,
                 u.token_version, m.role, ",
            account::columns!(),
            " FROM users u JOIN members m ON m.user_id = u.id JOIN accounts a ON a.id = m.account_id
             WHERE ",
            $condition,
            " ORDER BY ",
            $first,
            "m.joined_ms, m.account_id LIMIT 1"
        )
    };
}

impl TryFrom<MemberRow> for Member {
    type Error = Error;
    fn try_from(row: MemberRow) -> Result<Self> {
        let token_version = row.person.token_version;
        let (user, password_hash) = row.person.read()?;
        let role = stored(Role::parse, &row.role)?;
        Ok(Self { user, password_hash, account: Account::try_from(row.account)?, role, token_version })
    }
}

impl PersonRow {
    fn read(self) -> Result<(User, Option<String>)> {
        let user = User {
            id: stored(UserId::parse, &self.user_id)?,
            email: stored(Email::new, &self.email)?,
            operator: self.operator,
            disabled: self.disabled,
            created_at: at(self.user_created_ms)?,
        };
        Ok((user, self.password_hash))
    }
}

#[async_trait]
impl Users for SqlStore {
    async fn create_user(
        &self,
        user: &User,
        password_hash: Option<&str>,
        account: AccountId,
        role: Role,
        audit: &AuditEvent,
    ) -> Result<()> {
        create(&self.pool, user, password_hash, account, role, audit).await
    }

    async fn has_users(&self) -> Result<bool> {
        any(&self.pool).await
    }

    async fn person_by_email(&self, email: &Email) -> Result<Option<(User, Option<String>)>> {
        person_by_email(&self.pool, email).await
    }

    async fn member_by_email(&self, email: &Email) -> Result<Option<Member>> {
        member_by_email(&self.pool, email).await
    }

    async fn member(&self, user: UserId, account: Option<AccountId>) -> Result<Option<Member>> {
        member(&self.pool, user, account).await
    }

    async fn is_current(&self, user: UserId, token_version: i64) -> Result<bool> {
        is_current(&self.pool, user, token_version).await
    }

    async fn set_password_hash(&self, user: UserId, old: &str, hash: &str) -> Result<()> {
        set_password_hash(&self.pool, user, old, hash).await
    }
}

pub(crate) async fn create(
    pool: &Pool,
    user: &User,
    password_hash: Option<&str>,
    account: AccountId,
    role: Role,
    audit: &AuditEvent,
) -> Result<()> {
    let added = change!(pool, audit, tx => {
        let added: Option<String> = insert_user!(tx, user, password_hash);
        if added.is_some() {
            insert_first_member!(tx, user, account, role);
        }
        Ok(added)
    })
    .map_err(translate)?;
    added.map(drop).ok_or_else(email_taken)
}

pub(crate) fn email_taken() -> Error {
    Error::conflict(Code::NameTaken, "A user with this e-mail address exists already")
}

pub(crate) async fn any(pool: &Pool) -> Result<bool> {
    on_db!(read pool, db => sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users)").fetch_one(db).await)
        .map_err(translate)
}

async fn person_by_email(pool: &Pool, email: &Email) -> Result<Option<(User, Option<String>)>> {
    let row: Option<PersonRow> = on_db!(read pool, db => sqlx::query_as(
        "SELECT id AS user_id, email, password_hash, operator, disabled, created_ms AS user_created_ms,
             token_version
         FROM users WHERE email = $1",
    )
    .bind(email.as_str())
    .fetch_optional(db)
    .await)
    .map_err(translate)?;
    row.map(PersonRow::read).transpose()
}

pub(crate) async fn member_by_email(pool: &Pool, email: &Email) -> Result<Option<Member>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, MemberRow>(member_where!("u.email = $1", ""))
        .bind(email.as_str())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn member(pool: &Pool, user: UserId, account: Option<AccountId>) -> Result<Option<Member>> {
    let text = member_where!("u.id = $1", "CASE WHEN m.account_id = $2 THEN 0 ELSE 1 END, ");
    let row = on_db!(read pool, db => sqlx::query_as::<_, MemberRow>(text)
        .bind(user.to_string())
        .bind(account.map(|id| id.to_string()))
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

/// Finds a user who still has this `token_version`. An UPDATE and no SELECT: it waits for a transaction that raised the number and has not ended.
pub(crate) const AT_VERSION: &str =
    "UPDATE users SET created_ms = created_ms WHERE id = $1 AND token_version = $2 RETURNING id";

async fn is_current(pool: &Pool, user: UserId, token_version: i64) -> Result<bool> {
    let found: Option<String> = on_db!(write pool, db => sqlx::query_scalar(AT_VERSION)
    .bind(user.to_string())
    .bind(token_version)
    .fetch_optional(db)
    .await)
    .map_err(translate)?;
    Ok(found.is_some())
}

pub(crate) async fn set_password_hash(pool: &Pool, user: UserId, old: &str, hash: &str) -> Result<()> {
    on_db!(write pool, db => sqlx::query("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2")
        .bind(user.to_string())
        .bind(old)
        .bind(hash)
        .execute(db)
        .await
        .map(drop))
    .map_err(translate)
}
