//! Watches that never end: each runs as a task, comes back after an outage, and hands its events to one function.

pub(crate) mod changes;
pub(crate) mod table;
pub(crate) mod tracker;

use std::time::Duration;

use domain::reconnect::Reconnect;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::Stream;
use kube::runtime::watcher::{self, Event};
use tokio_util::sync::CancellationToken;

/// For so long a watch that was mended may be silent before the API server is asked whether it answers.
const SILENT: Duration = Duration::from_secs(1);

/// What hears of the state of a watch.
pub(crate) struct Link {
    /// Told when the line broke (false) and when it was mended (true).
    pub tell: Box<dyn Fn(bool) + Send + Sync>,
    /// Whether the API server answers.
    pub answers: Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
}

// === impl Link ===

impl Link {
    /// Ends once the line is there although nothing happens. A watch that goes on where it was is silent until something
    /// does, which may take hours in a quiet cluster; one that fails again says so sooner than this ends.
    async fn mended(&self) {
        loop {
            tokio::time::sleep(SILENT).await;
            if (self.answers)().await {
                return;
            }
        }
    }
}

/// Runs `events` as a task until `shutdown`; `what` names them in the log.
pub(crate) fn run<K: Send + 'static>(
    what: &'static str,
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    shutdown: &CancellationToken,
    handle: impl FnMut(Event<K>) + Send + 'static,
) {
    run_telling(what, events, shutdown, handle, None);
}

/// The same; `link` hears when the line broke and when it was mended.
pub(crate) fn run_telling<K: Send + 'static>(
    what: &'static str,
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    shutdown: &CancellationToken,
    mut handle: impl FnMut(Event<K>) + Send + 'static,
    link: Option<Link>,
) {
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let tell = |up: bool| {
            if let Some(link) = &link {
                (link.tell)(up);
            }
        };
        let mut events = std::pin::pin!(events);
        let mut reconnect = Reconnect::default();
        let mut down = false;
        loop {
            let mended = async {
                match link.as_ref().filter(|_| down) {
                    Some(link) => link.mended().await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                () = shutdown.cancelled() => return,
                event = events.next() => event,
                () = mended => {
                    down = false;
                    tell(true);
                    continue;
                }
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
                        tell(true);
                    }
                }
                Some(Err(error)) => {
                    if down {
                        tracing::debug!(%error, what, "watch still interrupted");
                    } else {
                        tracing::warn!(%error, what, "watch interrupted; it will reconnect");
                        tell(false);
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
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use futures::{FutureExt as _, stream};
    use tokio::sync::mpsc;
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

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_goes_on_without_a_word_is_mended_once_the_api_server_answers() {
        let broken = stream::iter([Err(watcher::Error::NoResourceVersion)]).chain(stream::pending());
        let (answers, (told, mut hears)) = (Arc::new(AtomicBool::new(false)), mpsc::unbounded_channel());
        let asked = answers.clone();
        let link = Link {
            tell: Box::new(move |up| told.send((up, Instant::now())).unwrap()),
            answers: Box::new(move || futures::future::ready(asked.load(Ordering::Relaxed)).boxed()),
        };
        let shutdown = CancellationToken::new();
        run_telling("things", broken, &shutdown, |_: Event<()>| {}, Some(link));
        let (up, broke) = hears.recv().await.unwrap();
        assert!(!up);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(hears.try_recv().is_err(), "nobody answers");
        answers.store(true, Ordering::Relaxed);
        let (up, mended) = hears.recv().await.unwrap();
        assert!(up && mended - broke < Duration::from_secs(62));
        shutdown.cancel();
    }
}
