//! What tests stand on: the control plane of the test run, a console of one's own as a real process, kinds of user, a
//! proxy that cuts and holds the way to the API server, real kubectl.
//!
//! For tests only: helpers panic with a sentence instead of returning errors.
//! Start reading at [`TestApp`].
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test helper fails by panicking")]

mod api_server;
mod app;
mod balancer;
mod calls;
mod client;
mod container_engine;
mod contract;
mod docker_node;
mod earlier;
mod eventually;
mod helm;
mod image;
mod kube_api;
mod kubectl;
mod metrics_server;
mod oidc;
mod other_plane;
mod password_proxy;
mod pieces;
mod plane;
mod proxy;
mod receiver;
mod registry;
mod resident;
mod runpod_account;
mod schema;
mod scratch;
mod setup;
mod steady;
mod webhook;

pub use api_server::ApiServer;
pub use app::TestApp;
pub use balancer::Balancer;
pub use calls::{CallProxy, Held};
pub use client::{Client, Reply};
pub use container_engine::{containers_of_pod, engine_socket};
pub use contract::{Contract, Operation};
pub use docker_node::DockerNode;
pub use earlier::earlier_kubectl;
pub use eventually::{eventually, in_time};
pub use helm::helm;
pub use image::local_image;
pub use kube_api::{Dialect, KubeApi, KubeReply};
pub use kubectl::{Followed, Ran};
pub use metrics_server::MetricsServer;
pub use oidc::{CLIENT_SECRET, IdentityProvider};
pub use other_plane::OtherPlane;
pub use password_proxy::PasswordProxy;
pub use pieces::{Pieces, read_rest, read_until};
pub use plane::{Plane, is_ready, shown};
pub use proxy::FaultProxy;
pub use receiver::{Received, Receiver};
pub use registry::Registry;
pub use resident::resident_mib;
pub use runpod_account::RunPodAccount;
pub use scratch::Scratch;
pub use setup::{AUDIT_KEY, JWT_KEY, KEK, PEPPER, Setup, free_port};
pub use steady::steady;
pub use webhook::{Authority, Replica, Webhook};

/// Says that a test, or a part of one, was not run and why; `cargo xtask test` counts these lines. Not `eprintln!`: the
/// test harness keeps that to itself for tests that pass.
pub fn left_out(what: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "left out: {what}").expect("standard error can be written");
}

/// A name nobody else has: tests share one control plane.
pub fn unique(prefix: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{prefix}-{}", &id[..8])
}

/// The same secret but for its last character: what reads like a key or a token and is none.
pub fn one_off(secret: &str) -> String {
    let (rest, last) = secret.split_at(secret.len() - 1);
    format!("{rest}{}", if last == "A" { 'B' } else { 'A' })
}
