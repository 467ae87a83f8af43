//! Deleting, and the proof that it is done: asked of the API server itself, then awaited from the watch.
//! An answer that does not come leaves everything as it was; the node calls again.
use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    api::{DeleteParams, ListParams, Preconditions},
    core::PartialObjectMeta,
};
use kubelet::{Instance, ProviderError};

use super::{
    Kubernetes,
    error::{Right, code, in_time},
    instances::instance,
};

/// What the other cluster gets on top of the grace period before the node asks again.
const SLACK: Duration = Duration::from_secs(30);

// === impl Kubernetes ===

impl Kubernetes {
    pub(super) async fn delete_pod(&self, uid: &str, grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError> {
        let mut last = self.cache.get(uid)?;
        // The watch may not know yet what a create has just made.
        let selected = ListParams::default().labels(&self.config.selector(Some(uid)));
        let found = in_time(self.pods.list_metadata(&selected)).await;
        let found = found.map_err(|error| self.explain(Right("list", "pods"), &error))?;
        for pod in &found.items {
            self.delete_one(pod, grace).await?;
        }
        self.gone(uid, &mut last, grace + SLACK).await?;
        self.delete_secrets(&selected).await?;
        Ok(last.map(|pod| Arc::new(instance(&pod))))
    }

    async fn delete_one(&self, pod: &PartialObjectMeta<Pod>, grace: Duration) -> Result<(), ProviderError> {
        let params = DeleteParams {
            // Zero would only remove the object; its containers would still run.
            grace_period_seconds: Some(u32::try_from(grace.as_secs()).unwrap_or(u32::MAX).max(1)),
            preconditions: Some(Preconditions { uid: pod.metadata.uid.clone(), resource_version: None }),
            ..DeleteParams::default()
        };
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        match in_time(self.pods.delete(name, &params)).await {
            Ok(_) => Ok(()),
            Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(()),
            Err(error) => Err(self.explain(Right("delete", "pods"), &error)),
        }
    }

    /// Waits until the watch shows the pod no more; keeps its last state.
    async fn gone(&self, uid: &str, last: &mut Option<Arc<Pod>>, limit: Duration) -> Result<(), ProviderError> {
        let mut changes = self.cache.subscribe();
        let wait = async {
            loop {
                changes.borrow_and_update();
                match self.cache.get(uid)? {
                    Some(pod) => *last = Some(pod),
                    None => return Ok(()),
                }
                if changes.changed().await.is_err() {
                    return Err(ProviderError::Unavailable("The engine is stopping".into()));
                }
            }
        };
        let late = |_| ProviderError::Unavailable("The pod is still ending on the engine".into());
        tokio::time::timeout(limit, wait).await.map_err(late)?
    }

    /// Those of a pod go with it; those of a pod that was never made are still there.
    async fn delete_secrets(&self, selected: &ListParams) -> Result<(), ProviderError> {
        let found = in_time(self.secrets.list_metadata(selected)).await;
        let found = found.map_err(|error| self.explain(Right("list", "secrets"), &error))?;
        for secret in found.items {
            let name = secret.metadata.name.as_deref().unwrap_or_default();
            match in_time(self.secrets.delete(name, &DeleteParams::default())).await {
                Ok(_) => {}
                Err(error) if code(&error) == Some(404) => {}
                Err(error) => return Err(self.explain(Right("delete", "secrets"), &error)),
            }
        }
        Ok(())
    }
}
