//! What file volumes hold: ConfigMaps, Secrets, fields of the pod and tokens, resolved by the rules of Kubernetes. Pure.
//! The token volume that admission adds to every pod is left out, but for pods that may speak to the API server.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Debug, Formatter},
};

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, Pod, ServiceAccountTokenProjection, Volume};
use sha2::{Digest, Sha256};

use crate::{
    env::{NodeValues, Problem, field_value, resource_value},
    env_sources::{Source, SourceKind, Sources},
    refuse_volumes::is_api_access,
    tokens::Tokens,
};

/// Mode of a file for which nothing else is asked.
const MODE: u32 = 0o644;
/// Bytes of all files of one pod: each key of an object can be asked for as often as a pod has room to say so.
const MOST_BYTES: usize = 32 << 20;
/// What a file costs besides its content.
const HEAD: usize = 512;

/// One volume of files, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct FileVolume {
    /// Name of the volume in the pod.
    pub name: String,
    /// Its files; none for a volume whose optional sources are missing.
    pub files: Vec<VolumeFile>,
}

/// One file of a volume.
#[derive(Clone, PartialEq, Eq)]
pub struct VolumeFile {
    /// Place inside the volume: relative, `/` between folders, no `..`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Content; may be secret.
    pub content: Vec<u8>,
}

impl Debug for FileVolume {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FileVolume").field("name", &self.name).field("files", &self.files).finish()
    }
}

impl Debug for VolumeFile {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} bytes)", self.path, self.content.len())
    }
}

/// What a pod's volumes are made of.
pub(crate) struct Ingredients<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) node: NodeValues<'a>,
    pub(crate) sources: &'a Sources,
    pub(crate) tokens: &'a Tokens,
    /// The pod may speak to the API server of its cluster.
    pub(crate) api_access: bool,
}

/// The volumes of a pod that hold files, that for the API server only with `api_access`.
pub(crate) fn file_volumes(pod: &Pod, api_access: bool) -> impl Iterator<Item = &Volume> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    volumes.iter().filter(move |volume| {
        let of_files = volume.config_map.is_some()
            || volume.secret.is_some()
            || volume.downward_api.is_some()
            || volume.projected.is_some();
        of_files && (api_access || !is_api_access(volume))
    })
}

/// The objects that a pod's volumes refer to.
pub(crate) fn references(pod: &Pod, api_access: bool) -> BTreeSet<(SourceKind, String)> {
    let mut all = BTreeSet::new();
    for volume in file_volumes(pod, api_access) {
        all.extend(volume.config_map.iter().map(|one| (SourceKind::ConfigMap, one.name.clone())));
        let secret = volume.secret.iter().filter_map(|one| one.secret_name.clone());
        all.extend(secret.map(|name| (SourceKind::Secret, name)));
        for source in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
            all.extend(source.config_map.iter().map(|one| (SourceKind::ConfigMap, one.name.clone())));
            all.extend(source.secret.iter().map(|one| (SourceKind::Secret, one.name.clone())));
        }
    }
    all
}

/// The tokens that a pod's volumes ask for.
pub(crate) fn token_requests(pod: &Pod, api_access: bool) -> impl Iterator<Item = &ServiceAccountTokenProjection> {
    let projected = file_volumes(pod, api_access).filter_map(|volume| volume.projected.as_ref());
    projected.flat_map(|one| one.sources.iter().flatten()).filter_map(|source| source.service_account_token.as_ref())
}

/// # Errors
/// The first mandatory source that is not there, or more than fits into memory: the containers must not be created.
pub(crate) fn resolve_files(from: &Ingredients) -> Result<Vec<FileVolume>, Problem> {
    let mut left = MOST_BYTES;
    file_volumes(from.pod, from.api_access).map(|volume| from.volume(volume, &mut left)).collect()
}

/// Equal for equal content: whether a volume must be written again.
pub(crate) fn digest(volumes: &[FileVolume]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for volume in volumes {
        digest.update(format!("{}/{};", volume.name, volume.files.len()));
        for file in &volume.files {
            digest.update(format!("{} {:o} {};", file.path, file.mode, file.content.len()));
            digest.update(&file.content);
        }
    }
    digest.finalize().into()
}

/// Files by their path; a later source replaces an earlier one.
struct Files<'a> {
    by_path: BTreeMap<String, (u32, Vec<u8>)>,
    /// Bytes that the pod may still have.
    left: &'a mut usize,
}

/// Which keys of an object become files.
struct Wanted<'a> {
    kind: SourceKind,
    name: &'a str,
    items: &'a [KeyToPath],
    optional: bool,
    mode: u32,
}

// === impl Files ===

impl Files<'_> {
    fn put(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<(), Problem> {
        let Some(left) = self.left.checked_sub(HEAD + content.len()) else {
            let message = format!("The volumes of this pod hold more than {} MiB of files", MOST_BYTES >> 20);
            return Err(Problem { reason: "UnsupportedPod".into(), message });
        };
        *self.left = left;
        self.by_path.insert(path.to_owned(), (mode, content.to_vec()));
        Ok(())
    }
}

// === impl Ingredients ===

impl Ingredients<'_> {
    fn volume(&self, volume: &Volume, left: &mut usize) -> Result<FileVolume, Problem> {
        let mut files = Files { by_path: BTreeMap::new(), left };
        if let Some(map) = &volume.config_map {
            let (items, optional) = (map.items.as_deref().unwrap_or_default(), map.optional == Some(true));
            let wanted =
                Wanted { kind: SourceKind::ConfigMap, name: &map.name, items, optional, mode: mode(map.default_mode) };
            self.object(&mut files, &wanted)?;
        } else if let Some(secret) = &volume.secret {
            let (items, optional) = (secret.items.as_deref().unwrap_or_default(), secret.optional == Some(true));
            let name = secret.secret_name.as_deref().unwrap_or_default();
            let wanted = Wanted { kind: SourceKind::Secret, name, items, optional, mode: mode(secret.default_mode) };
            self.object(&mut files, &wanted)?;
        } else if let Some(downward) = &volume.downward_api {
            self.fields(&mut files, downward.items.as_deref().unwrap_or_default(), mode(downward.default_mode))?;
        } else if let Some(projected) = &volume.projected {
            for source in projected.sources.iter().flatten() {
                self.projection(&mut files, source, mode(projected.default_mode))?;
            }
        }
        let files = files.by_path.into_iter().map(|(path, (mode, content))| VolumeFile { path, mode, content });
        Ok(FileVolume { name: volume.name.clone(), files: files.collect() })
    }

    fn projection(
        &self,
        files: &mut Files,
        source: &k8s_openapi::api::core::v1::VolumeProjection,
        mode: u32,
    ) -> Result<(), Problem> {
        if let Some(map) = &source.config_map {
            let (items, optional) = (map.items.as_deref().unwrap_or_default(), map.optional == Some(true));
            self.object(files, &Wanted { kind: SourceKind::ConfigMap, name: &map.name, items, optional, mode })?;
        }
        if let Some(secret) = &source.secret {
            let (items, optional) = (secret.items.as_deref().unwrap_or_default(), secret.optional == Some(true));
            self.object(files, &Wanted { kind: SourceKind::Secret, name: &secret.name, items, optional, mode })?;
        }
        if let Some(downward) = &source.downward_api {
            self.fields(files, downward.items.as_deref().unwrap_or_default(), mode)?;
        }
        if let Some(wanted) = &source.service_account_token {
            let token =
                self.tokens.get(wanted).map_err(|message| Problem { reason: "FailedToCreateToken".into(), message })?;
            files.put(&wanted.path, mode, token.as_bytes())?;
        }
        Ok(())
    }

    fn object(&self, files: &mut Files, wanted: &Wanted) -> Result<(), Problem> {
        let Wanted { kind, name, items, optional, mode } = *wanted;
        let (word, necessity) = (kind.name(), if optional { "Optional" } else { "Mandatory" });
        let problem = |what: &str, message| Err(Problem { reason: format!("{what}{necessity}{word}"), message });
        let data = match self.sources.get(&(kind, name.to_owned())) {
            Some(Source::Found(data)) => data,
            Some(Source::Unreadable(error)) => {
                return problem("FailedToRead", format!("{word} {name} could not be read: {error}"));
            }
            Some(Source::Missing) | None if optional => return Ok(()),
            Some(Source::Missing) | None => {
                let message = format!("{word} {name} does not exist");
                return Err(Problem { reason: format!("Mandatory{word}NotFound"), message });
            }
        };
        if items.is_empty() {
            data.iter().try_for_each(|(key, value)| files.put(key, mode, value))?;
        }
        for item in items {
            match data.get(&item.key) {
                Some(value) => files.put(&item.path, item.mode.map_or(mode, bits), value)?,
                None if optional => {}
                None => {
                    let message = format!("{word} {name} has no key {}", item.key);
                    return Err(Problem { reason: format!("Mandatory{word}KeyNotFound"), message });
                }
            }
        }
        Ok(())
    }

    fn fields(&self, files: &mut Files, items: &[DownwardAPIVolumeFile], mode: u32) -> Result<(), Problem> {
        let first = self.pod.spec.as_ref().and_then(|spec| spec.containers.first());
        for item in items {
            let value = match (&item.field_ref, &item.resource_field_ref, first) {
                (Some(field), ..) => field_value(self.pod, &self.node, &field.field_path)?,
                (None, Some(resource), Some(first)) => {
                    resource_value(self.pod, first, self.node.allocatable, resource)?
                }
                _ => continue,
            };
            files.put(&item.path, item.mode.map_or(mode, bits), value.as_bytes())?;
        }
        Ok(())
    }
}

fn mode(wanted: Option<i32>) -> u32 {
    wanted.map_or(MODE, bits)
}

fn bits(mode: i32) -> u32 {
    u32::try_from(mode).unwrap_or(MODE) & 0o777
}

#[cfg(test)]
mod tests;
