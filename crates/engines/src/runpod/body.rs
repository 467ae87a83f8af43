//! From a pod to the body of a create: everything a tenant wrote, checked before anything is sent.
//! A value that cannot be used is refused with its name; nothing is guessed.
use k8s_openapi::api::core::v1::Container;
use kubelet::{ContainerRequest, InstanceRequest, ProviderError};
use serde_json::{Map, Value, json};

use super::{
    annotations::{Annotations, wrong},
    choice::Wish,
    config::RunPodConfig,
    files,
    marker::{self, Marker},
    places, ports, probed, sold, ssh,
    terms::Terms,
    wrapper,
};

/// Variables of one instance, and bytes of one request, at most.
const MOST_VARIABLES: usize = 50;
const MOST_BYTES: usize = 100_000;
/// What the published kubelet takes for a pod that names no memory, GB.
const GPU_MEMORY: u32 = 16;
const NVIDIA: &str = "nvidia.com/gpu";
const AMD: &str = "amd.com/gpu";
const GIB: i128 = 1000 << 30;

/// A pod as the provider wants it, without the hardware.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) wish: Wish,
    body: Map<String, Value>,
    /// CUDA versions, put into the hardware.
    cuda: Option<(&'static str, Value)>,
    /// Worth an event, by reason.
    pub(super) warnings: Vec<(&'static str, String)>,
}

/// # Errors
/// [`ProviderError::Unsupported`] or [`ProviderError::Refused`]: this pod never runs as it is written.
pub(super) fn plan(
    request: &InstanceRequest,
    config: &RunPodConfig,
    marker: &Marker,
    known: Option<&[String]>,
    pod_ip: &str,
) -> Result<Plan, ProviderError> {
    let Some(container) = request.containers.first() else {
        return Err(ProviderError::Unsupported("The pod has no container".into()));
    };
    let notes = Annotations::of(request);
    refuse_spot(request, &notes, config)?;
    let found = places::allowed(&config.data_centers, &notes.list("datacenter-ids"), known)?;
    let mut warnings: Vec<(&str, String)> =
        found.dropped.into_iter().map(|text| ("DatacenterNotAllowed", format!("Left out: {text}"))).collect();
    let mut wish = wish(&notes, config, &container.spec, found.allowed)?;
    if let Some(sold) = &config.sold {
        sold::hold(&mut wish, request, &notes, sold)?;
    }
    if wish.gpus == 0 && !config.cpu_pods {
        let message = "This node runs pods with a GPU only; ask for nvidia.com/gpu in limits";
        return Err(ProviderError::Unsupported(message.into()));
    }
    let ports = ports::ports(notes.get("ports"), &container.spec)?;
    if !ports.skipped.is_empty() {
        warnings.push(("PortsSkipped", format!("RunPod opens TCP only; left out: {}", ports.skipped.join(", "))));
    }
    probed::check(&container.spec, &ports.wanted, config.ssh.is_some())?;
    let wrapped = is_wrapped(request, &notes, container)?;
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("name", json!(marker.name(&request.marker().0)));
    put("image", json!(container.spec.image));
    put("cloud", json!(if wish.secure { "SECURE" } else { "COMMUNITY" }));
    put("disk", json!(disk(&notes, container, config)?));
    put("ports", json!(ports.wanted));
    let opens = config.ssh.as_ref().filter(|_| ports.wanted.iter().any(|port| port == ssh::PORT));
    let public_key = opens.and_then(|key| key.public(&marker.name(&request.marker().0)));
    let files = files::pack(request, container)?;
    let has_files = files.is_some();
    let terms = Terms::of(&wish);
    put("env", env(request, container, config, (pod_ip, &terms), wrapped, (public_key, files))?);
    if !wish.places.is_empty() {
        put("dataCenterIds", json!(wish.places));
    }
    if let Some(command) = wrapper::start_command(container, wrapped, has_files) {
        put("args", json!(command));
    }
    if let Some(id) = notes.get("templateId") {
        put("templateId", json!(id));
    }
    if let Some(id) = notes.get("container-registry-auth-id") {
        put("registry", json!(id));
    }
    if let Some(mounts) = mounts(&notes, wish.gpus > 0)? {
        put("mounts", mounts);
    }
    let size = Value::Object(body.clone()).to_string().len();
    if size > MOST_BYTES {
        let message = format!(
            "The request would have {size} bytes; RunPod takes {MOST_BYTES}. Shorten the environment and the files"
        );
        return Err(ProviderError::Unsupported(message));
    }
    Ok(Plan { wish, body, cuda: cuda(&notes)?, warnings })
}

fn refuse_spot(request: &InstanceRequest, notes: &Annotations, config: &RunPodConfig) -> Result<(), ProviderError> {
    let class = request.pod.spec.as_ref().and_then(|spec| spec.priority_class_name.as_deref()).unwrap_or_default();
    let spot = notes.flag("interruptible")?.unwrap_or(class.contains("spot"));
    if spot && !config.spot_on_demand {
        let message = "RunPod's API has no spot instances any more; leave runpod.io/interruptible out".to_owned();
        return Err(ProviderError::Refused { reason: "SpotNotAvailable", message });
    }
    Ok(())
}

fn wish(
    notes: &Annotations,
    config: &RunPodConfig,
    container: &Container,
    places: Vec<String>,
) -> Result<Wish, ProviderError> {
    let cloud = notes.get("cloud-type").unwrap_or(config.clouds.usual());
    let secure = match cloud.to_uppercase().as_str() {
        "SECURE" => true,
        "COMMUNITY" => false,
        _ => return Err(wrong("cloud-type", cloud, "SECURE or COMMUNITY")),
    };
    if !config.clouds.allow(secure) {
        let message =
            format!("The annotation runpod.io/cloud-type asks for {cloud}; this node rents in the other cloud only");
        return Err(ProviderError::Refused { reason: "CloudNotAllowed", message });
    }
    let memory = notes.number("required-gpu-memory")?;
    let types = notes.list("gpu-type-ids");
    let count = |key: &str| quantity(container, key, true).map_or(0, |milli| milli / 1000);
    let (nvidia, amd) = (count(NVIDIA), count(AMD));
    if nvidia > 0 && amd > 0 {
        return Err(ProviderError::Unsupported(
            "One instance has GPUs of one make: nvidia.com/gpu or amd.com/gpu".into(),
        ));
    }
    let asked = nvidia.max(amd);
    let implied = u32::from(memory.is_some() || !types.is_empty());
    Ok(Wish {
        gpus: u32::try_from(asked).unwrap_or(u32::MAX).max(implied),
        amd: amd > 0,
        gpu_memory: memory.unwrap_or(GPU_MEMORY),
        types,
        model: None,
        secure,
        places,
        ceiling: notes.price("max-price")?.unwrap_or(i64::MAX).min(config.max_price_micros),
        vcpus: up(quantity(container, "cpu", false), 1000).max(2),
        memory_gb: up(quantity(container, "memory", false), GIB),
    })
}

/// A resource in thousandths: the limit, or (unless `limit_only`) the larger of request and limit.
fn quantity(container: &Container, key: &str, limit_only: bool) -> Option<i128> {
    let resources = container.resources.as_ref()?;
    let of = |all: &Option<
        std::collections::BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
    >| { all.as_ref()?.get(key).and_then(|quantity| domain::quantity::parse_milli(&quantity.0).ok()) };
    let limit = of(&resources.limits);
    if limit_only { limit } else { limit.max(of(&resources.requests)) }
}

/// Rounded up to whole units.
fn up(milli: Option<i128>, unit: i128) -> u32 {
    milli.map_or(0, |milli| u32::try_from((milli + unit - 1) / unit).unwrap_or(u32::MAX))
}

fn disk(notes: &Annotations, container: &ContainerRequest, config: &RunPodConfig) -> Result<u32, ProviderError> {
    let usual = Some(up(quantity(&container.spec, "ephemeral-storage", false), GIB)).filter(|gb| *gb > 0);
    let usual = usual.unwrap_or(config.disk_gb);
    let asked = match notes.number("container-disk-gb")? {
        Some(0) => return Err(wrong("container-disk-gb", "0", "at least 1")),
        asked => asked.unwrap_or(usual),
    };
    if config.sold.is_some() {
        sold::hold_disk(notes, asked, usual)?;
    }
    Ok(asked)
}

fn is_wrapped(
    request: &InstanceRequest,
    notes: &Annotations,
    container: &ContainerRequest,
) -> Result<bool, ProviderError> {
    let until_deleted = match notes.get("completion") {
        None => false,
        Some("until-deleted") => true,
        Some(other) => return Err(wrong("completion", other, "until-deleted")),
    };
    wrapper::is_wrapped(restart_policy(request), container, until_deleted)
}

fn restart_policy(request: &InstanceRequest) -> &str {
    request.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always")
}

fn env(
    request: &InstanceRequest,
    container: &ContainerRequest,
    config: &RunPodConfig,
    (pod_ip, terms): (&str, &Terms),
    wrapped: bool,
    (public_key, files): (Option<String>, Option<String>),
) -> Result<Value, ProviderError> {
    let (uid, namespace, pod) = request.marker();
    let mut env: Map<String, Value> = container.env.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut own = vec![
        (marker::NAMESPACE, namespace),
        (marker::POD, pod),
        (marker::CONTAINER, container.spec.name.clone()),
        (marker::ATTEMPT, container.attempt.to_string()),
        (marker::POD_IP, pod_ip.to_owned()),
        (marker::TERMS, terms.to_string()),
    ];
    if wrapped {
        own.push((marker::EXIT_MARKER, wrapper::exit_marker(&uid, container.attempt)));
        let deadline = request.pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
        let deadline = deadline.and_then(|seconds| u64::try_from(seconds).ok());
        let longest = config.max_lifetime.map(|limit| limit.as_secs());
        if let Some(seconds) = deadline.into_iter().chain(longest).min() {
            own.push(("REMOTEGPU_LIFETIME", seconds.to_string()));
        }
    } else if restart_policy(request) != "Always" {
        own.push((marker::UNTIL_DELETED, "1".to_owned()));
    }
    own.extend(files.map(|files| (files::VARIABLE, files)));
    if let Some(public_key) = public_key {
        // A pod that names who may come in has the last word.
        env.entry(ssh::PUBLIC_KEY).or_insert(json!(public_key));
    }
    env.extend(own.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
    if env.len() > MOST_VARIABLES {
        let message = format!("The pod has {} variables with ours; RunPod takes about {MOST_VARIABLES}", env.len());
        return Err(ProviderError::Unsupported(message));
    }
    Ok(Value::Object(env))
}

fn mounts(notes: &Annotations, gpu: bool) -> Result<Option<Value>, ProviderError> {
    let path = notes.get("volume-mount-path").unwrap_or("/workspace");
    match (notes.number("volume-gb")?, notes.get("network-volume-id")) {
        (Some(_), Some(id)) => Err(wrong("network-volume-id", id, "left out when volume-gb is given")),
        (Some(gb), None) if gb < 10 || !gpu => {
            Err(wrong("volume-gb", &gb.to_string(), "at least 10, for a pod with a GPU"))
        }
        (Some(gb), None) => Ok(Some(json!({"persistent": {"size": gb, "path": path}}))),
        (None, Some(id)) => Ok(Some(json!({"network": [{"volumeId": id, "path": path}]}))),
        (None, None) => Ok(None),
    }
}

fn cuda(notes: &Annotations) -> Result<Option<(&'static str, Value)>, ProviderError> {
    let allowed = notes.list("allowed-cuda-versions");
    match (allowed.is_empty(), notes.get("min-cuda-version")) {
        (true, None) => Ok(None),
        (true, Some(least)) => Ok(Some(("minCudaVersion", json!(least)))),
        (false, None) => Ok(Some(("allowedCudaVersions", json!(allowed)))),
        (false, Some(least)) => Err(wrong("min-cuda-version", least, "left out when allowed-cuda-versions is given")),
    }
}

// === impl Plan ===

impl Plan {
    /// The pod, or its Job, names a credential or a template that may have one.
    pub(super) fn has_registry(&self) -> bool {
        self.body.contains_key("registry") || self.body.contains_key("templateId")
    }

    pub(super) fn set_registry(&mut self, id: Option<String>) {
        if let Some(id) = id {
            self.body.insert("registry".into(), json!(id));
        }
    }

    /// The network volume that the pod names.
    pub(super) fn volume(&self) -> Option<String> {
        self.body.get("mounts")?["network"][0]["volumeId"].as_str().map(str::to_owned)
    }

    /// A network volume is in one data centre, and so is the instance that mounts it.
    ///
    /// # Errors
    /// [`ProviderError::Refused`] if that is none of the allowed ones.
    pub(super) fn keep_to(&mut self, volume: &str, place: String) -> Result<(), ProviderError> {
        let allowed = &self.wish.places;
        if !allowed.is_empty() && !allowed.contains(&place) {
            let message = format!("Network volume {volume} is in {place}; allowed are {}", allowed.join(", "));
            return Err(ProviderError::Refused { reason: "DatacenterNotAllowed", message });
        }
        self.body.insert("dataCenterIds".into(), json!([place]));
        self.wish.places = vec![place];
        let terms = Terms::of(&self.wish).to_string();
        if let Some(env) = self.body.get_mut("env").and_then(Value::as_object_mut) {
            env.insert(marker::TERMS.into(), json!(terms));
        }
        Ok(())
    }

    /// What a container that starts anew in place must be told: its variables, all of them, for they are replaced whole. The
    /// terms on which its instance was rented stay. `None` if a template gave it some that are not known here.
    pub(super) fn variables(&self, terms: &str) -> Option<Value> {
        let mut env = self.body.get("env").filter(|_| !self.body.contains_key("templateId"))?.clone();
        env[marker::TERMS] = json!(terms);
        Some(json!({"env": env}))
    }

    /// The body with this hardware.
    pub(super) fn with(&self, hardware: &(&'static str, Value)) -> Value {
        let mut body = self.body.clone();
        let mut chosen = hardware.1.clone();
        if let (Some((key, value)), "gpu") = (&self.cuda, hardware.0) {
            chosen[*key] = value.clone();
        }
        body.insert(hardware.0.to_owned(), chosen);
        Value::Object(body)
    }
}
