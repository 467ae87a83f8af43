//! The API key: from a file only its owner reads, from the environment, or the one that `login` made.
//!
//! The address that asks for it stands in a kubeconfig, which somebody else may have written. So a key that is known to
//! be for one console goes to no other. One in the environment is for any, unless the person says which console they
//! mean: the kubeconfigs of a console work with that one variable alone.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use domain::api_key::KeyText;
use secrecy::SecretString;

use crate::private;
use crate::server::Server;
use crate::state::{self, State};

const VARIABLE: &str = "REMOTEGPU_API_KEY";
const SERVER: &str = "REMOTEGPU_SERVER";

/// Finds the key for `server`: a named file wins over the environment, that over the key of `login`.
///
/// # Errors
/// When there is none, it is for another console, its file is open to others, or its text cannot be a key. The key
/// itself is never in the error.
pub fn find(server: &Server, file: Option<&Path>) -> Result<SecretString> {
    let text = match (file, std::env::var(VARIABLE)) {
        (Some(file), _) => named(server, file)?,
        (None, Ok(text)) if !text.trim().is_empty() => {
            let said = std::env::var_os(SERVER).map(|said| said.to_string_lossy().into_owned());
            meant(server, said.as_deref().unwrap_or_default())?;
            text
        }
        (None, Err(std::env::VarError::NotUnicode(_))) => bail!("Invalid API key"),
        (None, _) => kept(server)?,
    };
    match KeyText::parse(&text) {
        Ok(key) => Ok(SecretString::from(key.whole)),
        Err(error) => bail!("{error}"),
    }
}

/// By the variable alone and not by `--server`, which a kubeconfig could hold as it holds `--url`.
fn meant(server: &Server, said: &str) -> Result<()> {
    if said.trim().is_empty() {
        return Ok(());
    }
    let meant = Server::parse(said)?;
    ensure!(
        meant == *server,
        "This kubeconfig asks for {}, but {SERVER} says {}: {VARIABLE} goes there only",
        server.as_str(),
        meant.as_str()
    );
    Ok(())
}

fn named(server: &Server, file: &Path) -> Result<String> {
    let place = file.canonicalize().unwrap_or_default();
    if state::folder_of_key(&place).is_some_and(|folder| folder != server.folder()) {
        bail!("{} is the key for another console: this kubeconfig asks for {}", file.display(), server.as_str());
    }
    private::read(file)
}

fn kept(server: &Server) -> Result<String> {
    let file = State::of_user().ok().map(|state| state.key_file(server)).filter(|file| file.exists());
    match file {
        Some(file) => named(server, &file),
        // To the letter what the other kinds of kubeconfig print (RULINGS 9).
        None => bail!("Missing API key: {VARIABLE} is not set"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_environment_is_for_the_console_that_the_person_means() {
        let server = Server::parse("https://console.example.com").unwrap();
        for fine in ["", " ", "https://console.example.com", "https://Console.example.com:443/"] {
            assert!(meant(&server, fine).is_ok(), "{fine}");
        }
        for other in
            ["https://evil.example", "https://console.example.com:8443", "https://console.example.com.evil.example"]
        {
            let refused = meant(&server, other).unwrap_err().to_string();
            assert!(refused.contains("REMOTEGPU_SERVER says https://"), "{refused}");
        }
        assert!(meant(&server, "console.example.com").is_err(), "what is no address is no leave either");
    }

    #[test]
    fn a_key_that_login_keeps_is_for_its_own_console_whatever_names_its_file() {
        let home = tempfile::tempdir().unwrap();
        let (one, other) =
            (Server::parse("https://one.example").unwrap(), Server::parse("https://other.example").unwrap());
        let folder = home.path().join("remotegpu/servers").join(one.folder());
        private::dir(&folder).unwrap();
        let (file, link, own) = (folder.join("api-key"), home.path().join("link"), home.path().join("api-key"));
        for place in [&file, &own] {
            private::write(place, "rgpu_x\n", private::OWNER_ONLY).unwrap();
        }
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for place in [&file, &link] {
            assert_eq!(named(&one, place).unwrap(), "rgpu_x\n");
            let refused = named(&other, place).unwrap_err().to_string();
            assert!(refused.contains("is the key for another console") && !refused.contains("rgpu_x"), "{refused}");
        }
        assert_eq!(named(&other, &own).unwrap(), "rgpu_x\n", "a file of the person's own is for any");
        assert!(named(&one, &home.path().join("absent")).is_err());
    }
}
