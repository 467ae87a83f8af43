//! Manifests that give a console its rights on a cluster to import: generated, kept for an hour under a random URL.

use domain::engine_manifest::{EngineManifestView, KEPT_SECONDS, KeptManifest, NewEngineManifest};
use domain::permission::Permission;
use domain::{Error, Result};
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use crate::pepper::hex;
use crate::{Backend, Caller};

// 128 bits: the file holds no secret, the id only keeps strangers from reading what somebody plans.
const ID_BYTES: usize = 16;

impl Backend {
    /// Generates the manifests and keeps them for [`KEPT_SECONDS`], so that `kubectl apply -f` can fetch them.
    ///
    /// # Errors
    /// `forbidden` for who may not import engines, [`Error::Invalid`] naming each wrong field.
    pub async fn create_engine_manifest(&self, caller: &Caller, new: NewEngineManifest) -> Result<EngineManifestView> {
        // Operators import the platform's engines, without a role in any account (RULINGS 2).
        if !caller.may(Permission::ManagePlatform) {
            caller.require(Permission::ManageEngines)?;
        }
        let input = new.checked()?;
        let mut bytes = [0_u8; ID_BYTES];
        self.inner.random.fill(&mut bytes);
        let now = self.inner.clock.now();
        let expires_at = now + SignedDuration::from_secs(KEPT_SECONDS);
        let kept = KeptManifest { id: hex(&bytes), input };
        self.inner.store.keep_engine_manifest(&kept, now, expires_at).await?;
        let KeptManifest { id, input } = kept;
        let (url, yaml) = (format!("{}/v1/engine-manifests/{id}.yaml", self.inner.endpoints.console_url), input.yaml());
        Ok(EngineManifestView {
            commands: input.commands(&url),
            url,
            expires_at: expires_at.to_string(),
            sha256: hex(&Sha256::digest(yaml.as_bytes())),
            filename: input.filename(),
            files: input.files(),
            warnings: input.warnings(),
            yaml,
        })
    }

    /// Name and text of a kept file, `<id>.yaml`; with `part`, of one of its parts.
    ///
    /// # Errors
    /// `link_invalid` once it expired; [`Error::NotFound`] for a part that it does not have.
    pub async fn get_engine_manifest(&self, file: &str, part: Option<&str>) -> Result<(String, String)> {
        let id = file.strip_suffix(".yaml").filter(|id| is_id(id)).ok_or_else(Error::link_invalid)?;
        let found = self.inner.store.find_engine_manifest(id, self.inner.clock.now()).await?;
        let input = found.ok_or_else(Error::link_invalid)?;
        let Some(part) = part else { return Ok((input.filename(), input.yaml())) };
        let found = input.files().into_iter().find(|file| file.name == part);
        found.map(|file| (file.name, file.yaml)).ok_or(Error::NotFound)
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 2 * ID_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
