//! Reads the exit marker of wrapped containers from their logs: one open stream for each, no polling.
//! The marker stays in the log, so it is found again after a restart of this process.
use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::StreamExt;

use super::{
    engine::Engine,
    logs::{Part, Source, lines},
    wrapper::exit_code,
};

/// Before a log that could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// A silent log is left once its instance is no longer ours.
const LOOK: Duration = Duration::from_secs(30);
/// Lines before the present in which the marker may stand.
const BACK: u64 = 100;

// === impl Engine ===

impl Engine {
    /// Starts to read the logs of wrapped containers that run and are not read yet.
    pub(super) fn follow_exits(self: &Arc<Self>) {
        let mut followed = self.followed();
        let due: Vec<(String, String, String)> = {
            let fleet = self.fleet();
            let waiting = fleet.rentals.iter().filter(|(_, rental)| rental.up && rental.exit.is_none());
            let marked =
                waiting.filter_map(|(uid, rental)| Some((uid.clone(), rental.id.clone(), rental.exit_marker.clone()?)));
            marked.filter(|(_, id, _)| !followed.contains(id)).collect()
        };
        for (uid, id, marker) in due {
            followed.insert(id.clone());
            tokio::spawn(self.clone().follow_exit(uid, id, marker));
        }
    }

    async fn follow_exit(self: Arc<Self>, uid: String, id: String, marker: String) {
        while self.is_rented(&uid, &id) {
            let part = Part { id: id.clone(), source: Source::Container, tail: BACK, since: None, follow: true };
            match lines(self.client.clone(), part).await {
                Ok(mut lines) => {
                    while self.is_rented(&uid, &id) {
                        match tokio::time::timeout(LOOK, lines.next()).await {
                            // Silence: is it still ours?
                            Err(_) => {}
                            Ok(None) => break,
                            Ok(Some(line)) => {
                                if let Some(code) = exit_code(&line.line, &marker) {
                                    self.note_exit(&uid, &id, code);
                                    self.followed().remove(&id);
                                    return;
                                }
                            }
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, instance.id = id, "A log cannot be opened yet"),
            }
            tokio::time::sleep(AGAIN).await;
        }
        self.followed().remove(&id);
    }

    fn is_rented(&self, uid: &str, id: &str) -> bool {
        self.fleet().rentals.get(uid).is_some_and(|rental| rental.id == id)
    }

    fn note_exit(&self, uid: &str, id: &str, code: i32) {
        let now = self.clock.now();
        if let Some(rental) = self.fleet().rentals.get_mut(uid).filter(|rental| rental.id == id) {
            rental.exit = Some((code, now));
        }
        let _ = self.changes.send(());
    }

    fn followed(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.followed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
