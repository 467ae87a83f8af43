//! Outgoing webhooks in SQL. What happens goes into their outbox in the transaction of its audit row (`outbox.rs`).

mod delivery;
mod deployment;
mod key;
mod outbox;

use async_trait::async_trait;
use backend::ports::{EndingKey, Webhooks};
use domain::audit::AuditEvent;
use domain::id::{AccountId, DeliveryId, WebhookId};
use domain::page::PageRequest;
use domain::webhook::delivery::Next;
use domain::webhook::deployment::{DeploymentStep, ToldDeployment};
use domain::webhook::{Attempt, Delivery, Disabled, DisabledReason, MOST, Topic, Webhook, WebhookSettings, WebhookUrl};
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::account::hold_account;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{all, ascending, at, maybe_at, ms, one, stored, with_surplus};

pub(crate) use outbox::{has_operator, tell};

#[derive(sqlx::FromRow)]
struct WebhookRow {
    w_id: String,
    w_account_id: String,
    name: String,
    url: String,
    topics: String,
    platform: bool,
    secret: String,
    old_secret: Option<String>,
    old_secret_until_ms: Option<i64>,
    disabled_ms: Option<i64>,
    disabled_reason: Option<String>,
    failing_since_ms: Option<i64>,
    created_ms: i64,
}

macro_rules! columns {
    () => {
        "w.id AS w_id, w.account_id AS w_account_id, w.name, w.url, w.topics, w.platform, w.secret, w.old_secret,
         w.old_secret_until_ms, w.disabled_ms, w.disabled_reason, w.failing_since_ms, w.created_ms"
    };
}
use columns;

impl TryFrom<WebhookRow> for Webhook {
    type Error = Error;
    fn try_from(row: WebhookRow) -> Result<Self> {
        let disabled = match (row.disabled_ms, row.disabled_reason) {
            (Some(since), Some(reason)) => {
                Some(Disabled { at: at(since)?, reason: stored(DisabledReason::parse, &reason)? })
            }
            _ => None,
        };
        let topics = row.topics.split(',').filter(|topic| !topic.is_empty()).map(|topic| stored(Topic::parse, topic));
        Ok(Self {
            id: stored(WebhookId::parse, &row.w_id)?,
            account_id: stored(AccountId::parse, &row.w_account_id)?,
            name: row.name,
            url: stored(WebhookUrl::parse, &row.url)?,
            topics: topics.collect::<Result<_>>()?,
            platform: row.platform,
            secret: row.secret,
            old_secret: row.old_secret.zip(maybe_at(row.old_secret_until_ms)?),
            disabled,
            failing_since: maybe_at(row.failing_since_ms)?,
            created_at: at(row.created_ms)?,
        })
    }
}

#[async_trait]
impl Webhooks for SqlStore {
    async fn create_webhook(&self, webhook: &Webhook, audit: &AuditEvent) -> Result<()> {
        create(&self.pool, webhook, audit).await
    }

    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>> {
        of_account(&self.pool, account, id).await
    }

    async fn list_webhooks(&self, account: AccountId, platform: bool, page: &PageRequest) -> Result<Vec<Webhook>> {
        list(&self.pool, account, platform, page).await
    }

    async fn change_webhook(&self, webhook: &Webhook, settings: &WebhookSettings, audit: &AuditEvent) -> Result<bool> {
        set(&self.pool, webhook, settings, audit).await
    }

    async fn rotate_webhook_secret(
        &self,
        id: WebhookId,
        read: &str,
        secret: &str,
        old: &(String, Timestamp),
        audit: &AuditEvent,
    ) -> Result<bool> {
        rotate(&self.pool, id, read, secret, old, audit).await
    }

    async fn switch_webhook(&self, id: WebhookId, disabled: Option<&Disabled>, audit: &AuditEvent) -> Result<bool> {
        switch(&self.pool, id, disabled, audit).await
    }

    async fn stray_webhooks(&self, limit: u32) -> Result<Vec<Webhook>> {
        let text = concat!(
            "SELECT ",
            columns!(),
            " FROM webhooks w WHERE w.platform AND w.disabled_ms IS NULL AND NOT ",
            has_operator!(),
            " ORDER BY w.id LIMIT $1"
        );
        let rows = on_db!(read &self.pool, db => sqlx::query_as::<_, WebhookRow>(text)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await);
        all(rows.map_err(translate)?)
    }

    async fn delete_webhook(&self, id: WebhookId, audit: &AuditEvent) -> Result<bool> {
        delete(&self.pool, id, audit).await
    }

    async fn add_delivery(&self, delivery: &Delivery, audit: &AuditEvent) -> Result<bool> {
        delivery::add(&self.pool, delivery, audit).await
    }

    async fn list_deliveries(&self, id: WebhookId, page: &PageRequest) -> Result<Vec<(Delivery, Vec<Attempt>)>> {
        delivery::list(&self.pool, id, page).await
    }

    async fn redeliver(&self, webhook: WebhookId, id: DeliveryId, now: Timestamp, audit: &AuditEvent) -> Result<bool> {
        delivery::again(&self.pool, webhook, id, now, audit).await
    }

    async fn due_deliveries(&self, now: Timestamp, limit: u32) -> Result<Vec<(Webhook, Delivery)>> {
        delivery::due(&self.pool, now, limit).await
    }

    async fn record_attempt(&self, delivery: &Delivery, attempt: &Attempt, next: Next) -> Result<()> {
        delivery::record(&self.pool, delivery, attempt, next).await
    }

    async fn prune_deliveries(&self, before: Timestamp) -> Result<u64> {
        delivery::prune(&self.pool, before).await
    }

    async fn ending_keys(&self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<EndingKey>> {
        key::ending(&self.pool, now, until, limit).await
    }

    async fn announce_ending_key(&self, key: &EndingKey, audit: &AuditEvent) -> Result<bool> {
        key::announce(&self.pool, key, audit).await
    }

    async fn told_deployments(&self) -> Result<Vec<ToldDeployment>> {
        deployment::told(&self.pool).await
    }

    async fn tell_of_deployments(&self, steps: &[DeploymentStep], now: Timestamp) -> Result<()> {
        deployment::tell(&self.pool, steps, now).await
    }
}

fn topics(topics: &[Topic]) -> String {
    topics.iter().fold(",".to_owned(), |text, topic| text + topic.as_str() + ",")
}

async fn create(pool: &Pool, webhook: &Webhook, audit: &AuditEvent) -> Result<()> {
    let mut full = false;
    change!(pool, audit, tx => {
        hold_account!(tx, webhook.account_id);
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM webhooks WHERE account_id = $1")
            .bind(webhook.account_id.to_string())
            .fetch_one(&mut *tx)
            .await?;
        full = there >= MOST;
        if full {
            return Ok(None);
        }
        sqlx::query(
            "INSERT INTO webhooks (id, account_id, name, url, topics, platform, secret, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(webhook.id.to_string())
        .bind(webhook.account_id.to_string())
        .bind(&webhook.name)
        .bind(webhook.url.as_str())
        .bind(topics(&webhook.topics))
        .bind(webhook.platform)
        .bind(&webhook.secret)
        .bind(ms(webhook.created_at))
        .execute(&mut *tx)
        .await?;
        Ok(Some(()))
    })
    .map_err(translate)?;
    if full {
        return Err(Error::conflict(Code::QuotaExceeded, format!("The account has {MOST} of {MOST} webhooks")));
    }
    Ok(())
}

async fn of_account(pool: &Pool, account: AccountId, id: WebhookId) -> Result<Option<Webhook>> {
    let text = concat!("SELECT ", columns!(), " FROM webhooks w WHERE w.id = $1 AND w.account_id = $2");
    let row = on_db!(read pool, db => sqlx::query_as::<_, WebhookRow>(text)
        .bind(id.to_string())
        .bind(account.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

async fn list(pool: &Pool, account: AccountId, platform: bool, page: &PageRequest) -> Result<Vec<Webhook>> {
    let text = concat!(
        "SELECT ",
        columns!(),
        " FROM webhooks w WHERE w.account_id = $1 AND w.id > $2 AND ($4 OR NOT w.platform) ORDER BY w.id LIMIT $3"
    );
    let rows = on_db!(read pool, db => sqlx::query_as::<_, WebhookRow>(text)
        .bind(account.to_string())
        .bind(ascending(page.after.as_deref()))
        .bind(with_surplus(page.limit))
        .bind(platform)
        .fetch_all(db)
        .await);
    all(rows.map_err(translate)?)
}

async fn set(pool: &Pool, read: &Webhook, settings: &WebhookSettings, audit: &AuditEvent) -> Result<bool> {
    let set: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        // A new address has not failed yet.
        "UPDATE webhooks SET name = $2, url = $3, topics = $4, platform = $5,
             failing_since_ms = CASE WHEN url = $3 THEN failing_since_ms ELSE NULL END
         WHERE id = $1 AND name = $6 AND url = $7 AND topics = $8 AND platform = $9 RETURNING id",
    )
    .bind(read.id.to_string())
    .bind(&settings.name)
    .bind(settings.url.as_str())
    .bind(topics(&settings.topics))
    .bind(settings.platform)
    .bind(&read.name)
    .bind(read.url.as_str())
    .bind(topics(&read.topics))
    .bind(read.platform)
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(set.is_some())
}

async fn rotate(
    pool: &Pool,
    id: WebhookId,
    read: &str,
    secret: &str,
    (old, until): &(String, Timestamp),
    audit: &AuditEvent,
) -> Result<bool> {
    let rotated: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE webhooks SET secret = $2, old_secret = $3, old_secret_until_ms = $4
         WHERE id = $1 AND secret = $5 RETURNING id",
    )
    .bind(id.to_string())
    .bind(secret)
    .bind(old)
    .bind(ms(*until))
    .bind(read)
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(rotated.is_some())
}

async fn switch(pool: &Pool, id: WebhookId, disabled: Option<&Disabled>, audit: &AuditEvent) -> Result<bool> {
    let switched: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE webhooks SET disabled_ms = $2, disabled_reason = $3, failing_since_ms = NULL
         WHERE id = $1 AND (disabled_ms IS NULL) <> ($3 IS NULL) RETURNING id",
    )
    .bind(id.to_string())
    .bind(disabled.map(|disabled| ms(disabled.at)))
    .bind(disabled.map(|disabled| disabled.reason.as_str()))
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(switched.is_some())
}

async fn delete(pool: &Pool, id: WebhookId, audit: &AuditEvent) -> Result<bool> {
    let deleted: Option<String> = change!(pool, audit, tx => {
        sqlx::query("DELETE FROM webhook_deliveries WHERE webhook_id = $1")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        sqlx::query_scalar("DELETE FROM webhooks WHERE id = $1 RETURNING id")
            .bind(id.to_string())
            .fetch_optional(&mut *tx)
            .await
    })
    .map_err(translate)?;
    Ok(deleted.is_some())
}
