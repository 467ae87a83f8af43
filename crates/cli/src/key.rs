//! The API key: from a file only its owner reads, from the environment, or the one that `login` made.

use std::path::Path;

use anyhow::{Result, bail};
use domain::api_key::KeyText;
use secrecy::SecretString;

use crate::private;
use crate::server::Server;
use crate::state::State;

const VARIABLE: &str = "REMOTEGPU_API_KEY";

/// Finds the key for `server`: a named file wins over the environment, that over the key of `login`.
///
/// # Errors
/// When there is none, its file is open to others, or its text cannot be a key. The key itself is never in the error.
pub fn find(server: &Server, file: Option<&Path>) -> Result<SecretString> {
    let text = match (file, std::env::var(VARIABLE)) {
        (Some(file), _) => private::read(file)?,
        (None, Ok(text)) if !text.trim().is_empty() => text,
        (None, Err(std::env::VarError::NotUnicode(_))) => bail!("Invalid API key"),
        (None, _) => kept(server)?,
    };
    match KeyText::parse(&text) {
        Ok(key) => Ok(SecretString::from(key.whole)),
        Err(error) => bail!("{error}"),
    }
}

fn kept(server: &Server) -> Result<String> {
    let file = State::of_user().ok().map(|state| state.key_file(server)).filter(|file| file.exists());
    match file {
        Some(file) => private::read(&file),
        // To the letter what the other kinds of kubeconfig print (RULINGS 9).
        None => bail!("Missing API key: {VARIABLE} is not set"),
    }
}
