//! Which volumes this node does not mount.
//! The token volume that admission adds to every pod is never refused: who may not have it does without.
use k8s_openapi::api::core::v1::{Pod, PodSpec, Volume};

use crate::{Capabilities, decide::Rules, refuse::Refusal};

pub(crate) fn refuse_volumes(pod: &Pod, spec: &PodSpec, rules: &Rules) -> Option<Refusal> {
    let capabilities = &rules.capabilities;
    let holds_files = capabilities.holds_files(pod);
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let refused = volumes.iter().find_map(|volume| kind_refused(volume, holds_files).map(|kind| (volume, kind)));
    let mounts = if holds_files { "emptyDir, configMap, secret, downwardAPI and projected" } else { "emptyDir" };
    let message = refused.map(|(volume, kind)| {
        let hint = if is_of_files(volume) { hint(capabilities) } else { String::new() };
        format!("Volume {} is of kind {kind}, which this engine does not mount; it mounts {mounts}{hint}", volume.name)
    });
    let message = message.or_else(|| volumes.iter().find_map(|volume| projection_refused(volume, rules)))?;
    Some(Refusal { reason: "UnsupportedPod", message, stays_pending: false })
}

/// How a pod gets files from an engine that mounts none.
fn hint(capabilities: &Capabilities) -> String {
    capabilities.files_at_start.map_or_else(String::new, |(key, value)| {
        format!("; the annotation {key}: {value} lets it write files at the start, from the environment")
    })
}

fn is_of_files(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
}

/// Sources of a projected volume that have no content here.
fn projection_refused(volume: &Volume, rules: &Rules) -> Option<String> {
    if is_api_access(volume) {
        return None;
    }
    let name = &volume.name;
    volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()).find_map(|source| {
        if source.service_account_token.is_some() && !rules.capabilities.file_volumes {
            return Some(format!("Volume {name} asks for a ServiceAccount token, which this engine could not renew"));
        }
        if source.service_account_token.is_some() && !rules.service_account_tokens {
            return Some(format!(
                "Volume {name} asks for a ServiceAccount token, which this node does not give; \
                 it can be started with --service-account-tokens"
            ));
        }
        let other = source.cluster_trust_bundle.is_some() || source.pod_certificate.is_some();
        other.then(|| {
            format!("Volume {name}: only configMap, secret, downwardAPI and serviceAccountToken can be projected")
        })
    })
}

/// True for the volume with the pod's own token, which is mounted for allowed ServiceAccounts only.
pub(crate) fn is_api_access(volume: &Volume) -> bool {
    volume.projected.is_some() && volume.name.starts_with("kube-api-access-")
}

fn kind_refused(volume: &Volume, holds_files: bool) -> Option<&'static str> {
    let files = [
        (volume.config_map.is_some(), "configMap"),
        (volume.secret.is_some(), "secret"),
        (volume.downward_api.is_some(), "downwardAPI"),
        (volume.projected.is_some(), "projected"),
    ];
    if volume.empty_dir.is_some() || is_api_access(volume) {
        return None;
    }
    if let Some((_, kind)) = files.iter().find(|(set, _)| *set) {
        return (!holds_files).then_some(kind);
    }
    let named = [
        (volume.host_path.is_some(), "hostPath"),
        (volume.persistent_volume_claim.is_some(), "persistentVolumeClaim"),
        (volume.csi.is_some(), "csi"),
        (volume.image.is_some(), "image"),
        (volume.nfs.is_some(), "nfs"),
        (volume.ephemeral.is_some(), "ephemeral"),
    ];
    Some(named.iter().find(|(set, _)| *set).map_or("of another kind", |(_, kind)| kind))
}
