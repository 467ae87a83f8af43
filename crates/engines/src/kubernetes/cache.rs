//! All pods of the node over there, kept by one watch; a lost link is noticed, and everything is listed anew after it.
//! While the link is down nothing is known, and the node concludes nothing.
use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::ListParams,
    runtime::watcher::{self, Event, watcher},
};
use kubelet::ProviderError;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    POD_UID,
    error::{within, words},
};

/// Time between two looks at the link: a watch whose connection hangs says nothing at all.
const LOOK: Duration = Duration::from_secs(10);
/// Deadline of such a look.
const ANSWER: Duration = Duration::from_secs(5);
/// Pauses before the next attempt to watch.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Cache {
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

struct State {
    /// By the UID of the pod at home.
    pods: HashMap<String, Arc<Pod>>,
    /// Why nothing is known.
    lost: Option<String>,
}

// === impl Cache ===

impl Cache {
    pub(super) fn start(api: Api<Pod>, selector: String) -> Self {
        let state = State { pods: HashMap::new(), lost: Some("not listed yet".into()) };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: watch::Sender::new(()) });
        let stop = CancellationToken::new();
        let (inner, stopped) = (shared.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = run(&inner, &api, &selector) => {}
            }
        });
        Self { shared, _stop: stop.drop_guard() }
    }

    /// # Errors
    /// [`ProviderError::Unavailable`] while the link is down.
    pub(super) fn all(&self) -> Result<Vec<Arc<Pod>>, ProviderError> {
        Ok(self.shared.known()?.pods.values().cloned().collect())
    }

    /// The pod over there for a pod at home.
    ///
    /// # Errors
    /// As [`Cache::all`].
    pub(super) fn get(&self, uid: &str) -> Result<Option<Arc<Pod>>, ProviderError> {
        Ok(self.shared.known()?.pods.get(uid).cloned())
    }

    /// Fires when something has changed, or the link.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.shared.changed.subscribe()
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Result<MutexGuard<'_, State>, ProviderError> {
        let state = self.lock();
        match &state.lost {
            None => Ok(state),
            Some(why) => Err(ProviderError::Unavailable(format!("The engine's cluster is not reachable: {why}"))),
        }
    }

    fn lose(&self, why: String) {
        tracing::warn!(error = why, "The link to the engine's cluster is lost; its pods go on");
        self.lock().lost = Some(why);
        self.changed.send_replace(());
    }

    fn take_in(&self, event: Event<Pod>, seen: &mut HashSet<String>) {
        let mut state = self.lock();
        match event {
            Event::Init => seen.clear(),
            Event::InitApply(pod) => seen.extend(state.put(pod)),
            Event::InitDone => {
                state.pods.retain(|uid, _| seen.contains(uid));
                state.lost = None;
            }
            Event::Apply(pod) => {
                state.put(pod);
            }
            Event::Delete(pod) => state.remove(&pod),
        }
        drop(state);
        self.changed.send_replace(());
    }
}

// === impl State ===

impl State {
    fn put(&mut self, mut pod: Pod) -> Option<String> {
        pod.metadata.managed_fields = None;
        let uid = home_uid(&pod)?.to_owned();
        self.pods.insert(uid.clone(), Arc::new(pod));
        Some(uid)
    }

    /// Only the very pod that is gone: its successor of the same name may be known already.
    fn remove(&mut self, pod: &Pod) {
        if let Some(uid) = home_uid(pod)
            && self.pods.get(uid).is_some_and(|known| known.metadata.uid == pod.metadata.uid)
        {
            self.pods.remove(uid);
        }
    }
}

fn home_uid(pod: &Pod) -> Option<&str> {
    pod.metadata.labels.as_ref()?.get(POD_UID).map(String::as_str)
}

async fn run(shared: &Shared, api: &Api<Pod>, selector: &str) {
    let mut pause = FIRST_PAUSE;
    loop {
        let why = follow(shared, api, selector, &mut pause).await;
        shared.lose(why);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Watches until the link is lost, and says why.
async fn follow(shared: &Shared, api: &Api<Pod>, selector: &str, pause: &mut Duration) -> String {
    let mut events = pin!(watcher(api.clone(), watcher::Config::default().labels(selector)));
    let mut seen = HashSet::new();
    let mut looks = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
    loop {
        tokio::select! {
            event = events.try_next() => match event {
                Ok(Some(event)) => {
                    *pause = FIRST_PAUSE;
                    shared.take_in(event, &mut seen);
                }
                Ok(None) => return "the watch ended".into(),
                Err(watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error)
                    | watcher::Error::WatchFailed(error)) => return words(&error),
                Err(error) => return error.to_string(),
            },
            _ = looks.tick() => {
                // Served from the API server's memory, and at most one object.
                let one = ListParams::default().labels(selector).limit(1).match_any();
                if let Err(error) = within(ANSWER, api.list_metadata(&one)).await {
                    return words(&error);
                }
            }
        }
    }
}
