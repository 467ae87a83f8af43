//! The product on the real control plane: the console as a process, real kubectl, real nodes.
//! One binary, because each links the whole server. Run by `cargo xtask test`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests panic")]

mod access;
mod account;
mod admission;
mod api_key;
mod audit;
mod cli;
mod config;
mod contract;
mod credential;
mod cross_site;
mod deployment;
mod engine;
mod engine_manifest;
mod fault;
mod fault_access;
mod fault_clock;
mod fault_database;
mod invitation;
mod kubeconfig;
mod manifest;
mod member;
mod namespace;
mod node;
mod node_restart;
mod nodes;
mod nodes_of_engines;
mod oidc;
mod operations;
mod permission;
mod postgres;
mod real_client;
mod recent_login;
mod replicas;
mod schemathesis;
mod session;
mod sign_in;
mod sku;
mod skypilot;
mod slow_client;
mod stream;
mod tenant;
mod terminal;
mod usage;
mod webhook;
mod workload;

/// The binary under test.
const CONSOLE: &str = env!("CARGO_BIN_EXE_remotegpu");
