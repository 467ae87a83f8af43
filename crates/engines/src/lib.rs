//! Engines behind virtual nodes: what `kubelet::Provider` means for Docker and Podman, and for an engine that only pretends.
//!
//! Never depends on the console or its store. Start reading at [`docker::Docker`] or [`simulated::Simulated`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod docker;
pub mod simulated;
