//! Files for a container that has no volumes: one variable holds them all, and the wrapper writes them before the command runs
//! (`virtual-node.md` §3.7). Only for pods that ask for it: whoever has the account can read variables.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use kubelet::{ContainerRequest, InstanceRequest, ProviderError};

/// Mode, path and content of each file; only the wrapper reads it.
pub(super) const VARIABLE: &str = "REMOTEGPU_FILES";

/// All files of the container's mounts; `None` if it mounts no volume of files.
///
/// # Errors
/// [`ProviderError::Unsupported`] for a command that is not known, and so cannot be run afterwards, and for an odd path.
pub(super) fn pack(request: &InstanceRequest, container: &ContainerRequest) -> Result<Option<String>, ProviderError> {
    let mut packed = None;
    for mount in container.spec.volume_mounts.iter().flatten() {
        let Some(volume) = request.files.iter().find(|volume| volume.name == mount.name) else { continue };
        let (name, place) = (&container.spec.name, mount.mount_path.trim_end_matches('/'));
        if container.command.is_empty() {
            return Err(ProviderError::Unsupported(format!(
                "Container {name} mounts the files of volume {}, which are written before its command runs; so it needs a \
                 command, for that of the image is not known",
                volume.name
            )));
        }
        if !place.starts_with('/') || place.contains(char::is_control) {
            return Err(ProviderError::Unsupported(format!(
                "Container {name}: files cannot be written to {:?}; give an absolute path",
                mount.mount_path
            )));
        }
        let packed = packed.get_or_insert_with(String::new);
        for file in &volume.files {
            packed.push_str(&line(&format!("{place}/{}", file.path), file.mode, &file.content));
        }
    }
    Ok(packed)
}

/// As the wrapper reads it.
pub(super) fn line(path: &str, mode: u32, content: &[u8]) -> String {
    format!("{mode:04o} {} {};", STANDARD.encode(path), STANDARD.encode(content))
}
