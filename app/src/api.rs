//! Server functions by noun: what pages ask of the server, five to ten lines each over `backend`.
//!
//! Programs use REST instead; both end in the same use cases. Start reading at [`error`] and [`namespace`].

pub mod account;
pub mod api_key;
pub mod ask;
pub mod audit;
pub mod budget;
pub mod cli_session;
pub mod config_map;
pub mod credential;
pub mod default_sku;
pub mod deployment;
pub mod engine;
pub mod engine_manifest;
pub mod error;
pub mod health;
pub mod idle_gpu;
pub mod invitation;
pub mod kubeconfig;
pub mod manifest;
pub mod member;
pub mod metric;
pub mod namespace;
pub mod node;
pub mod overview;
pub mod packed;
pub mod password;
pub mod platform_account;
pub mod platform_sku;
pub mod platform_skypilot;
pub mod platform_tenant;
pub mod secret;
pub mod service;
pub mod session;
pub mod sku;
pub mod skypilot;
pub mod usage;
pub mod webhook;
pub mod workload;
