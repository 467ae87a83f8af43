//! A virtual kubelet as a library: it stands behind one Node object and runs that node's pods on an engine.
//!
//! It knows no engine (they implement [`Provider`]) and no console, database or price. Start reading at [`Kubelet::run`],
//! then `decide` (what to do with a pod, pure), `worker` (doing it) and `status` (what Kubernetes is told, pure).
//! The contract is `virtual-node.md` §3.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod access;
mod action;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod decide;
#[cfg(test)]
mod defects;
mod endpoints;
mod env;
mod env_sources;
mod events;
mod files;
mod health;
mod hooks;
mod http;
#[cfg(feature = "conformance")]
mod in_memory;
mod instance;
mod job;
mod kubelet;
mod leader;
mod lease;
mod metrics;
mod node;
mod node_object;
mod orphans;
mod pod_store;
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
mod size;
mod spent;
mod status;
mod streams;
mod sweep;
mod tick;
mod tokens;
mod unenforced;
mod worker;
mod writer;

pub use access::{ApiAccess, ApiServer};
pub use config::{Capacity, Gpu, NodeConfig, NodeTaint, TaintEffect, TlsFiles};
pub use env::asks_for_pod_ip;
pub use files::{FileVolume, VolumeFile};
#[cfg(feature = "conformance")]
pub use in_memory::{InMemoryPods, Link, Step};
pub use instance::{ContainerInstance, ContainerRun, Disruption, Ended, Hold, Instance};
pub use kubelet::{Kubelet, StartError};
pub use leader::Election;
pub use metrics::{Cost, QuotaLeft, RouteCalls};
pub use provider::{
    Capabilities, ContainerRequest, EngineInfo, InstanceRequest, PodRef, Provider, ProviderError, PublicPort, Report,
};
pub use registry::RegistryLogin;
pub use streams::{
    AttachRequest, ByteStream, ContainerStats, ExecControl, ExecOutput, ExecRequest, ExecSession, GpuStats, HttpProxy,
    HttpWay, InstanceStats, LogOptions, LogSince, PortStream, TerminalSize, Wire,
};
