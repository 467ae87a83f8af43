//! The RunPod engine: one rented instance for each pod, over REST v2.
//! Money is at stake, so an instance is found by its marker, never rented twice, and gone only when proven gone
//! (`virtual-node.md` §5).
use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use kubelet::{
    ByteStream, Capabilities, EngineInfo, ExecRequest, ExecSession, Instance, InstanceRequest, LogOptions, Provider,
    ProviderError, Report,
};
use tokio_stream::wrappers::BroadcastStream;

mod annotations;
mod api;
mod body;
mod catalogue;
mod choice;
mod client;
mod clock;
mod config;
mod create;
mod engine;
mod events;
mod exits;
mod fleet;
mod list;
mod logs;
mod marker;
mod offers;
mod pace;
mod places;
mod ports;
mod registry;
mod remove;
mod rental;
mod transport;
mod wrapper;

pub use clock::Clock;
pub use config::RunPodConfig;
use engine::Engine;
pub use offers::{Offer, Seen, offers};
pub use transport::{ApiKey, HttpReply, HttpRequest, HttpTransport, Transport, TransportError};

/// An account at RunPod, or at its simulator.
pub struct RunPod(Arc<Engine>);

// === impl RunPod ===

impl RunPod {
    /// An engine for one node. Nothing is asked before the first call.
    #[must_use]
    pub fn new(config: RunPodConfig, transport: Arc<dyn Transport>, clock: Clock) -> Self {
        Self(Arc::new(Engine::new(config, transport, clock)))
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
        Capabilities { job_annotations: true, ..Capabilities::default() }
    }

    async fn describe(&self) -> Result<EngineInfo, ProviderError> {
        Ok(EngineInfo { version: "v2".into(), ..EngineInfo::default() })
    }

    async fn create(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError> {
        // Goes on if the node loses interest: a request half sent could rent something that nobody knows.
        let (engine, request) = (self.0.clone(), request.clone());
        let attempt = tokio::spawn(async move {
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

    async fn delete(&self, uid: &str, _grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError> {
        // RunPod promises no time between asking and killing, so the grace period cannot be kept.
        let (engine, uid) = (self.0.clone(), uid.to_owned());
        let removal = tokio::spawn(async move { engine.delete(&uid).await });
        removal.await.map_err(|error| ProviderError::Unavailable(error.to_string()))?
    }

    async fn release(&self, uid: &str) -> Result<(), ProviderError> {
        self.delete(uid, Duration::ZERO).await.map(drop)
    }

    async fn logs(&self, uid: &str, container: &str, options: &LogOptions) -> Result<ByteStream, ProviderError> {
        self.0.logs(uid, container, options).await
    }

    async fn exec(&self, _uid: &str, _container: &str, _request: &ExecRequest) -> Result<ExecSession, ProviderError> {
        Err(ProviderError::Unsupported(
            "RunPod has no way to run commands in a container; start what you need from the image, or expose a port"
                .into(),
        ))
    }
}

#[cfg(test)]
mod tests;
