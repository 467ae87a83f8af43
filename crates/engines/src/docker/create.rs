//! Creating: network, volumes, image, container, start; each step finds what an earlier call has left.
//! The first container owns the pod's network, the others join it.
use std::{sync::Arc, time::Duration};

use bollard::query_parameters::CreateContainerOptionsBuilder;
use kubelet::{ContainerRequest, Instance, InstanceRequest, ProviderError};

use super::{
    Docker, address,
    body::{Network, container_name},
    instances::Attempt,
    status_code, words,
};

// === impl Docker ===

impl Docker {
    pub(super) async fn create_all(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError> {
        let uid = request.marker().0;
        self.ensure_volumes(request).await?;
        for wanted in &request.containers {
            let known = self.attempts(Some(&uid)).await?;
            self.create_one(request, wanted, &known).await?;
        }
        let made = self.instances(Some(&uid)).await?.pop();
        made.ok_or_else(|| ProviderError::Unavailable("The engine does not list what it has just made".into()))
    }

    async fn create_one(
        &self,
        request: &InstanceRequest,
        wanted: &ContainerRequest,
        known: &[Attempt],
    ) -> Result<(), ProviderError> {
        let own: Vec<&Attempt> = known.iter().filter(|one| one.container == wanted.spec.name).collect();
        let name = match own.iter().find(|one| one.attempt == wanted.attempt) {
            Some(made) if made.state != "created" => return Ok(()),
            Some(made) => made.id.clone(),
            None => {
                self.end_older(&own, wanted.attempt).await?;
                let image = self.ensure_image(request, &wanted.spec).await?;
                self.ensure_files(request, wanted.spec.image.as_deref().unwrap_or_default()).await?;
                let made = self.make(request, wanted, &image, known).await?;
                self.place_message_file(&made, &wanted.spec).await;
                made
            }
        };
        match self.client.start_container(&name, None).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // Somebody else may have its address by now: the next call chooses anew. Not after a lost answer: it may run.
                if address::is_read(&request.pod) && status_code(&error).is_some() {
                    self.remove(&name).await?;
                }
                Err(refused("RunContainerError", &error))
            }
        }
    }

    /// Stops older attempts and removes all but the last one, whose log may still be asked for.
    async fn end_older(&self, own: &[&Attempt], attempt: u32) -> Result<(), ProviderError> {
        for older in own.iter().filter(|one| one.attempt < attempt) {
            if older.state == "running" {
                self.stop(&older.id, Duration::ZERO).await?;
            }
            if older.attempt + 1 < attempt
                && let Err(error) = self.remove(&older.id).await
            {
                // Others still live in its network; it goes with the next restart, or with the pod.
                tracing::debug!(%error, "An old attempt could not be removed yet");
            }
        }
        Ok(())
    }

    async fn make(
        &self,
        request: &InstanceRequest,
        wanted: &ContainerRequest,
        image: &bollard::models::ImageInspect,
        known: &[Attempt],
    ) -> Result<String, ProviderError> {
        let (uid, namespace, _) = request.marker();
        let _gate = self.network_gate.lock().await;
        let network = match network_owner(request, wanted, known) {
            None => {
                let name = self.ensure_network(&namespace).await?;
                let address = self.address_for(&request.pod, known, &name).await?;
                Network::Own(name, address)
            }
            Some(owner) => Network::Of(owner?),
        };
        let address = match &network {
            Network::Own(_, address) => *address,
            Network::Of(id) => known.iter().find(|one| one.id == *id).and_then(|one| one.address),
        };
        let wanted = address::told(wanted, address)?;
        let gpus = self.free_gpus(&wanted.spec).await?;
        let body = self.body(request, &wanted, image, network, &gpus)?;
        let name = container_name(&uid, &wanted.spec.name, wanted.attempt);
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        match self.client.create_container(Some(options), body).await {
            Ok(made) => Ok(made.id),
            // Made by a call whose answer was lost.
            Err(error) if status_code(&error) == Some(409) => Ok(name),
            Err(error) => Err(refused("CreateContainerError", &error)),
        }
    }
}

/// `None` for the first container of the pod, and for init containers, which run alone: they have a network of their own.
/// Else the id of that first container.
fn network_owner(
    request: &InstanceRequest,
    wanted: &ContainerRequest,
    known: &[Attempt],
) -> Option<Result<String, ProviderError>> {
    let spec = request.pod.spec.as_ref()?;
    let first = &spec.containers.first()?.name;
    if *first == wanted.spec.name || spec.init_containers.iter().flatten().any(|one| one.name == wanted.spec.name) {
        return None;
    }
    let owner = known.iter().filter(|one| one.container == *first).max_by_key(|one| one.attempt);
    Some(owner.map(|owner| owner.id.clone()).ok_or_else(|| ProviderError::Waiting {
        reason: "CreateContainerError",
        message: format!("Container {first}, which owns the network of this pod, does not exist yet"),
    }))
}

fn refused(reason: &'static str, error: &bollard::errors::Error) -> ProviderError {
    ProviderError::Waiting { reason, message: words(error) }
}
