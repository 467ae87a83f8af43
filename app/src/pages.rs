//! The pages, by area and noun: load, columns, actions, empty state.

pub mod catalogue;
#[cfg(feature = "ssr")]
pub mod cli_login;
pub mod engine;
pub mod invite;
pub mod kubernetes;
pub mod login;
pub mod not_found;
pub mod overview;
pub mod platform;
pub mod reauthenticate;
pub mod reset;
pub mod settings;
pub mod sign_in_failed;
pub mod usage;
