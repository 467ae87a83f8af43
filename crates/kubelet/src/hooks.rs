//! Lifecycle hooks: `postStart` beside the start of a container, `preStop` before it is ended.
//! A hook that fails is told by an event; a failed `postStart` also ends its container, as in Kubernetes.
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Container, LifecycleHandler, Pod};

use crate::{
    ContainerRun, Instance, InstanceRequest,
    action::{Outcome, act},
    decide::{containers, grace, runs_other_image},
    events::about,
    kubelet::Shared,
    queue::Uid,
    records::View,
};

/// What a container gets to end in order, however long its hook took.
const LEAST: Duration = Duration::from_secs(2);

/// Pods whose `preStop` hooks have run: a second look at the deletion does not run them again.
#[derive(Default)]
pub(crate) struct Hooks(Mutex<HashSet<Uid>>);

// === impl Hooks ===

impl Hooks {
    pub(crate) fn forget(&self, uid: &Uid) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Uid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pre_stop(container: &Container) -> Option<&LifecycleHandler> {
    container.lifecycle.as_ref()?.pre_stop.as_ref()
}

/// Runs the `postStart` hooks of containers that have just been started; returns at once.
pub(crate) fn after_start(shared: &Arc<Shared>, uid: &Uid, request: &InstanceRequest, instance: &Arc<Instance>) {
    if !shared.rules.capabilities.hooks {
        return;
    }
    let started = request.containers.iter().map(|one| &one.spec);
    for container in started.filter(|container| instance.unstarted(&container.name).is_none()) {
        let hook = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.post_start.clone());
        let Some(hook) = hook else { continue };
        let (shared, uid, pod) = (shared.clone(), uid.clone(), request.pod.clone());
        let (instance, container) = (instance.clone(), container.clone());
        tokio::spawn(async move {
            let failed = run(&shared, &pod, &instance, &container, &hook, "PostStart").await;
            // This one, not another that was started while the hook ran.
            let own = instance.container(&container.name).filter(|_| failed);
            if let Some(own) = own
                && let Err(error) = shared.provider.stop(&uid, own, LEAST).await
            {
                tracing::warn!(pod.uid = %uid, %error, "Ending a container whose postStart hook failed did not work");
            }
        });
    }
}

/// Runs the `preStop` hooks of a pod that is being deleted, once; what is left of its grace period.
pub(crate) async fn before_removal(shared: &Shared, uid: &Uid, view: &View, grace: Duration) -> Duration {
    let Some(instance) = view.instance.as_ref().filter(|_| !grace.is_zero()) else { return grace };
    let runs =
        |name: &str| instance.container(name).is_some_and(|found| matches!(found.run, ContainerRun::Running { .. }));
    let hooks: Vec<_> = containers(&view.pod)
        .iter()
        .filter(|container| runs(&container.name))
        .filter_map(|container| Some((container, pre_stop(container)?)))
        .collect();
    if hooks.is_empty() || !shared.rules.capabilities.hooks || !shared.hooks.lock().insert(uid.clone()) {
        return grace;
    }
    let started = Instant::now();
    let all =
        join_all(hooks.iter().map(|(container, hook)| run(shared, &view.pod, instance, container, hook, "PreStop")));
    let _ = tokio::time::timeout(grace, all).await;
    grace.saturating_sub(started.elapsed()).max(LEAST)
}

/// Tells of containers that are about to be replaced because their image was changed, and runs their `preStop` hooks.
pub(crate) async fn before_replacement(shared: &Shared, view: &View, request: &InstanceRequest) {
    let Some(instance) = &view.instance else { return };
    let grace = grace(&view.pod);
    let all = request.containers.iter().map(|one| &one.spec);
    for container in all.filter(|container| runs_other_image(&view.pod, instance, container)) {
        let message = format!("Container {} definition changed, will be restarted", container.name);
        shared.events.normal(about(&view.pod), "Killing", message);
        before_stop(shared, &view.pod, instance, container, grace).await;
    }
}

/// Runs the `preStop` hook of one container that is about to be ended; what is left of the grace period.
pub(crate) async fn before_stop(
    shared: &Shared,
    pod: &Pod,
    instance: &Instance,
    container: &Container,
    grace: Duration,
) -> Duration {
    let Some(hook) = pre_stop(container).filter(|_| shared.rules.capabilities.hooks) else { return grace };
    let started = Instant::now();
    let _ = tokio::time::timeout(grace, run(shared, pod, instance, container, hook, "PreStop")).await;
    grace.saturating_sub(started.elapsed()).max(LEAST)
}

/// True if it failed.
async fn run(
    shared: &Shared,
    pod: &Pod,
    instance: &Instance,
    container: &Container,
    hook: &LifecycleHandler,
    word: &str,
) -> bool {
    match act(shared, pod, instance, container, &hook.into()).await {
        Outcome::Success => false,
        Outcome::Failure(message) | Outcome::Unknown(message) => {
            let message = format!("{word}Hook of container {} failed: {message}", container.name);
            shared.events.warning(about(pod), &format!("Failed{word}Hook"), message);
            true
        }
    }
}
