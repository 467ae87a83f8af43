//! Accounts in SQL. Customer numbers are given out under a row lock, so two never get the same one.

use async_trait::async_trait;
use backend::ports::Accounts;
use domain::account::{Account, AccountName, CustomerId};
use domain::audit::AuditEvent;
use domain::id::AccountId;
use domain::{Code, Error, Result};

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{at, ms, one, stored};

#[derive(sqlx::FromRow)]
pub(crate) struct AccountRow {
    pub(crate) account_id: String,
    account_name: String,
    customer_number: i64,
    account_created_ms: i64,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;
    fn try_from(row: AccountRow) -> Result<Self> {
        Ok(Self {
            id: stored(AccountId::parse, &row.account_id)?,
            name: stored(AccountName::new, &row.account_name)?,
            customer: CustomerId::from_number(row.customer_number.try_into().map_err(Error::internal)?),
            created_at: at(row.account_created_ms)?,
        })
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
             RETURNING id AS account_id, name AS account_name, customer_number, created_ms AS account_created_ms",
        )
        .bind(account.id.to_string())
        .bind(account.name.as_str())
        .bind(number)
        .bind(ms(account.created_at))
        .fetch_optional(&mut *tx)
        .await
    })
    .map_err(translate)?;
    let taken = || Error::conflict(Code::NameTaken, "An account with this name exists already");
    row.ok_or_else(taken)?.try_into()
}

pub(crate) async fn by_name(pool: &Pool, name: &str) -> Result<Option<Account>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, AccountRow>(
        "SELECT id AS account_id, name AS account_name, customer_number, created_ms AS account_created_ms
         FROM accounts WHERE name = $1",
    )
    .bind(name)
    .fetch_optional(db)
    .await);
    one(row.map_err(translate)?)
}
