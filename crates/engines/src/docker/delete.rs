//! Deleting: stop in order, note how it ended, remove everything that carries the pod's marker, and look again.
//! Also removes what only this pod used: its volumes, and the network of a namespace that is now empty.
use std::{sync::Arc, time::Duration};

use bollard::query_parameters::{RemoveContainerOptionsBuilder, StopContainerOptionsBuilder};
use futures::future::try_join_all;
use kubelet::{ContainerInstance, Instance, ProviderError};

use super::{CALL, Docker, instances::container_id, status_code, unavailable};

// === impl Docker ===

impl Docker {
    pub(super) async fn delete_all(&self, uid: &str, grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError> {
        let attempts = self.attempts(Some(uid)).await?;
        if attempts.is_empty() {
            self.remove_filler(uid).await?;
            self.remove_volumes(uid).await?;
            return Ok(None);
        }
        let alive =
            attempts.iter().filter(|one| !matches!(one.state.as_str(), "exited" | "stopped" | "created" | "dead"));
        try_join_all(alive.map(|one| self.stop(&one.id, grace))).await?;
        let last = self.instances(Some(uid)).await?.pop();
        self.remove_all(attempts.iter().map(|one| one.id.as_str()).collect()).await?;
        if !self.attempts(Some(uid)).await?.is_empty() {
            return Err(ProviderError::Unavailable("The engine still has containers of this pod".into()));
        }
        self.remove_filler(uid).await?;
        self.remove_volumes(uid).await?;
        if let Some(namespace) = attempts.first().map(|one| one.namespace.as_str()) {
            self.drop_network(namespace).await;
        }
        Ok(last)
    }

    /// Engines refuse to remove a container while others live in its network, so it goes in rounds.
    async fn remove_all(&self, mut ids: Vec<&str>) -> Result<(), ProviderError> {
        while !ids.is_empty() {
            let (before, mut refused, mut last) = (ids.len(), Vec::new(), None);
            for id in ids {
                if let Err(error) = self.remove(id).await {
                    refused.push(id);
                    last = Some(error);
                }
            }
            ids = refused;
            if let Some(error) = last.filter(|_| ids.len() == before) {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Ends one container; the restart policy decides what follows.
    pub(super) async fn stop_one(
        &self,
        uid: &str,
        container: &ContainerInstance,
        grace: Duration,
    ) -> Result<(), ProviderError> {
        let attempts = self.attempts(Some(uid)).await?;
        let own = attempts.iter().find(|one| container_id(&one.id) == container.id);
        match own.filter(|one| one.state == "running") {
            Some(running) => self.stop(&running.id, grace).await,
            None => Ok(()),
        }
    }

    pub(super) async fn remove(&self, id: &str) -> Result<(), ProviderError> {
        let force = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.client.remove_container(id, Some(force)).await {
            Ok(()) => Ok(()),
            Err(error) if status_code(&error) == Some(404) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// SIGTERM, and SIGKILL after the grace period.
    pub(super) async fn stop(&self, id: &str, grace: Duration) -> Result<(), ProviderError> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::new().t(seconds).build();
        let patient = self.client.clone().with_timeout(grace + CALL);
        match patient.stop_container(id, Some(options)).await {
            Ok(()) => Ok(()),
            // Gone, or stopped already.
            Err(error) if matches!(status_code(&error), Some(304 | 404)) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}
