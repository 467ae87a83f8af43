//! An engine that runs nothing and says so: instances are Running as soon as they are asked for.
//! It makes GPU nodes for first looks, demos and load tests; every log and refusal is honest about it.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kubelet::{
    ByteStream, Capabilities, ContainerInstance, ContainerRequest, ContainerRun, Ended, EngineInfo, ExecRequest,
    ExecSession, Gpu, Instance, InstanceRequest, InstanceStats, LogOptions, Provider, ProviderError,
};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;

mod log;
mod stats;

/// The engine; its memory ends with the process, and the node makes everything again at the next start.
pub struct Simulated {
    state: Arc<Mutex<State>>,
    start_delay: Duration,
    changes: broadcast::Sender<()>,
    gpu: Option<Gpu>,
}

#[derive(Default)]
struct State {
    instances: HashMap<String, Arc<Instance>>,
    addresses: Addresses,
    /// Addresses by pod: one that was told before its pod started is the pod's already.
    pod_ips: HashMap<String, String>,
    /// Fired when an instance goes, for those who follow its log.
    followers: HashMap<String, CancellationToken>,
    /// GPUs of those instances that have some.
    gpus: HashMap<String, Vec<stats::Held>>,
}

// === impl State ===

impl State {
    /// The pod's address: the one that it has, else the recorded one if that is free, else a new one.
    fn address(&mut self, uid: &str, pod: &Pod) -> String {
        if let Some(known) = self.pod_ips.get(uid) {
            return known.clone();
        }
        let recorded = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref());
        let ip = self.addresses.take(recorded).to_string();
        self.pod_ips.insert(uid.to_owned(), ip.clone());
        ip
    }
}

// === impl Simulated ===

impl Simulated {
    /// An engine whose containers take `start_delay` to start.
    #[must_use]
    pub fn new(start_delay: Duration) -> Self {
        Self { state: Arc::default(), start_delay, changes: broadcast::channel(1).0, gpu: None }
    }

    /// Tells figures of GPUs of this model.
    #[must_use]
    pub fn with_gpu(mut self, gpu: Option<Gpu>) -> Self {
        self.gpu = gpu;
        self
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn container(&self, request: &InstanceRequest, wanted: &ContainerRequest) -> ContainerInstance {
        let run = match self.start_delay.is_zero() {
            // Nothing runs, so what runs before the rest is over at once.
            _ if is_init(request, &wanted.spec.name) => ContainerRun::Ended(done()),
            true => ContainerRun::Running { started: recorded_start(request, wanted).unwrap_or_else(Timestamp::now) },
            false => ContainerRun::Created,
        };
        let (uid, name) = (request.marker().0, &wanted.spec.name);
        ContainerInstance {
            name: name.clone(),
            id: format!("simulated://{uid}/{name}/{}", wanted.attempt),
            image_id: String::new(),
            attempt: wanted.attempt,
            run,
            hold: None,
            previous: None,
        }
    }

    fn start_later(&self, uid: String) {
        let (state, changes, delay) = (self.state.clone(), self.changes.clone(), self.start_delay);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(instance) = state.instances.get_mut(&uid) else { return };
            for container in &mut Arc::make_mut(instance).containers {
                if container.run == ContainerRun::Created {
                    container.run = ContainerRun::Running { started: Timestamp::now() };
                }
            }
            drop(state);
            let _ = changes.send(());
        });
    }
}

#[async_trait]
impl Provider for Simulated {
    fn kind(&self) -> &'static str {
        "simulated"
    }

    fn capabilities(&self) -> Capabilities {
        // Nothing runs, so nothing is left unmounted or unenforced.
        Capabilities {
            several_containers: true,
            first_owns_network: false,
            file_volumes: true,
            files_at_start: None,
            init_containers: true,
            probes: false,
            hooks: false,
            probe_allowance: Duration::ZERO,
            security_context: true,
            recreates_lost: true,
            job_annotations: false,
            whole_pods: false,
            other_gpus: &[],
            adopts_by: None,
            list_lag: Duration::ZERO,
        }
    }

    async fn describe(&self) -> Result<EngineInfo, ProviderError> {
        Ok(EngineInfo { version: env!("CARGO_PKG_VERSION").into(), ..EngineInfo::default() })
    }

    async fn create(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError> {
        let (uid, namespace, name) = request.marker();
        let mut state = self.lock();
        let mut instance = match state.instances.get(&uid) {
            Some(known) => Instance::clone(known),
            None => {
                let pod_ip = Some(state.address(&uid, &request.pod));
                Instance { uid: uid.clone(), namespace, name, pod_ip, containers: Vec::new(), disruption: None }
            }
        };
        for wanted in &request.containers {
            if instance.container(&wanted.spec.name).is_some_and(|known| known.attempt >= wanted.attempt) {
                continue;
            }
            instance.containers.retain(|known| known.name != wanted.spec.name);
            instance.containers.push(self.container(request, wanted));
        }
        instance.containers.shrink_to_fit();
        let instance = Arc::new(instance);
        state.instances.insert(uid.clone(), instance.clone());
        let held = stats::held(request);
        if !held.is_empty() {
            state.gpus.insert(uid.clone(), held);
        }
        drop(state);
        if !self.start_delay.is_zero() {
            self.start_later(uid);
        }
        Ok(instance)
    }

    fn address_of(&self, pod: &Pod) -> Option<String> {
        Some(self.lock().address(pod.metadata.uid.as_deref()?, pod))
    }

    async fn list(&self) -> Result<Vec<Arc<Instance>>, ProviderError> {
        Ok(self.lock().instances.values().cloned().collect())
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        BroadcastStream::new(self.changes.subscribe()).map(|_| ()).boxed()
    }

    async fn delete(&self, uid: &str, _grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError> {
        let mut state = self.lock();
        state.instances.remove(uid);
        state.gpus.remove(uid);
        if let Some(ip) = state.pod_ips.remove(uid) {
            state.addresses.give_back(&ip);
        }
        if let Some(followers) = state.followers.remove(uid) {
            followers.cancel();
        }
        Ok(None)
    }

    async fn logs(&self, uid: &str, container: &str, options: &LogOptions) -> Result<ByteStream, ProviderError> {
        let mut state = self.lock();
        let instance = state.instances.get(uid).cloned();
        let known = instance.as_ref().and_then(|instance| instance.container(container));
        let known = known.ok_or_else(|| ProviderError::NotFound(format!("Container {container} was not started")))?;
        if options.previous {
            return Err(ProviderError::NotFound(format!("Container {container} has no previous attempt")));
        }
        let end = options.follow.then(|| state.followers.entry(uid.to_owned()).or_default().clone());
        Ok(log::stream(known, options, end))
    }

    async fn exec(&self, _uid: &str, _container: &str, _request: &ExecRequest) -> Result<ExecSession, ProviderError> {
        Err(ProviderError::Unsupported("The simulated engine runs no processes".into()))
    }

    async fn stats(&self) -> Result<Vec<InstanceStats>, ProviderError> {
        let (state, now) = (self.lock(), Timestamp::now());
        let of = |instance: &Arc<Instance>| {
            let held = state.gpus.get(&instance.uid).map(Vec::as_slice).unwrap_or_default();
            stats::stats(instance, held, self.gpu.as_ref(), now)
        };
        Ok(state.instances.values().map(of).collect())
    }
}

fn is_init(request: &InstanceRequest, name: &str) -> bool {
    let init = request.pod.spec.as_ref().and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
    init.iter().any(|one| one.name == name)
}

fn done() -> Ended {
    let now = Some(Timestamp::now());
    let (reason, message) = ("Completed".into(), String::new());
    Ended { exit_code: 0, reason, message, started: now, finished: now, id: String::new() }
}

/// The start that the pod's status already shows: after a restart of this process nothing changes for its readers.
fn recorded_start(request: &InstanceRequest, wanted: &ContainerRequest) -> Option<Timestamp> {
    let statuses = request.pod.status.as_ref()?.container_statuses.as_ref()?;
    let known = statuses.iter().find(|one| one.name == wanted.spec.name)?;
    let same = u32::try_from(known.restart_count).is_ok_and(|count| count == wanted.attempt);
    let started = known.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0;
    same.then_some(started)
}

#[cfg(test)]
mod tests;
