//! The RunPod engine: one rented instance for each pod, over REST v2.
//! Money is at stake, so an instance is found by its marker, never rented twice, and gone only when proven gone
//! (`virtual-node.md` §5).
use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::admission::{FILES_ANNOTATION, FILES_IN_ENV};
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::Pod;
use kubelet::{
    ByteStream, Capabilities, ContainerInstance, Cost, EngineInfo, ExecRequest, ExecSession, FileVolume, HttpWay,
    Instance, InstanceRequest, InstanceStats, LogOptions, PortStream, Provider, ProviderError, PublicPort, QuotaLeft,
    Report, RouteCalls,
};
use tokio_stream::wrappers::BroadcastStream;

mod adopt;
mod annotations;
mod api;
mod body;
mod catalogue;
mod choice;
mod client;
mod clock;
mod config;
mod costing;
mod counts;
mod crashes;
mod create;
mod engine;
mod events;
mod exits;
mod files;
mod fleet;
mod list;
mod logs;
mod marker;
mod offers;
mod pace;
mod places;
mod ports;
mod probed;
mod reach;
mod registry;
mod remove;
mod rental;
mod restart;
mod sold;
mod ssh;
mod stats;
mod terms;
mod transport;
mod wrapper;

pub use clock::Clock;
pub use config::{Clouds, RunPodConfig};
pub use costing::Costing;
use engine::{ATTEMPTS, Engine};
use events::POD_ID;
pub use offers::{Offer, Seen, offers};
pub use sold::{Sold, SoldGpu};
pub use ssh::{SshKey, SshKeyError};
pub use transport::{ApiKey, HttpReply, HttpRequest, HttpTransport, PUBLIC_URL, Transport, TransportError};

/// An account at RunPod, or at its simulator.
pub struct RunPod(Arc<Engine>);

// === impl RunPod ===

impl RunPod {
    /// An engine for one node. Nothing is asked before the first call.
    #[must_use]
    pub fn new(config: RunPodConfig, transport: Arc<dyn Transport>, clock: Clock) -> Self {
        Self(Arc::new(Engine::new(config, transport, clock)))
    }

    /// The account behind the API at `base`; one on this machine is a simulator, whose instances are here too.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn over_https(mut config: RunPodConfig, base: &str, key: ApiKey) -> Result<Self, TransportError> {
        if let Some(proxy) = reach::proxy_of_simulator(base) {
            (config.proxy, config.addresses) = (proxy, reach::and_this_machine(config.addresses));
        }
        Ok(Self::new(config, Arc::new(HttpTransport::new(base, key)?), Clock::system()))
    }

    /// From now on nothing is rented, not even by creates that wait for the provider's rate limit: another process, or
    /// another engine of this one, acts instead.
    pub fn retire(&self) {
        self.0.client.retire();
    }

    /// Waits until no create is under way: afterwards nothing new is rented unless it is asked for.
    pub async fn quiet(&self) {
        // The semaphore is never closed.
        let _all = self.0.attempts.acquire_many(u32::from(ATTEMPTS)).await;
    }

    /// Whether lists show by now whatever an earlier process may have rented.
    #[must_use]
    pub fn knows_all(&self) -> bool {
        self.0.age() >= self.0.config.lag
    }

    /// What all instances of this node have cost so far, by the node's own clock, in millionths of a dollar.
    #[must_use]
    pub fn accrued_micros(&self) -> i64 {
        self.0.fleet().accrued(self.0.clock.now())
    }
}

#[async_trait]
impl Provider for RunPod {
    fn kind(&self) -> &'static str {
        "runpod"
    }

    fn capabilities(&self) -> Capabilities {
        // Nothing of a pod's security context can be enforced on a rented machine, so nothing is claimed.
        // What SKUs sell there is by model, and their GPUs are all of one make.
        let other_gpus: &[&str] = if self.0.config.sold.is_some() { &[] } else { &["amd.com/gpu"] };
        Capabilities {
            files_at_start: Some((FILES_ANNOTATION, FILES_IN_ENV)),
            probes: true,
            probe_allowance: reach::ALLOWANCE,
            job_annotations: true,
            other_gpus,
            adopts_by: self.0.config.adopt_by_annotation.then_some(POD_ID),
            list_lag: self.0.config.lag,
            ..Capabilities::default()
        }
    }

    async fn describe(&self) -> Result<EngineInfo, ProviderError> {
        Ok(EngineInfo { version: "v2".into(), ..EngineInfo::default() })
    }

    fn begins(&self) {
        self.0.begin();
    }

    async fn adopt(&self, pods: &[Pod]) -> Result<(), ProviderError> {
        self.0.adopt(pods).await
    }

    fn identify(&self, pod: &Pod) -> Option<Arc<Instance>> {
        self.0.identify(pod)
    }

    async fn create(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError> {
        // Goes on if the node loses interest: a request half sent could rent something that nobody knows.
        let (engine, request) = (self.0.clone(), request.clone());
        let turn = engine.attempts.clone().acquire_owned().await;
        let turn = turn.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        let attempt = tokio::spawn(async move {
            let _turn = turn;
            let made = engine.create(&request).await;
            engine.follow_exits();
            made
        });
        attempt.await.map_err(|error| ProviderError::Unavailable(error.to_string()))?
    }

    async fn list(&self) -> Result<Vec<Arc<Instance>>, ProviderError> {
        self.0.clone().list().await
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        BroadcastStream::new(self.0.changes.subscribe()).map(|_| ()).boxed()
    }

    fn reports(&self) -> BoxStream<'static, Report> {
        let reports = BroadcastStream::new(self.0.reports.subscribe());
        reports.filter_map(|report| std::future::ready(report.ok())).boxed()
    }

    fn public_ports(&self, uid: &str) -> Vec<PublicPort> {
        let fleet = self.0.fleet();
        let mapped = fleet.rentals.get(uid).filter(|rental| rental.up).map(|rental| rental.mapped.as_slice());
        let ports = mapped.unwrap_or_default().iter();
        let ports = ports.filter_map(|(private, public, ip)| Some((*private, *public, ip.parse().ok()?)));
        // Services of the cluster lead there, so it must be no address inside of it.
        let ports = ports.filter(|(_, public, address)| self.0.config.addresses.allows_all(&[*address], *public));
        ports.map(|(private, public, address)| PublicPort { private, public, address }).collect()
    }

    async fn delete(&self, uid: &str, _grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError> {
        // RunPod promises no time between asking and killing, so the grace period cannot be kept.
        let (engine, uid) = (self.0.clone(), uid.to_owned());
        let removal = tokio::spawn(async move { engine.delete(&uid).await });
        removal.await.map_err(|error| ProviderError::Unavailable(error.to_string()))?
    }

    async fn release(&self, uid: &str) -> Result<(), ProviderError> {
        // A pod that waits is released again and again: what is not known costs no calls, and lists would show it.
        if !self.0.fleet().may_cost(uid) {
            return Ok(());
        }
        self.delete(uid, Duration::ZERO).await.map(drop)
    }

    async fn logs(&self, uid: &str, container: &str, options: &LogOptions) -> Result<ByteStream, ProviderError> {
        self.0.logs(uid, container, options).await
    }

    async fn exec(&self, uid: &str, container: &str, request: &ExecRequest) -> Result<ExecSession, ProviderError> {
        self.0.run_in_container(uid, container, request).await
    }

    async fn port_forward(&self, uid: &str, port: u16) -> Result<PortStream, ProviderError> {
        self.0.connect_inside(uid, port).await
    }

    async fn dial(&self, instance: &Instance, port: u16) -> Result<PortStream, ProviderError> {
        self.0.dial(&instance.uid, port).await
    }

    async fn dial_http(&self, instance: &Instance, port: u16) -> Result<HttpWay, ProviderError> {
        self.0.dial_http(&instance.uid, port).await
    }

    async fn stop(&self, uid: &str, container: &ContainerInstance, _grace: Duration) -> Result<(), ProviderError> {
        // Ended by whatever follows: RunPod starts the container anew in place, or the instance ends.
        self.0.note_killed(uid, container);
        Ok(())
    }

    async fn write_files(&self, _pod: &Pod, _volumes: &[FileVolume]) -> Result<(), ProviderError> {
        let message =
            "The sources of the pod's files have changed; on RunPod a container gets its files when it starts";
        Err(ProviderError::Unsupported(message.into()))
    }

    async fn stats(&self) -> Result<Vec<InstanceStats>, ProviderError> {
        Ok(self.0.stats())
    }

    fn costs(&self) -> Vec<Cost> {
        self.0.fleet().costs(self.0.clock.now())
    }

    fn insufficient_balance(&self) -> Option<String> {
        self.0.fleet().unpaid.clone()
    }

    fn calls(&self) -> Vec<RouteCalls> {
        self.0.client.calls()
    }

    fn quota_left(&self) -> Vec<QuotaLeft> {
        self.0.client.quota_left()
    }

    fn list_bytes(&self) -> Option<u64> {
        self.0.walk().as_ref().map(|walk| walk.bytes)
    }
}

#[cfg(test)]
mod tests;
