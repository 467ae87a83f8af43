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
            Some(made) if made.state != "created" || self.inspected.knows_unstarted(made) => return Ok(()),
            Some(made) => made.id.clone(),
            None => {
                self.end_older(&own, wanted.attempt, grace(request, wanted)).await?;
                let image = self.ensure_image(request, &wanted.spec).await?;
                self.ensure_files(request, wanted.spec.image.as_deref().unwrap_or_default()).await?;
                if known.is_empty() {
                    self.open_folders(&request.pod).await?;
                }
                let made = self.make(request, wanted, &image, known).await?;
                self.place_message_file(&made, &wanted.spec).await;
                made
            }
        };
        match self.client.start_container(&name, None).await {
            Ok(()) => Ok(()),
            Err(error) if is_start_error(&error) || self.lives_with_unstarted(request, wanted, known) => {
                self.note_unstarted(&request.marker().0, wanted, words(&error)).await
            }
            Err(error) => {
                // Somebody else may have its address by now: the next call chooses anew. Not after a lost answer: it may run.
                if address::is_read(&request.pod) && status_code(&error).is_some() {
                    self.remove(&name).await?;
                }
                Err(refused("RunContainerError", &error))
            }
        }
    }

    /// Whether it joins the network of a container that could not be started: then it cannot be started either.
    fn lives_with_unstarted(&self, request: &InstanceRequest, wanted: &ContainerRequest, known: &[Attempt]) -> bool {
        let Some(Ok(owner)) = network_owner(request, wanted, known) else { return false };
        known.iter().any(|one| one.id == owner && self.inspected.knows_unstarted(one))
    }

    /// Stops older attempts and removes all but the last one, whose log may still be asked for.
    async fn end_older(&self, own: &[&Attempt], attempt: u32, grace: Duration) -> Result<(), ProviderError> {
        for older in own.iter().filter(|one| one.attempt < attempt) {
            if older.state == "running" {
                self.stop(&older.id, grace).await?;
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

/// What an attempt that still runs gets to end in order; nothing if its network goes, with the pod's first container.
fn grace(request: &InstanceRequest, wanted: &ContainerRequest) -> Duration {
    let Some(spec) = request.pod.spec.as_ref() else { return Duration::ZERO };
    let first = spec.containers.first().map(|first| &first.name);
    let is_first = |one: &ContainerRequest| Some(&one.spec.name) == first;
    let goes = !is_first(wanted) && request.containers.iter().any(is_first);
    let grace = spec.termination_grace_period_seconds.filter(|_| !goes);
    Duration::from_secs(grace.and_then(|seconds| seconds.try_into().ok()).unwrap_or(0))
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

/// Whether the runtime below the engine refused, as it does a command that is not there: Kubernetes counts that as an end
/// of the container. Trouble of the engine itself, with a network say, may pass.
fn is_start_error(error: &bollard::errors::Error) -> bool {
    let said = words(error);
    status_code(error).is_some() && ["OCI runtime", "OCI permission denied"].iter().any(|one| said.contains(one))
}

#[cfg(test)]
mod tests {
    use bollard::errors::Error;

    use super::*;

    #[test]
    fn a_command_that_cannot_run_is_an_end_and_a_network_that_is_not_there_is_not() {
        let said = |message: &str| {
            is_start_error(&Error::DockerResponseServerError { status_code: 500, message: message.into() })
        };
        assert!(said(
            "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create \
             failed: unable to start container process: exec: \"/x\": stat /x: no such file or directory: unknown"
        ));
        assert!(said(
            "crun: executable file `/x` not found: No such file or directory: OCI runtime attempted to invoke a \
             command that was not found"
        ));
        assert!(said("runc: exec: \"/etc\": permission denied: OCI permission denied"));
        assert!(!said("cannot join network of a non running container: 1f0e"));
        assert!(!said("Address already in use"));
        assert!(!is_start_error(&Error::RequestTimeoutError), "it may run");
    }

    #[test]
    fn an_attempt_ends_in_order_unless_its_network_goes() {
        let pod: k8s_openapi::api::core::v1::Pod = serde_json::from_value(serde_json::json!({
            "spec": {"terminationGracePeriodSeconds": 7, "containers": [{"name": "app"}, {"name": "side"}]},
        }))
        .unwrap();
        let specs = pod.spec.as_ref().unwrap().containers.clone().into_iter();
        let (env, command, args) = (Vec::new(), Vec::new(), Vec::new());
        let one = ContainerRequest { spec: Default::default(), attempt: 1, env, command, args };
        let containers: Vec<_> = specs.map(|spec| ContainerRequest { spec, ..one.clone() }).collect();
        let mut request = InstanceRequest {
            pod: Arc::new(pod),
            containers: containers.clone(),
            files: Vec::new(),
            registry_logins: Vec::new(),
            job_annotations: std::collections::BTreeMap::new(),
        };
        let of = |request: &InstanceRequest| [0, 1].map(|at: usize| grace(request, &containers[at]).as_secs());
        assert_eq!(of(&request), [7, 0]);
        request.containers.remove(0);
        assert_eq!(of(&request)[1], 7);
    }
}
