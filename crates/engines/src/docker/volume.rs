//! Volumes of a pod: one of the engine each, which lives as long as the pod and is shared by its containers.
//! Memory-backed `emptyDir` is tmpfs. All carry the marker, so nothing is left behind.
use std::collections::HashMap;

use bollard::{
    models::VolumeCreateRequest,
    query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions},
};
use k8s_openapi::api::core::v1::{Container, EmptyDirVolumeSource, PodSpec};
use kubelet::{InstanceRequest, ProviderError};

use super::{Docker, Limits, status_code, unavailable};

pub(super) fn name(uid: &str, volume: &str) -> String {
    format!("rgpu_{uid}_{volume}")
}

fn empty_dirs(spec: Option<&PodSpec>) -> impl Iterator<Item = (&str, &EmptyDirVolumeSource)> {
    let volumes = spec.and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    volumes.iter().filter_map(|volume| Some((volume.name.as_str(), volume.empty_dir.as_ref()?)))
}

/// The empty folders of a pod that are on a disk, by name. Those in memory are everybody's: that is how Linux makes them.
pub(super) fn on_disk(spec: Option<&PodSpec>) -> Vec<&str> {
    empty_dirs(spec).filter(|(_, source)| memory_options(source).is_none()).map(|(name, _)| name).collect()
}

/// The mounts of one container, in the engine's notation `volume:path[:options]`.
pub(super) fn binds(request: &InstanceRequest, container: &Container, limits: Limits) -> Vec<String> {
    let uid = request.marker().0;
    let of_files = |name: &str| request.files.iter().any(|one| one.name == name);
    let is_known = |name: &str| of_files(name) || empty_dirs(request.pod.spec.as_ref()).any(|(known, _)| known == name);
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    mounts
        .iter()
        .filter(|mount| is_known(&mount.name))
        .map(|mount| {
            // Files belong to their source; what a container wrote there would vanish with the next change.
            let read_only = mount.read_only == Some(true) || of_files(&mount.name);
            // Docker would fill an empty folder with what the image has there, and give it that folder's owner and mode.
            let options = match (read_only, of_files(&mount.name) || limits.cdi) {
                (true, true) => ":ro",
                (true, false) => ":ro,nocopy",
                (false, true) => "",
                (false, false) => ":nocopy",
            };
            format!("{}:{}{options}", name(&uid, &mount.name), mount.mount_path)
        })
        .collect()
}

// === impl Docker ===

impl Docker {
    /// Makes the volumes of a pod; those that exist are left as they are.
    pub(super) async fn ensure_volumes(&self, request: &InstanceRequest) -> Result<(), ProviderError> {
        let marker = request.marker();
        for (volume, source) in empty_dirs(request.pod.spec.as_ref()) {
            self.ensure_volume(&marker, volume, memory_options(source)).await?;
        }
        Ok(())
    }

    pub(super) async fn ensure_volume(
        &self,
        marker: &(String, String, String),
        volume: &str,
        driver_opts: Option<HashMap<String, String>>,
    ) -> Result<(), ProviderError> {
        let wanted = VolumeCreateRequest {
            name: Some(name(&marker.0, volume)),
            driver: Some("local".into()),
            driver_opts,
            labels: Some(self.labels(marker)),
            ..VolumeCreateRequest::default()
        };
        match self.client.create_volume(wanted).await {
            Ok(_) => Ok(()),
            Err(error) if status_code(&error) == Some(409) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    pub(super) async fn remove_volumes(&self, uid: &str) -> Result<(), ProviderError> {
        let filters = HashMap::from([("label".to_owned(), self.selector(Some(uid)))]);
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let found = self.client.list_volumes(Some(options)).await.map_err(unavailable)?;
        let ours = found.volumes.into_iter().flatten().filter(|one| self.is_ours(&one.labels, Some(uid)));
        for volume in ours {
            match self.client.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await {
                Ok(()) => {}
                Err(error) if status_code(&error) == Some(404) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        Ok(())
    }
}

/// No size option: engines disagree about it, and what is written counts as memory of the container that writes it.
fn memory_options(source: &EmptyDirVolumeSource) -> Option<HashMap<String, String>> {
    let all = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "nodev,nosuid")];
    (source.medium.as_deref() == Some("Memory"))
        .then(|| all.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
}
