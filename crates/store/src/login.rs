//! The sign-in throttle in SQL: counters survive a restart, so a crash gives nobody fresh tries.

use async_trait::async_trait;
use backend::ports::Logins;
use domain::Result;
use domain::audit::AuditEvent;
use domain::session::LoginCounter;
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{at, ms};

#[async_trait]
impl Logins for SqlStore {
    async fn login_counters(&self, subjects: &[String]) -> Result<Vec<LoginCounter>> {
        counters(&self.pool, subjects).await
    }

    async fn record_login_failure(&self, subjects: &[String], at: Timestamp, audit: &AuditEvent) -> Result<()> {
        record_failure(&self.pool, subjects, at, audit).await
    }

    async fn delete_old_login_counters(&self, before: Timestamp, limit: u32) -> Result<u64> {
        delete_old(&self.pool, before, limit).await
    }

    async fn record_login(&self, name: &str, address: &str, audit: &AuditEvent) -> Result<()> {
        record_success(&self.pool, name, address, audit).await
    }
}

pub(crate) async fn counters(pool: &Pool, subjects: &[String]) -> Result<Vec<LoginCounter>> {
    let mut counters = Vec::with_capacity(subjects.len());
    // Two or three subjects: a point look-up each is cheaper than it reads.
    for subject in subjects {
        let row: Option<(i64, i64)> = on_db!(read pool, db => sqlx::query_as(
            "SELECT failures, last_failed_ms FROM login_counters WHERE subject = $1",
        )
        .bind(subject)
        .fetch_optional(db)
        .await)
        .map_err(translate)?;
        counters.push(match row {
            None => LoginCounter::default(),
            Some((failures, last)) => {
                LoginCounter { failures: u32::try_from(failures).unwrap_or(u32::MAX), last_failed_at: Some(at(last)?) }
            }
        });
    }
    Ok(counters)
}

pub(crate) async fn record_failure(pool: &Pool, subjects: &[String], at: Timestamp, audit: &AuditEvent) -> Result<()> {
    change!(pool, audit, tx => {
        for subject in in_order(subjects) {
            sqlx::query(
                "INSERT INTO login_counters (subject, failures, last_failed_ms) VALUES ($1, 1, $2)
                 ON CONFLICT (subject) DO UPDATE
                 SET failures = login_counters.failures + 1, last_failed_ms = excluded.last_failed_ms",
            )
            .bind(subject)
            .bind(ms(at))
            .execute(&mut *tx)
            .await?;
        }
        Ok(Some(()))
    })
    .map(drop)
    .map_err(translate)
}

pub(crate) async fn record_success(pool: &Pool, name: &str, address: &str, audit: &AuditEvent) -> Result<()> {
    change!(pool, audit, tx => {
        // The address first, as `in_order` has it.
        sqlx::query(
            "UPDATE login_counters SET failures = failures -
                 COALESCE((SELECT own.failures FROM login_counters own WHERE own.subject = $1), 0)
             WHERE subject = $2",
        )
        .bind(name)
        .bind(address)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM login_counters WHERE subject = $1 OR (subject = $2 AND failures <= 0)")
            .bind(name)
            .bind(address)
            .execute(&mut *tx)
            .await?;
        Ok(Some(()))
    })
    .map(drop)
    .map_err(translate)
}

pub(crate) async fn delete_old(pool: &Pool, before: Timestamp, limit: u32) -> Result<u64> {
    on_db!(write pool, db => sqlx::query(
        "DELETE FROM login_counters WHERE subject IN (
             SELECT subject FROM login_counters WHERE last_failed_ms < $1 LIMIT $2)",
    )
    .bind(ms(before))
    .bind(i64::from(limit))
    .execute(db)
    .await
    .map(|done| done.rows_affected()))
    .map_err(translate)
}

/// Always the same order: two transactions that lock the same rows the other way round would wait for each other.
fn in_order(subjects: &[String]) -> Vec<&String> {
    let mut subjects: Vec<&String> = subjects.iter().collect();
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}
