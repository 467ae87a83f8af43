//! The console's pages and the server functions behind them.
//!
//! Built twice: with `ssr` inside the server, with `hydrate` as WebAssembly. Must never pull sqlx, kube, tokio or
//! reqwest into the browser. Start reading at [`App`], [`paths`] and [`pages`].
#![forbid(unsafe_code)]
#![recursion_limit = "256"]

pub mod api;
pub mod app;
#[cfg(feature = "ssr")]
pub mod failure;
pub mod features;
#[cfg(feature = "ssr")]
pub mod new_key;
pub mod pages;
pub mod paths;
#[cfg(feature = "ssr")]
pub mod shell;
#[cfg(feature = "ssr")]
pub mod ssr;
pub mod ui;

pub use app::App;
#[cfg(feature = "ssr")]
pub use shell::shell;
