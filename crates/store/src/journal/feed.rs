//! Committed audit rows for everybody who listens: those of this process at once, those of other processes by one look
//! every two seconds that all listeners share. Nobody listening, nobody looks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::audit::AuditRecord;
use domain::id::AuditId;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};

use crate::pool::Pool;

const LOOK: Duration = Duration::from_secs(2);
// Ids are times of the machine that made them: replicas' clocks may differ, and a commit may take a while.
const OVERLAP_MS: i64 = 30_000;
// Rows somebody may lag behind before they are told to read again.
const BACKLOG: usize = 256;

/// Committed rows of this process and others.
pub(crate) struct Feed {
    rows: Sender<AuditRecord>,
    /// Rows that were announced, and when they were made: until they are older than the overlap.
    announced: Mutex<BTreeMap<AuditId, i64>>,
    looking: AtomicBool,
}

impl Default for Feed {
    fn default() -> Self {
        Self { rows: Sender::new(BACKLOG), announced: Mutex::default(), looking: AtomicBool::new(false) }
    }
}

impl Feed {
    /// Announces a row once, if anybody listens.
    pub(crate) fn send(&self, row: AuditRecord) {
        if self.rows.receiver_count() == 0 {
            return;
        }
        let made = made_ms(row.id);
        let first = {
            let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
            if announced.len() > BACKLOG {
                announced.retain(|_, at| *at > made - 2 * OVERLAP_MS);
            }
            announced.insert(row.id, made).is_none()
        };
        if first {
            // Without a listener the row is dropped, as it should be.
            let _heard_by = self.rows.send(row);
        }
    }

    /// Rows from now on; `None` when some were missed.
    pub(crate) fn follow(pool: &Pool) -> BoxStream<'static, Option<AuditRecord>> {
        let feed = &pool.journal.feed;
        let rows = feed.rows.subscribe();
        if !feed.looking.swap(true, Ordering::AcqRel) {
            tokio::spawn(look(pool.clone()));
        }
        stream::unfold(rows, |mut rows| async move {
            let row = next(&mut rows).await?;
            Some((row, rows))
        })
        .boxed()
    }
}

async fn next(rows: &mut Receiver<AuditRecord>) -> Option<Option<AuditRecord>> {
    match rows.recv().await {
        Ok(row) => Some(Some(row)),
        Err(RecvError::Lagged(_)) => Some(None),
        Err(RecvError::Closed) => None,
    }
}

/// When an id was made: a UUIDv7 begins with its milliseconds.
fn made_ms(id: AuditId) -> i64 {
    let text = id.to_string();
    let digits = text.get(..8).zip(text.get(9..13)).map(|(high, low)| format!("{high}{low}"));
    digits.and_then(|digits| i64::from_str_radix(&digits, 16).ok()).unwrap_or_default()
}

/// Looks for rows of other processes as long as anybody listens.
async fn look(pool: Pool) {
    let feed = &pool.journal.feed;
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut newest = None;
    loop {
        tick.tick().await;
        if feed.rows.receiver_count() == 0 {
            feed.looking.store(false, Ordering::Release);
            // Somebody may have come between the two lines; then this look goes on for them.
            if feed.rows.receiver_count() == 0 || feed.looking.swap(true, Ordering::AcqRel) {
                return;
            }
        }
        // A database that does not answer is everybody's trouble and logged elsewhere; the next look catches up.
        let looked = crate::audit::since(&pool, newest.map(|at: i64| at - OVERLAP_MS)).boxed().await;
        for row in looked.unwrap_or_default() {
            newest = newest.max(Some(made_ms(row.id)));
            feed.send(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_it_was_made() {
        let id = AuditId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap();
        assert_eq!(made_ms(id), 0x019c_1b2e_7f00);
    }
}
