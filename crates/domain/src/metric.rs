//! What pods use, as their nodes tell: a short history of CPU, memory and GPUs, in memory only.
//!
//! Source: `ui.md` §1 (Metrics), `virtual-node.md` §3.11 (`/stats/summary`). What a node does not tell is left out.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, NamespaceId};
use crate::idle_gpu::{IdleGpuView, IdleWatch};
use crate::workload::Owner;

/// Seconds between two questions to a node.
pub const INTERVAL_SECONDS: u32 = 15;
/// Samples that are kept of a pod: one hour.
pub const KEPT: usize = 240;
/// Pods of which a history is kept at most.
pub const MOST_PODS: usize = 2000;
/// A pod of which nothing was heard for so long is forgotten.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// What a node told of one pod at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodReading {
    /// Kubernetes name of its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID: a new pod with an old name has a history of its own.
    pub uid: String,
    /// When the node measured.
    pub taken: Timestamp,
    /// CPU time since the start of its containers, in nanoseconds.
    pub cpu_nanoseconds: Option<u64>,
    /// Memory that cannot be given back, in bytes.
    pub memory_bytes: Option<u64>,
    /// Its GPUs.
    pub gpus: Vec<GpuFigures>,
}

/// A pod with GPUs in a tenant namespace, bound to a node and not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuPod {
    /// Whose it is.
    pub account_id: AccountId,
    /// The tenant namespace.
    pub namespace_id: NamespaceId,
    /// Its Kubernetes name.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// Where it runs.
    pub node: String,
    /// What made it in the end; none for a pod on its own.
    pub owner: Option<Owner>,
}

/// What a GPU does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GpuFigures {
    /// Model.
    pub model: String,
    /// The device's own id.
    #[cfg_attr(feature = "openapi", schema(format = "device-id"))]
    pub id: String,
    /// All its memory.
    pub memory_total_bytes: Option<u64>,
    /// What of it is in use.
    pub memory_used_bytes: Option<u64>,
    /// Per cent of the time in which it worked.
    pub duty_percent: Option<u32>,
}

/// What was used at one moment; what no node told is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricSample {
    /// RFC 3339.
    pub at: String,
    /// Thousandths of a core, all pods together.
    pub cpu_millicores: Option<u64>,
    /// Memory, all pods together.
    pub memory_bytes: Option<u64>,
    /// How busy the GPUs were, the mean of all.
    pub gpu_percent: Option<u32>,
    /// Memory of the GPUs that was in use, all together.
    pub gpu_memory_bytes: Option<u64>,
}

/// What a workload or a pod used in the last hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricView {
    /// Seconds between two samples.
    pub interval_seconds: u32,
    /// Oldest first; kept only while somebody looks, or while a pod with GPUs runs.
    pub samples: Vec<MetricSample>,
    /// Each GPU as it was last seen.
    pub gpus: Vec<GpuFigures>,
    /// Why there is nothing to show; empty when there is.
    pub note: String,
    /// Its GPUs have been idle for a while.
    pub idle: Option<IdleGpuView>,
}

/// The histories of all pods that nodes were asked about.
#[derive(Debug, Default)]
pub struct Histories {
    pods: HashMap<(String, String), History>,
}

#[derive(Debug)]
struct History {
    last: PodReading,
    heard: Timestamp,
    points: VecDeque<Point>,
    idle: IdleWatch,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    at: Timestamp,
    cpu_millicores: Option<u64>,
    memory_bytes: Option<u64>,
    gpu_percent: Option<u32>,
    gpu_memory_bytes: Option<u64>,
}

/// The sums of one moment.
#[derive(Default)]
struct Sum {
    cpu: Option<u64>,
    memory: Option<u64>,
    gpu: (u32, u32),
    gpu_memory: Option<u64>,
}

// === impl Histories ===

impl Histories {
    /// Takes in what was heard at `at`, by our own clock: the same for all nodes of a round. Where there is room for some
    /// only, those with GPUs come first.
    pub fn take(&mut self, at: Timestamp, readings: Vec<PodReading>) {
        self.pods.retain(|_, history| at.duration_since(history.heard) < FORGOTTEN_AFTER);
        let (with, without): (Vec<_>, Vec<_>) = readings.into_iter().partition(|reading| !reading.gpus.is_empty());
        for reading in with.into_iter().chain(without) {
            let key = (reading.namespace.clone(), reading.name.clone());
            let known = self.pods.get_mut(&key).filter(|history| history.last.uid == reading.uid);
            if let Some(history) = known {
                history.add(at, reading);
                continue;
            }
            if self.pods.len() < MOST_PODS || self.pods.contains_key(&key) {
                self.pods.insert(key, History::begin(at, reading));
            }
        }
    }

    /// What `pods` of a namespace used together.
    pub fn view<'a>(&self, namespace: &str, pods: impl Iterator<Item = &'a str>) -> MetricView {
        let (mut sums, mut gpus) = (BTreeMap::<Timestamp, Sum>::new(), Vec::new());
        for history in pods.filter_map(|pod| self.get(namespace, pod)) {
            history.points.iter().for_each(|point| sums.entry(point.at).or_default().add(point));
            gpus.extend(history.last.gpus.iter().cloned());
        }
        let samples = sums.into_iter().rev().take(KEPT).map(|(at, sum)| sum.sample(at)).collect::<Vec<_>>();
        let samples = samples.into_iter().rev().collect();
        MetricView { interval_seconds: INTERVAL_SECONDS, samples, gpus, note: String::new(), idle: None }
    }

    /// Since when all GPUs of a pod have been idle; none while one works, or nothing was heard of it lately.
    pub fn idle_since(&self, namespace: &str, pod: &str, now: Timestamp) -> Option<Timestamp> {
        self.get(namespace, pod)?.idle.since(now)
    }

    /// Counts the idleness of a pod anew, from its next reading on.
    pub fn forget_idleness(&mut self, namespace: &str, pod: &str) {
        if let Some(history) = self.pods.get_mut(&(namespace.to_owned(), pod.to_owned())) {
            history.idle = IdleWatch::default();
        }
    }

    fn get(&self, namespace: &str, pod: &str) -> Option<&History> {
        self.pods.get(&(namespace.to_owned(), pod.to_owned()))
    }
}

// === impl History ===

impl History {
    fn begin(at: Timestamp, reading: PodReading) -> Self {
        let mut idle = IdleWatch::default();
        idle.observe(at, &reading.gpus);
        // What CPU is used now takes two readings.
        let points = VecDeque::from([Point::of(at, &reading, None)]);
        Self { last: reading, heard: at, points, idle }
    }

    fn add(&mut self, at: Timestamp, reading: PodReading) {
        let cpu = millicores(&self.last, &reading);
        if self.points.len() == KEPT {
            self.points.pop_front();
        }
        self.points.push_back(Point::of(at, &reading, cpu));
        self.idle.observe(at, &reading.gpus);
        (self.last, self.heard) = (reading, at);
    }
}

// === impl Point ===

impl Point {
    fn of(at: Timestamp, reading: &PodReading, cpu_millicores: Option<u64>) -> Self {
        let duties: Vec<u32> = reading.gpus.iter().filter_map(|gpu| gpu.duty_percent).collect();
        let mean = u32::try_from(duties.len()).ok().filter(|count| *count > 0);
        let used = reading.gpus.iter().filter_map(|gpu| gpu.memory_used_bytes);
        Self {
            at,
            cpu_millicores,
            memory_bytes: reading.memory_bytes,
            gpu_percent: mean.map(|count| duties.iter().sum::<u32>() / count),
            gpu_memory_bytes: used.reduce(u64::saturating_add),
        }
    }
}

// === impl Sum ===

impl Sum {
    fn add(&mut self, point: &Point) {
        let more = |sum: Option<u64>, more: Option<u64>| match (sum, more) {
            (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
            (sum, more) => sum.or(more),
        };
        self.cpu = more(self.cpu, point.cpu_millicores);
        self.memory = more(self.memory, point.memory_bytes);
        self.gpu_memory = more(self.gpu_memory, point.gpu_memory_bytes);
        if let Some(percent) = point.gpu_percent {
            self.gpu = (self.gpu.0 + percent, self.gpu.1 + 1);
        }
    }

    fn sample(self, at: Timestamp) -> MetricSample {
        MetricSample {
            at: at.to_string(),
            cpu_millicores: self.cpu,
            memory_bytes: self.memory,
            gpu_percent: (self.gpu.1 > 0).then(|| self.gpu.0 / self.gpu.1),
            gpu_memory_bytes: self.gpu_memory,
        }
    }
}

/// Thousandths of a core between two readings; none when the counter fell, because then its container is another one.
fn millicores(before: &PodReading, now: &PodReading) -> Option<u64> {
    let used = now.cpu_nanoseconds?.checked_sub(before.cpu_nanoseconds?)?;
    let passed = u64::try_from(now.taken.duration_since(before.taken).as_millis()).ok().filter(|ms| *ms > 0)?;
    // Nanoseconds of CPU in milliseconds of time: a thousandth of a core is 1,000 of them.
    Some(used / passed / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn reading(name: &str, seconds: i64, cpu_seconds: u64, duty: Option<u32>) -> PodReading {
        let gpu = |duty| GpuFigures {
            model: "H100".into(),
            id: "a".into(),
            memory_total_bytes: Some(80),
            memory_used_bytes: Some(8),
            duty_percent: Some(duty),
        };
        PodReading {
            namespace: "team".into(),
            name: name.into(),
            uid: format!("uid-{name}"),
            taken: at(seconds),
            cpu_nanoseconds: Some(cpu_seconds * 1_000_000_000),
            memory_bytes: Some(100),
            gpus: duty.map(gpu).into_iter().collect(),
        }
    }

    #[test]
    fn cpu_is_what_was_used_between_two_readings() {
        let mut all = Histories::default();
        all.take(at(0), vec![reading("a", 0, 5, Some(40))]);
        all.take(at(15), vec![reading("a", 15, 20, Some(60))]);
        let view = all.view("team", ["a"].into_iter());
        let told: Vec<_> = view.samples.iter().map(|s| (s.cpu_millicores, s.gpu_percent, s.gpu_memory_bytes)).collect();
        assert_eq!(told, [(None, Some(40), Some(8)), (Some(1000), Some(60), Some(8))]);
        assert_eq!(view.gpus.len(), 1);
    }

    #[test]
    fn pods_of_one_workload_are_summed_and_their_gpus_averaged() {
        let mut all = Histories::default();
        all.take(at(0), vec![reading("a", 0, 0, Some(20)), reading("b", 0, 0, Some(80)), reading("c", 0, 0, None)]);
        let view = all.view("team", ["a", "b", "c", "unknown"].into_iter());
        let [sample] = view.samples.as_slice() else { panic!("{view:?}") };
        assert_eq!((sample.memory_bytes, sample.gpu_percent, sample.gpu_memory_bytes), (Some(300), Some(50), Some(16)));
        assert!(all.view("other", ["a"].into_iter()).samples.is_empty());
    }

    #[test]
    fn a_new_pod_with_an_old_name_begins_anew_and_a_restart_is_no_negative_use() {
        let mut all = Histories::default();
        all.take(at(0), vec![reading("a", 0, 90, None)]);
        all.take(at(15), vec![reading("a", 15, 1, None)]);
        assert_eq!(all.view("team", ["a"].into_iter()).samples[1].cpu_millicores, None);
        all.take(at(30), vec![PodReading { uid: "another".into(), ..reading("a", 30, 5, None) }]);
        assert_eq!(all.view("team", ["a"].into_iter()).samples.len(), 1);
    }

    #[test]
    fn idleness_that_was_forgotten_counts_from_the_next_reading() {
        let mut all = Histories::default();
        all.take(at(0), vec![reading("a", 0, 0, Some(0)), reading("b", 0, 0, Some(0))]);
        all.forget_idleness("team", "a");
        assert_eq!([all.idle_since("team", "a", at(0)), all.idle_since("team", "b", at(0))], [None, Some(at(0))]);
        all.take(at(15), vec![reading("a", 15, 0, Some(0))]);
        assert_eq!(all.idle_since("team", "a", at(15)), Some(at(15)));
    }

    #[test]
    fn what_is_kept_is_bounded_in_time_and_number() {
        let mut all = Histories::default();
        for round in 0..300 {
            all.take(at(round * 15), vec![reading("a", round * 15, 0, None)]);
        }
        assert_eq!(all.view("team", ["a"].into_iter()).samples.len(), KEPT);
        let many = (0..3000).map(|n| reading(&format!("p{n}"), 0, 0, None));
        all.take(at(300 * 15), many.chain([reading("gpu", 0, 0, Some(1))]).collect());
        assert_eq!((all.pods.len(), all.get("team", "gpu").is_some()), (MOST_PODS, true));
        all.take(at(300 * 15 + 3600), vec![reading("late", 0, 0, None)]);
        assert_eq!(all.pods.len(), 1, "what is not heard of for an hour is forgotten");
    }
}
