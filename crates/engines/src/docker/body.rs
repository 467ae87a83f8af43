//! What the engine is asked to make for one container: a pure translation.
//! Nothing is shared with the engine's host, and privileges are only ever taken away.
use std::net::Ipv4Addr;

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigLogConfig, ImageInspect,
    NetworkingConfig,
};
use domain::quantity::parse_milli;
use k8s_openapi::api::core::v1::{Container, Pod, SecurityContext};
use kubelet::{ContainerRequest, Gpu, InstanceRequest, ProviderError};

use super::{
    ATTEMPT, CONTAINER, Docker, GPUS, Limits,
    address::ADDRESS,
    devices,
    image::{DIGEST, PRIVATE, digest, private},
    message, volume,
};

/// Read by NVIDIA's runtime.
const VISIBLE: &str = "NVIDIA_VISIBLE_DEVICES";
/// Processes and threads of one container: more than any honest workload, less than a fork bomb.
const PIDS: i64 = 8192;
/// Thousandths of a core that a container can be limited to at least.
const LEAST_CPU: i64 = 10;
/// Log that the engine keeps of a container: 200 MB, with what it writes beside each line. Of a larger one Docker and Podman
/// keep nothing of what came before: they begin a new file in the place of the old one.
const LOG_SIZE: &str = "300m";

/// The network of a container.
pub(super) enum Network {
    /// The namespace's own, by name; with an address, where one was chosen.
    Own(String, Option<Ipv4Addr>),
    /// That of another container, by id.
    Of(String),
}

pub(super) fn container_name(uid: &str, container: &str, attempt: u32) -> String {
    format!("rgpu_{uid}_{container}_{attempt}")
}

// === impl Docker ===

impl Docker {
    pub(super) fn body(
        &self,
        request: &InstanceRequest,
        wanted: &ContainerRequest,
        image: &ImageInspect,
        network: Network,
        gpus: &[u32],
    ) -> Result<ContainerCreateBody, ProviderError> {
        let spec = &wanted.spec;
        let mut labels = self.labels(&request.marker());
        labels.insert(CONTAINER.into(), spec.name.clone());
        labels.insert(ATTEMPT.into(), wanted.attempt.to_string());
        labels.extend(message::Wanted::of(spec).labels());
        labels.extend(private(request, spec, image).map(|id| (PRIVATE.to_owned(), id)));
        labels.extend(digest(spec, image).map(|digest| (DIGEST.to_owned(), digest)));
        let numbers: Vec<String> = gpus.iter().map(u32::to_string).collect();
        labels.extend((!gpus.is_empty()).then(|| (GPUS.to_owned(), numbers.join(","))));
        let user = user(&request.pod, spec, image);
        refuse_root(&request.pod, spec, user.as_deref(), image)?;
        let limits = self.limits.get().copied().unwrap_or_default();
        let hostname = matches!(network, Network::Own(..)).then(|| hostname(&request.pod));
        if let Network::Own(_, Some(address)) = &network {
            labels.insert(ADDRESS.into(), address.to_string());
        }
        Ok(ContainerCreateBody {
            image: spec.image.clone(),
            entrypoint: some(&wanted.command),
            cmd: some(&wanted.args),
            env: Some(env(wanted, image, gpus)),
            working_dir: spec.working_dir.clone(),
            hostname,
            user,
            tty: spec.tty,
            open_stdin: spec.stdin,
            stdin_once: spec.stdin_once,
            labels: Some(labels),
            networking_config: endpoint(&network),
            host_config: Some(host_config(request, spec, limits, network, gpus)),
            ..ContainerCreateBody::default()
        })
    }
}

/// With the address that was chosen; else the engine chooses.
fn endpoint(network: &Network) -> Option<NetworkingConfig> {
    let Network::Own(name, Some(address)) = network else { return None };
    let ipam = EndpointIpamConfig { ipv4_address: Some(address.to_string()), ..EndpointIpamConfig::default() };
    let settings = EndpointSettings { ipam_config: Some(ipam), ..EndpointSettings::default() };
    Some(NetworkingConfig { endpoints_config: Some([(name.clone(), settings)].into()) })
}

/// The pod's variables. The one by which NVIDIA's runtime chooses GPUs, where it is the engine's usual one, is ours: many
/// images ask for all of them by it, and so could anybody.
fn env(wanted: &ContainerRequest, image: &ImageInspect, gpus: &[u32]) -> Vec<String> {
    let of_image = image.config.as_ref().and_then(|config| config.env.as_deref()).unwrap_or_default();
    let by_image = of_image.iter().any(|one| one.split('=').next() == Some(VISIBLE));
    let asked = by_image || wanted.env.iter().any(|(name, _)| name == VISIBLE);
    let own = wanted.env.iter().filter(|(name, _)| name != VISIBLE).map(|(name, value)| format!("{name}={value}"));
    own.chain((asked && gpus.is_empty()).then(|| format!("{VISIBLE}=void"))).collect()
}

fn some(words: &[String]) -> Option<Vec<String>> {
    (!words.is_empty()).then(|| words.to_vec())
}

fn hostname(pod: &Pod) -> String {
    let wanted = pod.spec.as_ref().and_then(|spec| spec.hostname.clone());
    let name = wanted.or_else(|| pod.metadata.name.clone()).unwrap_or_default();
    name.chars().take(63).collect::<String>().trim_end_matches(['-', '.']).to_owned()
}

fn host_config(
    request: &InstanceRequest,
    spec: &Container,
    limits: Limits,
    network: Network,
    gpus: &[u32],
) -> HostConfig {
    let security = spec.security_context.clone().unwrap_or_default();
    // Rounded up: of part of a byte would come none, and none is no limit to the engine.
    let memory = limits.memory.then(|| limit(spec, "memory").map(|milli| milli.saturating_add(999) / 1000)).flatten();
    let log = HostConfigLogConfig {
        typ: Some("json-file".into()),
        config: Some([("max-size".to_owned(), LOG_SIZE.to_owned())].into()),
    };
    HostConfig {
        network_mode: Some(match network {
            Network::Own(name, _) => name,
            Network::Of(id) => format!("container:{id}"),
        }),
        binds: some(&volume::binds(request, spec, limits)),
        nano_cpus: limits.cpu.then(|| limit(spec, "cpu").map(|milli| nano_cpus(milli, limits.cores))).flatten(),
        memory,
        // Equal to memory: no swap on top.
        memory_swap: memory.filter(|_| limits.swap),
        pids_limit: limits.pids.then_some(PIDS),
        device_requests: devices::requests(gpus, limits.cdi),
        group_add: some(&groups(&request.pod)),
        cap_add: security.capabilities.as_ref().and_then(|all| all.add.clone()),
        cap_drop: security.capabilities.as_ref().and_then(|all| all.drop.clone()),
        readonly_rootfs: security.read_only_root_filesystem,
        security_opt: no_new_privileges(&security),
        log_config: Some(log),
        ..HostConfig::default()
    }
}

/// Thousandths of the limit.
fn limit(spec: &Container, resource: &str) -> Option<i64> {
    let limits = spec.resources.as_ref()?.limits.as_ref()?;
    parse_milli(&limits.get(resource)?.0).ok()?.try_into().ok()
}

/// A limit above what the host has limits nothing, and Linux knows none below a hundredth of a core: engines refuse both,
/// Kubernetes takes them.
fn nano_cpus(milli: i64, cores: i64) -> i64 {
    let most = if cores > 0 { cores.saturating_mul(1000) } else { i64::MAX };
    milli.min(most).max(LEAST_CPU).saturating_mul(1_000_000)
}

pub(super) fn gpu_count(spec: &Container) -> Option<i64> {
    limit(spec, Gpu::RESOURCE).map(|milli| milli / 1000).filter(|count| *count > 0)
}

fn no_new_privileges(security: &SecurityContext) -> Option<Vec<String>> {
    (security.allow_privilege_escalation == Some(false)).then(|| vec!["no-new-privileges".to_owned()])
}

/// `user[:group]`; the container's own setting beats the pod's. Whoever names a group alone keeps the image's user.
fn user(pod: &Pod, spec: &Container, image: &ImageInspect) -> Option<String> {
    let of_pod = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
    let own = spec.security_context.as_ref();
    let user = own.and_then(|own| own.run_as_user).or(of_pod.and_then(|all| all.run_as_user));
    let group = own.and_then(|own| own.run_as_group).or(of_pod.and_then(|all| all.run_as_group));
    match (user, group) {
        (Some(user), Some(group)) => Some(format!("{user}:{group}")),
        (Some(user), None) => Some(user.to_string()),
        (None, Some(group)) => Some(format!("{}:{group}", image_user(image).unwrap_or("0"))),
        (None, None) => None,
    }
}

/// Groups that the pod's processes are in besides their own; its files belong to that of `fsGroup`.
fn groups(pod: &Pod) -> Vec<String> {
    let security = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
    let all = security.into_iter().flat_map(|all| all.supplemental_groups.iter().flatten().chain(&all.fs_group));
    all.map(ToString::to_string).collect()
}

/// The user that the image names, without its group.
fn image_user(image: &ImageInspect) -> Option<&str> {
    let user = image.config.as_ref()?.user.as_deref()?.split(':').next();
    user.filter(|user| !user.is_empty())
}

/// `runAsNonRoot`: the pod or the image must say another number than root's.
fn refuse_root(pod: &Pod, spec: &Container, user: Option<&str>, image: &ImageInspect) -> Result<(), ProviderError> {
    let of_pod = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref()?.run_as_non_root);
    let own = spec.security_context.as_ref().and_then(|own| own.run_as_non_root);
    if own.or(of_pod) != Some(true) {
        return Ok(());
    }
    let name = user.or(image_user(image)).unwrap_or_default().split(':').next().unwrap_or_default();
    let number = name.parse::<u32>().ok();
    if number.is_some_and(|number| number != 0) {
        return Ok(());
    }
    let is_root = number.is_some() || matches!(name, "" | "root");
    // A name can be that of user 0 in the image's own list, as in Kubernetes nobody looks it up.
    let why = if is_root { "its image runs as root" } else { "its image names its user, maybe root, by a word" };
    let message = format!("Container {} has runAsNonRoot and {why}; set runAsUser", spec.name);
    Err(ProviderError::Waiting { reason: "CreateContainerConfigError", message })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn request(container: Value, pod_security: Value) -> InstanceRequest {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"uid": "u", "name": "web", "namespace": "team"},
            "spec": {"securityContext": pod_security, "containers": [container],
                "volumes": [{"name": "data", "emptyDir": {}}, {"name": "kube-api-access-x", "projected": {}}]},
        }))
        .unwrap();
        let spec = pod.spec.as_ref().unwrap().containers[0].clone();
        let container = ContainerRequest { spec, attempt: 0, env: Vec::new(), command: Vec::new(), args: Vec::new() };
        InstanceRequest {
            pod: Arc::new(pod),
            containers: vec![container],
            files: Vec::new(),
            registry_logins: Vec::new(),
            job_annotations: std::collections::BTreeMap::new(),
        }
    }

    fn config(container: Value) -> HostConfig {
        config_of(container, false)
    }

    fn config_of(container: Value, cdi: bool) -> HostConfig {
        let request = request(container, json!({}));
        let limits = Limits { cpu: true, memory: true, swap: true, pids: true, cores: 4, cdi };
        host_config(&request, &request.containers[0].spec, limits, Network::Own("rgpu-team".into(), None), &[1, 3])
    }

    #[test]
    fn only_a_chosen_address_is_asked_for() {
        let asked = endpoint(&Network::Own("rgpu-team".into(), Some([10, 0, 0, 9].into()))).unwrap();
        let asked = asked.endpoints_config.unwrap().remove("rgpu-team").unwrap().ipam_config.unwrap();
        assert_eq!(asked.ipv4_address.as_deref(), Some("10.0.0.9"));
        assert!(endpoint(&Network::Own("rgpu-team".into(), None)).is_none());
        assert!(endpoint(&Network::Of("c1".into())).is_none());
    }

    #[test]
    fn limits_gpus_and_volumes_are_translated() {
        let config = config(json!({"name": "app", "volumeMounts": [
                {"name": "data", "mountPath": "/data", "readOnly": true}, {"name": "kube-api-access-x", "mountPath": "/x"}],
            "resources": {"limits": {"cpu": "1500m", "memory": "2Gi", "nvidia.com/gpu": "2"}}}));
        assert_eq!(config.nano_cpus, Some(1_500_000_000));
        assert_eq!((config.memory, config.memory_swap), (Some(2 << 30), Some(2 << 30)));
        assert_eq!(config.device_requests.unwrap()[0].device_ids.as_deref().unwrap(), ["1", "3"]);
        assert_eq!(config.binds.unwrap(), ["rgpu_u_data:/data:ro,nocopy"]);
        assert_eq!(config.network_mode.as_deref(), Some("rgpu-team"));
    }

    #[test]
    fn part_of_a_byte_is_a_limit_too() {
        let memory = |text: &str| config(json!({"name": "app", "resources": {"limits": {"memory": text}}})).memory;
        assert_eq!((memory("1m"), memory("1001m"), memory("2Gi")), (Some(1), Some(2), Some(2 << 30)));
    }

    #[test]
    fn a_limit_of_cpu_is_one_that_the_host_can_keep() {
        let told = |cpu: &str| {
            config(json!({"name": "app", "resources": {"limits": {"cpu": cpu}}})).nano_cpus.map(|nano| nano / 1_000_000)
        };
        assert_eq!(["1m", "10m", "4", "64"].map(told), [Some(10), Some(10), Some(4000), Some(4000)]);
        assert_eq!(nano_cpus(64_000, 0), 64_000_000_000, "nobody said how many there are");
        assert_eq!(config(json!({"name": "app"})).nano_cpus, None);
    }

    #[test]
    fn docker_is_told_to_leave_an_empty_folder_as_it_is() {
        let binds = |read_only: bool, cdi: bool| {
            let mount = json!({"name": "data", "mountPath": "/data", "readOnly": read_only});
            config_of(json!({"name": "app", "volumeMounts": [mount]}), cdi).binds.unwrap().remove(0)
        };
        let docker = [binds(false, false), binds(true, false)];
        assert_eq!(docker, ["rgpu_u_data:/data:nocopy", "rgpu_u_data:/data:ro,nocopy"]);
        let podman = [binds(false, true), binds(true, true)];
        assert_eq!(podman, ["rgpu_u_data:/data", "rgpu_u_data:/data:ro"]);
    }

    #[test]
    fn processes_are_in_the_groups_of_their_pod() {
        let groups = |pod_security: Value| {
            let request = request(json!({"name": "app"}), pod_security);
            let network = Network::Own("rgpu-team".into(), None);
            host_config(&request, &request.containers[0].spec, Limits::default(), network, &[]).group_add
        };
        let both = groups(json!({"fsGroup": 2000, "supplementalGroups": [5, 7]}));
        assert_eq!(both.unwrap(), ["5", "7", "2000"], "else they could not read the files that belong to it");
        assert_eq!(groups(json!({})), None);
    }

    #[test]
    fn nobody_chooses_gpus_by_a_variable() {
        let told = |own: &[&str], of_image: Value, gpus: &[u32]| {
            let mut request = request(json!({"name": "app"}), json!({}));
            request.containers[0].env = own.iter().map(|name| ((*name).to_owned(), "all".to_owned())).collect();
            let image: ImageInspect = serde_json::from_value(json!({"Config": {"Env": of_image}})).unwrap();
            env(&request.containers[0], &image, gpus)
        };
        assert_eq!(told(&["A", VISIBLE], json!([]), &[]), ["A=all", "NVIDIA_VISIBLE_DEVICES=void"]);
        assert_eq!(told(&[], json!(["PATH=/", "NVIDIA_VISIBLE_DEVICES=all"]), &[]), ["NVIDIA_VISIBLE_DEVICES=void"]);
        assert_eq!(told(&["A", VISIBLE], json!([]), &[1]), ["A=all"], "the engine says which");
        assert_eq!(told(&["A"], json!(null), &[]), ["A=all"]);
    }

    #[test]
    fn privileges_are_only_taken_away() {
        let config = config(json!({"name": "app", "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}}}));
        assert_eq!(config.security_opt.unwrap(), ["no-new-privileges"]);
        assert_eq!(config.cap_drop.unwrap(), ["ALL"]);
        assert_eq!(config.readonly_rootfs, Some(true));
        assert_eq!(config.privileged, None);
    }

    #[test]
    fn a_root_image_is_refused_where_root_is_forbidden() {
        let check = |container: Value, pod_security: Value, image_user: &str| {
            let request = request(container, pod_security);
            let image: ImageInspect = serde_json::from_value(json!({"Config": {"User": image_user}})).unwrap();
            let spec = &request.containers[0].spec;
            refuse_root(&request.pod, spec, user(&request.pod, spec, &image).as_deref(), &image).is_ok()
        };
        let strict = json!({"runAsNonRoot": true});
        assert!(check(json!({"name": "app"}), json!({}), ""));
        assert!(!check(json!({"name": "app"}), strict.clone(), ""));
        for root in ["root", "0", "00", "toor", "app:1000"] {
            assert!(!check(json!({"name": "app"}), strict.clone(), root), "{root}");
        }
        assert!(check(json!({"name": "app"}), strict.clone(), "1000:1000"));
        assert!(check(json!({"name": "app", "securityContext": {"runAsUser": 1000}}), strict, "root"));
    }

    #[test]
    fn a_group_alone_leaves_the_image_its_user() {
        let told = |pod_security: Value, image: Value| {
            let request = request(json!({"name": "app"}), pod_security);
            let image: ImageInspect = serde_json::from_value(json!({"Config": image})).unwrap();
            let spec = &request.containers[0].spec;
            let user = user(&request.pod, spec, &image);
            (refuse_root(&request.pod, spec, user.as_deref(), &image).is_ok(), user.unwrap_or_default())
        };
        let group = json!({"runAsGroup": 7, "runAsNonRoot": true});
        assert_eq!(told(group.clone(), json!({"User": "1000:1000"})), (true, "1000:7".into()));
        assert_eq!(told(group.clone(), json!({"User": ""})), (false, "0:7".into()));
        assert_eq!(told(group, json!({})), (false, "0:7".into()));
        assert_eq!(told(json!({"runAsGroup": 7}), json!({"User": "app"})), (true, "app:7".into()));
    }

    #[test]
    fn a_hostname_is_cut_to_what_linux_takes() {
        let mut pod = Pod::default();
        pod.metadata.name = Some(format!("{}-x", "a".repeat(62)));
        assert_eq!(hostname(&pod), "a".repeat(62));
    }
}
