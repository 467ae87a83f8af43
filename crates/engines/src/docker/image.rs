//! Images: present, pulled by policy, or waiting with the engine's own words.
//! Pull secrets are passed on with each pull and never kept by the engine. An image that a namespace got with a login is no
//! other's before the registry has agreed, as in Kubernetes (KEP-2535).
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bollard::{auth::DockerCredentials, models::ImageInspect, query_parameters::CreateImageOptionsBuilder};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Container;
use kubelet::{InstanceRequest, ProviderError, RegistryLogin};
use secrecy::ExposeSecret;

use super::{CLUSTER, Docker, POD_NAMESPACE, status_code, unavailable, words};

/// Label of a container whose pod had a login for its image: the id of that image, which has many names. It outlives this
/// process.
pub(super) const PRIVATE: &str = "remotegpu.ai/private-image";
/// Label of a container: its image in the registry that it came from, `registry/repository@digest`, at the time when the
/// container was made. Tags move, and so does what the engine knows of them.
pub(super) const DIGEST: &str = "remotegpu.ai/image-digest";
/// Images that are remembered; one that is forgotten is known again by the containers that bear its label.
const MOST: usize = 10_000;

/// Images that were pulled with a login, by their ids, and for which namespaces.
#[derive(Default)]
pub(super) struct Private(Mutex<HashMap<String, HashSet<String>>>);

// === impl Private ===

impl Private {
    /// The registry gave an image to this namespace, with a login or without.
    fn note(&self, id: &str, namespace: &str, with_login: bool) {
        let mut known = self.lock();
        if !with_login && !known.contains_key(id) {
            return;
        }
        if known.len() >= MOST && !known.contains_key(id) {
            known.clear();
        }
        known.entry(id.to_owned()).or_default().insert(namespace.to_owned());
    }

    /// An earlier process, or another, has pulled it with a login for somebody.
    fn mark(&self, id: &str) {
        self.lock().entry(id.to_owned()).or_default();
    }

    /// Whether the registry must agree before this namespace runs it; `None` if nothing is known of it.
    fn is_others(&self, id: &str, namespace: &str) -> Option<bool> {
        self.lock().get(id).map(|namespaces| !namespaces.contains(namespace))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashSet<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of the image, if the pod has a login for it: for [`PRIVATE`].
pub(super) fn private(request: &InstanceRequest, container: &Container, image: &ImageInspect) -> Option<String> {
    let name = with_tag(container.image.as_deref().unwrap_or_default());
    request.login(&name).and_then(|_| image.id.clone())
}

/// The digest under which the engine has an image by the name that the container gives, for [`DIGEST`]; `None` if it has none:
/// it came from no registry. Names that others gave to the same image are not told.
pub(super) fn digest(container: &Container, image: &ImageInspect) -> Option<String> {
    let wanted = container.image.as_deref().unwrap_or_default();
    let of_this = |known: &&String| repository(known) == repository(wanted);
    let all: Vec<&String> = image.repo_digests.iter().flatten().filter(of_this).collect();
    let asked = wanted.split_once('@').map(|(_, digest)| digest);
    // A name with a digest may mean the list of an image for several machines, which has one of its own.
    let same = all.iter().find(|known| asked.is_some() && known.split_once('@').map(|(_, digest)| digest) == asked);
    same.or(all.first()).map(|known| (*known).clone())
}

/// What an image is called without tag and digest, in full: `docker.io/library/busybox`.
fn repository(image: &str) -> String {
    let name = image.split('@').next().unwrap_or_default();
    let (path, last) = name.rsplit_once('/').unwrap_or(("", name));
    let last = last.split(':').next().unwrap_or_default();
    let name = if path.is_empty() { last.to_owned() } else { format!("{path}/{last}") };
    let (host, rest) = match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => ("docker.io", name.as_str()),
    };
    let library = if host == "docker.io" && !rest.contains('/') { "library/" } else { "" };
    format!("{host}/{library}{rest}")
}

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
        let (_, namespace, _) = request.marker();
        let mut missing = "is not on this engine";
        if policy != "Always"
            && let Some(found) = self.find_image(&image).await?
        {
            if !self.is_others_image(&found, &namespace).await? {
                return Ok(found);
            }
            missing = "was pulled with the login of another namespace";
        }
        if policy == "Never" {
            let message = format!("Image {image} {missing} and imagePullPolicy is Never");
            return Err(ProviderError::Waiting { reason: "ErrImageNeverPull", message });
        }
        let login = request.login(&image);
        self.pull(&image, login).await?;
        let found = self.find_image(&image).await?;
        let lacking = || pull_error(format!("Image {image} was pulled, but the engine does not have it"));
        let found = found.ok_or_else(lacking)?;
        self.private.note(found.id.as_deref().unwrap_or_default(), &namespace, login.is_some());
        Ok(found)
    }

    /// Also after a restart of this process, as long as a container of the image is there; nodes of other clusters may have
    /// made it.
    async fn is_others_image(&self, image: &ImageInspect, namespace: &str) -> Result<bool, ProviderError> {
        let id = image.id.as_deref().unwrap_or_default();
        if let Some(known) = self.private.is_others(id, namespace) {
            return Ok(known);
        }
        let listed = self.list_containers(&[format!("{PRIVATE}={id}")]).await?;
        let own = [(CLUSTER, self.cluster.as_str()), (POD_NAMESPACE, namespace)];
        let with_login: Vec<_> = listed.iter().filter_map(|one| one.labels.as_ref()).collect();
        let with_login: Vec<_> = with_login.into_iter().filter(|labels| says(labels, (PRIVATE, id))).collect();
        if with_login.is_empty() || with_login.iter().any(|labels| own.iter().all(|one| says(labels, *one))) {
            return Ok(false);
        }
        self.private.mark(id);
        Ok(true)
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

fn says(labels: &HashMap<String, String>, (key, value): (&str, &str)) -> bool {
    labels.get(key).is_some_and(|said| said == value)
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
    fn an_image_that_was_pulled_with_a_login_is_no_others_before_the_registry_agrees() {
        let images = Private::default();
        images.note("sha256:1", "red", false);
        assert_eq!(images.is_others("sha256:1", "blue"), None, "everybody gets it");
        images.note("sha256:2", "red", true);
        assert_eq!(["red", "blue"].map(|namespace| images.is_others("sha256:2", namespace)), [Some(false), Some(true)]);
        images.note("sha256:2", "blue", false);
        assert_eq!(images.is_others("sha256:2", "blue"), Some(false), "the registry gave it without one");
        images.mark("sha256:3");
        assert_eq!(images.is_others("sha256:3", "red"), Some(true));
    }

    #[test]
    fn an_image_is_told_by_the_digest_of_its_own_name() {
        let told = |wanted: &str, known: &[&str]| {
            let container = Container { image: Some(wanted.into()), ..Container::default() };
            let known = known.iter().map(|one| (*one).to_owned()).collect();
            digest(&container, &ImageInspect { repo_digests: Some(known), ..ImageInspect::default() })
        };
        let all =
            ["other.example/web@sha256:0", "r.example:5000/team/web@sha256:1", "r.example:5000/team/web@sha256:2"];
        assert_eq!(told("r.example:5000/team/web", &all).as_deref(), Some(all[1]));
        assert_eq!(told("r.example:5000/team/web:7", &all).as_deref(), Some(all[1]));
        assert_eq!(told("r.example:5000/team/web@sha256:2", &all).as_deref(), Some(all[2]));
        assert_eq!(told("r.example:5000/team/other:7", &all), None, "not what somebody else calls it");
        for docker_hub in ["busybox@sha256:3", "docker.io/library/busybox@sha256:3"] {
            assert_eq!(told("busybox:1", &[docker_hub]).as_deref(), Some(docker_hub));
            assert_eq!(told("docker.io/busybox", &[docker_hub]).as_deref(), Some(docker_hub));
            assert_eq!(told("team/busybox:1", &[docker_hub]), None);
        }
        assert_eq!(told("web:1", &[]), None, "built here");
    }

    #[test]
    fn an_image_without_a_tag_means_latest() {
        assert_eq!(with_tag("localhost:5000/team/web"), "localhost:5000/team/web:latest");
        assert_eq!(with_tag("web:1"), "web:1");
        assert_eq!(with_tag("web@sha256:00"), "web@sha256:00");
        assert_eq!(default_policy(&with_tag("web")), "Always");
        assert_eq!(default_policy("web:1"), "IfNotPresent");
    }
}
