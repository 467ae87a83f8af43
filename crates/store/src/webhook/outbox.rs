//! The outbox: what happened is written for every webhook that asked for it, in the transaction of its audit row.

/// Writes `$event` for each webhook that is to be told of it, within `$transaction`, before the audit row takes the last
/// lock. Most events are of no topic and cost nothing.
macro_rules! tell {
    ($transaction:ident, $event:expr) => {
        if let Some(topic) = domain::webhook::Topic::of_row($event) {
            sqlx::query(
                "INSERT INTO webhook_deliveries (webhook_id, id, kind, account_id, target, target_name, outcome, detail,
                     at_ms, state, next_ms, ecosystem)
                 SELECT w.id, $1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $8,
                     (SELECT NULLIF(e.ecosystem, '') FROM engines e WHERE e.id = $10)
                 FROM webhooks w
                 WHERE w.disabled_ms IS NULL AND w.topics LIKE $9
                     AND (w.account_id = $3 OR ($3 IS NULL AND w.platform))",
            )
            .bind($event.id.to_string())
            .bind($event.action.as_str())
            .bind($event.account_id.map(|id| id.to_string()))
            .bind(&$event.target)
            .bind(&$event.target_name)
            .bind($event.outcome.as_str())
            .bind(&$event.detail)
            .bind($crate::row::ms($event.at))
            .bind(format!("%,{},%", topic.as_str()))
            .bind($event.target.strip_prefix("engine:").unwrap_or_default())
            .execute(&mut *$transaction)
            .await?;
        }
    };
}
pub(crate) use tell;
