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
mod default_sku;
mod deployment;
mod engine;
mod engine_basic;
mod engine_exec;
mod engine_manifest;
mod engine_renewal;
mod engine_rows;
mod fault;
mod fault_access;
mod fault_clock;
mod fault_database;
mod health;
mod invitation;
mod kubeconfig;
mod live;
mod manifest;
mod member;
mod metric;
mod namespace;
mod node;
mod node_restart;
mod nodes;
mod nodes_behind_proxy;
mod nodes_leader;
mod nodes_mismatch;
mod nodes_of_accounts;
mod nodes_of_engines;
mod oidc;
mod operations;
mod overview;
mod permission;
mod plugin_policy;
mod postgres;
mod real_client;
mod recent_login;
mod replicas;
mod safe_methods;
mod schemathesis;
mod session;
mod sign_in;
mod sku;
mod skypilot;
mod slow_client;
mod stream;
mod suspension;
mod tenant;
mod terminal;
mod usage;
mod usage_killed;
mod webhook;
mod workload;

/// The binary under test.
const CONSOLE: &str = env!("CARGO_BIN_EXE_remotegpu");
