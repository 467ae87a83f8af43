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
const DOCKER_HUB: &str = "docker.io";

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
        let Some(login) = fitting(&request.registry_logins, image) else { return Ok(None) };
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

/// The login whose registry, or registry and path, begins the image's name; the longest wins.
fn fitting<'a>(logins: &'a [RegistryLogin], image: &str) -> Option<&'a RegistryLogin> {
    let host = image
        .split('/')
        .next()
        .filter(|host| image.contains('/') && (host.contains(['.', ':']) || *host == "localhost"));
    let full = host.map_or_else(|| format!("{DOCKER_HUB}/{image}"), |_| image.to_owned());
    let begins = |login: &&RegistryLogin| {
        let registry = login.registry.trim_end_matches('/');
        full.strip_prefix(registry).is_some_and(|rest| rest.starts_with(['/', ':', '@']))
    };
    logins.iter().filter(begins).max_by_key(|login| login.registry.len())
}

fn digest(login: &RegistryLogin) -> String {
    let text = format!("{}\n{}\n{}", login.registry, login.username, login.password.expose_secret());
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What an answer about credentials means for the pod that waits for one.
pub(super) fn waiting(error: &ApiError) -> ProviderError {
    ProviderError::Waiting { reason: "RegistryUnavailable", message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(registry: &str) -> RegistryLogin {
        RegistryLogin { registry: registry.into(), username: "u".into(), password: "p".to_owned().into() }
    }

    #[test]
    fn the_longest_registry_that_begins_the_image_wins() {
        let logins = [login("docker.io"), login("ghcr.io"), login("ghcr.io/team")];
        let of = |image: &str| fitting(&logins, image).map(|login| login.registry.as_str());
        assert_eq!(of("ghcr.io/team/app:1"), Some("ghcr.io/team"));
        assert_eq!(of("ghcr.io/teamwork/app"), Some("ghcr.io"));
        assert_eq!(of("team/app"), Some("docker.io"));
        assert_eq!(of("quay.io/app"), None);
    }
}
