//! From the engine's containers to instances: one list for all, and one look at a container when its state is new.
//! A state that was looked at once is remembered, so a quiet engine costs one call per tick.
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use kubelet::{ContainerInstance, ContainerRequest, ContainerRun, Ended, Instance, ProviderError};

use super::{
    ATTEMPT, CONTAINER, Docker, POD_NAME, POD_NAMESPACE, POD_UID,
    address::ADDRESS,
    image::DIGEST,
    message, oom,
    raw::{Listed, Looked},
};

/// Exit code of a process that was killed, whoever did it.
const KILLED: i64 = 137;
/// Exit code of a process that never began, as Kubernetes tells it.
const UNSTARTED: i32 = 128;
/// Looks at the same time.
const PARALLEL: usize = 16;

/// What was seen of each container, under the state in which it was seen.
#[derive(Default)]
pub(super) struct Inspected(Mutex<HashMap<String, (String, Seen)>>);

#[derive(Clone, Debug)]
struct Seen {
    run: ContainerRun,
    image_id: String,
    ip: Option<String>,
}

/// One attempt of one container.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) id: String,
    pub(super) uid: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) container: String,
    pub(super) attempt: u32,
    pub(super) state: String,
    /// What was chosen for it, because its pod reads it.
    pub(super) address: Option<Ipv4Addr>,
    /// Its image by digest, if it came from a registry.
    pub(super) digest: Option<String>,
    pub(super) message: message::Wanted,
}

// === impl Docker ===

impl Docker {
    /// All instances of this node, or that of one pod.
    pub(super) async fn instances(&self, uid: Option<&str>) -> Result<Vec<Arc<Instance>>, ProviderError> {
        let attempts = self.attempts(uid).await?;
        if uid.is_none() {
            self.inspected.forget_others(&attempts);
        }
        let seen: Vec<Option<(Attempt, Seen)>> =
            stream::iter(attempts).map(|attempt| self.look(attempt)).buffered(PARALLEL).try_collect().await?;
        Ok(group(seen.into_iter().flatten().collect()))
    }

    /// All containers with our marker, whatever their state.
    pub(super) async fn attempts(&self, uid: Option<&str>) -> Result<Vec<Attempt>, ProviderError> {
        let list = self.list_containers(&self.selector(uid)).await?;
        let ours = list.into_iter().filter(|one| one.labels.as_ref().is_some_and(|labels| self.is_ours(labels, uid)));
        Ok(ours.filter_map(attempt).collect())
    }

    async fn look(&self, attempt: Attempt) -> Result<Option<(Attempt, Seen)>, ProviderError> {
        if let Some(seen) = self.inspected.get(&attempt) {
            return Ok(Some((attempt, seen)));
        }
        // Gone between list and look.
        let Some(mut found) = self.look_at(&attempt.id).await? else { return Ok(None) };
        if found.state.exit_code == Some(KILLED) && !found.state.oom_killed {
            found.state.oom_killed = oom::was_killed(&attempt.id).await;
        }
        let mut seen = seen(&found, &attempt);
        if let ContainerRun::Ended(ended) = &mut seen.run {
            self.add_last_words(&attempt, ended).await;
        }
        self.inspected.put(&attempt, &found, seen.clone());
        Ok(Some((attempt, seen)))
    }

    /// Notes that a container could not be started. The engine leaves it as if nobody had tried; a process of this node
    /// that begins later tries again, and notes the same.
    pub(super) async fn note_unstarted(
        &self,
        uid: &str,
        wanted: &ContainerRequest,
        message: String,
    ) -> Result<(), ProviderError> {
        let made = self.attempts(Some(uid)).await?;
        let made = made.into_iter().find(|one| one.container == wanted.spec.name && one.attempt == wanted.attempt);
        let Some(made) = made else { return Ok(()) };
        let image_id = self.look_at(&made.id).await?.map(|found| found.image).unwrap_or_default();
        self.inspected.note(&made, Seen { run: ContainerRun::Ended(unstarted(&made, message)), image_id, ip: None });
        Ok(())
    }
}

// === impl Inspected ===

impl Inspected {
    fn get(&self, attempt: &Attempt) -> Option<Seen> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&attempt.id).filter(|(state, _)| *state == attempt.state).map(|(_, seen)| seen.clone())
    }

    /// Remembers only what both calls agree on, and only states that last.
    fn put(&self, attempt: &Attempt, found: &Looked, seen: Seen) {
        let lasting = matches!(attempt.state.as_str(), "running" | "exited");
        if lasting && found.state.status == attempt.state {
            self.note(attempt, seen);
        }
    }

    fn note(&self, attempt: &Attempt, seen: Seen) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(attempt.id.clone(), (attempt.state.clone(), seen));
    }

    /// Whether this container is known to be one that could not be started.
    pub(super) fn knows_unstarted(&self, attempt: &Attempt) -> bool {
        let seen = self.get(attempt);
        seen.is_some_and(|seen| matches!(seen.run, ContainerRun::Ended(end) if end.reason == Ended::START_ERROR))
    }

    fn forget_others(&self, attempts: &[Attempt]) {
        let ids: HashSet<&str> = attempts.iter().map(|attempt| attempt.id.as_str()).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| ids.contains(id.as_str()));
    }
}

fn attempt(listed: Listed) -> Option<Attempt> {
    let labels = listed.labels?;
    let label = |key: &str| labels.get(key).cloned();
    Some(Attempt {
        id: listed.id,
        uid: label(POD_UID)?,
        namespace: label(POD_NAMESPACE)?,
        name: label(POD_NAME)?,
        container: label(CONTAINER)?,
        attempt: label(ATTEMPT)?.parse().ok()?,
        state: listed.state,
        address: label(ADDRESS).and_then(|text| text.parse().ok()),
        digest: label(DIGEST),
        message: message::Wanted::read(&labels),
    })
}

fn seen(found: &Looked, attempt: &Attempt) -> Seen {
    // It is in one network at most, whatever that was called when it was made.
    let networks = found.network_settings.networks.iter().flatten();
    let ip = networks.map(|(_, network)| network.ip.clone()).find(|ip| !ip.is_empty());
    Seen { run: run(found, attempt), image_id: found.image.clone(), ip }
}

fn run(found: &Looked, attempt: &Attempt) -> ContainerRun {
    let state = &found.state;
    let started = moment(&state.started_at);
    match state.status.as_str() {
        "running" | "paused" | "restarting" | "stopping" => {
            ContainerRun::Running { started: started.unwrap_or(Timestamp::UNIX_EPOCH) }
        }
        "exited" | "stopped" | "dead" | "removing" => {
            let exit_code = state.exit_code.and_then(|code| code.try_into().ok()).unwrap_or(137);
            let reason = match (state.oom_killed, exit_code) {
                (true, _) => "OOMKilled",
                (false, 0) => "Completed",
                (false, _) => "Error",
            };
            ContainerRun::Ended(Ended {
                exit_code,
                reason: reason.into(),
                message: state.error.clone(),
                started,
                finished: moment(&state.finished_at),
                id: container_id(&attempt.id),
            })
        }
        _ => ContainerRun::Created,
    }
}

/// The end of a container that could not be started, with the code that Kubernetes gives it.
fn unstarted(attempt: &Attempt, message: String) -> Ended {
    Ended {
        exit_code: UNSTARTED,
        reason: Ended::START_ERROR.into(),
        message,
        started: None,
        finished: Some(Timestamp::now()),
        id: container_id(&attempt.id),
    }
}

/// The engines write the year 1 for "never".
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
}

pub(super) fn container_id(id: &str) -> String {
    format!("docker://{id}")
}

fn group(attempts: Vec<(Attempt, Seen)>) -> Vec<Arc<Instance>> {
    let mut by_pod: BTreeMap<String, Vec<(Attempt, Seen)>> = BTreeMap::new();
    for (attempt, seen) in attempts {
        by_pod.entry(attempt.uid.clone()).or_default().push((attempt, seen));
    }
    by_pod.into_values().filter_map(instance).map(Arc::new).collect()
}

/// The newest attempt of each container; the one before it tells how it ended.
fn instance(mut attempts: Vec<(Attempt, Seen)>) -> Option<Instance> {
    attempts.sort_by(|(one, _), (other, _)| (&one.container, one.attempt).cmp(&(&other.container, other.attempt)));
    let Attempt { uid, namespace, name, .. } = attempts.first()?.0.clone();
    let mut containers: Vec<ContainerInstance> = Vec::new();
    let mut pod_ip = None;
    for (attempt, seen) in attempts {
        pod_ip = seen.ip.or(pod_ip);
        let previous = containers.pop_if(|last| last.name == attempt.container).and_then(|last| match last.run {
            ContainerRun::Ended(ended) => Some(ended),
            _ => None,
        });
        containers.push(ContainerInstance {
            hold: None,
            name: attempt.container,
            id: container_id(&attempt.id),
            // By digest, as Kubernetes does; what came from no registry has only the engine's own number.
            image_id: attempt.digest.unwrap_or(seen.image_id),
            attempt: attempt.attempt,
            run: seen.run,
            previous,
        });
    }
    Some(Instance { uid, namespace, name, pod_ip, containers, disruption: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(container: &str, attempt: u32, run: ContainerRun, ip: Option<&str>) -> (Attempt, Seen) {
        let found = Attempt {
            id: format!("{container}{attempt}"),
            uid: "u".into(),
            namespace: "team".into(),
            name: "web".into(),
            container: container.into(),
            attempt,
            state: String::new(),
            address: None,
            digest: None,
            message: message::Wanted::default(),
        };
        (found, Seen { run, image_id: "sha256:1".into(), ip: ip.map(Into::into) })
    }

    fn ended(exit_code: i32) -> ContainerRun {
        let (started, finished) = (None, None);
        ContainerRun::Ended(Ended {
            exit_code,
            reason: "Error".into(),
            message: String::new(),
            started,
            finished,
            id: String::new(),
        })
    }

    #[test]
    fn the_newest_attempt_stands_for_its_container() {
        let running = ContainerRun::Running { started: Timestamp::UNIX_EPOCH };
        let all = vec![
            seen("side", 0, running.clone(), None),
            seen("app", 1, running.clone(), Some("10.0.0.2")),
            seen("app", 0, ended(3), None),
        ];
        let instances = group(all);
        assert_eq!(instances.len(), 1);
        let instance = &instances[0];
        assert_eq!(instance.pod_ip.as_deref(), Some("10.0.0.2"));
        let app = instance.container("app").unwrap();
        assert_eq!((app.attempt, app.previous.as_ref().unwrap().exit_code), (1, 3));
        assert_eq!(instance.container("side").unwrap().previous, None);
    }

    #[test]
    fn an_end_has_its_code_and_its_reason() {
        let of = |state: serde_json::Value| {
            let found: Looked = serde_json::from_value(serde_json::json!({"State": state})).unwrap();
            match run(&found, &seen("app", 0, ContainerRun::Created, None).0) {
                ContainerRun::Ended(ended) => (ended.exit_code, ended.reason),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(of(serde_json::json!({"Status": "exited", "ExitCode": 0})), (0, "Completed".into()));
        assert_eq!(of(serde_json::json!({"Status": "exited", "ExitCode": 3})), (3, "Error".into()));
        let oom = serde_json::json!({"Status": "exited", "ExitCode": 137, "OOMKilled": true});
        assert_eq!(of(oom), (137, "OOMKilled".into()));
        // Without a code there is no proof that all went well.
        assert_eq!(of(serde_json::json!({"Status": "stopped"})), (137, "Error".into()));
    }

    #[test]
    fn what_could_not_be_started_stays_known_until_it_is_tried_again() {
        let (mut found, _) = seen("app", 0, ContainerRun::Created, None);
        found.state = "created".into();
        let inspected = Inspected::default();
        assert!(!inspected.knows_unstarted(&found), "it was not tried yet");
        let end = unstarted(&found, "no such file".into());
        assert_eq!((end.exit_code, end.reason.as_str(), end.started), (128, "StartError", None));
        assert!(end.finished.is_some(), "its next start waits from then on");
        inspected.note(&found, Seen { run: ContainerRun::Ended(end), image_id: String::new(), ip: None });
        assert!(inspected.knows_unstarted(&found));
        found.state = "running".into();
        assert!(!inspected.knows_unstarted(&found), "somebody started it after all");
    }

    #[test]
    fn an_address_is_known_whatever_the_network_was_called() {
        let ip = |networks: serde_json::Value| {
            let found = serde_json::json!({"NetworkSettings": {"Networks": networks}});
            let found: Looked = serde_json::from_value(found).unwrap();
            super::seen(&found, &seen("app", 0, ContainerRun::Created, None).0).ip
        };
        assert_eq!(ip(serde_json::json!({"rgpu-team": {"IPAddress": "10.0.0.2"}})).as_deref(), Some("10.0.0.2"));
        assert_eq!(ip(serde_json::json!({"rgpu-team": {"IPAddress": ""}})), None);
        assert_eq!(ip(serde_json::json!(null)), None);
    }

    #[test]
    fn a_container_that_never_started_has_no_times() {
        assert_eq!(moment("0001-01-01T00:00:00Z"), None);
        assert!(moment("2026-01-01T00:00:00.5Z").is_some());
    }
}
