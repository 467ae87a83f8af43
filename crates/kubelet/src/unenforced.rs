//! What a pod asks of `securityContext` and an engine without [`Capabilities::security_context`] cannot give.
//! Every field is named once without a wildcard, so a new Kubernetes version brings a compile error, not a gap.
use k8s_openapi::api::core::v1::{PodSecurityContext, PodSpec, SecurityContext};

use crate::Capabilities;

/// A field, and whether it asks for something.
type Asked = (&'static str, bool);

/// Fields of the pod's and its containers' `securityContext` that this engine does not enforce; the pod runs all the same.
pub(crate) fn unenforced_security(spec: &PodSpec, capabilities: &Capabilities) -> Vec<&'static str> {
    if capabilities.security_context {
        return Vec::new();
    }
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let of_containers = containers.filter_map(|one| one.security_context.as_ref()).flat_map(of_container);
    let mut fields = Vec::new();
    for (field, asked) in spec.security_context.iter().flat_map(of_pod).chain(of_containers) {
        if asked && !fields.contains(&field) {
            fields.push(field);
        }
    }
    fields
}

fn of_pod(security: &PodSecurityContext) -> [Asked; 8] {
    #[rustfmt::skip]
    let PodSecurityContext {
        app_armor_profile, fs_group, run_as_group, run_as_non_root, run_as_user, se_linux_options, seccomp_profile,
        supplemental_groups,
        // say only how one of the others is done
        fs_group_change_policy: _, se_linux_change_policy: _, supplemental_groups_policy: _,
        // refused, or for another system
        sysctls: _, windows_options: _,
    } = security;
    [
        ("runAsUser", run_as_user.is_some()),
        ("runAsGroup", run_as_group.is_some()),
        ("runAsNonRoot", *run_as_non_root == Some(true)),
        ("fsGroup", fs_group.is_some()),
        ("supplementalGroups", supplemental_groups.as_ref().is_some_and(|groups| !groups.is_empty())),
        ("seccompProfile", seccomp_profile.is_some()),
        ("appArmorProfile", app_armor_profile.is_some()),
        ("seLinuxOptions", se_linux_options.is_some()),
    ]
}

fn of_container(security: &SecurityContext) -> [Asked; 9] {
    #[rustfmt::skip]
    let SecurityContext {
        allow_privilege_escalation, app_armor_profile, capabilities, read_only_root_filesystem, run_as_group,
        run_as_non_root, run_as_user, se_linux_options, seccomp_profile,
        // refused, or for another system
        privileged: _, proc_mount: _, windows_options: _,
    } = security;
    [
        ("runAsUser", run_as_user.is_some()),
        ("runAsGroup", run_as_group.is_some()),
        ("runAsNonRoot", *run_as_non_root == Some(true)),
        ("readOnlyRootFilesystem", *read_only_root_filesystem == Some(true)),
        ("allowPrivilegeEscalation", *allow_privilege_escalation == Some(false)),
        ("capabilities", capabilities.is_some()),
        ("seccompProfile", seccomp_profile.is_some()),
        ("appArmorProfile", app_armor_profile.is_some()),
        ("seLinuxOptions", se_linux_options.is_some()),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_asked_of_the_security_context_is_named_once_where_it_is_not_enforced() {
        let spec = json!({
            "securityContext": {"runAsUser": 1000, "fsGroup": 7, "supplementalGroups": []},
            "containers": [
                {"name": "a", "securityContext": {"runAsUser": 1001, "readOnlyRootFilesystem": true, "privileged": false}},
                {"name": "b", "securityContext": {"capabilities": {"drop": ["ALL"]}, "runAsNonRoot": false}}],
        });
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        let told = unenforced_security(&spec, &Capabilities::default());
        assert_eq!(told, ["runAsUser", "fsGroup", "readOnlyRootFilesystem", "capabilities"]);
        let enforcing = Capabilities { security_context: true, ..Capabilities::default() };
        assert!(unenforced_security(&spec, &enforcing).is_empty());
    }

    #[test]
    fn an_empty_context_asks_for_nothing() {
        // The API server writes the pod's own into every pod.
        let spec = json!({"securityContext": {}, "containers": [{"name": "a", "securityContext": {}}]});
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        assert!(unenforced_security(&spec, &Capabilities::default()).is_empty());
    }
}
