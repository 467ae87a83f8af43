//! The work queue: keys wait, each is worked on by one worker at a time, work that arrives meanwhile runs once more.
//! Retries are never dropped and never throttled as a whole: one slow pod does not hold up ten thousand others.
use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// A pod UID, shared by all that wait for it.
pub(crate) type Uid = Arc<str>;

#[derive(Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    ready: VecDeque<Uid>,
    /// In `ready`, or to be put there when the running worker is done.
    wanted: HashSet<Uid>,
    running: HashSet<Uid>,
    due: HashMap<Uid, Instant>,
    by_time: BTreeSet<(Instant, Uid)>,
}

// === impl Queue ===

impl Queue {
    /// Asks for work on a key as soon as a worker is free.
    pub(crate) fn add(&self, uid: Uid) {
        let mut inner = self.lock();
        inner.forget_time(&uid);
        if inner.wanted.insert(uid.clone()) && !inner.running.contains(&uid) {
            inner.ready.push_back(uid);
            self.changed.notify_one();
        }
    }

    /// Asks for work on a key later; an earlier time already asked for stays.
    pub(crate) fn add_after(&self, uid: Uid, pause: Duration) {
        let at = Instant::now() + pause;
        let mut inner = self.lock();
        if inner.due.get(&uid).is_some_and(|due| *due <= at) {
            return;
        }
        inner.forget_time(&uid);
        inner.due.insert(uid.clone(), at);
        inner.by_time.insert((at, uid));
        self.changed.notify_one();
    }

    /// The next key; the caller must call [`Queue::done`] for it.
    pub(crate) async fn next(&self) -> Uid {
        loop {
            let wait_until = {
                let mut inner = self.lock();
                inner.wake(Instant::now());
                if let Some(uid) = inner.ready.pop_front() {
                    inner.wanted.remove(&uid);
                    inner.running.insert(uid.clone());
                    return uid;
                }
                inner.by_time.first().map(|(at, _)| *at)
            };
            match wait_until {
                Some(at) => drop(tokio::time::timeout_at(at, self.changed.notified()).await),
                None => self.changed.notified().await,
            }
        }
    }

    /// The worker has finished with a key; work asked for meanwhile becomes ready.
    pub(crate) fn done(&self, uid: &Uid) {
        let mut inner = self.lock();
        inner.running.remove(uid);
        if inner.wanted.contains(uid) {
            inner.ready.push_back(uid.clone());
            self.changed.notify_one();
        }
    }

    /// Keys that wait for a worker.
    pub(crate) fn depth(&self) -> usize {
        self.lock().ready.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    fn wake(&mut self, now: Instant) {
        while self.by_time.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, uid)) = self.by_time.pop_first() else { return };
            self.due.remove(&uid);
            if self.wanted.insert(uid.clone()) && !self.running.contains(&uid) {
                self.ready.push_back(uid);
            }
        }
    }

    fn forget_time(&mut self, uid: &Uid) {
        if let Some(at) = self.due.remove(uid) {
            self.by_time.remove(&(at, uid.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn uid(text: &str) -> Uid {
        Arc::from(text)
    }

    #[test]
    fn a_key_asked_for_twice_is_worked_on_once() {
        let queue = Queue::default();
        queue.add(uid("a"));
        queue.add(uid("a"));
        assert_eq!(queue.next().now_or_never(), Some(uid("a")));
        queue.done(&uid("a"));
        assert_eq!(queue.next().now_or_never(), None);
    }

    #[test]
    fn work_that_arrives_during_work_runs_afterwards_and_not_beside_it() {
        let queue = Queue::default();
        queue.add(uid("a"));
        assert!(queue.next().now_or_never().is_some());
        queue.add(uid("a"));
        assert_eq!(queue.next().now_or_never(), None);
        queue.done(&uid("a"));
        assert_eq!(queue.next().now_or_never(), Some(uid("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_times_counts() {
        let queue = Queue::default();
        let start = Instant::now();
        queue.add_after(uid("a"), Duration::from_secs(5));
        queue.add_after(uid("a"), Duration::from_secs(60));
        assert_eq!(queue.next().await, uid("a"));
        assert_eq!(start.elapsed().as_secs(), 5);
        queue.done(&uid("a"));
        assert_eq!(queue.next().now_or_never(), None);
    }
}
