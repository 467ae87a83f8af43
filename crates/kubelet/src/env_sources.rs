//! The ConfigMaps and Secrets that a pod's environment refers to, fetched by name and only when referred to.
//! Values pass through memory on their way to the engine and are never logged.
use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, Secret};
use kube::{Api, Client};

use crate::{RegistryLogin, registry};

/// Objects of one pod that are fetched at the same time.
const PARALLEL: usize = 8;

/// What kind of object a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SourceKind {
    ConfigMap,
    Secret,
}

/// An object that was looked for.
pub(crate) enum Source {
    Found(BTreeMap<String, Vec<u8>>),
    Missing,
    /// It may exist: the reason why that could not be found out.
    Unreadable(String),
}

/// All objects that one pod refers to.
pub(crate) type Sources = BTreeMap<(SourceKind, String), Source>;

// === impl SourceKind ===

impl SourceKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// The objects that these containers refer to.
pub(crate) fn references(containers: &[Container]) -> BTreeSet<(SourceKind, String)> {
    let mut all = BTreeSet::new();
    for container in containers {
        for from in container.env_from.iter().flatten() {
            all.extend(from.config_map_ref.iter().map(|one| (SourceKind::ConfigMap, one.name.clone())));
            all.extend(from.secret_ref.iter().map(|one| (SourceKind::Secret, one.name.clone())));
        }
        for from in container.env.iter().flatten().filter_map(|env| env.value_from.as_ref()) {
            all.extend(from.config_map_key_ref.iter().map(|one| (SourceKind::ConfigMap, one.name.clone())));
            all.extend(from.secret_key_ref.iter().map(|one| (SourceKind::Secret, one.name.clone())));
        }
    }
    all
}

/// Fetches what is referred to; nothing at all for most pods.
pub(crate) async fn fetch(client: &Client, namespace: &str, wanted: BTreeSet<(SourceKind, String)>) -> Sources {
    let fetched = together(wanted, |kind, name| async move {
        let source = match kind {
            SourceKind::ConfigMap => config_map(client, namespace, &name).await,
            SourceKind::Secret => secret(client, namespace, &name).await,
        };
        source.unwrap_or_else(|error| Source::Unreadable(error.to_string()))
    });
    fetched.await
}

/// Fetches them at the same time, but not all of very many.
async fn together<F: Future<Output = Source>>(
    wanted: BTreeSet<(SourceKind, String)>,
    fetch: impl Fn(SourceKind, String) -> F,
) -> Sources {
    let sources = stream::iter(wanted).map(|(kind, name)| {
        let source = fetch(kind, name.clone());
        async move { ((kind, name), source.await) }
    });
    sources.buffer_unordered(PARALLEL).collect().await
}

/// The logins that a pod's pull secrets hold, and one sentence for each secret that could not be used.
pub(crate) async fn fetch_logins(client: &Client, pod: &Pod) -> (Vec<RegistryLogin>, Vec<String>) {
    let (mut logins, mut problems) = (Vec::new(), Vec::new());
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    for reference in pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten()) {
        let name = &reference.name;
        match secrets.get_opt(name).await {
            Ok(Some(secret)) => match registry::logins(&secret) {
                Some(found) => logins.extend(found),
                None => problems.push(format!("Secret {name} holds no registry logins")),
            },
            Ok(None) => problems.push(format!("Secret {name} does not exist")),
            Err(error) => problems.push(format!("Secret {name} could not be read: {error}")),
        }
    }
    (logins, problems)
}

async fn config_map(client: &Client, namespace: &str, name: &str) -> Result<Source, kube::Error> {
    let found: Option<ConfigMap> = Api::namespaced(client.clone(), namespace).get_opt(name).await?;
    Ok(found.map_or(Source::Missing, |map| {
        let text = map.data.into_iter().flatten().map(|(key, value)| (key, value.into_bytes()));
        let binary = map.binary_data.into_iter().flatten().map(|(key, value)| (key, value.0));
        Source::Found(text.chain(binary).collect())
    }))
}

async fn secret(client: &Client, namespace: &str, name: &str) -> Result<Source, kube::Error> {
    let found: Option<Secret> = Api::namespaced(client.clone(), namespace).get_opt(name).await?;
    Ok(found.map_or(Source::Missing, |secret| {
        Source::Found(secret.data.into_iter().flatten().map(|(key, value)| (key, value.0)).collect())
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::Barrier, time::timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_source_waits_for_another_one() {
        let wanted = BTreeSet::from(["a", "b", "c"].map(|name| (SourceKind::Secret, name.to_owned())));
        let met = &Barrier::new(3);
        let fetched = together(wanted.clone(), |_, _| async move {
            met.wait().await;
            Source::Missing
        });
        let fetched = timeout(Duration::from_secs(1), fetched).await.unwrap_or_default();
        assert!(fetched.keys().eq(&wanted), "they have met");
    }
}
