//! Creating: Secrets first, then the pod, then the Secrets are given to it, so that they go with it.
//! The name is the key: a repeated call, a lost answer and a race all end in one pod.
use std::{sync::Arc, time::Duration};

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Patch, PatchParams, PostParams};
use kubelet::{FileVolume, Instance, InstanceRequest, ProviderError};
use serde_json::json;

use super::{
    Kubernetes,
    body::{refuse_composed, remote_name, remote_pod},
    content::{file_data, owner, secrets},
    error::{Right, code, in_time},
    instances::instance,
};

/// Name under which fields are applied.
const MANAGER: &str = "remotegpu-kubelet";
/// What the watch gets to show what was made.
const SHOWN: Duration = Duration::from_secs(15);
/// What a container gets to end when all of them start anew.
const RESTART_GRACE: Duration = Duration::from_secs(10);

// === impl Kubernetes ===

impl Kubernetes {
    pub(super) async fn create_pod(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError> {
        let (uid, ..) = request.marker();
        let behind = |known: &Instance| {
            let mut wanted = request.containers.iter();
            wanted.any(|one| known.container(&one.spec.name).is_some_and(|found| found.attempt < one.attempt))
        };
        let known = match self.cache.get(&uid)?.map(|pod| instance(&pod)) {
            Some(known) if !behind(&known) => return Ok(Arc::new(known)),
            known => known.is_some(),
        };
        refuse_composed(request)?;
        self.config.begins()?;
        if known {
            // The whole pod starts anew; what its containers left behind goes with it.
            self.delete_pod(&uid, RESTART_GRACE).await?;
        }
        let secrets = secrets(&self.config, request);
        try_join_all(secrets.iter().map(|secret| self.apply(secret))).await?;
        let made = self.post(&remote_pod(&self.config, request)).await?;
        try_join_all(secrets.iter().map(|secret| self.give(secret, &made))).await?;
        self.shown(&uid, made.metadata.uid.as_deref()).await
    }

    async fn apply(&self, secret: &Secret) -> Result<(), ProviderError> {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let params = PatchParams::apply(MANAGER).force();
        let applied = in_time(self.secrets.patch(name, &params, &Patch::Apply(secret))).await;
        applied.map(drop).map_err(|error| self.explain(Right("patch", "secrets"), &error))
    }

    async fn post(&self, pod: &Pod) -> Result<Pod, ProviderError> {
        match in_time(self.pods.create(&PostParams::default(), pod)).await {
            Ok(made) => Ok(made),
            Err(error) if code(&error) == Some(409) => {
                let name = pod.metadata.name.as_deref().unwrap_or_default();
                let found = in_time(self.pods.get(name)).await;
                let found = found.map_err(|error| self.explain(Right("get", "pods"), &error))?;
                if found.metadata.deletion_timestamp.is_some() {
                    let message = "The pod's predecessor is still ending on the engine".into();
                    return Err(ProviderError::Waiting { reason: "ContainerCreating", message });
                }
                Ok(found)
            }
            Err(error) => Err(self.explain(Right("create", "pods"), &error)),
        }
    }

    /// The Secret goes when the pod over there goes.
    async fn give(&self, secret: &Secret, to: &Pod) -> Result<(), ProviderError> {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let patch = json!({"metadata": {"ownerReferences": [owner(to)]}});
        let given = in_time(self.secrets.patch(name, &PatchParams::default(), &Patch::Merge(patch))).await;
        given.map(drop).map_err(|error| self.explain(Right("patch", "secrets"), &error))
    }

    /// Waits for the watch, which all later questions are answered from.
    async fn shown(&self, uid: &str, remote: Option<&str>) -> Result<Arc<Instance>, ProviderError> {
        let mut changes = self.cache.subscribe();
        let wait = async {
            loop {
                changes.borrow_and_update();
                match self.cache.get(uid)? {
                    Some(pod) if pod.metadata.uid.as_deref() == remote => return Ok(Arc::new(instance(&pod))),
                    _ => {}
                }
                if changes.changed().await.is_err() {
                    return Err(ProviderError::Unavailable("The engine is stopping".into()));
                }
            }
        };
        let late = |_| ProviderError::Unavailable("The engine's cluster does not show the pod that it made".into());
        tokio::time::timeout(SHOWN, wait).await.map_err(late)?
    }

    /// Files that exist are replaced, those that are gone are removed; new ones are mounted with the pod's next start.
    pub(super) async fn replace_files(&self, pod: &Pod, volumes: &[FileVolume]) -> Result<(), ProviderError> {
        let name = remote_name(pod);
        let found = in_time(self.secrets.get_opt(&name)).await;
        let found = found.map_err(|error| self.explain(Right("get", "secrets"), &error))?;
        let Some(mut secret) = found else { return Err(ProviderError::NotFound(format!("Secret {name} is gone"))) };
        let data = secret.data.get_or_insert_default();
        data.retain(|key, _| !key.starts_with("file."));
        data.extend(file_data(volumes));
        let replaced = in_time(self.secrets.replace(&name, &PostParams::default(), &secret)).await;
        replaced.map(drop).map_err(|error| self.explain(Right("update", "secrets"), &error))
    }
}
