//! Virtual nodes as processes: real kubectl, real containers, each test with a node of its own on the shared control plane.
//! Run by `cargo xtask test`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod address;
mod callers;
mod engine;
mod own_node;
mod pods;
mod registry;
mod streams;
mod top;
