//! What the node knows of each of its pods: the object of the API server and the instance of the engine.
//! Pods are kept as JSON, about a third of the size of the parsed object: ten thousand of them must fit in 100 MB.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Instance,
    decide::phase,
    files::file_volumes,
    probes::{Probed, Probes},
    queue::Uid,
    restart::CalmAttempts,
};

/// Lists in a row without an instance before it counts as lost.
const MISSING_LISTS: u8 = 2;
/// A worker is changing the instance: what lists say of it is out of date.
const BUSY: u64 = u64::MAX;

#[derive(Default)]
pub(crate) struct Records {
    inner: Mutex<Inner>,
    /// Some pods may have files for the API server.
    api_access: bool,
}

#[derive(Default)]
struct Inner {
    by_uid: HashMap<Uid, Record>,
    lists: u64,
    first_list: Option<Instant>,
    last_list: Option<Instant>,
    /// For how long after its create an instance may be missing from lists.
    lag: Duration,
}

/// One pod and its instance.
struct Record {
    pod: Box<[u8]>,
    namespace: Box<str>,
    name: Box<str>,
    version: u64,
    /// Grace period of a deletion in progress.
    grace: Option<i64>,
    removed: bool,
    /// The last complete list of the API server lacks it: it is gone, or that list is wrong.
    unlisted: bool,
    terminated: bool,
    has_files: bool,
    phase: &'static str,
    instance: Option<Arc<Instance>>,
    lost: bool,
    /// It had an instance before this process began, and no list has shown it yet.
    unseen: bool,
    missing: u8,
    /// Lists up to this number say nothing new about the instance.
    settled: u64,
    failure: Option<Failure>,
    calm: CalmAttempts,
    probes: Probes,
    interrupt: CancellationToken,
}

/// The last attempt to create the instance failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) count: u32,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) retry_at: Timestamp,
}

/// A copy of a record to work with.
pub(crate) struct View {
    pub(crate) pod: Arc<Pod>,
    /// The pod is gone from the API server.
    pub(crate) removed: bool,
    /// The instance is confirmed gone and the API server was asked to let the pod go.
    pub(crate) terminated: bool,
    pub(crate) instance: Option<Arc<Instance>>,
    /// There was an instance and it is gone, though nobody here removed it.
    pub(crate) lost: bool,
    /// There was an instance before this process began; whether it is gone is not certain yet.
    pub(crate) unseen: bool,
    pub(crate) failure: Option<Failure>,
    pub(crate) calm: CalmAttempts,
    /// Fires when the pod is deleted or its grace period changes.
    pub(crate) interrupt: CancellationToken,
}

/// What a list of the engine changed.
#[derive(Default)]
pub(crate) struct Absorbed {
    pub(crate) changed: Vec<Uid>,
    /// Instances of this node without a pod known here.
    pub(crate) unknown: Vec<Arc<Instance>>,
}

// === impl Records ===

impl Records {
    /// For an engine whose lists may lack an instance for that long after its create.
    pub(crate) fn with_lag(lag: Duration) -> Self {
        let records = Self::default();
        records.lock().lag = lag;
        records
    }

    /// For a node that lets pods speak to the API server.
    pub(crate) fn with_api_access(self, api_access: bool) -> Self {
        Self { api_access, ..self }
    }

    /// Takes in a pod from the watch or from an answer to a write; true if it is new or newer than the one known.
    pub(crate) fn put_pod(&self, pod: &Pod) -> bool {
        let (Some(uid), Ok(json)) = (pod.metadata.uid.as_deref(), serde_json::to_vec(pod)) else { return false };
        let version = version(pod);
        let mut inner = self.lock();
        if let Some(record) = inner.by_uid.get_mut(uid) {
            if version <= record.version {
                return false;
            }
            if record.grace != grace(pod) {
                // Deleted, or deleted with a shorter grace period: whatever runs for this pod is decided anew.
                record.grace = grace(pod);
                std::mem::take(&mut record.interrupt).cancel();
            }
            record.pod = json.into();
            record.phase = phase_word(pod);
            record.version = version;
            record.unlisted = false;
            return true;
        }
        inner.by_uid.insert(uid.into(), Record::new(pod, json, version, self.api_access));
        true
    }

    /// The pod is gone from the API server; the record stays until its instance is gone too.
    pub(crate) fn mark_removed(&self, uid: &str) -> Option<Uid> {
        let mut inner = self.lock();
        let (key, _) = inner.by_uid.get_key_value(uid)?;
        let key = key.clone();
        if let Some(record) = inner.by_uid.get_mut(uid) {
            record.removed = true;
            std::mem::take(&mut record.interrupt).cancel();
        }
        Some(key)
    }

    /// Takes in which pods a complete list of the API server has; those that the one before lacked are returned.
    pub(crate) fn set_listed(&self, seen: &HashSet<String>) -> Vec<Uid> {
        let (mut inner, mut back) = (self.lock(), Vec::new());
        for (uid, record) in &mut inner.by_uid {
            let unlisted = !seen.contains(uid.as_ref());
            if std::mem::replace(&mut record.unlisted, unlisted) && !unlisted {
                back.push(uid.clone());
            }
        }
        back
    }

    /// The API server has this pod, whatever its list said.
    pub(crate) fn set_there(&self, uid: &str) {
        if let Some(record) = self.lock().by_uid.get_mut(uid) {
            record.unlisted = false;
        }
    }

    /// Pods that the last complete list lacks; that they are gone is to be confirmed.
    pub(crate) fn unlisted(&self) -> Vec<Uid> {
        let inner = self.lock();
        inner.by_uid.iter().filter(|(_, record)| record.is_missing()).map(|(uid, _)| uid.clone()).collect()
    }

    /// Whether the last complete list lacks this pod.
    pub(crate) fn is_unlisted(&self, uid: &str) -> bool {
        self.lock().by_uid.get(uid).is_some_and(Record::is_missing)
    }

    /// Number of pods that the last complete list has, and of instances whose pod it lacks.
    pub(crate) fn at_stake(&self) -> (usize, usize) {
        let inner = self.lock();
        let (missing, listed): (Vec<&Record>, Vec<&Record>) =
            inner.by_uid.values().filter(|record| record.is_here()).partition(|record| record.unlisted);
        (listed.len(), missing.iter().filter(|record| record.instance.is_some()).count())
    }

    /// Pods with volumes of files.
    pub(crate) fn with_files(&self) -> Vec<Uid> {
        let inner = self.lock();
        inner.by_uid.iter().filter(|(_, record)| record.has_files).map(|(uid, _)| uid.clone()).collect()
    }

    pub(crate) fn uids(&self) -> Vec<Uid> {
        self.lock().by_uid.keys().cloned().collect()
    }

    /// Pods of these namespaces.
    pub(crate) fn uids_in(&self, namespaces: &BTreeSet<&str>) -> Vec<Uid> {
        let inner = self.lock();
        let theirs = inner.by_uid.iter().filter(|(_, record)| namespaces.contains(&*record.namespace));
        theirs.map(|(uid, _)| uid.clone()).collect()
    }

    pub(crate) fn view(&self, uid: &str) -> Option<View> {
        self.lock().by_uid.get(uid)?.view()
    }

    /// The pod of that name that is not gone, for the kubelet API.
    pub(crate) fn find(&self, namespace: &str, name: &str) -> Option<View> {
        let inner = self.lock();
        inner.by_uid.values().find(|record| record.is(namespace, name))?.view()
    }

    /// All pods as the API server has them, each as JSON.
    pub(crate) fn pods_json(&self) -> Vec<Box<[u8]>> {
        self.lock().by_uid.values().filter(|record| record.is_here()).map(|record| record.pod.clone()).collect()
    }

    /// Number of pods that are not gone.
    pub(crate) fn len(&self) -> usize {
        self.lock().by_uid.values().filter(|record| record.is_here()).count()
    }

    /// Number of pods whose instance is known.
    pub(crate) fn instances(&self) -> usize {
        self.lock().by_uid.values().filter(|record| record.is_here() && record.instance.is_some()).count()
    }

    /// Number of pods by phase.
    pub(crate) fn phases(&self) -> BTreeMap<&'static str, usize> {
        let inner = self.lock();
        let mut phases = BTreeMap::new();
        for record in inner.by_uid.values().filter(|record| record.is_here()) {
            *phases.entry(record.phase).or_default() += 1;
        }
        phases
    }

    pub(crate) fn forget(&self, uid: &str) {
        self.lock().by_uid.remove(uid);
    }

    /// From now on lists say nothing about this instance, until [`Records::settle`].
    pub(crate) fn start_change(&self, uid: &str) {
        if let Some(record) = self.lock().by_uid.get_mut(uid) {
            record.settled = BUSY;
        }
    }

    /// The change has ended with this instance; `None` leaves the one known before.
    pub(crate) fn settle(&self, uid: &str, instance: Option<Arc<Instance>>) {
        let mut inner = self.lock();
        let lists = inner.lists;
        if let Some(record) = inner.by_uid.get_mut(uid) {
            record.settled = lists;
            if instance.is_some() {
                record.set_instance(instance);
                record.failure = None;
            }
        }
    }

    /// What the probes of a pod show now.
    pub(crate) fn probes(&self, uid: &str) -> Probes {
        self.lock().by_uid.get(uid).map(|record| record.probes.clone()).unwrap_or_default()
    }

    /// Takes in what the probes of a container show; true if it is news.
    pub(crate) fn set_probed(&self, uid: &str, container: &str, probed: Probed) -> bool {
        let mut inner = self.lock();
        let Some(record) = inner.by_uid.get_mut(uid) else { return false };
        record.probes.insert(container.to_owned(), probed) != Some(probed)
    }

    pub(crate) fn set_failure(&self, uid: &str, failure: Failure) {
        if let Some(record) = self.lock().by_uid.get_mut(uid) {
            record.failure = Some(failure);
        }
    }

    /// The instance is gone for good; only the watch's last word about the pod is missing.
    pub(crate) fn set_terminated(&self, uid: &str) {
        if let Some(record) = self.lock().by_uid.get_mut(uid) {
            record.terminated = true;
            record.instance = None;
        }
    }

    /// Number of a list that is about to start.
    pub(crate) fn start_list(&self) -> u64 {
        let mut inner = self.lock();
        inner.lists += 1;
        let now = Instant::now();
        inner.first_list.get_or_insert(now);
        inner.last_list = Some(now);
        inner.lists
    }

    /// When the last list was begun.
    pub(crate) fn last_list(&self) -> Option<Instant> {
        self.lock().last_list
    }

    /// Takes in a list of the engine.
    pub(crate) fn absorb(&self, number: u64, list: Vec<Arc<Instance>>) -> Absorbed {
        let mut inner = self.lock();
        let mut absorbed = Absorbed::default();
        let mut listed = HashSet::with_capacity(list.len());
        let certain = inner.first_list.zip(inner.last_list).is_some_and(|(first, last)| last - first >= inner.lag);
        for instance in list {
            let Some((key, _)) = inner.by_uid.get_key_value(instance.uid.as_str()) else {
                absorbed.unknown.push(instance);
                continue;
            };
            let key = key.clone();
            if inner.by_uid.get_mut(&key).is_some_and(|record| record.absorb(number, instance)) {
                absorbed.changed.push(key.clone());
            }
            listed.insert(key);
        }
        for (uid, record) in &mut inner.by_uid {
            if !listed.contains(uid) && record.miss(number, certain) {
                absorbed.changed.push(uid.clone());
            }
        }
        absorbed
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Record ===

impl Record {
    fn new(pod: &Pod, json: Vec<u8>, version: u64, api_access: bool) -> Self {
        Self {
            pod: json.into(),
            namespace: pod.metadata.namespace.clone().unwrap_or_default().into(),
            name: pod.metadata.name.clone().unwrap_or_default().into(),
            version,
            grace: grace(pod),
            removed: false,
            unlisted: false,
            terminated: false,
            has_files: file_volumes(pod, api_access).next().is_some(),
            phase: phase_word(pod),
            instance: None,
            lost: false,
            // A pod with the id of a container that has not ended had an instance before this process began.
            unseen: has_container_id(pod),
            missing: 0,
            settled: 0,
            failure: None,
            calm: CalmAttempts::new(),
            probes: Probes::new(),
            interrupt: CancellationToken::new(),
        }
    }

    fn is_here(&self) -> bool {
        !self.removed && !self.terminated
    }

    fn is_missing(&self) -> bool {
        self.unlisted && !self.removed
    }

    fn is(&self, namespace: &str, name: &str) -> bool {
        self.is_here() && *self.namespace == *namespace && *self.name == *name
    }

    fn view(&self) -> Option<View> {
        Some(View {
            pod: Arc::new(serde_json::from_slice(&self.pod).ok()?),
            removed: self.removed,
            terminated: self.terminated,
            instance: self.instance.clone(),
            lost: self.lost,
            unseen: self.unseen,
            failure: self.failure.clone(),
            calm: self.calm.clone(),
            interrupt: self.interrupt.clone(),
        })
    }

    fn absorb(&mut self, number: u64, instance: Arc<Instance>) -> bool {
        if number <= self.settled {
            return false;
        }
        self.missing = 0;
        if self.instance.as_ref() == Some(&instance) {
            return false;
        }
        self.set_instance(Some(instance));
        true
    }

    /// A list lacks it; true if that is enough to call it lost. `certain`: the list must have shown whatever another process
    /// rented before this one began.
    fn miss(&mut self, number: u64, certain: bool) -> bool {
        let expected = self.instance.is_some() || (self.unseen && certain);
        if number <= self.settled || !expected || self.may_be_gone() {
            return false;
        }
        self.missing += 1;
        let gone = self.missing >= MISSING_LISTS;
        if gone {
            self.set_instance(None);
            (self.lost, self.unseen) = (true, false);
        }
        gone
    }

    /// Whether its instance is none to lose: what has ended is to start again, or what never ran could not be made again. The
    /// engine may have given it back by then, and only how it ended is of use yet.
    fn may_be_gone(&self) -> bool {
        let Some(instance) = &self.instance else { return false };
        match (instance.containers.is_empty(), self.phase) {
            (true, "Pending" | "Running") => self.failure.is_some(),
            // Running: its own containers were made, not only those that initialize it.
            (false, "Running") => instance.is_over(),
            _ => false,
        }
    }

    fn set_instance(&mut self, instance: Option<Arc<Instance>>) {
        for container in instance.iter().flat_map(|instance| &instance.containers) {
            if let crate::ContainerRun::Ended(ended) = &container.run
                && crate::restart::ran_calmly(ended)
            {
                self.calm.insert(container.name.clone(), container.attempt);
            }
        }
        self.missing = 0;
        self.lost &= instance.is_none();
        self.unseen &= instance.is_none();
        self.instance = instance;
    }
}

/// Resource versions can be compared as numbers since Kubernetes 1.35, and always could with etcd behind.
fn version(pod: &Pod) -> u64 {
    pod.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

fn phase_word(pod: &Pod) -> &'static str {
    let words = ["Pending", "Running", "Succeeded", "Failed"];
    words.into_iter().find(|word| *word == phase(pod)).unwrap_or("Unknown")
}

fn grace(pod: &Pod) -> Option<i64> {
    let meta = &pod.metadata;
    meta.deletion_timestamp.as_ref().map(|_| meta.deletion_grace_period_seconds.unwrap_or(0))
}

fn has_container_id(pod: &Pod) -> bool {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let has_id = |status: &ContainerStatus| status.container_id.as_deref().is_some_and(|id| !id.is_empty());
    statuses.iter().any(|status| has_id(status) && !waits_again(status))
}

/// Whether it ended and waits to start again: nothing is lost with what an engine may have given back meanwhile.
pub(crate) fn waits_again(status: &ContainerStatus) -> bool {
    let is_waiting = status.state.as_ref().is_some_and(|state| state.waiting.is_some());
    let end = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    is_waiting && end.is_some_and(|end| end.container_id == status.container_id)
}

#[cfg(test)]
mod tests;
