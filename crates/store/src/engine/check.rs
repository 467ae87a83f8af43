//! The history of an engine's checks: the last ones only.

use domain::audit::AuditEvent;
use domain::engine::{Check, Depth, Engine, Report};
use domain::id::EngineId;
use domain::{Error, Result};

use super::{bound, from_json, json, texts, update};
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{all, at, ms, stored};

/// Kept per engine: four hours of light checks, which show how an outage began.
const KEPT: i64 = 50;

#[derive(sqlx::FromRow)]
struct CheckRow {
    engine_id: String,
    at_ms: i64,
    depth: String,
    report: String,
}

impl TryFrom<CheckRow> for Check {
    type Error = Error;
    fn try_from(row: CheckRow) -> Result<Self> {
        Ok(Self {
            engine_id: stored(EngineId::parse, &row.engine_id)?,
            at: at(row.at_ms)?,
            depth: stored(Depth::parse, &row.depth)?,
            report: from_json::<Report>(&row.report)?,
        })
    }
}

pub(super) async fn record(pool: &Pool, engine: &Engine, check: &Check, audit: Option<&AuditEvent>) -> Result<bool> {
    let texts = texts(engine)?;
    let none: Option<&str> = None;
    let written: Option<String> = match audit {
        Some(audit) => change!(pool, audit, tx => {
            bound!(sqlx::query_scalar(update!()), engine, texts, none).fetch_optional(&mut *tx).await
        }),
        None => on_db!(write pool, db => {
            bound!(sqlx::query_scalar(update!()), engine, texts, none).fetch_optional(db).await
        }),
    }
    .map_err(translate)?;
    if written.is_some() {
        keep(pool, check).await?;
    }
    Ok(written.is_some())
}

async fn keep(pool: &Pool, check: &Check) -> Result<()> {
    let (id, report) = (check.engine_id.to_string(), json(&check.report)?);
    let added = on_db!(write pool, db => sqlx::query(
        "INSERT INTO engine_checks (engine_id, at_ms, depth, report) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(&id)
    .bind(ms(check.at))
    .bind(check.depth.as_str())
    .bind(&report)
    .execute(db)
    .await
    .map(drop));
    added.map_err(translate)?;
    let pruned = on_db!(write pool, db => sqlx::query(
        "DELETE FROM engine_checks WHERE engine_id = $1 AND at_ms <
             (SELECT min(at_ms) FROM (SELECT at_ms FROM engine_checks WHERE engine_id = $1
                  ORDER BY at_ms DESC LIMIT $2) AS newest)",
    )
    .bind(&id)
    .bind(KEPT)
    .execute(db)
    .await
    .map(drop));
    pruned.map_err(translate)
}

pub(super) async fn list(pool: &Pool, id: EngineId, limit: u32) -> Result<Vec<Check>> {
    let rows = on_db!(read pool, db => sqlx::query_as::<_, CheckRow>(
        "SELECT engine_id, at_ms, depth, report FROM engine_checks WHERE engine_id = $1 ORDER BY at_ms DESC LIMIT $2",
    )
    .bind(id.to_string())
    .bind(i64::from(limit))
    .fetch_all(db)
    .await);
    all(rows.map_err(translate)?)
}
