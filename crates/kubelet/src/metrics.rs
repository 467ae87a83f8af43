//! Our own figures: what the node asked of engine and API server, and how that went.
//! Counted without locks on the way; read only when somebody asks.
use std::sync::atomic::{AtomicU64, Ordering};

/// One figure that only grows, or the newest of a kind.
#[derive(Default)]
pub(crate) struct Figure(AtomicU64);

/// Calls of one kind, by outcome.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) ok: Figure,
    pub(crate) failed: Figure,
}

/// All figures of a node.
#[derive(Default)]
pub(crate) struct Metrics {
    pub(crate) creates: Calls,
    pub(crate) deletes: Calls,
    pub(crate) lists: Calls,
    /// Of the last list that worked.
    pub(crate) list_microseconds: Figure,
    pub(crate) status_writes: Figure,
    pub(crate) orphans_terminated: Figure,
    pub(crate) refusals: Figure,
}

// === impl Figure ===

impl Figure {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Calls ===

impl Calls {
    /// Counts a call and passes its result on.
    pub(crate) fn count<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        if result.is_ok() {
            self.ok.add()
        } else {
            self.failed.add()
        }
        result
    }
}
