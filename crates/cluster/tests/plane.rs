//! The adapter against a real control plane whose `deploy/` manifests were applied.
//!
//! `REMOTEGPU_TEST_DIR` names a directory with `kubeconfigs/{admin,issuer,reconciler,nodes}.yaml`. Every test has namespaces
//! and keys of its own, so all may run at once and on one plane.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside #[test] functions")]

#[path = "plane/admission.rs"]
mod admission;
#[path = "plane/capacity.rs"]
mod capacity;
#[path = "plane/given.rs"]
mod given;
#[path = "plane/gpu_class.rs"]
mod gpu_class;
#[path = "plane/identity.rs"]
mod identity;
#[path = "plane/ingress.rs"]
mod ingress;
#[path = "plane/leader.rs"]
mod leader;
#[path = "plane/node_token.rs"]
mod node_token;
#[path = "plane/outage.rs"]
mod outage;
#[path = "plane/rights.rs"]
mod rights;
#[path = "plane/scale.rs"]
mod scale;
#[path = "plane/service.rs"]
mod service;
#[path = "plane/tenant.rs"]
mod tenant;
#[path = "plane/workload.rs"]
mod workload;
