//! Engines behind virtual nodes: what `kubelet::Provider` means for Docker and Podman, for RunPod, for another Kubernetes
//! cluster, and for an engine that only pretends.
//!
//! [`probe::Probe`] looks at an engine from outside, before and while it is used. Never depends on the console or its
//! store. Start reading at [`docker::Docker`], [`kubernetes::Kubernetes`], [`runpod::RunPod`] or
//! [`simulated::Simulated`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod addresses;
mod bounds;
pub mod docker;
pub mod kubernetes;
pub mod probe;
pub mod runpod;
pub mod simulated;

/// The allow-list of a namespace, which admission reads too.
pub use domain::admission::ANNOTATION_SERVICE_ACCOUNTS;
/// What nodes are marked with, as admission and the console read it.
pub use domain::capacity::{ACCOUNT_TAINT, CLOSED_TAINT, ENGINE_LABEL, PROVIDER_TAINT};
pub use domain::node::{RUN_BY_FLEET, RUN_BY_LABEL};
/// Where connections may go.
pub use domain::outbound::AddressPolicy;
/// How a Service asks for the way from outside, and what it is told.
pub use domain::service::{EXPOSE_HTTP, EXPOSE_LABEL, Outside, OutsideCondition, outside_condition, outside_engine};

/// Stands for a pod's own address in its environment until the engine knows it: no text that anybody types.
const POD_IP: &str = "\u{1}status.podIP\u{1}";
