//! The rules and words of RemoteGPU: ids, names, roles, scopes, SKUs, admission, money, errors.
//!
//! Pure: no I/O, no clock, no randomness, no async. Time and ids come in as arguments.
//! Compiles for wasm too, so the browser validates with the very code the server decides with.
//! Start reading at [`namespace`], [`scope`], [`api_key`] and [`admission`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod account;
pub mod admission;
pub mod api_key;
pub mod audit;
pub mod billing;
pub mod budget;
pub mod capacity;
pub mod change;
pub mod cli_session;
pub mod client_address;
pub mod config_map;
pub mod credential;
pub mod csv;
pub mod default_sku;
pub mod deployment;
pub mod engine;
pub mod engine_manifest;
pub mod engine_paste;
pub mod error;
pub mod figure;
pub mod health;
pub mod id;
pub mod identity;
pub mod idle_gpu;
pub mod invitation;
pub mod jwt;
pub mod kubeconfig;
pub mod log;
pub mod manifest;
pub mod member;
pub mod metric;
pub mod money;
pub mod name;
pub mod namespace;
pub mod node;
pub mod order;
pub mod outbound;
pub mod page;
pub mod password;
pub mod permission;
pub mod platform_account;
pub mod platform_sku;
pub mod pod;
pub mod quantity;
pub mod reconnect;
pub mod reference;
pub mod request;
pub mod revocation;
pub mod scope;
pub mod secret;
pub mod service;
pub mod session;
pub mod sku;
pub mod skypilot;
pub mod tenant;
pub mod terminal;
pub mod usage;
pub mod user;
pub mod version;
pub mod webhook;
pub mod workload;
pub mod yaml;

pub use error::{Code, Dependency, Error, FieldError, Result};
