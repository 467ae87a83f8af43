//! The pod over there for a pod at home: a pure function.
//! What belongs to the home cluster (placement, identity, priority) stays at home; all else is taken over as it is.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, EnvVar, EnvVarSource, KeyToPath, LocalObjectReference, ObjectFieldSelector, Pod,
    PodSpec, SecretKeySelector, SecretVolumeSource, Volume,
};
use kubelet::{ContainerRequest, FileVolume, InstanceRequest, ProviderError};

use super::{
    ATTEMPTS, KubernetesConfig, POD_NAME, POD_NAMESPACE,
    content::{env_key, file_key, logins_name},
    instances::Attempts,
};
use crate::POD_IP;

/// A name of a pod has at most this many characters that also fit a host name.
const NAME: usize = 63;
/// The variable by which commands over there name that address.
const POD_IP_VARIABLE: &str = "REMOTEGPU_POD_IP";
/// What the SKU of a pod is told by, for a cluster that sells SKUs itself.
const SKU: &str = "remotegpu.ai/sku-code";

/// The same for the same pod, and different between pods: as much of its name as fits, and its UID.
pub(super) fn remote_name(pod: &Pod) -> String {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default().replace('.', "-");
    let room = NAME.saturating_sub(uid.len() + 1).min(name.len());
    format!("{}-{uid}", name[..room].trim_end_matches('-'))
}

/// Values travel in a Secret, and a Secret holds no address that is given later.
///
/// # Errors
/// [`ProviderError::Unsupported`] naming a variable that writes the address into a longer text.
pub(super) fn refuse_composed(request: &InstanceRequest) -> Result<(), ProviderError> {
    let mut variables = request.containers.iter().flat_map(|one| &one.env);
    match variables.find(|(_, value)| value.contains(POD_IP) && value != POD_IP) {
        Some((name, _)) => Err(ProviderError::Unsupported(format!(
            "Variable {name} writes status.podIP into a longer text; this engine gives it alone: compose it in the command"
        ))),
        None => Ok(()),
    }
}

pub(super) fn remote_pod(config: &KubernetesConfig, request: &InstanceRequest) -> Pod {
    let (uid, namespace, name) = request.marker();
    let attempts: Attempts = request.containers.iter().map(|one| (one.spec.name.clone(), one.attempt)).collect();
    let attempts = serde_json::to_string(&attempts).unwrap_or_default();
    let mut pod = Pod::default();
    pod.metadata.name = Some(remote_name(&request.pod));
    let mut labels = config.labels(&uid);
    let sku = request.pod.metadata.labels.as_ref().and_then(|all| all.get(SKU));
    labels.extend(sku.map(|sku| (SKU.to_owned(), sku.clone())));
    pod.metadata.labels = Some(labels);
    let notes = [(POD_NAME, name), (POD_NAMESPACE, namespace), (ATTEMPTS, attempts)];
    pod.metadata.annotations = Some(notes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    pod.spec = Some(spec(config, request));
    pod
}

fn spec(config: &KubernetesConfig, request: &InstanceRequest) -> PodSpec {
    let home = request.pod.spec.clone().unwrap_or_default();
    let name = remote_name(&request.pod);
    let files: BTreeMap<&str, &FileVolume> = request.files.iter().map(|one| (one.name.as_str(), one)).collect();
    let volumes: Vec<Volume> =
        home.volumes.iter().flatten().filter_map(|volume| remote_volume(volume, &files, &name)).collect();
    let wanted: BTreeMap<&str, &ContainerRequest> =
        request.containers.iter().map(|one| (one.spec.name.as_str(), one)).collect();
    let container =
        |container: &Container| remote_container(container, wanted.get(container.name.as_str()), &volumes, &name);
    let logins = LocalObjectReference { name: logins_name(&name) };
    let selector = Some(config.node_selector.clone()).filter(|all| !all.is_empty());
    PodSpec {
        init_containers: home.init_containers.as_ref().map(|all| all.iter().map(container).collect()),
        containers: home.containers.iter().map(container).collect(),
        node_selector: selector,
        tolerations: Some(config.tolerations.clone()).filter(|all| !all.is_empty()),
        image_pull_secrets: (!request.registry_logins.is_empty()).then(|| vec![logins]),
        hostname: home.hostname.clone().or_else(|| hostname(&request.pod)),
        // An identity of the other cluster is nobody's business in here.
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        restart_policy: home.restart_policy.clone(),
        security_context: home.security_context.clone(),
        termination_grace_period_seconds: home.termination_grace_period_seconds,
        dns_config: home.dns_config.clone(),
        dns_policy: home.dns_policy.clone(),
        host_aliases: home.host_aliases.clone(),
        runtime_class_name: home.runtime_class_name.clone(),
        share_process_namespace: home.share_process_namespace,
        subdomain: home.subdomain.clone(),
        resources: home.resources.clone(),
        os: home.os.clone(),
        volumes: Some(volumes.clone()).filter(|all| !all.is_empty()),
        ..PodSpec::default()
    }
}

/// The pod sees the name that it has at home.
fn hostname(pod: &Pod) -> Option<String> {
    let name = pod.metadata.name.as_deref()?.replace('.', "-");
    Some(name[..name.len().min(NAME)].trim_end_matches('-').to_owned())
}

/// `None` for the token volume that admission at home has added.
fn remote_volume(volume: &Volume, files: &BTreeMap<&str, &FileVolume>, secret: &str) -> Option<Volume> {
    if volume.empty_dir.is_some() {
        return Some(volume.clone());
    }
    let held = files.get(volume.name.as_str())?;
    let item = |file: &kubelet::VolumeFile| KeyToPath {
        key: file_key(&volume.name, &file.path),
        path: file.path.clone(),
        mode: i32::try_from(file.mode).ok(),
    };
    let items: Vec<KeyToPath> = held.files.iter().map(item).collect();
    let mut remote = Volume { name: volume.name.clone(), ..Volume::default() };
    if items.is_empty() {
        // Without items the whole Secret would be mounted.
        remote.empty_dir = Some(EmptyDirVolumeSource::default());
        return Some(remote);
    }
    // Optional: a file may go while the pod runs.
    let (secret_name, optional) = (Some(secret.to_owned()), Some(true));
    remote.secret = Some(SecretVolumeSource { secret_name, optional, items: Some(items), default_mode: None });
    Some(remote)
}

fn remote_container(
    container: &Container,
    wanted: Option<&&ContainerRequest>,
    volumes: &[Volume],
    secret: &str,
) -> Container {
    let mut remote = container.clone();
    remote.env_from = None;
    remote.env = None;
    if let Some(wanted) = wanted {
        let variable = |(index, (name, value)): (usize, &(String, String))| {
            if value == POD_IP {
                return own_address(name);
            }
            let (key, optional) = (env_key(&container.name, index), None);
            let selector = SecretKeySelector { key, name: secret.to_owned(), optional };
            let from = EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() };
            EnvVar { name: name.clone(), value: None, value_from: Some(from) }
        };
        let mut env: Vec<EnvVar> = wanted.env.iter().enumerate().map(variable).collect();
        if wanted.command.iter().chain(&wanted.args).any(|word| word.contains(POD_IP)) {
            env.push(own_address(POD_IP_VARIABLE));
        }
        remote.env = Some(env);
        remote.command = literal(&wanted.command);
        remote.args = literal(&wanted.args);
    }
    for port in remote.ports.iter_mut().flatten() {
        port.host_port = None;
        port.host_ip = None;
    }
    if let Some(mounts) = &mut remote.volume_mounts {
        mounts.retain(|mount| volumes.iter().any(|volume| volume.name == mount.name));
    }
    remote
}

fn own_address(name: &str) -> EnvVar {
    let field = ObjectFieldSelector { field_path: "status.podIP".to_owned(), ..ObjectFieldSelector::default() };
    let from = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(from) }
}

/// Variables were expanded at home: what still looks like one is meant as it stands.
fn literal(words: &[String]) -> Option<Vec<String>> {
    let meant = |word: &String| word.replace('$', "$$").replace(POD_IP, &format!("$({POD_IP_VARIABLE})"));
    (!words.is_empty()).then(|| words.iter().map(meant).collect())
}
