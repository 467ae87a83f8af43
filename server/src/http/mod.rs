//! Everything HTTP: the only place that knows status codes, headers and cookies.

pub mod answer;
pub mod assets;
mod cli_login;
pub mod client_address;
mod docs;
mod download;
pub mod drain;
mod etag;
mod extract;
mod failure;
mod health;
mod idempotency;
mod json;
mod live;
mod log_lines;
mod middleware;
mod observe;
mod oidc;
mod pages;
pub mod problem;
pub mod rate_limit;
mod request_id;
pub mod router;
pub mod session;
pub mod state;
pub mod stream_guard;
pub mod v1;
