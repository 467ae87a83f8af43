//! Watches that never end: each runs as a task, comes back after an outage, and hands its events to one function.

pub(crate) mod changes;
pub(crate) mod table;
pub(crate) mod tracker;

use domain::reconnect::Reconnect;
use futures::StreamExt as _;
use futures::stream::Stream;
use kube::runtime::watcher::{self, Event};
use tokio_util::sync::CancellationToken;

/// Runs `events` as a task until `shutdown`; `what` names them in the log.
pub(crate) fn run<K: Send + 'static>(
    what: &'static str,
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    shutdown: &CancellationToken,
    handle: impl FnMut(Event<K>) + Send + 'static,
) {
    run_telling(what, events, shutdown, handle, |_| {});
}

/// The same; `link` hears when the line broke (false) and when it was mended (true).
pub(crate) fn run_telling<K: Send + 'static>(
    what: &'static str,
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    shutdown: &CancellationToken,
    mut handle: impl FnMut(Event<K>) + Send + 'static,
    link: impl Fn(bool) + Send + 'static,
) {
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let mut events = std::pin::pin!(events);
        let mut reconnect = Reconnect::default();
        let mut down = false;
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                Some(Ok(event)) => {
                    let answered = !matches!(event, Event::Init);
                    if answered {
                        reconnect.answered();
                    }
                    let mended = answered && down;
                    down &= !mended;
                    handle(event);
                    if mended {
                        link(true);
                    }
                }
                Some(Err(error)) => {
                    if down {
                        tracing::debug!(%error, what, "watch still interrupted");
                    } else {
                        tracing::warn!(%error, what, "watch interrupted; it will reconnect");
                        link(false);
                    }
                    down = true;
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = tokio::time::sleep(reconnect.pause()) => {}
                    }
                }
                None => return,
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::stream;
    use tokio::time::{Instant, advance};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_may_not_list_asks_less_and_less_often() {
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = tries.clone();
        let refused = stream::unfold(false, move |announced| {
            let counted = counted.clone();
            async move {
                if !announced {
                    counted.fetch_add(1, Ordering::Relaxed);
                    return Some((Ok(Event::<()>::Init), true));
                }
                Some((Err(watcher::Error::NoResourceVersion), false))
            }
        });
        let shutdown = CancellationToken::new();
        run("things", refused, &shutdown, |_| {});
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            advance(Duration::from_millis(50)).await;
            tokio::task::yield_now().await;
        }
        let tries = tries.load(Ordering::Relaxed);
        // 0.1 + 0.2 + … + 1.6 s, then one each 3 s.
        assert!((20..=27).contains(&tries), "{tries} tries in a minute");
        shutdown.cancel();
    }
}
