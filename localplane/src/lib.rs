//! Starts a real Kubernetes control plane (etcd, API server, controller manager, scheduler) on this machine.
//! Used by `cargo xtask up` and by the tests, so that both meet the same API server.
//!
//! Synchronous, std only: it must never depend on an async runtime, on a Kubernetes client or on another crate of ours.
//! Start reading at [`Plane::start`]; [`Binaries::find`] says where the programs come from, [`Pki`] holds the certificates.
#![forbid(unsafe_code)]

pub mod binaries;
pub mod earlier;
pub mod files;
mod go;
pub mod helm;
pub mod kubeconfig;
pub mod kubectl;
pub mod metrics_server;
mod module;
pub mod net;
pub mod pki;
pub mod plane;
pub mod process;
pub mod wait;

pub use binaries::Binaries;
pub use kubectl::Kubectl;
pub use net::Ports;
pub use pki::Pki;
pub use plane::{Plane, PlaneConfig};
pub use process::Process;
pub use wait::Stop;
