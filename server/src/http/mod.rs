//! Everything HTTP: the only place that knows status codes, headers and cookies.

pub mod answer;
pub mod assets;
mod cli_login;
mod download;
mod extract;
mod failure;
mod health;
mod live;
mod log_lines;
mod middleware;
mod pages;
pub mod problem;
mod request_id;
pub mod router;
pub mod session;
pub mod state;
mod stream_guard;
pub mod v1;
