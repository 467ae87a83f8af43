//! Keeps mounted files current: looks at their sources every twenty seconds and writes again what has changed.
//! Tokens are renewed on the same way, long before they expire.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use tokio::time::MissedTickBehavior;

use crate::{
    FileVolume, ProviderError,
    access::granted,
    decide::is_final,
    env::{NodeValues, Problem},
    env_sources::fetch,
    events::about,
    files::{Ingredients, digest, references, resolve_files, token_requests},
    kubelet::Shared,
    tokens::{TokenCache, Tokens},
};

const INTERVAL: Duration = Duration::from_secs(20);

/// What was written last, by pod UID.
#[derive(Default)]
pub(crate) struct Written {
    digests: Mutex<HashMap<String, [u8; 32]>>,
    tokens: TokenCache,
}

// === impl Written ===

impl Written {
    pub(crate) fn note(&self, uid: &str, volumes: &[FileVolume]) {
        if !volumes.is_empty() {
            self.lock().insert(uid.to_owned(), digest(volumes));
        }
    }

    fn knows(&self, uid: &str) -> bool {
        self.lock().contains_key(uid)
    }

    fn is(&self, uid: &str, volumes: &[FileVolume]) -> bool {
        self.lock().get(uid) == Some(&digest(volumes))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, [u8; 32]>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of a pod as they should be now; those for the API server only with `api_access`.
///
/// # Errors
/// As [`resolve_files`].
pub(crate) async fn current_files(shared: &Shared, pod: &Pod, api_access: bool) -> Result<Vec<FileVolume>, Problem> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let sources = fetch(&shared.client, namespace, references(pod, api_access)).await;
    let gives = shared.config.service_account_tokens || api_access;
    let tokens = if gives && token_requests(pod, api_access).next().is_some() {
        shared.written.tokens.fetch(&shared.client, pod, api_access).await
    } else {
        Tokens::default()
    };
    let allocatable = shared.allocatable();
    // The downward API knows no address in files.
    let node = NodeValues { host_ip: &shared.host_ip, pod_ip: None, allocatable: &allocatable, api: None };
    resolve_files(&Ingredients { pod, node, sources: &sources, tokens: &tokens, api_access })
}

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        let uids = shared.records.with_files();
        let known = |uid: &str| uids.iter().any(|known| **known == *uid);
        shared.written.lock().retain(|uid, _| known(uid));
        shared.written.tokens.keep(known);
        for uid in &uids {
            tokio::select! {
                () = shared.shutdown.cancelled() => return,
                () = refresh(&shared, uid) => {}
            }
        }
    }
}

async fn refresh(shared: &Shared, uid: &str) {
    let Some(view) = shared.records.view(uid) else { return };
    let leaving = view.removed || view.pod.metadata.deletion_timestamp.is_some();
    if leaving || is_final(&view.pod) || view.instance.is_none() {
        return;
    }
    // A source that is gone leaves the files as they are, as in Kubernetes.
    let Ok(api) = granted(shared, &view.pod).await else { return };
    let Ok(files) = current_files(shared, &view.pod, api.is_some()).await else { return };
    if files.is_empty() || shared.written.is(uid, &files) {
        return;
    }
    // Files that cannot be changed, and that an earlier process gave: whether they have changed since is not known.
    if !shared.rules.capabilities.file_volumes && !shared.written.knows(uid) {
        return shared.written.note(uid, &files);
    }
    match shared.provider.write_files(&view.pod, &files).await {
        Ok(()) => shared.written.note(uid, &files),
        Err(ProviderError::Unsupported(message)) => {
            shared.events.warning(about(&view.pod), "FilesNotUpdated", message);
            shared.written.note(uid, &files);
        }
        Err(error) => tracing::warn!(pod.uid = uid, %error, "Writing changed files failed; trying again"),
    }
}
