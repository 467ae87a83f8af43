//! Retention: rows go by whole segments from the beginning of a chain; the hash of the last one stays, sealed, so that
//! the rest still verifies.

use domain::audit::Segment;
use domain::{Code, Error, Result};
use jiff::Timestamp;

use super::verify;
use crate::error::translate;
use crate::pool::{Pool, on_db};
use crate::row::ms;

// Rows per statement: each must end well within the statement's time limit.
const BATCH: i64 = 1000;

/// Removes what ended before `before`; the number of rows.
pub(super) async fn all(pool: &Pool, before: Timestamp, now: Timestamp) -> Result<i64> {
    let mut removed = 0;
    for chain in verify::all_chains(pool).await? {
        removed += one(pool, &chain, ms(before), ms(now)).await?;
    }
    Ok(removed)
}

async fn one(pool: &Pool, chain: &str, before_ms: i64, now_ms: i64) -> Result<i64> {
    let report = verify::report(pool, chain).await?;
    if let Some(broken) = report.broken {
        let what =
            format!("The chain {chain} is broken at {}; look into it before anything is removed", broken.sequence);
        return Err(Error::conflict(Code::Conflict, what));
    }
    let segments = verify::segments(pool, chain).await?;
    let start = segments.last().map_or(0, |segment| segment.last);
    let mut last = start;
    if let Some((end, hash)) = end_of(pool, chain, before_ms).await?.filter(|(end, _)| *end > start) {
        let (chain, rows) = (chain.to_owned(), end - start);
        let segment = Segment { chain, last: end, rows, hash, made_ms: now_ms, ..Segment::default() };
        write(pool, &pool.journal.segment(segment)).await?;
        last = end;
    }
    // Also what an interrupted run left of an earlier segment.
    let mut removed = 0;
    loop {
        let rows = delete(pool, chain, last).await?;
        if rows == 0 {
            return Ok(removed);
        }
        removed += rows;
    }
}

/// Sequence and hash of the last row before the first one that is young enough to stay.
async fn end_of(pool: &Pool, chain: &str, before_ms: i64) -> Result<Option<(i64, String)>> {
    on_db!(read pool, db => sqlx::query_as(
        "SELECT sequence, hash FROM audit WHERE chain = $1 AND sequence < COALESCE(
             (SELECT min(sequence) FROM audit WHERE chain = $1 AND at_ms >= $2), 9223372036854775807)
         ORDER BY sequence DESC LIMIT 1",
    )
    .bind(chain)
    .bind(before_ms)
    .fetch_optional(db)
    .await)
    .map_err(translate)
}

async fn write(pool: &Pool, segment: &Segment) -> Result<()> {
    on_db!(write pool, db => sqlx::query(
        "INSERT INTO audit_segments (chain, last, row_count, hash, made_ms, key_id, seal)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&segment.chain)
    .bind(segment.last)
    .bind(segment.rows)
    .bind(&segment.hash)
    .bind(segment.made_ms)
    .bind(&segment.key_id)
    .bind(&segment.seal)
    .execute(db)
    .await
    .map(drop))
    .map_err(translate)
}

async fn delete(pool: &Pool, chain: &str, last: i64) -> Result<i64> {
    let done = on_db!(write pool, db => sqlx::query(
        "DELETE FROM audit WHERE id IN (
             SELECT id FROM audit WHERE chain = $1 AND sequence <= $2 ORDER BY sequence LIMIT $3)",
    )
    .bind(chain)
    .bind(last)
    .bind(BATCH)
    .execute(db)
    .await
    .map(|done| done.rows_affected()))
    .map_err(translate)?;
    i64::try_from(done).map_err(Error::internal)
}
