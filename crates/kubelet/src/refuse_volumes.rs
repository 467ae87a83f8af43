//! Which volumes this node does not mount.
//! The token volume that admission adds to every pod is left out without a word: nothing asked for it.
use k8s_openapi::api::core::v1::{PodSpec, Volume};

use crate::{Capabilities, decide::Rules, refuse::Refusal};

pub(crate) fn refuse_volumes(spec: &PodSpec, rules: &Rules) -> Option<Refusal> {
    let capabilities = &rules.capabilities;
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let refused = volumes.iter().find_map(|volume| kind_refused(volume, capabilities).map(|kind| (volume, kind)));
    let mounts =
        if capabilities.file_volumes { "emptyDir, configMap, secret, downwardAPI and projected" } else { "emptyDir" };
    let message = refused.map(|(volume, kind)| {
        format!("Volume {} is of kind {kind}, which this engine does not mount; it mounts {mounts}", volume.name)
    });
    let message = message.or_else(|| volumes.iter().find_map(|volume| projection_refused(volume, rules)))?;
    Some(Refusal { reason: "UnsupportedPod", message, stays_pending: false })
}

/// Sources of a projected volume that have no content here.
fn projection_refused(volume: &Volume, rules: &Rules) -> Option<String> {
    if is_api_access(volume) {
        return None;
    }
    let name = &volume.name;
    volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()).find_map(|source| {
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

/// True for the volume with the pod's own token, which is not mounted on a virtual node.
pub(crate) fn is_api_access(volume: &Volume) -> bool {
    volume.projected.is_some() && volume.name.starts_with("kube-api-access-")
}

fn kind_refused(volume: &Volume, capabilities: &Capabilities) -> Option<&'static str> {
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
        return (!capabilities.file_volumes).then_some(kind);
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
