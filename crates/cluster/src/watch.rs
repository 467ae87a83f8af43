//! Watches that never end: each runs as a task, comes back after an outage, and hands its events to one function.

pub(crate) mod changes;
pub(crate) mod table;
pub(crate) mod tracker;

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::Stream;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use tokio_util::sync::CancellationToken;

// A restarted API server is noticed within seconds; kube's own default waits up to 30 s.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Doubling pauses between tries.
struct Reconnect(Duration);

// === impl Reconnect ===

impl Iterator for Reconnect {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

impl Backoff for Reconnect {
    fn reset(&mut self) {
        self.0 = FIRST_PAUSE;
    }
}

/// Runs `events` as a task until `shutdown`; `what` names them in the log.
pub(crate) fn run<K: Send + 'static>(
    what: &'static str,
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    shutdown: &CancellationToken,
    mut handle: impl FnMut(Event<K>) + Send + 'static,
) {
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let mut events = std::pin::pin!(events.backoff(Reconnect(FIRST_PAUSE)));
        let mut down = false;
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                Some(Ok(event)) => {
                    down = false;
                    handle(event);
                }
                Some(Err(error)) if down => tracing::debug!(%error, what, "watch still interrupted"),
                Some(Err(error)) => {
                    down = true;
                    tracing::warn!(%error, what, "watch interrupted; it will reconnect");
                }
                None => return,
            }
        }
    });
}
