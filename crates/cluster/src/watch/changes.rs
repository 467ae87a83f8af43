//! Told-once news for any number of listeners: each hears of a key after its last change, repeats are folded.
//! Nothing is lost when a listener is slow, and its backlog never exceeds the number of distinct keys.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::{Notify, watch};

/// Keys that changed, to every listener.
pub(crate) struct Changes<K> {
    listeners: Mutex<Vec<Weak<Listener<K>>>>,
}

struct Listener<K> {
    pending: Mutex<BTreeSet<K>>,
    wake: Notify,
}

/// "Something changed under this name", for listeners of that name only.
#[derive(Default)]
pub(crate) struct Topics {
    senders: Mutex<HashMap<String, watch::Sender<()>>>,
}

// === impl Changes ===

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Self { listeners: Mutex::default() }
    }
}

impl<K: Ord + Clone + Send + 'static> Changes<K> {
    /// Tells every listener.
    pub fn publish(&self, keys: impl IntoIterator<Item = K>) {
        let keys: Vec<K> = keys.into_iter().collect();
        if keys.is_empty() {
            return;
        }
        lock(&self.listeners).retain(|listener| match listener.upgrade() {
            Some(listener) => {
                lock(&listener.pending).extend(keys.iter().cloned());
                listener.wake.notify_one();
                true
            }
            None => false,
        });
    }

    /// Changes from now on; endless.
    pub fn listen(&self) -> BoxStream<'static, K> {
        let listener = Arc::new(Listener { pending: Mutex::default(), wake: Notify::new() });
        lock(&self.listeners).push(Arc::downgrade(&listener));
        stream::unfold(listener, |listener| async {
            loop {
                let key = lock(&listener.pending).pop_first();
                match key {
                    Some(key) => return Some((key, listener)),
                    None => listener.wake.notified().await,
                }
            }
        })
        .boxed()
    }
}

// === impl Topics ===

impl Topics {
    /// Wakes the listeners of these names.
    pub fn publish<'a>(&self, names: impl IntoIterator<Item = &'a String>) {
        let mut senders = lock(&self.senders);
        for name in names {
            if senders.get(name).is_some_and(|sender| sender.send(()).is_err()) {
                senders.remove(name);
            }
        }
    }

    /// Wakes every listener.
    pub fn publish_all(&self) {
        lock(&self.senders).retain(|_, sender| sender.send(()).is_ok());
    }

    /// Listens for one name.
    pub fn listen(&self, name: &str) -> watch::Receiver<()> {
        let mut senders = lock(&self.senders);
        senders.retain(|_, sender| sender.receiver_count() > 0);
        senders.entry(name.to_owned()).or_insert_with(|| watch::Sender::new(())).subscribe()
    }
}

/// A panic elsewhere leaves these collections whole: go on with them.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_slow_listener_hears_each_key_once_and_misses_none() {
        let changes = Changes::default();
        let mut early = changes.listen();
        changes.publish(["a", "b"]);
        changes.publish(["a"]);
        let mut late = changes.listen();
        changes.publish(["c"]);
        assert_eq!(early.by_ref().take(3).collect::<Vec<_>>().await, ["a", "b", "c"]);
        assert_eq!(early.next().now_or_never(), None);
        assert_eq!(late.next().await, Some("c"));
    }

    #[tokio::test]
    async fn a_topic_wakes_its_own_listeners_only() {
        let topics = Topics::default();
        let (mut mine, mut other) = (topics.listen("mine"), topics.listen("other"));
        topics.publish([&"mine".to_owned()]);
        assert!(mine.changed().now_or_never().is_some());
        assert!(other.changed().now_or_never().is_none());
    }
}
