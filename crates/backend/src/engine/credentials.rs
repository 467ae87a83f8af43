//! Credentials of engines as they are stored: sealed to their row. One way to open them, for the checks here and for the
//! process that runs the nodes; never for a person.

use domain::engine::Credentials;
use domain::id::EngineId;
use domain::{Error, Result};
use secrecy::{ExposeSecret as _, SecretString};

use crate::envelope::Place;
use crate::ports::Random;
use crate::{Backend, Envelope};

/// What a sealed text of the engine `id` holds.
///
/// # Errors
/// [`Error::Internal`] when the text was changed, was of another row, or its key is missing.
pub fn open_engine_credentials(envelope: &Envelope, id: EngineId, sealed: &str) -> Result<Credentials> {
    let row = id.to_string();
    let text = envelope.open(place(&row), sealed)?;
    serde_json::from_str(text.expose_secret()).map_err(|_| Error::internal("stored credentials have another form"))
}

/// The text to store for the engine `id`.
///
/// # Errors
/// [`Error::Internal`] when they cannot be sealed.
pub fn seal_engine_credentials(
    envelope: &Envelope,
    random: &dyn Random,
    id: EngineId,
    credentials: &Credentials,
) -> Result<String> {
    let text = SecretString::from(serde_json::to_string(credentials).map_err(Error::internal)?);
    let row = id.to_string();
    envelope.seal(random, place(&row), &text)
}

impl Backend {
    /// The credentials of an engine as they are stored now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone; else as [`open_engine_credentials`].
    pub(super) async fn credentials_of(&self, id: EngineId) -> Result<Credentials> {
        let sealed = self.inner.store.engine_credentials(id).await?.ok_or(Error::NotFound)?;
        open_engine_credentials(&self.inner.envelope, id, &sealed)
    }

    pub(super) fn seal_credentials(&self, id: EngineId, credentials: &Credentials) -> Result<String> {
        seal_engine_credentials(&self.inner.envelope, self.inner.random.as_ref(), id, credentials)
    }
}

fn place(row: &str) -> Place<'_> {
    Place { table: "engines", row, field: "credentials" }
}
