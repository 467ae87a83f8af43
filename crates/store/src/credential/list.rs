//! Credentials as lists show them: with the name of their key and of their namespace.

use backend::ports::CredentialFilter;
use domain::api_key::PublicId;
use domain::credential::{Access, Credential, CredentialListed, KeyOfCredential};
use domain::id::{AccountId, ApiKeyId, CredentialId, NamespaceId, UserId};
use domain::page::PageRequest;
use domain::{Error, Result};

use crate::error::translate;
use crate::pool::{Pool, on_db};
use crate::row::{all, at, descending, maybe_at, one, stored, with_surplus};

#[derive(sqlx::FromRow)]
struct CredentialRow {
    id: String,
    account_id: String,
    api_key_id: Option<String>,
    namespace_id: String,
    service_account: String,
    access: Option<String>,
    token_id: Option<String>,
    address: Option<String>,
    issued_ms: i64,
    expires_ms: i64,
    last_used_ms: i64,
    revoked_ms: Option<i64>,
    namespace_name: String,
    key_name: Option<String>,
    key_public_id: Option<String>,
    key_owner_id: Option<String>,
    key_disabled: Option<bool>,
    key_revoked_ms: Option<i64>,
    key_expires_ms: Option<i64>,
}

const SELECT: &str = "SELECT c.id, c.account_id, c.api_key_id, c.namespace_id, c.service_account, c.access, c.token_id,
         c.address, c.issued_ms, c.expires_ms, c.last_used_ms, c.revoked_ms, n.name AS namespace_name,
         k.name AS key_name, k.public_id AS key_public_id, k.owner_id AS key_owner_id, k.disabled AS key_disabled,
         k.revoked_ms AS key_revoked_ms, k.expires_ms AS key_expires_ms
     FROM credentials c
     JOIN namespaces n ON n.id = c.namespace_id
     LEFT JOIN api_keys k ON k.id = c.api_key_id";

impl CredentialRow {
    fn api_key(&mut self) -> Result<Option<KeyOfCredential>> {
        let whole = (self.key_name.take(), self.key_public_id.take(), self.key_owner_id.take());
        let (Some(name), Some(public_id), Some(owner)) = whole else { return Ok(None) };
        Ok(Some(KeyOfCredential {
            name,
            public_id: PublicId::from_trusted(public_id),
            owner_id: stored(UserId::parse, &owner)?,
            dead: self.key_revoked_ms.is_some() || self.key_disabled.unwrap_or(true),
            expires_at: maybe_at(self.key_expires_ms)?,
        }))
    }
}

impl TryFrom<CredentialRow> for CredentialListed {
    type Error = Error;
    fn try_from(mut row: CredentialRow) -> Result<Self> {
        let api_key = row.api_key()?;
        let credential = Credential {
            id: stored(CredentialId::parse, &row.id)?,
            account_id: stored(AccountId::parse, &row.account_id)?,
            api_key_id: row.api_key_id.map(|id| stored(ApiKeyId::parse, &id)).transpose()?,
            namespace_id: stored(NamespaceId::parse, &row.namespace_id)?,
            service_account: row.service_account,
            access: row.access.as_deref().map(Access::from_stored),
            token_id: row.token_id,
            address: row.address,
            issued_at: at(row.issued_ms)?,
            expires_at: at(row.expires_ms)?,
            last_used_at: at(row.last_used_ms)?,
            revoked_at: maybe_at(row.revoked_ms)?,
        };
        Ok(Self { credential, api_key, namespace: row.namespace_name })
    }
}

/// The text holds only the conditions that are asked for: with `OR … IS NULL` a database would use no index.
pub(crate) async fn list(pool: &Pool, filter: &CredentialFilter, page: &PageRequest) -> Result<Vec<CredentialListed>> {
    let conditions = [
        ("c.api_key_id", filter.api_key.map(|id| id.to_string())),
        ("c.namespace_id", filter.namespace.map(|id| id.to_string())),
        ("k.owner_id", filter.owner.map(|id| id.to_string())),
    ];
    let mut text = format!("{SELECT} WHERE c.account_id = $1 AND c.id < $2");
    let mut values = Vec::new();
    for (column, value) in conditions {
        if let Some(value) = value {
            values.push(value);
            text.push_str(&format!(" AND {column} = ${}", values.len() + 3));
        }
    }
    text.push_str(" ORDER BY c.id DESC LIMIT $3");
    let rows = on_db!(read pool, db => {
        // Safe: the text holds nothing but columns and numbered places.
        let query = sqlx::query_as::<_, CredentialRow>(sqlx::AssertSqlSafe(text))
            .bind(filter.account.to_string())
            .bind(descending(page.after.as_deref()).to_owned())
            .bind(with_surplus(page.limit));
        values.into_iter().fold(query, |query, value| query.bind(value)).fetch_all(db).await
    });
    all(rows.map_err(translate)?)
}

pub(crate) async fn of_account(pool: &Pool, account: AccountId, id: CredentialId) -> Result<Option<CredentialListed>> {
    let text = format!("{SELECT} WHERE c.id = $1 AND c.account_id = $2");
    let row = on_db!(read pool, db => sqlx::query_as::<_, CredentialRow>(sqlx::AssertSqlSafe(text))
        .bind(id.to_string())
        .bind(account.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}
