//! A virtual kubelet as a library: it stands behind one Node object and runs that node's pods on an engine.
//!
//! It knows no engine (they implement [`Provider`]) and no console, database or price. Start reading at [`Kubelet::run`],
//! then `decide` (what to do with a pod, pure), `worker` (doing it) and `status` (what Kubernetes is told, pure).
//! The contract is `virtual-node.md` §3.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod action;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod decide;
#[cfg(test)]
mod defects;
mod env;
mod env_sources;
mod events;
mod files;
mod health;
mod hooks;
mod http;
mod instance;
mod job;
mod kubelet;
mod lease;
mod metrics;
mod node;
mod node_object;
mod pods;
mod prober;
mod probes;
mod provider;
mod queue;
mod records;
mod refresh;
mod refuse;
mod refuse_volumes;
mod registry;
mod reports;
mod restart;
mod spent;
mod status;
mod streams;
mod sweep;
mod tick;
mod tokens;
mod worker;
mod writer;

pub use config::{Capacity, Gpu, NodeConfig, NodeTaint, TlsFiles};
pub use files::{FileVolume, VolumeFile};
pub use instance::{ContainerInstance, ContainerRun, Ended, Hold, Instance};
pub use kubelet::{Kubelet, StartError};
pub use provider::{
    Capabilities, ContainerRequest, EngineInfo, InstanceRequest, PodRef, Provider, ProviderError, Report,
};
pub use registry::RegistryLogin;
pub use streams::{
    AttachRequest, ByteStream, ContainerStats, ExecControl, ExecOutput, ExecRequest, ExecSession, InstanceStats,
    LogOptions, LogSince, PortStream, TerminalSize, Wire,
};
