//! File volumes: a volume of the engine each, filled through a container that is made for this and never started.
//! So it works over any socket, and files can be replaced while the pod runs. Docker's empty folders are opened so, too.
use std::collections::{BTreeSet, HashMap};

use bollard::{
    body_full,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder, UploadToContainerOptionsBuilder,
    },
};
use k8s_openapi::api::core::v1::Pod;
use kubelet::{FileVolume, InstanceRequest, ProviderError};
use sha2::{Digest, Sha256};

use super::{CONTAINER, Docker, POD_UID, status_code, tar::Tar, unavailable, volume};

/// Where the container for filling mounts the volumes.
const PLACE: &str = "/remotegpu-files";

fn filler(uid: &str) -> String {
    format!("rgpu_{uid}__files")
}

// === impl Docker ===

impl Docker {
    /// Makes and fills the file volumes of a pod; `image` is any that the engine has.
    pub(super) async fn ensure_files(&self, request: &InstanceRequest, image: &str) -> Result<(), ProviderError> {
        let closed = self.closed_folders(&request.pod);
        if request.files.is_empty() && closed.is_empty() {
            return Ok(());
        }
        let marker = request.marker();
        for one in &request.files {
            self.ensure_volume(&marker, &one.name, None).await?;
        }
        let names = request.files.iter().map(|one| one.name.as_str()).chain(closed);
        let binds = names.map(|one| format!("{}:{PLACE}/{one}", volume::name(&marker.0, one)));
        // Podman answers a name that is taken with 500 and a sentence, so it is not asked twice.
        if self.look_at(&filler(&marker.0)).await?.is_some() {
            return self.fill(&request.pod, &request.files).await;
        }
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            // Never run; an image without a command of its own needs one to be made at all.
            cmd: Some(vec!["files".into()]),
            labels: Some(self.labels(&marker)),
            host_config: Some(HostConfig {
                binds: Some(binds.collect()),
                network_mode: Some("none".into()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&filler(&marker.0)).build();
        match self.client.create_container(Some(options), body).await {
            Ok(_) => {}
            Err(error) if status_code(&error) == Some(409) => {}
            Err(error) => return Err(unavailable(error)),
        }
        self.fill(&request.pod, &request.files).await
    }

    /// Writes the files of a pod that has its volumes already.
    pub(super) async fn fill(&self, pod: &Pod, files: &[FileVolume]) -> Result<(), ProviderError> {
        let (uid, group) = (pod.metadata.uid.as_deref().unwrap_or_default(), group(pod));
        // Also one without files: it may have had some, as long as its optional source was there.
        for volume in files {
            let place = format!("{PLACE}/{}", volume.name);
            let before = self.newest_state(uid, &place).await;
            let options = UploadToContainerOptionsBuilder::new().path(&place).build();
            let content = body_full(archive(volume, group).into());
            match self.client.upload_to_container(&filler(uid), Some(options), content).await {
                Ok(()) => self.drop_state(uid, &place, before.filter(|old| *old != state(volume))).await,
                Err(error) if status_code(&error) == Some(404) => {
                    if self.look_at(&filler(uid)).await?.is_none() {
                        return Err(unavailable(error));
                    }
                    // Made without this volume: the pod was not allowed to have it then.
                    tracing::warn!(pod.uid = uid, volume = volume.name, "A volume is not mounted and was not written");
                }
                Err(error) => return Err(unavailable(error)),
            }
        }
        Ok(())
    }

    /// The folder to which `..data` points; `None` if there is none, or the engine does not say.
    async fn newest_state(&self, uid: &str, place: &str) -> Option<String> {
        let options = ContainerArchiveInfoOptionsBuilder::default().path(&format!("{place}/..data")).build();
        let found = self.client.get_container_archive_info(&filler(uid), Some(options)).await.ok()?;
        state_named(&found.link_target)
    }

    /// Takes away what the files were before, so that no update leaves its content behind. Engines remove nothing from a
    /// container, but put a link in the place of a folder. What fails is only room that is lost.
    async fn drop_state(&self, uid: &str, place: &str, old: Option<String>) {
        let Some(old) = old else { return };
        let options = UploadToContainerOptionsBuilder::new().path(place).build();
        let content = body_full(no_state(&old).into());
        if let Err(error) = self.client.upload_to_container(&filler(uid), Some(options), content).await {
            tracing::debug!(%error, pod.uid = uid, "The files of before could not be removed");
        }
    }

    /// Removes the containers for filling, and the volumes, of pods that have no other container: a process that ended while
    /// it made or removed a pod left them, and no list shows them. Only before this process makes anything.
    pub(super) async fn remove_leftovers(&self) -> Result<(), ProviderError> {
        let listed = self.list_containers(&self.selector(None)).await?;
        let ours = listed.iter().filter_map(|one| one.labels.as_ref()).filter(|labels| self.is_ours(labels, None));
        for uid in left_over(ours) {
            self.remove_filler(&uid).await?;
            self.remove_volumes(&uid).await?;
        }
        Ok(())
    }

    /// Lets every user write to the empty folders of a pod, as Kubernetes does. Before its first container starts: after that
    /// they are what the pod makes of them.
    pub(super) async fn open_folders(&self, pod: &Pod) -> Result<(), ProviderError> {
        let closed = self.closed_folders(pod);
        if closed.is_empty() {
            return Ok(());
        }
        let mut tar = Tar::of_group(group(pod));
        closed.into_iter().for_each(|name| tar.open_folder(name));
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        // Named from above: of the folder that it is told to write to Docker keeps the mode.
        let options = UploadToContainerOptionsBuilder::new().path(PLACE).build();
        let content = body_full(tar.finish().into());
        self.client.upload_to_container(&filler(uid), Some(options), content).await.map_err(unavailable)
    }

    /// The empty folders that the engine makes for root alone. Podman gives them to their first user.
    fn closed_folders<'a>(&self, pod: &'a Pod) -> Vec<&'a str> {
        if self.is_podman() { Vec::new() } else { volume::on_disk(pod.spec.as_ref()) }
    }

    pub(super) async fn remove_filler(&self, uid: &str) -> Result<(), ProviderError> {
        self.remove(&filler(uid)).await
    }
}

/// UIDs of pods of which there is only what fills their volumes, by the labels of all containers.
fn left_over<'a>(all: impl Iterator<Item = &'a HashMap<String, String>>) -> BTreeSet<String> {
    let (made, fillers): (Vec<_>, Vec<_>) = all.partition(|labels| labels.contains_key(CONTAINER));
    let uid = |labels: &&HashMap<String, String>| labels.get(POD_UID).cloned();
    let living: BTreeSet<String> = made.iter().filter_map(uid).collect();
    fillers.iter().filter_map(uid).filter(|uid| !living.contains(uid)).collect()
}

/// The name of a state, from the target of a link in the engine's words: relative, or from the container's root.
fn state_named(target: &str) -> Option<String> {
    let name = target.rsplit('/').next()?;
    let digest = name.strip_prefix("..")?;
    (digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| name.to_owned())
}

/// In the place of an old state: the newest one.
fn no_state(old: &str) -> Vec<u8> {
    let mut tar = Tar::of_group(0);
    tar.link(old, "..data");
    tar.finish()
}

/// `fsGroup` of the pod: whose members may read its files.
fn group(pod: &Pod) -> u64 {
    let security = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
    security.and_then(|security| security.fs_group).and_then(|group| group.try_into().ok()).unwrap_or(0)
}

/// The layout of Kubernetes: each state in a folder of its own, `..data` points to the newest, names point into `..data`.
fn archive(volume: &FileVolume, group: u64) -> Vec<u8> {
    let state = state(volume);
    let mut tar = Tar::of_group(group);
    tar.folder(&state);
    let mut folders = BTreeSet::new();
    for file in &volume.files {
        let parents = file.path.match_indices('/').map(|(at, _)| &file.path[..at]);
        for parent in parents.filter(|parent| folders.insert(*parent)) {
            tar.folder(&format!("{state}/{parent}"));
        }
        // Members of the group read what its owner reads.
        let mode = if group == 0 { file.mode } else { file.mode | (file.mode & 0o400) >> 3 };
        tar.file(&format!("{state}/{}", file.path), mode, &file.content);
    }
    tar.link("..data", &state);
    let first = volume.files.iter().filter_map(|file| file.path.split('/').next());
    for name in first.collect::<BTreeSet<_>>() {
        tar.link(name, &format!("..data/{name}"));
    }
    tar.finish()
}

/// Named after its content, so that writing the same twice changes nothing.
fn state(volume: &FileVolume) -> String {
    let mut digest = Sha256::new();
    for file in &volume.files {
        digest.update(format!("{} {:o} {};", file.path, file.mode, file.content.len()));
        digest.update(&file.content);
    }
    let digest = digest.finalize();
    format!("..{}", digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use kubelet::VolumeFile;

    use super::*;

    fn volume(content: &str) -> FileVolume {
        let file = VolumeFile { path: "deep/key".into(), mode: 0o400, content: content.into() };
        FileVolume { name: "v".into(), files: vec![file] }
    }

    #[test]
    fn the_content_of_before_is_gone_once_the_next_is_there() {
        let unpack = |dir: &std::path::Path, archive: &[u8]| {
            std::fs::write(dir.join("in.tar"), archive).unwrap();
            // As engines do: what is there and no folder of both goes, with all that is in it.
            let options = ["--recursive-unlink", "-xf", "in.tar", "-C", "v"];
            assert!(std::process::Command::new("tar").current_dir(dir).args(options).status().unwrap().success());
        };
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        std::fs::create_dir_all(dir.join("v")).unwrap();
        let (old, new) = (volume("old"), volume("new"));
        unpack(dir, &archive(&old, 0));
        let target = std::fs::read_link(dir.join("v/..data")).unwrap();
        assert_eq!(state_named(target.to_str().unwrap()), Some(state(&old)));
        unpack(dir, &archive(&new, 0));
        unpack(dir, &no_state(&state(&old)));
        assert_eq!(std::fs::read_to_string(dir.join("v/deep/key")).unwrap(), "new");
        assert!(std::fs::symlink_metadata(dir.join("v").join(state(&old))).unwrap().is_symlink(), "no content is left");
        let named = ["/remotegpu-files/v/..data", "..", "", "/remotegpu-files/v/..0123456789abcdex"];
        assert_eq!(named.map(state_named), [None, None, None, None], "nothing else is ever replaced");
    }

    #[test]
    fn what_only_fills_volumes_of_a_pod_without_containers_is_left_over() {
        let labels = |uid: &str, container: Option<&str>| {
            let container = container.map(|name| (CONTAINER.to_owned(), name.to_owned()));
            [(POD_UID.to_owned(), uid.to_owned())].into_iter().chain(container).collect::<HashMap<_, _>>()
        };
        let all = [labels("a", None), labels("a", Some("app")), labels("b", None), labels("c", Some("app"))];
        assert_eq!(left_over(all.iter()).into_iter().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_new_content_lives_in_a_new_folder() {
        assert_ne!(state(&volume("1")), state(&volume("2")));
        assert_eq!(archive(&volume("1"), 0), archive(&volume("1"), 0));
        let names = String::from_utf8_lossy(&archive(&volume("1"), 7)).into_owned();
        for name in ["..data", "deep", "/deep/key", "..data/deep"] {
            assert!(names.contains(name), "{name}");
        }
    }
}
