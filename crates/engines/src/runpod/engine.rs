//! The parts of the engine, and its locks: one create or delete per pod at a time, one walk over the list for all who
//! wait for one.
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use kubelet::Report;
use tokio::sync::broadcast;

use super::{
    catalogue::Shelf,
    client::Client,
    clock::Clock,
    config::RunPodConfig,
    fleet::Fleet,
    list::Walk,
    marker::Marker,
    ssh::{Pins, Ways},
    transport::Transport,
};
use crate::addresses::Addresses;

/// Creates at the same time.
pub(super) const ATTEMPTS: u16 = 1024;
/// Reports that wait for the node.
const REPORTS: usize = 1024;

pub(super) struct Engine {
    pub(super) config: RunPodConfig,
    /// Creates that are under way hold one each.
    pub(super) attempts: Arc<tokio::sync::Semaphore>,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) marker: Marker,
    pub(super) shelf: Shelf,
    pub(super) changes: broadcast::Sender<()>,
    pub(super) reports: broadcast::Sender<Report>,
    pub(super) addresses: Mutex<Addresses>,
    /// The newest complete walk.
    walk: Mutex<Option<Arc<Walk>>>,
    /// Held while one is under way, which may wait long for the provider's rate limit.
    pub(super) walking: tokio::sync::Mutex<()>,
    fleet: Mutex<Fleet>,
    /// Ids that are confirmed gone or being ended: older lists may still show them.
    pub(super) gone: Mutex<HashMap<String, tokio::time::Instant>>,
    /// Ids of instances whose log is being read for its exit marker.
    pub(super) followed: Mutex<HashSet<String>>,
    /// Host keys of instances that somebody was connected to.
    pub(super) pins: Pins,
    /// Ways into instances that somebody took within the last minute.
    pub(super) ways: Ways,
    /// When unused registry credentials were last looked for.
    pub(super) swept: Mutex<tokio::time::Instant>,
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    sequence: AtomicU64,
    /// Since when this process acts: another may have rented until then.
    begun: Mutex<tokio::time::Instant>,
}

// === impl Engine ===

impl Engine {
    pub(super) fn new(config: RunPodConfig, transport: Arc<dyn Transport>, clock: Clock) -> Self {
        Self {
            marker: Marker::new(&config.cluster, &config.node),
            client: Client::new(transport),
            clock,
            config,
            attempts: Arc::new(tokio::sync::Semaphore::new(usize::from(ATTEMPTS))),
            shelf: Shelf::default(),
            changes: broadcast::channel(1).0,
            reports: broadcast::channel(REPORTS).0,
            addresses: Mutex::default(),
            walk: Mutex::default(),
            walking: tokio::sync::Mutex::default(),
            fleet: Mutex::default(),
            gone: Mutex::default(),
            followed: Mutex::default(),
            pins: Pins::default(),
            ways: Ways::default(),
            swept: Mutex::new(tokio::time::Instant::now()),
            locks: Mutex::default(),
            sequence: AtomicU64::new(1),
            begun: Mutex::new(tokio::time::Instant::now()),
        }
    }

    pub(super) fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn walk(&self) -> MutexGuard<'_, Option<Arc<Walk>>> {
        self.walk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on no other process acts.
    pub(super) fn begin(&self) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = tokio::time::Instant::now();
    }

    /// How long no other process has acted.
    pub(super) fn age(&self) -> std::time::Duration {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// The lock of one pod; held across calls to the provider, so never while another lock is.
    pub(super) fn lock_of(&self, uid: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.len() > 1024 {
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        }
        locks.entry(uid.to_owned()).or_default().clone()
    }

    /// A moment in the order of events: what has a larger number began later.
    pub(super) fn moment(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::SeqCst)
    }

    /// Whether this instance is gone, whatever a list says.
    pub(super) fn is_gone(&self, id: &str) -> bool {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    pub(super) fn note_gone(&self, id: &str) {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.retain(|_, at| at.elapsed() < std::time::Duration::from_secs(600));
        gone.insert(id.to_owned(), tokio::time::Instant::now());
    }
}
