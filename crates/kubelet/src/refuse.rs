//! Which pods this node does not run, and the one sentence that says why: field, value, what is supported.
//! Every field of the pod is named once without a wildcard, so a new Kubernetes version brings a compile error, not a gap.
use k8s_openapi::api::core::v1::{Container, Pod, PodSecurityContext, PodSpec, SecurityContext};

use crate::{Capabilities, Gpu, decide::Rules, refuse_volumes::refuse_volumes, unenforced::unenforced_security};

/// Why a pod is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Reason of the event and of the waiting containers.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// The pod stays Pending whatever its restart policy: it belongs to another kind of node.
    pub(crate) stays_pending: bool,
}

pub(crate) fn refuse(pod: &Pod, rules: &Rules) -> Option<Refusal> {
    let spec = pod.spec.as_ref()?;
    not_for_this_node(pod)
        .or_else(|| not_entitled(pod, rules))
        .or_else(|| refuse_spec(spec, &rules.capabilities))
        .or_else(|| {
            spec.init_containers
                .iter()
                .flatten()
                .chain(&spec.containers)
                .find_map(|one| refuse_container(one, &rules.capabilities))
        })
        .or_else(|| refuse_volumes(pod, spec, rules))
        .or_else(|| if rules.strict { refuse_left_out(spec, &rules.capabilities) } else { None })
}

/// What would be told in events and left out otherwise.
fn refuse_left_out(spec: &PodSpec, capabilities: &Capabilities) -> Option<Refusal> {
    let mut fields = unenforced_security(spec, capabilities);
    fields.extend(ignored_fields(spec, capabilities));
    if fields.is_empty() {
        return None;
    }
    unsupported(format!("This node is strict and cannot apply: {}; leave these fields out", fields.join(", ")))
}

/// Fields that this node leaves out, for one event; the pod runs all the same.
pub(crate) fn ignored_fields(spec: &PodSpec, capabilities: &Capabilities) -> Vec<&'static str> {
    let mut ignored = Vec::new();
    let mut note = |set: bool, field: &'static str| {
        if set && !ignored.contains(&field) {
            ignored.push(field);
        }
    };
    let whole = capabilities.whole_pods;
    note(spec.dns_config.is_some() && !whole, "dnsConfig");
    note(spec.host_aliases.is_some() && !whole, "hostAliases");
    note(spec.subdomain.is_some() && !whole, "subdomain");
    note(spec.share_process_namespace == Some(true) && !whole, "shareProcessNamespace");
    let (probes, hooks) = (capabilities.probes || whole, capabilities.hooks || whole);
    for container in &spec.containers {
        note(container.liveness_probe.is_some() && !probes, "livenessProbe");
        note(container.readiness_probe.is_some() && !probes, "readinessProbe");
        note(container.startup_probe.is_some() && !probes, "startupProbe");
        note(container.lifecycle.is_some() && !hooks, "lifecycle");
        let ports = container.ports.as_deref().unwrap_or_default();
        note(ports.iter().any(|port| port.host_port.is_some()), "hostPort");
    }
    ignored
}

fn unsupported(message: impl Into<String>) -> Option<Refusal> {
    Some(Refusal { reason: "UnsupportedPod", message: message.into(), stays_pending: false })
}

fn not_for_this_node(pod: &Pod) -> Option<Refusal> {
    let meta = &pod.metadata;
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    let annotations = meta.annotations.as_ref();
    let kind = if owners.iter().any(|owner| owner.kind == "DaemonSet") {
        "Pods of a DaemonSet"
    } else if annotations.is_some_and(|all| all.contains_key("kubernetes.io/config.mirror")) {
        "Static pods"
    } else if meta.namespace.as_deref() == Some("kube-system") {
        "Pods of the namespace kube-system"
    } else {
        return None;
    };
    let message = format!("{kind} do not run on a virtual node; keep them off with a node selector or affinity");
    Some(Refusal { reason: "NotForVirtualNode", message, stays_pending: true })
}

fn not_entitled(pod: &Pod, rules: &Rules) -> Option<Refusal> {
    let label = rules.require_pod_label.as_deref()?;
    let labelled = pod.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(label));
    let message = format!("This node runs only pods with the label {label}, and this pod has none");
    (!labelled).then_some(Refusal { reason: "NotEntitled", message, stays_pending: false })
}

/// The classes of `virtual-node.md` §3.5: refused here, told by [`ignored_fields`], or used by the engine.
fn refuse_spec(spec: &PodSpec, capabilities: &Capabilities) -> Option<Refusal> {
    #[rustfmt::skip]
    let PodSpec {
        // refused
        containers, init_containers, ephemeral_containers, host_network, host_pid, host_ipc, resource_claims,
        runtime_class_name, security_context, os, host_users,
        // refused elsewhere: refuse_volumes
        volumes: _,
        // used
        active_deadline_seconds: _, automount_service_account_token: _, hostname: _, node_name: _, readiness_gates: _,
        restart_policy: _, service_account_name: _, termination_grace_period_seconds: _,
        // told by ignored_fields
        dns_config: _, host_aliases: _, image_pull_secrets: _, share_process_namespace: _, subdomain: _,
        // meant for the API server, the scheduler and its controllers, or without meaning outside the cluster
        affinity: _, dns_policy: _, enable_service_links: _, hostname_override: _,
        node_selector: _, overhead: _, preemption_policy: _, priority: _, priority_class_name: _, resources: _,
        scheduler_name: _, scheduling_gates: _, scheduling_group: _, service_account: _, set_hostname_as_fqdn: _,
        tolerations: _, topology_spread_constraints: _,
    } = spec;
    let names = |list: &[Container]| list.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
    match init_containers.as_deref() {
        Some(init) if !init.is_empty() && !capabilities.init_containers && !capabilities.whole_pods => {
            return unsupported(format!(
                "initContainers ({}) are not supported; put their work into the image",
                names(init)
            ));
        }
        _ => {}
    }
    if ephemeral_containers.as_ref().is_some_and(|list| !list.is_empty()) {
        return unsupported("ephemeralContainers are not supported");
    }
    if containers.len() > 1 && !capabilities.several_containers {
        let all = names(containers);
        return unsupported(format!("This engine runs one container for each pod; this pod has several: {all}"));
    }
    let host = [("hostNetwork", host_network), ("hostPID", host_pid), ("hostIPC", host_ipc)];
    if let Some((field, _)) = host.iter().find(|(_, set)| **set == Some(true)) {
        return unsupported(format!("{field} is not supported: pods never share anything with the engine's host"));
    }
    if *host_users == Some(false) {
        return unsupported("hostUsers: false is not supported; leave it out");
    }
    if resource_claims.as_ref().is_some_and(|list| !list.is_empty()) {
        return unsupported(format!("resourceClaims are not supported; ask for {} in limits", Gpu::RESOURCE));
    }
    if runtime_class_name.as_deref().is_some_and(|name| !name.is_empty()) && !capabilities.whole_pods {
        return unsupported("runtimeClassName is not supported; leave it out");
    }
    if os.as_ref().is_some_and(|os| os.name != "linux") {
        return unsupported("os.name must be linux");
    }
    security_context.as_ref().and_then(refuse_pod_security)
}

fn refuse_pod_security(security: &PodSecurityContext) -> Option<Refusal> {
    if security.sysctls.as_ref().is_some_and(|list| !list.is_empty()) {
        return unsupported("securityContext.sysctls is not supported");
    }
    refuse_seccomp(security.seccomp_profile.as_ref().map(|profile| profile.type_.as_str()))
}

fn refuse_seccomp(profile: Option<&str>) -> Option<Refusal> {
    match profile {
        None | Some("RuntimeDefault") => None,
        Some(other) => unsupported(format!("seccompProfile {other} is not supported; use RuntimeDefault")),
    }
}

fn refuse_container(container: &Container, capabilities: &Capabilities) -> Option<Refusal> {
    #[rustfmt::skip]
    let Container {
        name, image, resources, restart_policy, restart_policy_rules, security_context, volume_devices, volume_mounts,
        // used, told by ignored_fields, or without meaning here
        args: _, command: _, env: _, env_from: _, image_pull_policy: _, lifecycle: _, liveness_probe: _, ports: _,
        readiness_probe: _, resize_policy: _, startup_probe: _, stdin: _, stdin_once: _, termination_message_path: _,
        termination_message_policy: _, tty: _, working_dir: _,
    } = container;
    if image.as_deref().unwrap_or_default().is_empty() {
        return unsupported(format!("Container {name} has no image"));
    }
    if restart_policy.is_some() || restart_policy_rules.is_some() {
        return unsupported(format!("Container {name}: a restartPolicy of its own is not supported; set the pod's"));
    }
    if volume_devices.as_ref().is_some_and(|list| !list.is_empty()) {
        return unsupported(format!("Container {name}: volumeDevices are not supported"));
    }
    let mounts = volume_mounts.as_deref().unwrap_or_default();
    let nested = |mount: &&k8s_openapi::api::core::v1::VolumeMount| {
        mount.sub_path.is_some() || mount.sub_path_expr.is_some() || mount.mount_propagation.is_some()
    };
    if let Some(mount) = mounts.iter().find(nested) {
        let volume = &mount.name;
        return unsupported(format!(
            "Container {name}: the mount of {volume} uses subPath or mountPropagation, which is not supported"
        ));
    }
    // Engines take `volume:path:options` as one text, the API server any path: what follows a colon would be options
    // that the tenant chose, and one of Podman's puts folders of the engine's host into the container.
    if let Some(mount) = mounts.iter().find(|mount| mount.mount_path.contains(':')) {
        let (volume, path) = (&mount.name, &mount.mount_path);
        return unsupported(format!("Container {name}: the mountPath of {volume} is {path:?}; leave the colon out"));
    }
    let limits = resources.as_ref().and_then(|resources| resources.limits.as_ref());
    let device =
        limits.into_iter().flatten().map(|(key, _)| key.as_str()).find(|key| is_foreign_device(key, capabilities));
    if let Some(device) = device {
        return unsupported(format!("Container {name}: the device {device} is not supported; only {}", Gpu::RESOURCE));
    }
    security_context.as_ref().and_then(|security| refuse_security(name, security))
}

fn is_foreign_device(key: &str, capabilities: &Capabilities) -> bool {
    key.contains('/') && key != Gpu::RESOURCE && !capabilities.other_gpus.contains(&key)
}

fn refuse_security(name: &str, security: &SecurityContext) -> Option<Refusal> {
    if security.privileged == Some(true) {
        return unsupported(format!("Container {name}: privileged is not supported"));
    }
    let added = security.capabilities.as_ref().and_then(|caps| caps.add.as_deref()).unwrap_or_default();
    if let Some(other) = added.iter().find(|cap| cap.as_str() != "NET_BIND_SERVICE") {
        return unsupported(format!("Container {name}: capability {other} is not given; only NET_BIND_SERVICE"));
    }
    if security.proc_mount.as_deref().is_some_and(|mount| mount != "Default") {
        return unsupported(format!("Container {name}: procMount must be Default"));
    }
    refuse_seccomp(security.seccomp_profile.as_ref().map(|profile| profile.type_.as_str()))
}

#[cfg(test)]
mod tests;
