//! Which volumes this node does not mount.
//! The token volume that admission adds to every pod is left out without a word: nothing asked for it.
use k8s_openapi::api::core::v1::{PodSpec, Volume};

use crate::{Capabilities, refuse::Refusal};

pub(crate) fn refuse_volumes(spec: &PodSpec, capabilities: &Capabilities) -> Option<Refusal> {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let refused = volumes.iter().find_map(|volume| kind_refused(volume, capabilities).map(|kind| (volume, kind)));
    refused.map(|(volume, kind)| Refusal {
        reason: "UnsupportedPod",
        message: format!(
            "Volume {} is of kind {kind}, which this engine does not mount; it mounts emptyDir",
            volume.name
        ),
        stays_pending: false,
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
