//! Starting containers: environment, engine, and what to say when it does not work.
//! A start that is overtaken by a deletion is dropped; whatever it made is found again by its marker.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Container;

use super::{Outcome, PATIENCE, give_up, refuse, release, report};
use crate::{
    ApiServer, ContainerRequest, ContainerRun, Instance, InstanceRequest, ProviderError,
    access::granted,
    decide::all_containers,
    env::{Environment, NodeValues, Problem, asks_for_pod_ip, expand_all, resolve},
    env_sources::{Sources, fetch, fetch_logins, references},
    events::about,
    hooks::{after_start, before_replacement},
    job,
    kubelet::Shared,
    queue::Uid,
    records::{Failure, View},
    refresh::current_files,
    refuse::{Refusal, ignored_fields},
    status::Waiting,
    unenforced::unenforced_security,
};

/// Pauses between attempts to create an instance.
const FIRST_PAUSE: i64 = 5;
const LONGEST_PAUSE: i64 = 300;
/// A missing ConfigMap or Secret usually follows its pod soon.
const CONFIG_PAUSE: i64 = 20;
/// What the slower half of rented machines take to come up: 15 to 80 s were measured.
const BOOT: Duration = Duration::from_secs(60);
/// Bytes of environments and commands that the containers of one pod have together. Each may have as many as Linux gives a
/// process, and a pod may have thousands.
const MOST_BYTES: usize = 32 << 20;

pub(super) async fn start(
    shared: &Arc<Shared>,
    uid: &Uid,
    mut view: View,
    wanted: &[(usize, u32)],
) -> Result<Outcome, kube::Error> {
    let api = match granted(shared, &view.pod).await {
        Ok(api) => api,
        Err(problem) => return misconfigured(shared, uid, view, problem).await,
    };
    let all: Vec<&Container> = all_containers(&view.pod).collect();
    let chosen: Vec<(&Container, u32)> =
        wanted.iter().filter_map(|(index, attempt)| Some((*all.get(*index)?, *attempt))).collect();
    let specs: Vec<Container> = chosen.iter().map(|(container, _)| (*container).clone()).collect();
    let namespace = view.pod.metadata.namespace.clone().unwrap_or_default();
    let sources = fetch(&shared.client, &namespace, references(&specs)).await;
    let requests = chosen.iter().map(|(container, attempt)| request(shared, &view, container, *attempt, &sources, api));
    let request = match complete(shared, &view, together(requests), api.is_some()).await {
        Ok(request) => request,
        Err(problem) => return misconfigured(shared, uid, view, problem).await,
    };
    shared.records.start_change(uid);
    let created = create(shared, &view, &request).await.map(|created| shared.metrics.creates.count(created));
    let instance = created.as_ref().and_then(|result| result.as_ref().ok().cloned());
    shared.records.settle(uid, instance);
    match created {
        None => Ok(Outcome::Again),
        Some(Ok(instance)) => {
            shared.written.note(uid, &request.files);
            say_started(shared, &view, &request, &instance);
            let ended = instance.containers.iter().any(|one| matches!(one.run, ContainerRun::Ended(_)));
            after_start(shared, uid, &request, &instance);
            view.instance = Some(instance);
            shared.prober.keep(shared, uid, &view);
            report(shared, &view, None).await?;
            // Its time runs from now on, and nothing else need ever wake this pod again.
            Ok(if ended || is_limited(&view) { Outcome::Again } else { Outcome::Done })
        }
        Some(Err(error)) => failed(shared, uid, view, error).await,
    }
}

/// Adds what the pod needs beside its containers: files and logins.
async fn complete(
    shared: &Arc<Shared>,
    view: &View,
    containers: Result<Vec<ContainerRequest>, Problem>,
    api_access: bool,
) -> Result<InstanceRequest, Problem> {
    let containers = containers?;
    let files = match shared.rules.capabilities.holds_files(&view.pod) {
        true => current_files(shared, &view.pod, api_access).await?,
        false => Vec::new(),
    };
    let (registry_logins, problems) = fetch_logins(&shared.client, &view.pod).await;
    for problem in problems {
        shared.events.warning(about(&view.pod), "FailedToRetrieveImagePullSecret", problem);
    }
    let job_annotations = match shared.rules.capabilities.job_annotations {
        true => job::annotations(shared, &view.pod).await?,
        false => BTreeMap::new(),
    };
    Ok(InstanceRequest { pod: view.pod.clone(), containers, files, registry_logins, job_annotations })
}

/// `None` if a deletion came first.
async fn create(
    shared: &Arc<Shared>,
    view: &View,
    request: &InstanceRequest,
) -> Option<Result<Arc<Instance>, ProviderError>> {
    let create = async {
        before_replacement(shared, view, request).await;
        shared.provider.create(request).await
    };
    tokio::pin!(create);
    tokio::select! {
        created = &mut create => return Some(created),
        () = view.interrupt.cancelled() => return None,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    if view.failure.is_none()
        && let Err(error) = report(shared, view, None).await
    {
        tracing::debug!(%error, "The status could not be written while an instance is being created");
    }
    tokio::select! {
        created = create => Some(created),
        () = view.interrupt.cancelled() => None,
    }
}

fn request(
    shared: &Arc<Shared>,
    view: &View,
    container: &Container,
    attempt: u32,
    sources: &Sources,
    api: Option<&ApiServer>,
) -> Result<ContainerRequest, Problem> {
    let allocatable = shared.allocatable();
    let address = if asks_for_pod_ip(container) { shared.provider.address_of(&view.pod) } else { None };
    let node = NodeValues { host_ip: &shared.host_ip, pod_ip: address.as_deref(), allocatable: &allocatable, api };
    let Environment { variables, warnings } = resolve(&view.pod, container, &node, sources)?;
    for warning in warnings {
        shared.events.warning(about(&view.pod), &warning.reason, warning.message);
    }
    let expanded = |list: &Option<Vec<String>>| expand_all(list.as_deref().unwrap_or_default(), &variables);
    Ok(ContainerRequest {
        command: expanded(&container.command)?,
        args: expanded(&container.args)?,
        spec: container.clone(),
        attempt,
        env: variables,
    })
}

/// The requests of one pod, as long as there is room for all of them.
fn together(
    requests: impl Iterator<Item = Result<ContainerRequest, Problem>>,
) -> Result<Vec<ContainerRequest>, Problem> {
    let mut left = MOST_BYTES;
    let fitting = requests.map(|request| {
        let request = request?;
        let variables = request.env.iter().map(|(name, value)| name.len() + value.len());
        let words = request.command.iter().chain(&request.args).map(String::len);
        let room = left.checked_sub(variables.chain(words).sum());
        left = room.ok_or_else(|| {
            let message = format!("The containers of this pod have environments of more than {} MiB", MOST_BYTES >> 20);
            Problem { reason: "UnsupportedPod".into(), message }
        })?;
        Ok(request)
    });
    fitting.collect()
}

fn say_started(shared: &Arc<Shared>, view: &View, request: &InstanceRequest, instance: &Instance) {
    let names = request.containers.iter().map(|one| one.spec.name.as_str());
    let (names, unstarted): (Vec<_>, Vec<_>) = names.partition(|name| instance.unstarted(name).is_none());
    for ended in unstarted.iter().filter_map(|name| instance.unstarted(name)) {
        let message = format!("{}: {}", ended.reason, ended.message);
        shared.events.warning(about(&view.pod), "ProviderCreateFailed", message);
    }
    if names.is_empty() {
        return;
    }
    let message = format!("Started {} on engine {}", names.join(", "), shared.config.engine);
    shared.events.normal(about(&view.pod), "ProviderCreateSuccess", message);
    let Some(spec) = view.pod.spec.as_ref() else { return };
    let ignored = ignored_fields(spec, &shared.rules.capabilities);
    if !ignored.is_empty() {
        let message = format!("This node does not apply: {}", ignored.join(", "));
        shared.events.warning(about(&view.pod), "FieldsIgnored", message);
    }
    let unenforced = unenforced_security(spec, &shared.rules.capabilities);
    if !unenforced.is_empty() {
        let message = format!("This engine does not enforce of securityContext: {}", unenforced.join(", "));
        shared.events.warning(about(&view.pod), "SecurityContextNotEnforced", message);
    }
}

/// Whether the pod may be active for a time only, which begins with the first status that it is given.
fn is_limited(view: &View) -> bool {
    view.pod.spec.as_ref().is_some_and(|spec| spec.active_deadline_seconds.is_some())
}

async fn misconfigured(shared: &Arc<Shared>, uid: &Uid, view: View, problem: Problem) -> Result<Outcome, kube::Error> {
    if is_given_back(&view, &problem) {
        match release(shared, uid, &view).await {
            Outcome::Done => {}
            later => return Ok(later),
        }
    }
    if problem.reason == "UnsupportedPod" {
        let refusal = Refusal { reason: "UnsupportedPod", message: problem.message, stays_pending: false };
        return refuse(shared, &view, &refusal).await;
    }
    shared.events.warning(about(&view.pod), &problem.reason, &problem.message);
    fail(shared, uid, view, "CreateContainerConfigError", problem.message, CONFIG_PAUSE).await
}

/// Whether an instance that has ended, though it may still cost something, goes because it cannot start again: not before the
/// second try, for a ConfigMap that is made anew is there soon. That something could not be read proves nothing.
fn is_given_back(view: &View, problem: &Problem) -> bool {
    let is_over = view.instance.as_ref().is_some_and(|instance| instance.is_over());
    let lasts = view.failure.is_some() || problem.reason == "UnsupportedPod";
    is_over && lasts && !problem.reason.starts_with("FailedTo")
}

/// Whether an instance that has ended goes until its next start, for it may still cost something: not for a pause in which
/// another one would hardly come up (`virtual-node.md` §3.8, §5).
pub(super) fn is_given_back_meanwhile(view: &View, pause: Duration) -> bool {
    pause >= BOOT && view.instance.as_ref().is_some_and(|instance| instance.is_over())
}

async fn failed(shared: &Arc<Shared>, uid: &Uid, view: View, error: ProviderError) -> Result<Outcome, kube::Error> {
    let (reason, message) = match error {
        ProviderError::Unsupported(message) => {
            let refusal = Refusal { reason: "UnsupportedPod", message, stays_pending: false };
            return refuse(shared, &view, &refusal).await;
        }
        ProviderError::Refused { reason, message } => {
            return refuse(shared, &view, &Refusal { reason, message, stays_pending: false }).await;
        }
        ProviderError::GaveUp { reason, message } => return give_up(shared, &view, reason, message).await,
        ProviderError::Waiting { reason, message } => (reason, message),
        ProviderError::NotFound(message) => ("CreateContainerError", message),
        ProviderError::Unavailable(message) => ("EngineUnavailable", message),
    };
    shared.events.warning(about(&view.pod), "ProviderCreateFailed", format!("{reason}: {message}"));
    let repeated = view.failure.is_some() && reason == "ErrImagePull";
    let reason = if repeated { "ImagePullBackOff" } else { reason };
    fail(shared, uid, view, reason, message, LONGEST_PAUSE).await
}

async fn fail(
    shared: &Arc<Shared>,
    uid: &Uid,
    view: View,
    reason: &str,
    message: String,
    longest: i64,
) -> Result<Outcome, kube::Error> {
    let count = view.failure.as_ref().map_or(0, |failure| failure.count) + 1;
    let pause = (FIRST_PAUSE << (count - 1).min(10)).min(longest);
    let retry_at = shared.now().saturating_add(SignedDuration::from_secs(pause)).unwrap_or(Timestamp::MAX);
    let waiting = Waiting { reason: reason.to_owned(), message: message.clone() };
    shared.records.set_failure(uid, Failure { count, reason: reason.to_owned(), message, retry_at });
    report(shared, &view, Some(&waiting)).await?;
    // Its time may be over before the next try.
    Ok(match is_limited(&view) {
        true => Outcome::Again,
        false => Outcome::After(Duration::from_secs(u64::try_from(pause).unwrap_or_default())),
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;

    use super::*;
    use crate::{ContainerInstance, Ended};

    fn view(run: ContainerRun, tries: u32) -> View {
        let container = ContainerInstance {
            name: "app".into(),
            id: "runpod://1".into(),
            image_id: String::new(),
            attempt: 0,
            run,
            hold: None,
            previous: None,
        };
        let instance = Instance {
            uid: "u".into(),
            namespace: "team".into(),
            name: "web".into(),
            pod_ip: None,
            disruption: None,
            containers: vec![container],
        };
        let failure = Failure {
            count: tries,
            reason: "CreateContainerConfigError".into(),
            message: String::new(),
            retry_at: Timestamp::UNIX_EPOCH,
        };
        View {
            pod: Arc::new(Pod::default()),
            removed: false,
            terminated: false,
            instance: Some(Arc::new(instance)),
            lost: false,
            unseen: false,
            failure: Some(failure).filter(|failure| failure.count > 0),
            calm: BTreeMap::new(),
            interrupt: tokio_util::sync::CancellationToken::new(),
        }
    }

    #[test]
    fn thousands_of_containers_have_no_large_environment_each() {
        let request = || ContainerRequest {
            spec: Container::default(),
            attempt: 0,
            env: vec![("A".into(), "x".repeat(1 << 20))],
            command: Vec::new(),
            args: Vec::new(),
        };
        let fitting = |count: usize| together(std::iter::repeat_with(|| Ok(request())).take(count));
        assert!(fitting(30).is_ok_and(|all| all.len() == 30));
        assert!(fitting(10_000).is_err_and(|problem| problem.reason == "UnsupportedPod"));
    }

    fn ended() -> ContainerRun {
        ContainerRun::Ended(Ended {
            exit_code: 137,
            reason: "Error".into(),
            message: String::new(),
            started: None,
            finished: None,
            id: "runpod://1".into(),
        })
    }

    #[test]
    fn what_waits_for_minutes_to_start_again_costs_nothing_meanwhile() {
        let goes = |run: ContainerRun, seconds: i64| {
            let pause = Duration::from_secs(seconds.unsigned_abs());
            is_given_back_meanwhile(&view(run, 0), pause)
        };
        // The pauses of a container that crashes again and again.
        let gone: Vec<bool> = (0..7).map(|crashes| goes(ended(), crate::restart::pause(crashes).as_secs())).collect();
        assert_eq!(gone, [false, false, false, false, true, true, true]);
        assert!(!goes(ContainerRun::Running { started: Timestamp::UNIX_EPOCH }, 300), "it only has a deadline");
        assert!(!goes(ContainerRun::Created, 300));
    }

    #[test]
    fn an_ended_instance_goes_once_its_restart_has_failed_twice_for_what_the_pod_lacks() {
        let goes = |run: ContainerRun, tries: u32, reason: &str| {
            is_given_back(&view(run, tries), &Problem { reason: reason.into(), message: String::new() })
        };
        let missing = "MandatoryConfigMapNotFound";
        assert!(!goes(ended(), 0, missing), "it may be there again in a moment");
        assert!(goes(ended(), 1, missing) && goes(ended(), 7, missing));
        assert!(goes(ended(), 0, "UnsupportedPod"), "it never comes");
        assert!(!goes(ended(), 7, "FailedToReadMandatoryConfigMap"), "nobody knows whether it is there");
        assert!(!goes(ContainerRun::Running { started: Timestamp::UNIX_EPOCH }, 7, missing));
        assert!(!goes(ContainerRun::Created, 7, missing), "it has what it needs");
    }
}
