//! The outbox: what happened is written for every webhook that asked for it, in the transaction of its audit row.

/// Whether an operator manages the account of webhook `w`: only then it may be told of the platform.
macro_rules! has_operator {
    () => {
        "EXISTS (SELECT 1 FROM members m JOIN users u ON u.id = m.user_id
             WHERE m.account_id = w.account_id AND m.role IN ('owner', 'admin') AND u.operator = TRUE
                 AND u.disabled = FALSE)"
    };
}
pub(crate) use has_operator;

/// Writes `$event` for each webhook that is to be told of it, within `$transaction`, before the audit row takes the last
/// lock. Most events are of no topic and cost nothing.
macro_rules! tell {
    ($transaction:ident, $event:expr) => {
        if let Some(topic) = domain::webhook::Topic::of_row($event) {
            sqlx::query(concat!(
                "INSERT INTO webhook_deliveries (webhook_id, id, kind, account_id, target, target_name, outcome, detail,
                     at_ms, state, next_ms, ecosystem)
                 SELECT w.id, $1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $8,
                     (SELECT NULLIF(e.ecosystem, '') FROM engines e WHERE e.id = $10)
                 FROM webhooks w
                 WHERE w.disabled_ms IS NULL AND w.topics LIKE $9
                     AND (w.account_id = $3 OR ($3 IS NULL AND w.platform AND ",
                $crate::webhook::has_operator!(),
                "))",
            ))
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
