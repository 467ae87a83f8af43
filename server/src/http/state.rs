//! What handlers share.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use backend::Backend;
use backend::ports::{Clock, Sessions};
use leptos::config::LeptosOptions;
use tokio_util::sync::CancellationToken;

use super::client_address::TrustedProxies;
use super::drain::Draining;
use super::rate_limit::RateLimits;
use super::stream_guard::Recheck;
use super::terminal_limit::Terminals;
use crate::oidc::Oidc;
use crate::public_url::PublicUrl;

/// The parts of the HTTP layer, made once by the composition root.
pub struct AppParts {
    /// The use cases.
    pub backend: Backend,
    /// Names and places of the client files.
    pub leptos: LeptosOptions,
    /// Where sessions live.
    pub sessions: Arc<dyn Sessions>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The identity providers.
    pub oidc: Arc<Oidc>,
    /// How people reach us.
    pub public_url: PublicUrl,
    /// How many proxies stand in front.
    pub proxies: TrustedProxies,
    /// How often somebody may ask.
    pub limits: RateLimits,
    /// How often an open stream is looked at.
    pub recheck: Recheck,
    /// How many terminals are open.
    pub terminals: Terminals,
    /// No new work should come.
    pub draining: Draining,
    /// Ends open streams.
    pub shutdown: CancellationToken,
}

/// All of them, shared. Each layer around a handler clones the handler with its state for each request, so a clone must
/// be next to nothing.
#[derive(Clone)]
pub struct AppState(Arc<AppParts>);

impl From<AppParts> for AppState {
    fn from(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

/// What a handler may take out of the state by its type.
macro_rules! part {
    ($($field:ident: $part:ty),* $(,)?) => {
        $(
            impl FromRef<AppState> for $part {
                fn from_ref(state: &AppState) -> Self {
                    Clone::clone(&state.$field)
                }
            }
        )*
    };
}

part! {
    backend: Backend,
    leptos: LeptosOptions,
    sessions: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
    oidc: Arc<Oidc>,
    public_url: PublicUrl,
    proxies: TrustedProxies,
    limits: RateLimits,
    recheck: Recheck,
    terminals: Terminals,
    draining: Draining,
    shutdown: CancellationToken,
}
