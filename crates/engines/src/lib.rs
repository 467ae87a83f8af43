//! Engines behind virtual nodes: what `kubelet::Provider` means for Docker and Podman, for RunPod, for another Kubernetes
//! cluster, and for an engine that only pretends.
//!
//! [`probe::Probe`] looks at an engine from outside, before and while it is used. Never depends on the console or its
//! store. Start reading at [`docker::Docker`], [`kubernetes::Kubernetes`], [`runpod::RunPod`] or
//! [`simulated::Simulated`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod addresses;
pub mod docker;
pub mod kubernetes;
pub mod probe;
pub mod runpod;
pub mod simulated;
