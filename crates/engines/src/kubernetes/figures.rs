//! Figures of the pods over there, asked of that cluster's metrics API only when somebody reads them. It says how many cores
//! are in use; a node says how much time was used, so that is added up from one question to the next.
use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::Request;
use domain::quantity::parse_milli;
use futures::AsyncReadExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kubelet::{ContainerInstance, ContainerRun, ContainerStats, InstanceStats, ProviderError};
use serde::Deserialize;

use super::{
    Kubernetes,
    error::{Right, code, in_time},
    instances::instance,
};

/// Most of an answer that is read.
const MOST: u64 = 32 << 20;
/// Longest time for which one figure speaks: what was used while nobody asked for longer is not made up.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// How much time containers have used.
#[derive(Default)]
pub(super) struct Meter(Mutex<HashMap<Key, Used>>);

/// UID of a pod, name of a container.
type Key = (String, String);

#[derive(Clone, Copy)]
struct Used {
    /// Start of the attempt that used it.
    started: Timestamp,
    /// Until when it is counted.
    until: Timestamp,
    nanoseconds: u64,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    items: Vec<Measured>,
}

/// `PodMetrics` of `metrics.k8s.io/v1beta1`.
#[derive(Deserialize)]
pub(super) struct Measured {
    metadata: Named,
    /// The time over which it was measured, for example `15.1s`.
    #[serde(default)]
    window: String,
    #[serde(default)]
    containers: Vec<Usage>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Usage {
    name: String,
    #[serde(default)]
    usage: BTreeMap<String, String>,
}

// === impl Kubernetes ===

impl Kubernetes {
    pub(super) async fn figures(&self) -> Result<Vec<InstanceStats>, ProviderError> {
        let pods = self.cache.all()?;
        if pods.is_empty() {
            return Ok(Vec::new());
        }
        match in_time(self.measured()).await {
            Ok(measured) => Ok(self.meter.read(&pods, &measured, Timestamp::now())),
            // No metrics-server there, or no right to ask it: there are no figures, and nothing is wrong.
            Err(error) if matches!(code(&error), Some(403 | 404)) => Ok(Vec::new()),
            Err(error) => Err(self.explain(Right("list", "pods.metrics.k8s.io"), &error)),
        }
    }

    async fn measured(&self) -> Result<Vec<Measured>, kube::Error> {
        let (namespace, selector) = (&self.config.namespace, self.config.selector(None));
        let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods?labelSelector={selector}");
        let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
        let answer = self.client.request_stream(request).await?;
        let mut answer = pin!(answer.take(MOST));
        let mut text = Vec::new();
        answer.read_to_end(&mut text).await.map_err(kube::Error::ReadEvents)?;
        let listed: Listed = serde_json::from_slice(&text).map_err(kube::Error::SerdeError)?;
        Ok(listed.items)
    }
}

// === impl Meter ===

impl Meter {
    /// Figures of the containers that run and were measured.
    pub(super) fn read(&self, pods: &[Arc<Pod>], measured: &[Measured], now: Timestamp) -> Vec<InstanceStats> {
        let by_name: HashMap<&str, &Measured> = measured.iter().map(|one| (one.metadata.name.as_str(), one)).collect();
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut before, mut all) = (std::mem::take(&mut *used), Vec::new());
        for pod in pods {
            let found = pod.metadata.name.as_deref().and_then(|name| by_name.get(name).copied());
            let (instance, mut containers) = (instance(pod), Vec::new());
            for container in &instance.containers {
                let ContainerRun::Running { started } = container.run else { continue };
                let key = (instance.uid.clone(), container.name.clone());
                // One that is missing from an answer goes on where it was: its figure must never fall.
                let known = before.remove(&key).filter(|known| known.started == started);
                let (kept, figures) = figures(container, started, known, found, now);
                used.extend(kept.map(|kept| (key, kept)));
                containers.extend(figures);
            }
            if !containers.is_empty() {
                all.push(InstanceStats { uid: instance.uid, containers });
            }
        }
        all
    }
}

/// What is known from now on, and what is told.
fn figures(
    container: &ContainerInstance,
    started: Timestamp,
    known: Option<Used>,
    found: Option<&Measured>,
    now: Timestamp,
) -> (Option<Used>, Option<ContainerStats>) {
    let usage = found.and_then(|found| found.containers.iter().find(|one| one.name == container.name));
    let Some((found, usage)) = found.zip(usage.map(|one| &one.usage)) else { return (known, None) };
    let cores = usage.get("cpu").and_then(|text| nanocores(text));
    let used = cores.map(|cores| {
        let window =
            || found.window.parse::<SignedDuration>().unwrap_or(SignedDuration::ZERO).min(now.duration_since(started));
        let time = known.map_or_else(window, |known| now.duration_since(known.until));
        let nanoseconds = known.map_or(0, |known| known.nanoseconds).saturating_add(spent(cores, time));
        Used { started, until: now, nanoseconds }
    });
    let stats = ContainerStats {
        name: container.name.clone(),
        taken: now,
        started: Some(started),
        cpu_nanoseconds: used.map(|used| used.nanoseconds),
        memory_working_set_bytes: usage.get("memory").and_then(|text| bytes(text)),
        gpus: Vec::new(),
    };
    (used.or(known), Some(stats))
}

/// Nanoseconds of one core that this many billionths of one use up in a time.
fn spent(nanocores: u64, time: SignedDuration) -> u64 {
    let nanoseconds = u128::try_from(time.min(LONGEST).as_nanos()).unwrap_or(0);
    u64::try_from(u128::from(nanocores) * nanoseconds / 1_000_000_000).unwrap_or(u64::MAX)
}

/// Billionths of a core: finer than other quantities are read, because few containers use a whole thousandth.
fn nanocores(text: &str) -> Option<u64> {
    if let Some(number) = text.strip_suffix('n') {
        return number.parse().ok();
    }
    if let Some(number) = text.strip_suffix('u') {
        return number.parse::<u64>().ok()?.checked_mul(1000);
    }
    u64::try_from(parse_milli(text).ok()?.checked_mul(1_000_000)?).ok()
}

fn bytes(text: &str) -> Option<u64> {
    u64::try_from(parse_milli(text).ok()? / 1000).ok()
}

#[cfg(test)]
mod tests;
