//! Images: present, pulled by policy, or waiting with the engine's own words.
//! Pull secrets are passed on with each pull and never kept by the engine.
use bollard::{auth::DockerCredentials, models::ImageInspect, query_parameters::CreateImageOptionsBuilder};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Container;
use kubelet::{InstanceRequest, ProviderError, RegistryLogin};
use secrecy::ExposeSecret;

use super::{Docker, status_code, unavailable, words};

// === impl Docker ===

impl Docker {
    /// The container's image, pulled if its policy says so.
    pub(super) async fn ensure_image(
        &self,
        request: &InstanceRequest,
        container: &Container,
    ) -> Result<ImageInspect, ProviderError> {
        let image = with_tag(container.image.as_deref().unwrap_or_default());
        let policy = container.image_pull_policy.as_deref().unwrap_or_else(|| default_policy(&image));
        if policy != "Always"
            && let Some(found) = self.find_image(&image).await?
        {
            return Ok(found);
        }
        if policy == "Never" {
            let message = format!("Image {image} is not on this engine and imagePullPolicy is Never");
            return Err(ProviderError::Waiting { reason: "ErrImageNeverPull", message });
        }
        self.pull(&image, request.login(&image)).await?;
        let found = self.find_image(&image).await?;
        found.ok_or_else(|| pull_error(format!("Image {image} was pulled, but the engine does not have it")))
    }

    async fn find_image(&self, image: &str) -> Result<Option<ImageInspect>, ProviderError> {
        match self.client.inspect_image(image).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if status_code(&error) == Some(404) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn pull(&self, image: &str, login: Option<&RegistryLogin>) -> Result<(), ProviderError> {
        let credentials = login.map(|login| DockerCredentials {
            username: Some(login.username.clone()),
            password: Some(login.password.expose_secret().to_owned()),
            serveraddress: Some(login.registry.clone()),
            ..DockerCredentials::default()
        });
        let options = CreateImageOptionsBuilder::new().from_image(image).build();
        let mut progress = std::pin::pin!(self.client.create_image(Some(options), None, credentials));
        loop {
            match progress.try_next().await {
                Ok(None) => return Ok(()),
                Ok(Some(step)) => {
                    if let Some(message) = step.error_detail.and_then(|detail| detail.message) {
                        return Err(pull_error(message));
                    }
                }
                Err(error) => return Err(pull_error(words(&error))),
            }
        }
    }
}

fn pull_error(message: String) -> ProviderError {
    ProviderError::Waiting { reason: "ErrImagePull", message }
}

/// Without a tag the engine would pull every tag there is.
fn with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or_default();
    if last.contains(':') || last.contains('@') { image.to_owned() } else { format!("{image}:latest") }
}

fn default_policy(image: &str) -> &'static str {
    if image.ends_with(":latest") { "Always" } else { "IfNotPresent" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_means_latest() {
        assert_eq!(with_tag("localhost:5000/team/web"), "localhost:5000/team/web:latest");
        assert_eq!(with_tag("web:1"), "web:1");
        assert_eq!(with_tag("web@sha256:00"), "web@sha256:00");
        assert_eq!(default_policy(&with_tag("web")), "Always");
        assert_eq!(default_policy("web:1"), "IfNotPresent");
    }
}
