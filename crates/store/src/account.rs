//! Accounts in SQL. Customer numbers are given out under a row lock, so two never get the same one.

use async_trait::async_trait;
use backend::ports::Accounts;
use domain::account::{Account, AccountName, CustomerId, Limit, Membership, Quota};
use domain::audit::AuditEvent;
use domain::id::{AccountId, UserId};
use domain::order::OrderedRequest;
use domain::platform_account::AccountUse;
use domain::sku::SkuGrants;
use domain::user::Role;
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::{is_taken, translate};
use crate::platform_account;
use crate::pool::{Pool, change, on_db};
use crate::row::{all, at, maybe_at, ms, one, stored};

#[derive(sqlx::FromRow)]
pub(crate) struct AccountRow {
    pub(crate) account_id: String,
    account_name: String,
    customer_number: i64,
    account_created_ms: i64,
    suspended_ms: Option<i64>,
    quota: Option<String>,
    skus: Option<String>,
    ecosystem_required: bool,
}

#[derive(sqlx::FromRow)]
struct MembershipRow {
    role: String,
    #[sqlx(flatten)]
    account: AccountRow,
}

/// The columns of an [`AccountRow`], of table `a`.
macro_rules! columns {
    () => {
        "a.id AS account_id, a.name AS account_name, a.customer_number, a.created_ms AS account_created_ms,
             a.suspended_ms, a.quota, a.skus, a.ecosystem_required"
    };
}
pub(crate) use columns;

/// Inside `change!`: holds the account until the transaction ends, so that nobody else changes its owners meanwhile,
/// and two who count what it has and add to it never meet.
macro_rules! hold_account {
    ($tx:ident, $account:expr) => {
        sqlx::query("UPDATE accounts SET created_ms = created_ms WHERE id = $1")
            .bind($account.to_string())
            .execute(&mut *$tx)
            .await?;
    };
}
pub(crate) use hold_account;

/// Inside `change!`: locks the account until the transaction ends, so that two who count and add never meet, and says
/// whether it may have one more of `$of`; `$have` counts them. Else `$refused` says why.
macro_rules! room_for_one {
    ($tx:ident, $account:expr, $of:expr, $have:expr, $refused:ident) => {{
        let limits: Option<Option<String>> =
            sqlx::query_scalar("UPDATE accounts SET created_ms = created_ms WHERE id = $1 RETURNING quota")
                .bind($account.to_string())
                .fetch_optional(&mut *$tx)
                .await?;
        let have: i64 = sqlx::query_scalar($have).bind($account.to_string()).fetch_one(&mut *$tx).await?;
        $refused = $crate::account::refusal(limits, $of, have);
        $refused.is_none()
    }};
}
pub(crate) use room_for_one;

/// Why there is no room; `limits` is the account's column, none when it is gone.
pub(crate) fn refusal(limits: Option<Option<String>>, of: Limit, have: i64) -> Option<Error> {
    let Some(limits) = limits else { return Some(Error::NotFound) };
    let have = u32::try_from(have).unwrap_or(u32::MAX);
    quota(limits.as_deref()).and_then(|quota| quota.room_for_one(of, have)).err()
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;
    fn try_from(row: AccountRow) -> Result<Self> {
        Ok(Self {
            id: stored(AccountId::parse, &row.account_id)?,
            name: stored(AccountName::new, &row.account_name)?,
            customer: CustomerId::from_number(row.customer_number.try_into().map_err(Error::internal)?),
            created_at: at(row.account_created_ms)?,
            suspended_at: maybe_at(row.suspended_ms)?,
            quota: quota(row.quota.as_deref())?,
            skus: skus(row.skus.as_deref())?,
            ecosystem_required: row.ecosystem_required,
        })
    }
}

/// Limits as stored; none are the defaults.
pub(crate) fn quota(stored: Option<&str>) -> Result<Quota> {
    stored.map_or_else(|| Ok(Quota::default()), |json| serde_json::from_str(json).map_err(Error::internal))
}

/// SKUs as stored; none is every SKU.
pub(crate) fn skus(stored: Option<&str>) -> Result<SkuGrants> {
    stored.map_or_else(|| Ok(SkuGrants::default()), |json| serde_json::from_str(json).map_err(Error::internal))
}

impl TryFrom<MembershipRow> for Membership {
    type Error = Error;
    fn try_from(row: MembershipRow) -> Result<Self> {
        Ok(Self { role: stored(Role::parse, &row.role)?, account: row.account.try_into()? })
    }
}

#[async_trait]
impl Accounts for SqlStore {
    async fn create_account(&self, account: &Account, audit: &AuditEvent) -> Result<Account> {
        create(&self.pool, account, audit).await
    }

    async fn account_by_name(&self, name: &str) -> Result<Option<Account>> {
        by_name(&self.pool, name).await
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        by_id(&self.pool, id).await
    }

    async fn accounts_of(&self, user: UserId) -> Result<Vec<Membership>> {
        of_user(&self.pool, user).await
    }

    async fn list_accounts(&self, page: &OrderedRequest) -> Result<Vec<AccountUse>> {
        platform_account::list(&self.pool, page).await
    }

    async fn account_use(&self, id: AccountId) -> Result<Option<AccountUse>> {
        platform_account::by_id(&self.pool, id).await
    }

    async fn change_account(&self, from: &Account, to: &Account, audit: &AuditEvent) -> Result<bool> {
        change(&self.pool, from, to, audit).await
    }

    async fn suspend_account(&self, from: &Account, at: Option<Timestamp>, audit: &AuditEvent) -> Result<bool> {
        platform_account::suspend(&self.pool, from, at, audit).await
    }

    async fn set_account_quota(
        &self,
        from: &Account,
        quota: &Quota,
        outdated: Option<Timestamp>,
        audit: &AuditEvent,
    ) -> Result<bool> {
        platform_account::set_quota(&self.pool, from, quota, outdated, audit).await
    }

    async fn set_account_skus(
        &self,
        from: &Account,
        skus: &SkuGrants,
        outdated: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool> {
        platform_account::set_skus(&self.pool, from, skus, outdated, audit).await
    }

    async fn delete_account(&self, id: AccountId, audit: &AuditEvent) -> Result<bool> {
        platform_account::delete(&self.pool, id, audit).await
    }
}

pub(crate) async fn create(pool: &Pool, account: &Account, audit: &AuditEvent) -> Result<Account> {
    let row = change!(pool, audit, tx => {
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO sequences (name, last) VALUES ('customer', 1)
             ON CONFLICT (name) DO UPDATE SET last = sequences.last + 1 RETURNING last",
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query_as::<_, AccountRow>(
            "INSERT INTO accounts (id, name, customer_number, created_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO NOTHING
             RETURNING id AS account_id, name AS account_name, customer_number, created_ms AS account_created_ms,
                 suspended_ms, quota, skus, ecosystem_required",
        )
        .bind(account.id.to_string())
        .bind(account.name.as_str())
        .bind(number)
        .bind(ms(account.created_at))
        .fetch_optional(&mut *tx)
        .await
    })
    .map_err(translate)?;
    row.ok_or_else(name_taken)?.try_into()
}

fn name_taken() -> Error {
    Error::conflict(Code::NameTaken, "An account with this name exists already")
}

pub(crate) async fn change(pool: &Pool, from: &Account, to: &Account, audit: &AuditEvent) -> Result<bool> {
    let changed: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE accounts SET name = $2, ecosystem_required = $3
         WHERE id = $1 AND name = $4 AND ecosystem_required = $5 RETURNING id",
    )
    .bind(from.id.to_string())
    .bind(to.name.as_str())
    .bind(to.ecosystem_required)
    .bind(from.name.as_str())
    .bind(from.ecosystem_required)
    .fetch_optional(&mut *tx)
    .await)
    .map_err(|error| if is_taken(&error) { name_taken() } else { translate(error) })?;
    Ok(changed.is_some())
}

pub(crate) async fn by_name(pool: &Pool, name: &str) -> Result<Option<Account>> {
    let text = concat!("SELECT ", columns!(), " FROM accounts a WHERE a.name = $1");
    let row = on_db!(read pool, db => sqlx::query_as::<_, AccountRow>(text).bind(name).fetch_optional(db).await);
    one(row.map_err(translate)?)
}

pub(crate) async fn by_id(pool: &Pool, id: AccountId) -> Result<Option<Account>> {
    let text = concat!("SELECT ", columns!(), " FROM accounts a WHERE a.id = $1");
    let row = on_db!(read pool, db => sqlx::query_as::<_, AccountRow>(text)
        .bind(id.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn of_user(pool: &Pool, user: UserId) -> Result<Vec<Membership>> {
    let text = concat!(
        "SELECT m.role, ",
        columns!(),
        " FROM members m JOIN accounts a ON a.id = m.account_id WHERE m.user_id = $1 ORDER BY m.joined_ms, m.account_id"
    );
    let rows = on_db!(read pool, db => sqlx::query_as::<_, MembershipRow>(text)
        .bind(user.to_string())
        .fetch_all(db)
        .await);
    all(rows.map_err(translate)?)
}
