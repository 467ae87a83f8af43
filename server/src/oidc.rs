//! OpenID Connect: the providers of this installation and their protocol. The use cases get what was verified.
//!
//! Source: `security.md` §4.5. Start reading at [`Provider`] and [`flow::Flow`].

mod config;
pub mod flow;
mod http;
mod provider;
pub mod seal;
mod wire;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use backend::ports::Clock;
use domain::identity::ProviderView;
use seal::Seal;
use secrecy::ExposeSecret as _;

use crate::public_url::PublicUrl;
use crate::secrets;

pub use provider::{Provider, Verified, causes, refused};

/// The providers, and the key of the cookies that carry their flows.
pub struct Oidc {
    providers: Vec<Provider>,
    seal: Option<Seal>,
}

impl Oidc {
    /// An installation without providers.
    pub fn none() -> Self {
        Self { providers: Vec::new(), seal: None }
    }

    /// Reads the settings; asks no provider yet: one that is down must not keep the console from starting.
    ///
    /// # Errors
    /// One sentence on the first setting that would be unsafe, or a weak key.
    pub fn open(file: &Path, key: &Path, url: &PublicUrl, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let text = secrets::read_key(key)?;
        let seal = Seal::from_hex(text.expose_secret()).with_context(|| {
            let key = key.display();
            format!("The cookie key in {key} must be at least 32 random bytes in hex: openssl rand -hex 32 > {key}")
        })?;
        let settings = config::read(file, url).with_context(|| format!("{} cannot be used", file.display()))?;
        let made = settings.into_iter().map(|one| Provider::new(one, url, clock.clone()));
        Ok(Self { providers: made.collect::<anyhow::Result<_>>()?, seal: Some(seal) })
    }

    /// The provider of this id.
    pub fn provider(&self, id: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.id() == id)
    }

    /// Key of the cookies; there is one wherever there are providers.
    pub fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// What the sign-in page lists.
    pub fn views(&self) -> Vec<ProviderView> {
        self.providers.iter().map(Provider::view).collect()
    }
}
