//! Runs probes: one task for each probe of each running container, none for containers without probes.
//! A change goes to the record of the pod, whose worker tells it; a failed liveness probe ends the container.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    ContainerRun, Instance,
    action::{Action, Outcome, act},
    events::about,
    hooks::before_stop,
    kubelet::Shared,
    probes::{Kind, Probed, Row, has_probes, left_of, resumed, unprobed},
    queue::Uid,
    records::View,
};

/// Probes at work, by pod UID and container.
#[derive(Default)]
pub(crate) struct Prober(Mutex<HashMap<(Uid, String), Watched>>);

struct Watched {
    run: Run,
    _stop: DropGuard,
}

/// What must stay the same while one task probes: id, attempt and start, for some engines start a container anew in place.
type Run = (String, u32, Timestamp);

/// One attempt of one container.
#[derive(Clone)]
struct Target {
    uid: Uid,
    pod: Arc<Pod>,
    container: Arc<Container>,
    instance: Arc<Instance>,
    attempt: u32,
    started: Timestamp,
}

// === impl Prober ===

impl Prober {
    /// Starts the probes of containers that run, stops those of all others.
    pub(crate) fn keep(&self, shared: &Arc<Shared>, uid: &Uid, view: &View) {
        if !shared.rules.capabilities.probes {
            return;
        }
        let leaving = view.removed || view.terminated || view.pod.metadata.deletion_timestamp.is_some();
        let Some(instance) = view.instance.as_ref().filter(|_| !leaving) else { return self.forget(uid) };
        for container in crate::decide::containers(&view.pod).iter().filter(|container| has_probes(container)) {
            let key = (uid.clone(), container.name.clone());
            let found = instance.container(&container.name);
            let Some((found, ContainerRun::Running { started })) = found.map(|found| (found, &found.run)) else {
                self.lock().remove(&key);
                continue;
            };
            let started = *started;
            let run: Run = (found.id.clone(), found.attempt, started);
            let mut watched = self.lock();
            let before = watched.get(&key).map(|known| &known.run);
            if before == Some(&run) {
                continue;
            }
            // Started anew by the engine itself: what was seen before says nothing any more.
            let anew = before.is_some_and(|before| before.0 == run.0 && before.1 == run.1);
            let stop = CancellationToken::new();
            watched.insert(key, Watched { run, _stop: stop.clone().drop_guard() });
            drop(watched);
            let first = if anew {
                unprobed(container, found.attempt)
            } else {
                resumed(&view.pod, container, &found.id, found.attempt)
            };
            let target = Target {
                uid: uid.clone(),
                pod: view.pod.clone(),
                container: Arc::new(container.clone()),
                instance: instance.clone(),
                attempt: found.attempt,
                started,
            };
            shared.records.set_probed(uid, &container.name, first);
            tokio::spawn(watch(shared.clone(), target, first, stop));
        }
    }

    pub(crate) fn forget(&self, uid: &Uid) {
        let mut watched = self.lock();
        if !watched.is_empty() {
            watched.retain(|(known, _), _| known != uid);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Uid, String), Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The startup probe first, then the two others beside each other.
async fn watch(shared: Arc<Shared>, target: Target, first: Probed, stop: CancellationToken) {
    let probes = async {
        if !first.started
            && let Some(probe) = &target.container.startup_probe
        {
            if !until_started(&shared, &target, probe).await {
                return;
            }
            let ready = target.container.readiness_probe.is_none();
            set(&shared, &target, Probed { attempt: target.attempt, started: true, ready });
        }
        tokio::join!(readiness(&shared, &target, first.ready), liveness(&shared, &target));
    };
    tokio::select! {
        () = probes => {}
        () = stop.cancelled() => {}
        () = shared.shutdown.cancelled() => {}
    }
}

fn set(shared: &Shared, target: &Target, probed: Probed) {
    if shared.records.set_probed(&target.uid, &target.container.name, probed) {
        shared.enqueue([target.uid.clone()]);
    }
}

/// False if it failed too often and the container was ended.
async fn until_started(shared: &Shared, target: &Target, probe: &Probe) -> bool {
    let mut row = Row::default();
    delay(target, probe).await;
    loop {
        match tried(shared, target, Kind::Startup, probe).await.and_then(|success| row.add(probe, success)) {
            Some(true) => return true,
            Some(false) => {
                kill(shared, target, Kind::Startup, probe).await;
                return false;
            }
            None => pause(probe).await,
        }
    }
}

async fn readiness(shared: &Shared, target: &Target, mut ready: bool) {
    let Some(probe) = &target.container.readiness_probe else { return };
    let mut row = Row::default();
    delay(target, probe).await;
    loop {
        let told = tried(shared, target, Kind::Readiness, probe).await.and_then(|success| row.add(probe, success));
        if let Some(now) = told.filter(|now| *now != ready) {
            ready = now;
            set(shared, target, Probed { attempt: target.attempt, started: true, ready });
        }
        pause(probe).await;
    }
}

async fn liveness(shared: &Shared, target: &Target) {
    let Some(probe) = &target.container.liveness_probe else { return };
    let mut row = Row::default();
    delay(target, probe).await;
    loop {
        let told = tried(shared, target, Kind::Liveness, probe).await.and_then(|success| row.add(probe, success));
        if told == Some(false) {
            break;
        }
        pause(probe).await;
    }
    kill(shared, target, Kind::Liveness, probe).await;
}

async fn delay(target: &Target, probe: &Probe) {
    let delay = seconds(probe.initial_delay_seconds, 0);
    tokio::time::sleep(left_of(delay, target.started, Timestamp::now())).await;
}

async fn pause(probe: &Probe) {
    tokio::time::sleep(seconds(probe.period_seconds, 10)).await;
}

fn seconds(wanted: Option<i32>, default: u64) -> Duration {
    Duration::from_secs(wanted.and_then(|seconds| seconds.try_into().ok()).unwrap_or(default))
}

/// One try. `None` if it says nothing of the container: nobody ends one that was only not reached. One that is not shown to
/// be ready is not ready, though.
async fn tried(shared: &Shared, target: &Target, kind: Kind, probe: &Probe) -> Option<bool> {
    let limit = seconds(probe.timeout_seconds, 1).max(Duration::from_secs(1));
    let wanted: Action = probe.into();
    let action = act(shared, &target.pod, &target.instance, &target.container, &wanted);
    let outcome = tokio::time::timeout(limit + shared.rules.capabilities.probe_allowance, action).await;
    let late = |_| Outcome::Failure(format!("no answer within {} s", limit.as_secs()));
    let (told, message) = match outcome.unwrap_or_else(late) {
        Outcome::Success => return Some(true),
        Outcome::Failure(why) => (Some(false), format!("{} probe failed: {why}", kind.word())),
        Outcome::Unknown(why) => {
            let message = format!("{} probe could not be made: {why}", kind.word());
            ((kind == Kind::Readiness).then_some(false), message)
        }
    };
    shared.events.warning(about(&target.pod), "Unhealthy", message);
    told
}

/// Ends the container until it is ended; its restart policy decides what follows.
async fn kill(shared: &Shared, target: &Target, kind: Kind, probe: &Probe) {
    let name = &target.container.name;
    let word = kind.word().to_lowercase();
    let message = format!("Container {name} failed {word} probe, will be restarted");
    shared.events.normal(about(&target.pod), "Killing", message);
    let own = probe.termination_grace_period_seconds.and_then(|grace| grace.try_into().ok());
    let grace = own.map_or_else(|| crate::decide::grace(&target.pod), Duration::from_secs);
    let grace = before_stop(shared, &target.pod, &target.instance, &target.container, grace).await;
    let Some(container) = target.instance.container(name) else { return };
    while let Err(error) = shared.provider.stop(&target.uid, container, grace).await {
        tracing::warn!(pod.uid = %target.uid, %error, "Ending an unhealthy container failed; trying again");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
