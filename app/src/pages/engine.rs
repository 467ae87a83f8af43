//! Engines: import, checks, credentials.

mod auth;
mod change;
pub mod create;
pub mod detail;
mod dialogs;
mod fields;
pub mod list;
mod nodes;
mod paste;
