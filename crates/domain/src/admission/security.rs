//! Security contexts: the Pod Security level `baseline`, so that the console's check says what the API server will say.
//!
//! The namespace label enforces the same in the cluster; this is the early sentence and a second wall.

use serde_json::{Map, Value};

use super::Refusal;
use super::spec::{is_empty, items};

const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
const SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];
const SELINUX_TYPES: &[&str] = &["container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// The pod's own context.
pub(super) fn check_pod(spec: &Map<String, Value>, refusals: &mut Vec<Refusal>) {
    let Some(context) = spec.get("securityContext").filter(|value| !value.is_null()) else { return };
    check_common("spec.securityContext", context, refusals);
    for name in items(context.get("sysctls")).map(|sysctl| sysctl.get("name").and_then(Value::as_str).unwrap_or("")) {
        if !SYSCTLS.contains(&name) {
            refuse("spec.securityContext.sysctls", &format!("sysctl \"{name}\" is not allowed"), refusals);
        }
    }
}

/// One container's context.
pub(super) fn check_container(container_field: &str, container: &Map<String, Value>, refusals: &mut Vec<Refusal>) {
    let Some(context) = container.get("securityContext").filter(|value| !value.is_null()) else { return };
    let field = format!("{container_field}.securityContext");
    check_common(&field, context, refusals);
    if context.get("privileged").is_some_and(|value| !is_empty(value)) {
        refuse(&format!("{field}.privileged"), "privileged containers are not allowed", refusals);
    }
    if context.get("procMount").is_some_and(|value| !is_empty(value) && value != "Default") {
        refuse(&format!("{field}.procMount"), "procMount must be Default", refusals);
    }
    for capability in items(context.pointer("/capabilities/add")) {
        let name = capability.as_str().unwrap_or_default();
        if !CAPABILITIES.contains(&name) {
            refuse(&format!("{field}.capabilities.add"), &format!("capability \"{name}\" is not allowed"), refusals);
        }
    }
}

fn check_common(field: &str, context: &Value, refusals: &mut Vec<Refusal>) {
    for profile in ["seccompProfile", "appArmorProfile"] {
        if context.get(profile).and_then(|profile| profile.get("type")).is_some_and(|kind| kind == "Unconfined") {
            refuse(&format!("{field}.{profile}.type"), "an Unconfined profile is not allowed", refusals);
        }
    }
    if context.pointer("/windowsOptions/hostProcess").is_some_and(|value| !is_empty(value)) {
        refuse(&format!("{field}.windowsOptions.hostProcess"), "host processes are not allowed", refusals);
    }
    let Some(selinux) = context.get("seLinuxOptions") else { return };
    let set = |key: &str| selinux.get(key).filter(|value| !is_empty(value));
    let foreign_type = set("type").is_some_and(|kind| kind.as_str().is_none_or(|kind| !SELINUX_TYPES.contains(&kind)));
    if foreign_type || set("user").is_some() || set("role").is_some() {
        refuse(&format!("{field}.seLinuxOptions"), "these SELinux options are not allowed", refusals);
    }
}

fn refuse(field: &str, what: &str, refusals: &mut Vec<Refusal>) {
    refusals.push(Refusal::new("pod_security", field, format!("{field}: {what}; remove it")));
}
