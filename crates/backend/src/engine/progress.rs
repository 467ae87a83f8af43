//! What a preflight has found so far, for the page of whoever waits for it. Only this process knows: on another replica
//! the page shows nothing until the whole result is there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::engine::Row;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::watch;

use crate::Caller;
use crate::ports::Step;

type Rows = Arc<watch::Sender<Vec<Row>>>;

/// The rows of running preflights, by who waits for them.
#[derive(Default)]
pub(crate) struct Progress {
    running: Mutex<HashMap<String, Rows>>,
}

/// One preflight while somebody waits for it; with it its rows go: the whole result is there, or nobody waits any more.
pub(super) struct Running {
    rows: Rows,
}

// === impl Progress ===

impl Progress {
    /// Begins anew. Two preflights of one person at the same time tell their rows into one list.
    pub(super) fn begin(&self, caller: &Caller) -> Running {
        let rows = self.of(&whose(caller));
        rows.send_replace(Vec::new());
        Running { rows }
    }

    /// The rows now and after each further one.
    pub(super) fn follow(&self, caller: &Caller) -> BoxStream<'static, Vec<Row>> {
        let receiver = self.of(&whose(caller)).subscribe();
        let rows = stream::unfold((receiver, true), |(mut receiver, first)| async move {
            if !first {
                receiver.changed().await.ok()?;
            }
            let rows = receiver.borrow_and_update().clone();
            Some((rows, (receiver, false)))
        });
        rows.boxed()
    }

    fn of(&self, whose: &str) -> Rows {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody tells and nobody follows is over.
        running.retain(|_, rows| Arc::strong_count(rows) > 1 || rows.receiver_count() > 0);
        running.entry(whose.to_owned()).or_insert_with(|| Arc::new(watch::Sender::new(Vec::new()))).clone()
    }
}

// === impl Running ===

impl Running {
    /// What is told each row.
    pub(super) fn step(&self) -> Step {
        let rows = Arc::clone(&self.rows);
        Arc::new(move |row: &Row| rows.send_modify(|rows| rows.push(row.clone())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.rows.send_replace(Vec::new());
    }
}

fn whose(caller: &Caller) -> String {
    format!("{} {}", caller.account.id, caller.actor())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.id.as_str()).collect()
    }

    #[tokio::test]
    async fn rows_are_seen_as_they_come_and_are_gone_with_the_end() {
        let progress = Progress::default();
        let rows = progress.of("ada");
        let mut seen = Box::pin(stream::unfold(progress.of("ada").subscribe(), |mut receiver| async move {
            receiver.changed().await.ok()?;
            let rows = receiver.borrow_and_update().clone();
            Some((rows, receiver))
        }));
        rows.send_modify(|rows| rows.push(Row::pass("dns", "")));
        assert_eq!(texts(&seen.next().await.unwrap()), ["dns"]);
        rows.send_modify(|rows| rows.push(Row::pass("tcp", "")));
        assert_eq!(texts(&seen.next().await.unwrap()), ["dns", "tcp"]);
        drop((rows, seen));
        assert_eq!(texts(&progress.of("ada").borrow()), [""; 0]);
        let _eve = progress.of("eve");
        assert_eq!(progress.running.lock().unwrap().len(), 1, "nobody is kept for longer than anybody looks");
    }

    #[test]
    fn a_preflight_that_nobody_waits_for_any_more_leaves_no_rows_behind() {
        let progress = Progress::default();
        let rows = progress.of("ada");
        let running = Running { rows: rows.clone() };
        running.step()(&Row::pass("dns", ""));
        assert_eq!(texts(&rows.borrow()), ["dns"]);
        drop(running);
        assert_eq!(texts(&rows.borrow()), [""; 0]);
    }
}
