//! A RunPod REST API v2 server that rents nothing: for tests, demos and the money test (`runpod-api.md` §15).
//!
//! Every request and every reply is checked against the official schema in `contract/`; the same seed and the same script
//! give the same run; every second of every instance is charged to a ledger. It never depends on the client.
//! Start reading at [`Simulator::handle`]; faults are in [`fault`], the control API that clients never use in `control`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod call;
mod catalogue;
mod catalogue_routes;
mod clock;
mod contract;
mod control;
mod create;
pub mod fault;
pub mod http;
mod ledger;
mod logs;
mod page;
mod pod;
mod pod_routes;
mod proxy;
mod quota;
mod random;
mod report;
mod resources;
mod rules;
mod schema;
mod settings;
mod simulator;
pub mod ssh;
mod state;

pub use call::{Body, Call, Reply};
pub use clock::Clock;
pub use contract::Contract;
pub use control::Control;
pub use logs::Follower;
pub use random::Random;
pub use report::{PodReport, Report};
pub use settings::{Boot, Process, Quotas, Settings};
pub use simulator::Simulator;
