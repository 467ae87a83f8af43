//! What every engine must do, as checks that any [`Provider`] can be put through; only with the feature `conformance`.
//! Each check is one sentence of the contract (`virtual-node.md` §2 and §3) and leaves nothing behind.
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::{
    ContainerRequest, ContainerRun, ExecOutput, ExecRequest, FileVolume, Instance, InstanceRequest, LogOptions,
    Provider, ProviderError, VolumeFile,
};

/// The engine under test.
pub struct Subject {
    /// The engine.
    pub provider: Arc<dyn Provider>,
    /// An image with a shell that the engine has.
    pub image: String,
    /// Containers really run: their output, exit codes and files can be looked at.
    pub runs: bool,
    /// How long something may take that the engine has accepted.
    pub patience: Duration,
}

type Checked = Result<(), String>;

/// Runs all checks, one after the other.
///
/// # Errors
/// The sentence of each check that failed, with what was seen instead.
pub async fn check(subject: &Subject) -> Result<(), Vec<String>> {
    let mut broken = Vec::new();
    macro_rules! all {
        ($($name:ident),* $(,)?) => {$(
            if let Err(seen) = $name(subject).await {
                broken.push(format!("{}: {seen}", stringify!($name).replace('_', " ")));
            }
        )*};
    }
    all!(
        an_unknown_instance_is_deleted_without_error,
        what_was_created_is_listed_once_with_its_marker,
        creating_again_changes_nothing,
        creating_at_the_same_time_makes_one,
        names_that_look_alike_are_told_apart,
        a_new_pod_with_an_old_name_is_a_new_instance,
        addresses_are_unique,
        a_next_attempt_takes_the_place_of_the_last,
        deleting_twice_is_deleting_once_and_touches_nothing_else,
        logs_of_what_is_not_there_are_not_found,
    );
    if subject.provider.capabilities().several_containers {
        all!(containers_of_a_pod_live_in_one_instance);
    }
    if subject.runs {
        all!(
            environment_command_and_arguments_arrive,
            exit_codes_are_told,
            the_log_is_what_the_container_wrote,
            commands_run_or_are_refused_with_a_sentence,
            a_failing_image_is_a_reason_to_wait,
        );
        if subject.provider.capabilities().file_volumes {
            all!(files_are_where_they_are_mounted);
        }
        if subject.provider.capabilities().security_context {
            all!(an_empty_folder_is_open_to_whoever_runs_in_the_pod);
        }
        if subject.provider.capabilities().init_containers {
            all!(an_init_container_ends_before_the_rest_is_asked_for);
        }
        if subject.provider.capabilities().probes {
            all!(a_container_that_is_ended_stays_known, an_end_that_comes_late_spares_the_next_attempt);
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

// === impl Subject ===

impl Subject {
    /// A pod of its own, with these fields of its spec.
    fn pod(&self, namespace: &str, name: &str, mut spec: Value) -> Arc<Pod> {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let uid = format!("c0f0{:04x}-0000-4000-8000-{number:012x}", std::process::id() & 0xffff);
        for list in ["initContainers", "containers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                if container.get("image").is_none() {
                    container["image"] = json!(self.image);
                }
            }
        }
        let metadata = json!({"namespace": namespace, "name": name, "uid": uid});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
        Arc::new(serde_json::from_value(pod).unwrap_or_default())
    }

    fn simple(&self, namespace: &str, name: &str) -> Arc<Pod> {
        self.script(namespace, name, "while :; do sleep 1; done")
    }

    /// Ends for good when its script does, also where the engine itself starts containers again.
    fn script(&self, namespace: &str, name: &str, script: &str) -> Arc<Pod> {
        let container = json!({"name": "app", "command": ["/bin/sh", "-c", script]});
        self.pod(namespace, name, json!({"restartPolicy": "Never", "containers": [container]}))
    }

    async fn create(&self, pod: &Arc<Pod>, attempt: u32) -> Result<Arc<Instance>, String> {
        self.provider.create(&request(pod, attempt)).await.map_err(|error| format!("create: {error}"))
    }

    async fn list(&self) -> Result<Vec<Arc<Instance>>, String> {
        self.provider.list().await.map_err(|error| format!("list: {error}"))
    }

    /// How often a pod is listed.
    async fn listed(&self, pod: &Pod) -> Result<usize, String> {
        Ok(self.list().await?.iter().filter(|one| one.uid == uid(pod)).count())
    }

    async fn delete(&self, pod: &Pod) -> Checked {
        let deleted = self.provider.delete(uid(pod), Duration::from_secs(1)).await;
        deleted.map(drop).map_err(|error| format!("delete: {error}"))
    }

    /// Ends the first container of an instance as it was seen.
    async fn stop(&self, pod: &Pod, seen: &Instance) -> Checked {
        let container = seen.containers.first().ok_or("no container was made")?;
        self.provider.stop(uid(pod), container, Duration::from_secs(10)).await.map_err(text)
    }

    /// Waits until the first container looks as wanted.
    async fn until(&self, pod: &Pod, what: &str, wanted: impl Fn(&ContainerRun) -> bool) -> Checked {
        let deadline = tokio::time::Instant::now() + self.patience;
        loop {
            let list = self.list().await?;
            let instance = list.iter().find(|one| one.uid == uid(pod));
            let run = instance.and_then(|instance| instance.containers.first()).map(|container| container.run.clone());
            if run.as_ref().is_some_and(&wanted) {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                return Err(format!("{what}: last seen {run:?}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a pod printed, once it is over.
    async fn output(&self, pod: &Pod) -> Result<String, String> {
        self.until(pod, "it ends", |run| matches!(run, ContainerRun::Ended(_))).await?;
        let log = self.provider.logs(uid(pod), "app", &LogOptions::default()).await;
        let pieces: Vec<_> = log.map_err(|error| error.to_string())?.try_collect().await.map_err(text)?;
        Ok(String::from_utf8_lossy(&pieces.concat()).into_owned())
    }
}

fn text(error: ProviderError) -> String {
    error.to_string()
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// All containers of the pod itself, at this attempt.
fn request(pod: &Arc<Pod>, attempt: u32) -> InstanceRequest {
    let spec = pod.spec.clone().unwrap_or_default();
    of(pod, &spec.containers, attempt)
}

fn of(pod: &Arc<Pod>, containers: &[k8s_openapi::api::core::v1::Container], attempt: u32) -> InstanceRequest {
    let container = |spec: &k8s_openapi::api::core::v1::Container| ContainerRequest {
        command: spec.command.clone().unwrap_or_default(),
        args: spec.args.clone().unwrap_or_default(),
        spec: spec.clone(),
        attempt,
        env: vec![("GREETING".into(), "hello world".into()), ("EMPTY".into(), String::new())],
    };
    InstanceRequest {
        pod: pod.clone(),
        containers: containers.iter().map(container).collect(),
        files: Vec::new(),
        registry_logins: Vec::new(),
        job_annotations: std::collections::BTreeMap::new(),
    }
}

fn ensure(truth: bool, seen: impl FnOnce() -> String) -> Checked {
    if truth { Ok(()) } else { Err(seen()) }
}

async fn an_unknown_instance_is_deleted_without_error(subject: &Subject) -> Checked {
    subject.delete(&subject.simple("conf", "unknown")).await
}

async fn what_was_created_is_listed_once_with_its_marker(subject: &Subject) -> Checked {
    let pod = subject.simple("conf", "listed");
    let made = subject.create(&pod, 0).await?;
    let list = subject.list().await?;
    let found: Vec<_> = list.iter().filter(|one| one.uid == uid(&pod)).collect();
    subject.delete(&pod).await?;
    let marked = |one: &Instance| (one.namespace.as_str(), one.name.as_str()) == ("conf", "listed");
    ensure(found.len() == 1 && marked(found[0]) && marked(&made), || format!("{made:?} and {found:?}"))?;
    let scheme = format!("{}://", subject.provider.kind());
    ensure(made.containers.iter().all(|one| one.id.starts_with(&scheme)), || format!("ids without {scheme}: {made:?}"))
}

async fn creating_again_changes_nothing(subject: &Subject) -> Checked {
    let pod = subject.simple("conf", "again");
    let (first, second) = (subject.create(&pod, 0).await?, subject.create(&pod, 0).await?);
    let count = subject.listed(&pod).await?;
    subject.delete(&pod).await?;
    let ids = |one: &Instance| one.containers.iter().map(|one| (one.id.clone(), one.attempt)).collect::<Vec<_>>();
    ensure(count == 1 && ids(&first) == ids(&second), || format!("{count} instances, {first:?} then {second:?}"))
}

async fn creating_at_the_same_time_makes_one(subject: &Subject) -> Checked {
    let pod = subject.simple("conf", "race");
    // One of them may lose the race with an error; the node calls again.
    let _ = tokio::join!(subject.create(&pod, 0), subject.create(&pod, 0));
    let made = subject.create(&pod, 0).await;
    let count = subject.listed(&pod).await?;
    subject.delete(&pod).await?;
    ensure(count == 1 && made?.containers.len() == 1, || format!("{count} instances"))
}

async fn names_that_look_alike_are_told_apart(subject: &Subject) -> Checked {
    let (one, other) = (subject.simple("a-b", "c"), subject.simple("a", "b-c"));
    subject.create(&one, 0).await?;
    subject.create(&other, 0).await?;
    subject.delete(&one).await?;
    let left = (subject.listed(&one).await?, subject.listed(&other).await?);
    subject.delete(&other).await?;
    ensure(left == (0, 1), || format!("after deleting the first: {left:?}"))
}

async fn a_new_pod_with_an_old_name_is_a_new_instance(subject: &Subject) -> Checked {
    let (old, new) = (subject.simple("conf", "web-0"), subject.simple("conf", "web-0"));
    let (first, second) = (subject.create(&old, 0).await?, subject.create(&new, 0).await?);
    let counts = (subject.listed(&old).await?, subject.listed(&new).await?);
    subject.delete(&old).await?;
    subject.delete(&new).await?;
    let id = |one: &Instance| one.containers.first().map(|one| one.id.clone());
    ensure(counts == (1, 1) && id(&first) != id(&second), || format!("{first:?} and {second:?}"))
}

async fn addresses_are_unique(subject: &Subject) -> Checked {
    let pods = [subject.simple("conf", "ip-1"), subject.simple("conf", "ip-2")];
    for pod in &pods {
        subject.create(pod, 0).await?;
        subject.until(pod, "it runs", |run| matches!(run, ContainerRun::Running { .. })).await?;
    }
    let list = subject.list().await?;
    let ours = list.iter().filter(|one| pods.iter().any(|pod| uid(pod) == one.uid));
    let addresses: Vec<_> = ours.filter_map(|one| one.pod_ip.clone()).collect();
    for pod in &pods {
        subject.delete(pod).await?;
    }
    let unique: HashSet<_> = addresses.iter().collect();
    ensure(addresses.len() == 2 && unique.len() == 2, || format!("{addresses:?}"))
}

async fn a_next_attempt_takes_the_place_of_the_last(subject: &Subject) -> Checked {
    let pod = subject.simple("conf", "attempt");
    subject.create(&pod, 0).await?;
    let second = subject.create(&pod, 1).await?;
    let count = subject.listed(&pod).await?;
    subject.delete(&pod).await?;
    let attempts: Vec<_> = second.containers.iter().map(|one| one.attempt).collect();
    ensure(count == 1 && attempts == [1], || format!("{count} instances, attempts {attempts:?}"))
}

async fn deleting_twice_is_deleting_once_and_touches_nothing_else(subject: &Subject) -> Checked {
    let (pod, other) = (subject.simple("conf", "gone"), subject.simple("conf", "stays"));
    subject.create(&pod, 0).await?;
    subject.create(&other, 0).await?;
    subject.delete(&pod).await?;
    let after = (subject.listed(&pod).await?, subject.listed(&other).await?);
    subject.delete(&pod).await?;
    subject.delete(&other).await?;
    ensure(after == (0, 1), || format!("listed after the deletion: {after:?}"))
}

async fn logs_of_what_is_not_there_are_not_found(subject: &Subject) -> Checked {
    let log = subject.provider.logs("nobody", "app", &LogOptions::default()).await;
    let error = log.err().ok_or("there is a log")?;
    ensure(matches!(error, ProviderError::NotFound(_) | ProviderError::Unsupported(_)), || format!("{error:?}"))
}

async fn containers_of_a_pod_live_in_one_instance(subject: &Subject) -> Checked {
    let command = json!(["/bin/sh", "-c", "while :; do sleep 1; done"]);
    let two = json!({"containers": [{"name": "app", "command": command}, {"name": "side", "command": command}]});
    let pod = subject.pod("conf", "two", two);
    let made = subject.create(&pod, 0).await?;
    let count = subject.listed(&pod).await?;
    subject.delete(&pod).await?;
    ensure(count == 1 && made.containers.len() == 2, || format!("{count} instances: {made:?}"))
}

async fn environment_command_and_arguments_arrive(subject: &Subject) -> Checked {
    let command = json!(["/bin/sh", "-c", "echo \"$GREETING|${EMPTY-unset}|$0|$1\""]);
    let spec = json!({"restartPolicy": "Never",
        "containers": [{"name": "app", "command": command, "args": ["zero", "o n e"]}]});
    let pod = subject.pod("conf", "env", spec);
    subject.create(&pod, 0).await?;
    let output = subject.output(&pod).await;
    subject.delete(&pod).await?;
    ensure(output.as_deref() == Ok("hello world||zero|o n e\n"), || format!("{output:?}"))
}

async fn exit_codes_are_told(subject: &Subject) -> Checked {
    for code in [0, 7] {
        let pod = subject.script("conf", "code", &format!("exit {code}"));
        subject.create(&pod, 0).await?;
        let ended = subject
            .until(
                &pod,
                "it ends with its code",
                |run| matches!(run, ContainerRun::Ended(ended) if ended.exit_code == code),
            )
            .await;
        subject.delete(&pod).await?;
        ended?;
    }
    Ok(())
}

async fn the_log_is_what_the_container_wrote(subject: &Subject) -> Checked {
    let pod = subject.script("conf", "log", "echo one; echo two");
    subject.create(&pod, 0).await?;
    let output = subject.output(&pod).await;
    subject.delete(&pod).await?;
    ensure(output.as_deref() == Ok("one\ntwo\n"), || format!("{output:?}"))
}

async fn commands_run_or_are_refused_with_a_sentence(subject: &Subject) -> Checked {
    let pod = subject.simple("conf", "exec");
    subject.create(&pod, 0).await?;
    subject.until(&pod, "it runs", |run| matches!(run, ContainerRun::Running { .. })).await?;
    let result = exec(subject, &pod, &["sh", "-c", "echo out; exit 3"]).await;
    subject.delete(&pod).await?;
    match result {
        Ok(seen) => ensure(seen == ("out\n".into(), 3), || format!("{seen:?}")),
        Err(ProviderError::Unsupported(sentence)) => ensure(!sentence.is_empty(), || "no sentence".into()),
        Err(error) => Err(error.to_string()),
    }
}

async fn exec(subject: &Subject, pod: &Pod, command: &[&str]) -> Result<(String, i32), ProviderError> {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let request = ExecRequest { command, stdout: true, ..ExecRequest::default() };
    let mut session = subject.provider.exec(uid(pod), "app", &request).await?;
    let mut shown = Vec::new();
    while let Some(piece) = session.output.next().await {
        let (ExecOutput::Stdout(data) | ExecOutput::Stderr(data)) = piece?;
        shown.extend_from_slice(&data);
    }
    Ok((String::from_utf8_lossy(&shown).into_owned(), session.control.exit_code().await?))
}

async fn a_failing_image_is_a_reason_to_wait(subject: &Subject) -> Checked {
    let spec = json!({"containers": [{"name": "app", "image": "localhost/not-there:1", "imagePullPolicy": "Never"}]});
    let pod = subject.pod("conf", "image", spec);
    let made = subject.create(&pod, 0).await;
    let error = subject.provider.create(&request(&pod, 0)).await.err();
    subject.delete(&pod).await?;
    // An engine that finds out later shows it in its list.
    ensure(made.is_ok() || matches!(error, Some(ProviderError::Waiting { .. })), || format!("{error:?}"))
}

async fn files_are_where_they_are_mounted(subject: &Subject) -> Checked {
    let spec = json!({"restartPolicy": "Never", "volumes": [{"name": "v", "configMap": {"name": "x"}}],
        "containers": [{"name": "app", "command": ["/bin/sh", "-c", "cat /etc/v/deep/key"],
            "volumeMounts": [{"name": "v", "mountPath": "/etc/v"}]}]});
    let pod = subject.pod("conf", "files", spec);
    let file = VolumeFile { path: "deep/key".into(), mode: 0o444, content: b"a\0b\n".to_vec() };
    let mut wanted = request(&pod, 0);
    wanted.files = vec![FileVolume { name: "v".into(), files: vec![file] }];
    subject.provider.create(&wanted).await.map_err(text)?;
    let output = subject.output(&pod).await;
    for container in &mut wanted.containers {
        container.attempt = 1;
    }
    let again = subject.provider.create(&wanted).await.map_err(text).map(drop);
    let output_again = subject.output(&pod).await;
    wanted.files.iter_mut().for_each(|volume| volume.files.clear());
    wanted.containers.iter_mut().for_each(|container| container.attempt = 2);
    let emptied = subject.provider.create(&wanted).await.map_err(text).map(drop);
    let output_emptied = subject.output(&pod).await;
    subject.delete(&pod).await?;
    again?;
    emptied?;
    let both = [output.as_deref(), output_again.as_deref()];
    ensure(both == [Ok("a\0b\n"); 2], || format!("{both:?}"))?;
    let is_gone = output_emptied.as_ref().is_ok_and(|output| !output.contains("a\0b"));
    ensure(is_gone, || format!("without its source: {output_emptied:?}"))
}

async fn an_empty_folder_is_open_to_whoever_runs_in_the_pod(subject: &Subject) -> Checked {
    let container = json!({"name": "app", "command": ["/bin/sh", "-c", "echo made > /work/it; cat /work/it"],
        "securityContext": {"runAsUser": 1000}, "volumeMounts": [{"name": "work", "mountPath": "/work"}]});
    let volumes = json!([{"name": "work", "emptyDir": {}}]);
    let spec = json!({"restartPolicy": "Never", "volumes": volumes, "containers": [container]});
    let pod = subject.pod("conf", "user", spec);
    subject.create(&pod, 0).await?;
    let output = subject.output(&pod).await;
    subject.delete(&pod).await?;
    ensure(output.as_deref() == Ok("made\n"), || format!("{output:?}"))
}

async fn an_init_container_ends_before_the_rest_is_asked_for(subject: &Subject) -> Checked {
    let command = |script: &str| json!(["/bin/sh", "-c", script]);
    let mounts = json!([{"name": "work", "mountPath": "/data"}]);
    let spec = json!({"restartPolicy": "Never", "volumes": [{"name": "work", "emptyDir": {}}],
        "initContainers": [{"name": "init", "command": command("echo made > /data/it"), "volumeMounts": mounts}],
        "containers": [{"name": "app", "command": command("cat /data/it"), "volumeMounts": mounts}]});
    let pod = subject.pod("conf", "init", spec);
    let init = pod.spec.as_ref().and_then(|spec| spec.init_containers.clone()).unwrap_or_default();
    subject.provider.create(&of(&pod, &init, 0)).await.map_err(text)?;
    subject.until(&pod, "it ends", |run| matches!(run, ContainerRun::Ended(ended) if ended.exit_code == 0)).await?;
    let made = subject.create(&pod, 0).await?;
    let app = made.container("app").is_some() && made.container("init").is_some();
    let deadline = tokio::time::Instant::now() + subject.patience;
    let mut output = Vec::new();
    while output != b"made\n" && tokio::time::Instant::now() < deadline {
        let log = subject.provider.logs(uid(&pod), "app", &LogOptions::default()).await.map_err(text)?;
        output = log.try_collect::<Vec<_>>().await.map_err(text)?.concat();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    subject.delete(&pod).await?;
    ensure(app && output == b"made\n", || format!("{made:?}, output {output:?}"))
}

async fn a_container_that_is_ended_stays_known(subject: &Subject) -> Checked {
    let pod = subject.script("conf", "stop", "trap 'exit 5' TERM; while :; do sleep 1 & wait $!; done");
    let made = subject.create(&pod, 0).await?;
    subject.until(&pod, "it runs", |run| matches!(run, ContainerRun::Running { .. })).await?;
    let stopped = subject.stop(&pod, &made).await;
    let ended = subject.until(&pod, "it has ended", |run| matches!(run, ContainerRun::Ended(_))).await;
    let again = subject.stop(&pod, &made).await;
    subject.delete(&pod).await?;
    ended?;
    ensure(stopped.is_ok() && again.is_ok(), || format!("{stopped:?}, then {again:?}"))
}

async fn an_end_that_comes_late_spares_the_next_attempt(subject: &Subject) -> Checked {
    let runs = |run: &ContainerRun| matches!(run, ContainerRun::Running { .. });
    let pod = subject.simple("conf", "spared");
    let first = subject.create(&pod, 0).await?;
    subject.create(&pod, 1).await?;
    subject.until(&pod, "it runs", runs).await?;
    let stopped = subject.stop(&pod, &first).await;
    let after = subject.list().await?;
    subject.delete(&pod).await?;
    let now = after.iter().find(|one| one.uid == uid(&pod)).and_then(|one| one.containers.first());
    ensure(stopped.is_ok() && now.is_some_and(|one| runs(&one.run)), || format!("{stopped:?}, then {now:?}"))
}
