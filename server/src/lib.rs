//! Composition root of the console and everything HTTP.
//!
//! Parses flags, puts the adapters under [`backend::Backend`], serves pages, REST, live streams and the key route.
//! Holds no rule of the product: a handler extracts, makes one backend call, answers.
//! Nobody depends on this crate. Start reading at [`compose`] and [`http::router`].
#![forbid(unsafe_code)]

pub mod admin;
pub mod args;
pub mod compose;
pub mod courier;
pub mod document;
pub mod environment;
pub mod exporter;
pub mod http;
pub mod keks;
pub mod ledger;
pub mod listeners;
pub mod log;
mod loops;
mod no_cluster;
pub mod nodes;
pub mod oidc;
#[cfg(test)]
mod one_rule;
pub mod own;
pub mod peppers;
pub mod public_url;
pub mod sealed;
pub mod secrets;
pub mod system;

use args::{Args, Command};

/// Does what the command line says; returns when it is done or after a signal.
///
/// # Errors
/// One sentence on what is wrong with a setting, or why a dependency could not be used.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Serve(serve) => {
            environment::check()?;
            compose::serve(*serve).await
        }
        Command::Nodes(args) => {
            environment::check()?;
            nodes::run(*args).await
        }
        Command::Migrate(args) => compose::migrate(&args.database).await,
        Command::Admin { command } => {
            environment::check()?;
            admin::run(command).await
        }
        Command::Openapi => document::print(),
    }
}
