//! Deliveries and their attempts in SQL.

use std::collections::BTreeMap;

use domain::audit::AuditEvent;
use domain::id::{AccountId, DeliveryId, WebhookId};
use domain::page::PageRequest;
use domain::webhook::delivery::Next;
use domain::webhook::event::TEST;
use domain::webhook::{Attempt, Delivery, DeliveryState, Problem, Webhook};
use domain::{Error, Result};
use jiff::Timestamp;

use super::{WebhookRow, columns, has_operator};
use crate::error::translate;
use crate::pool::{Pool, change, enter, on_db};
use crate::row::{at, descending, maybe_at, ms, stored, with_surplus};

#[derive(sqlx::FromRow)]
struct DeliveryRow {
    webhook_id: String,
    id: String,
    kind: String,
    account_id: Option<String>,
    target: String,
    target_name: String,
    outcome: String,
    detail: String,
    ecosystem: Option<String>,
    at_ms: i64,
    state: String,
    tries: i64,
    first_tried_ms: Option<i64>,
    next_ms: i64,
}

#[derive(sqlx::FromRow)]
struct DueRow {
    #[sqlx(flatten)]
    webhook: WebhookRow,
    #[sqlx(flatten)]
    delivery: DeliveryRow,
}

#[derive(sqlx::FromRow)]
struct AttemptRow {
    delivery_id: String,
    at_ms: i64,
    status: Option<i64>,
    problem: Option<String>,
    took_ms: i64,
}

macro_rules! of_delivery {
    () => {
        "d.webhook_id, d.id, d.kind, d.account_id, d.target, d.target_name, d.outcome, d.detail, d.ecosystem, d.at_ms,
         d.state, d.tries, d.first_tried_ms, d.next_ms"
    };
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Error;
    fn try_from(row: DeliveryRow) -> Result<Self> {
        Ok(Self {
            id: stored(DeliveryId::parse, &row.id)?,
            webhook_id: stored(WebhookId::parse, &row.webhook_id)?,
            kind: row.kind,
            account_id: row.account_id.map(|id| stored(AccountId::parse, &id)).transpose()?,
            target: row.target,
            target_name: row.target_name,
            outcome: row.outcome,
            detail: row.detail,
            ecosystem: row.ecosystem,
            at: at(row.at_ms)?,
            state: stored(DeliveryState::parse, &row.state)?,
            tries: u32::try_from(row.tries).map_err(Error::internal)?,
            first_tried_at: maybe_at(row.first_tried_ms)?,
            next_at: at(row.next_ms)?,
        })
    }
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = Error;
    fn try_from(row: AttemptRow) -> Result<Self> {
        Ok(Self {
            at: at(row.at_ms)?,
            status: row.status.map(u16::try_from).transpose().map_err(Error::internal)?,
            problem: row.problem.map(|problem| stored(Problem::parse, &problem)).transpose()?,
            took_ms: row.took_ms,
        })
    }
}

pub(super) async fn add(pool: &Pool, delivery: &Delivery, audit: &AuditEvent) -> Result<bool> {
    let added: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "INSERT INTO webhook_deliveries (webhook_id, id, kind, account_id, target, target_name, outcome, detail, at_ms,
             state, next_ms)
         SELECT w.id, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting', $9 FROM webhooks w WHERE w.id = $1
         ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(delivery.webhook_id.to_string())
    .bind(delivery.id.to_string())
    .bind(&delivery.kind)
    .bind(delivery.account_id.map(|id| id.to_string()))
    .bind(&delivery.target)
    .bind(&delivery.target_name)
    .bind(&delivery.outcome)
    .bind(&delivery.detail)
    .bind(ms(delivery.at))
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(added.is_some())
}

pub(super) async fn list(pool: &Pool, id: WebhookId, page: &PageRequest) -> Result<Vec<(Delivery, Vec<Attempt>)>> {
    // The tries first: no delivery is shown in a state older than they are.
    let attempts = on_db!(read pool, db => sqlx::query_as::<_, AttemptRow>(
        "SELECT delivery_id, at_ms, status, problem, took_ms FROM webhook_attempts
         WHERE webhook_id = $1 AND delivery_id IN (
             SELECT d.id FROM webhook_deliveries d WHERE d.webhook_id = $1 AND d.id < $2 ORDER BY d.id DESC LIMIT $3)
         ORDER BY number",
    )
    .bind(id.to_string())
    .bind(descending(page.after.as_deref()))
    .bind(with_surplus(page.limit))
    .fetch_all(db)
    .await)
    .map_err(translate)?;
    let text = concat!(
        "SELECT ",
        of_delivery!(),
        " FROM webhook_deliveries d WHERE d.webhook_id = $1 AND d.id < $2 ORDER BY d.id DESC LIMIT $3"
    );
    let rows = on_db!(read pool, db => sqlx::query_as::<_, DeliveryRow>(text)
        .bind(id.to_string())
        .bind(descending(page.after.as_deref()))
        .bind(with_surplus(page.limit))
        .fetch_all(db)
        .await)
    .map_err(translate)?;
    let mut of: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
    for row in attempts {
        of.entry(row.delivery_id.clone()).or_default().push(row.try_into()?);
    }
    rows.into_iter()
        .map(|row| {
            let attempts = of.remove(&row.id).unwrap_or_default();
            Ok((row.try_into()?, attempts))
        })
        .collect()
}

pub(super) async fn again(
    pool: &Pool,
    webhook: WebhookId,
    id: DeliveryId,
    now: Timestamp,
    audit: &AuditEvent,
) -> Result<bool> {
    let ordered: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE webhook_deliveries SET state = 'waiting', tries = 0, first_tried_ms = NULL, next_ms = $3
         WHERE webhook_id = $1 AND id = $2 RETURNING id",
    )
    .bind(webhook.to_string())
    .bind(id.to_string())
    .bind(ms(now))
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(ordered.is_some())
}

pub(super) async fn due(pool: &Pool, now: Timestamp, limit: u32) -> Result<Vec<(Webhook, Delivery)>> {
    let text = concat!(
        "SELECT ",
        columns!(),
        ", ",
        of_delivery!(),
        " FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
         WHERE d.state = 'waiting' AND d.next_ms <= $1 AND w.disabled_ms IS NULL AND (NOT w.platform OR ",
        has_operator!(),
        ")
             AND d.id = COALESCE(
                 (SELECT min(t.id) FROM webhook_deliveries t
                  WHERE t.webhook_id = w.id AND t.state = 'waiting' AND t.kind = $3 AND t.next_ms <= $1),
                 (SELECT min(f.id) FROM webhook_deliveries f
                  WHERE f.webhook_id = w.id AND f.state = 'waiting' AND f.kind <> $3))
         ORDER BY d.next_ms LIMIT $2"
    );
    let rows = on_db!(read pool, db => sqlx::query_as::<_, DueRow>(text)
        .bind(ms(now))
        .bind(i64::from(limit))
        .bind(TEST)
        .fetch_all(db)
        .await)
    .map_err(translate)?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let (webhook, id) = (row.delivery.webhook_id.clone(), row.delivery.id.clone());
        match read(row) {
            Ok(found) => due.push(found),
            Err(error) => {
                unreadable(&webhook, &id, &error);
                fail(pool, &webhook, &id, now).await?;
            }
        }
    }
    Ok(due)
}

fn read(row: DueRow) -> Result<(Webhook, Delivery)> {
    Ok((row.webhook.try_into()?, row.delivery.try_into()?))
}

fn unreadable(webhook: &str, delivery: &str, error: &Error) {
    let error = error as &dyn std::error::Error;
    tracing::error!(error, webhook, delivery, "a delivery cannot be read and has failed");
}

/// Inside `enter!`: adds an attempt.
macro_rules! add_attempt {
    ($tx:ident, $webhook:expr, $id:expr, $attempt:expr) => {
        sqlx::query(
            "INSERT INTO webhook_attempts (webhook_id, delivery_id, number, at_ms, status, problem, took_ms)
             SELECT d.webhook_id, d.id, 1 + (
                 SELECT count(*) FROM webhook_attempts a WHERE a.webhook_id = d.webhook_id AND a.delivery_id = d.id
             ), $3, $4, $5, $6
             FROM webhook_deliveries d WHERE d.webhook_id = $1 AND d.id = $2",
        )
        .bind($webhook)
        .bind($id)
        .bind(ms($attempt.at))
        .bind($attempt.status.map(i64::from))
        .bind($attempt.problem.map(Problem::as_str))
        .bind($attempt.took_ms)
        .execute(&mut *$tx)
        .await?;
    };
}

/// Ends a delivery that cannot be read, so that those behind it are told.
async fn fail(pool: &Pool, webhook: &str, id: &str, now: Timestamp) -> Result<()> {
    let attempt = Attempt { at: now, status: None, problem: Some(Problem::Unreadable), took_ms: 0 };
    enter!(pool, tx => {
        sqlx::query(
            "UPDATE webhook_deliveries SET state = 'failed', next_ms = $3
             WHERE webhook_id = $1 AND id = $2 AND state = 'waiting'",
        )
        .bind(webhook)
        .bind(id)
        .bind(ms(now))
        .execute(&mut *tx)
        .await?;
        add_attempt!(tx, webhook, id, attempt);
        Ok(Some(()))
    })
    .map(drop)
    .map_err(translate)
}

/// The delivery with its attempt, then the webhook's record. A crash between them costs nothing but the beginning of a
/// series of failures.
pub(super) async fn record(pool: &Pool, delivery: &Delivery, attempt: &Attempt, next: Next) -> Result<()> {
    let (state, next_at) = match next {
        Next::Delivered => (DeliveryState::Delivered, attempt.at),
        Next::Again(at) => (DeliveryState::Waiting, at),
        Next::GiveUp => (DeliveryState::Failed, attempt.at),
    };
    let (webhook, id) = (delivery.webhook_id.to_string(), delivery.id.to_string());
    enter!(pool, tx => {
        sqlx::query(
            "UPDATE webhook_deliveries SET state = $3, next_ms = $4, tries = $5, first_tried_ms = $6
             WHERE webhook_id = $1 AND id = $2 AND state = 'waiting'",
        )
        .bind(&webhook)
        .bind(&id)
        .bind(state.as_str())
        .bind(ms(next_at))
        .bind(i64::from(delivery.tries) + 1)
        .bind(ms(delivery.first_tried_at.unwrap_or(attempt.at)))
        .execute(&mut *tx)
        .await?;
        add_attempt!(tx, &webhook, &id, attempt);
        Ok(Some(()))
    })
    .map_err(translate)?;
    on_db!(write pool, db => sqlx::query(
        "UPDATE webhooks SET failing_since_ms = CASE WHEN $2 THEN NULL ELSE COALESCE(failing_since_ms, $3) END
         WHERE id = $1",
    )
    .bind(&webhook)
    .bind(attempt.arrived())
    .bind(ms(attempt.at))
    .execute(db)
    .await
    .map(drop))
    .map_err(translate)
}

pub(super) async fn prune(pool: &Pool, before: Timestamp) -> Result<u64> {
    on_db!(write pool, db => sqlx::query(
        "DELETE FROM webhook_deliveries
         WHERE at_ms < $1 OR NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.id = webhook_deliveries.webhook_id)",
    )
    .bind(ms(before))
    .execute(db)
    .await
    .map(|done| done.rows_affected()))
    .map_err(translate)
}
