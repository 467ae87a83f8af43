//! Credentials for private images: one at the provider for each login, named by its content, ended when nothing uses it.
//! They are account-wide, so the name carries our marker; the provider itself refuses to delete one that is in use.
use std::time::Duration;

use kubelet::{InstanceRequest, ProviderError, RegistryLogin};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{client::ApiError, engine::Engine, pace::Urgency};

/// Between two sweeps of unused credentials.
const SWEEP: Duration = Duration::from_secs(600);

#[derive(Deserialize)]
struct All {
    registries: Vec<Registry>,
}

#[derive(Deserialize)]
struct Registry {
    id: String,
    #[serde(default)]
    name: String,
}

// === impl Engine ===

impl Engine {
    /// The id of the credential for the pod's image, made if it is not there; `None` if no pull secret fits.
    pub(super) async fn registry(&self, request: &InstanceRequest) -> Result<Option<String>, ApiError> {
        let image = request.containers.first().and_then(|one| one.spec.image.as_deref()).unwrap_or_default();
        let Some(login) = request.login(image) else { return Ok(None) };
        let name = self.marker.name(&format!("pull-{}", digest(login)));
        if let Some(known) = self.registries().await?.into_iter().find(|one| one.name == name) {
            return Ok(Some(known.id));
        }
        let body = json!({"name": name, "username": login.username, "password": login.password.expose_secret()});
        let made = self.client.post("/v2/registries", &body).await?;
        let made: Registry = serde_json::from_slice(&made).map_err(|_| unreadable())?;
        Ok(Some(made.id))
    }

    /// Tries to delete all of ours, some minutes after the last time; what is in use stays.
    pub(super) async fn sweep_registries(&self) {
        let due = {
            let mut swept = self.swept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let due = swept.elapsed() > SWEEP;
            if due {
                *swept = tokio::time::Instant::now();
            }
            due
        };
        let Ok(all) = (if due { self.registries().await } else { Ok(Vec::new()) }) else { return };
        let prefix = self.marker.name("pull-");
        for unused in all.into_iter().filter(|one| one.name.starts_with(&prefix)) {
            if let Err(error) = self.client.delete(&format!("/v2/registries/{}", unused.id)).await {
                tracing::debug!(%error, registry.name = unused.name, "A credential stays");
            }
        }
    }

    async fn registries(&self) -> Result<Vec<Registry>, ApiError> {
        let body = self.client.get("/v2/registries", Urgency::Usual).await?;
        let all: All = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        Ok(all.registries)
    }
}

fn unreadable() -> ApiError {
    ApiError::NotDone("the list of credentials cannot be read".into())
}

fn digest(login: &RegistryLogin) -> String {
    let text = format!("{}\n{}\n{}", login.registry, login.username, login.password.expose_secret());
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What an answer about credentials means for the pod that waits for one.
pub(super) fn waiting(error: &ApiError) -> ProviderError {
    ProviderError::Waiting { reason: "RegistryUnavailable", message: error.to_string() }
}
