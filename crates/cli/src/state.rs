//! What this program remembers: per console the session and the API key, and which console was used last.
//! Everything lies in `$XDG_CONFIG_HOME/remotegpu`, readable by its owner only.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::private;
use crate::server::Server;

const ROOT: &str = "remotegpu";
const SERVERS: &str = "servers";
const KEY_FILE: &str = "api-key";

/// A session as it is kept. Holds the token: never print it.
#[derive(Serialize, Deserialize)]
pub struct Session {
    /// Its id in the console's list.
    pub id: String,
    /// `rgpus_…`.
    pub token: String,
    /// RFC 3339.
    pub expires_at: String,
}

/// The directory of everything that is kept.
pub struct State {
    root: PathBuf,
}

impl State {
    /// The user's own.
    ///
    /// # Errors
    /// When there is no home directory.
    pub fn of_user() -> Result<Self> {
        Ok(Self { root: base("XDG_CONFIG_HOME", ".config")?.join(ROOT) })
    }

    /// The console of the last login, if any.
    pub fn current(&self) -> Option<Server> {
        Server::parse(private::read(&self.root.join("current")).ok()?.trim()).ok()
    }

    /// The session with a console, if any.
    ///
    /// # Errors
    /// When its file is open to others or was damaged.
    pub fn session(&self, server: &Server) -> Result<Option<Session>> {
        let path = self.session_file(server);
        if !path.exists() {
            return Ok(None);
        }
        let text = private::read(&path)?;
        let damaged = || format!("{} is damaged: run kubectl-remotegpu login again", path.display());
        serde_json::from_str(&text).with_context(damaged).map(Some)
    }

    /// Keeps a session and makes its console the current one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, server: &Server, session: &Session) -> Result<()> {
        self.make_folder(server)?;
        private::write(&self.session_file(server), &serde_json::to_string(session)?, private::OWNER_ONLY)?;
        private::write(&self.root.join("current"), server.as_str(), private::OWNER_ONLY)
    }

    /// Forgets the session with a console; an API key stays.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(&self, server: &Server) -> Result<()> {
        private::remove(&self.session_file(server))
    }

    /// Keeps an API key; gives its file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_key(&self, server: &Server, key: &str) -> Result<PathBuf> {
        self.make_folder(server)?;
        let file = self.key_file(server);
        private::write(&file, &format!("{key}\n"), private::OWNER_ONLY)?;
        Ok(file)
    }

    /// Where the API key for a console is kept.
    pub fn key_file(&self, server: &Server) -> PathBuf {
        self.folder(server).join(KEY_FILE)
    }

    fn session_file(&self, server: &Server) -> PathBuf {
        self.folder(server).join("session.json")
    }

    fn folder(&self, server: &Server) -> PathBuf {
        self.root.join(SERVERS).join(server.folder())
    }

    fn make_folder(&self, server: &Server) -> Result<()> {
        [&self.root, &self.root.join(SERVERS), &self.folder(server)].into_iter().try_for_each(|path| private::dir(path))
    }
}

/// The folder of the console whose key `login` keeps in `file`, if it is such a file. By its place alone: a kubeconfig
/// may set the variables that say where this program keeps its things.
pub fn folder_of_key(file: &Path) -> Option<&str> {
    let mut names = file.iter().rev().map(OsStr::to_str);
    match [(); 4].map(|()| names.next().flatten()) {
        [Some(KEY_FILE), folder, Some(SERVERS), Some(ROOT)] => folder,
        _ => None,
    }
}

/// The directory of cached credentials.
///
/// # Errors
/// When there is no home directory.
pub fn cache_dir() -> Result<PathBuf> {
    Ok(base("XDG_CACHE_HOME", ".cache")?.join(ROOT))
}

/// The user's home.
///
/// # Errors
/// When `HOME` is not set.
pub fn home() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    home.context("HOME is not set: there is no place to keep anything")
}

/// `$variable` if it is an absolute path, as the specification of the base directories demands; else below home.
fn base(variable: &str, below_home: &str) -> Result<PathBuf> {
    match std::env::var_os(variable).map(PathBuf::from) {
        Some(path) if path.is_absolute() => Ok(path),
        _ => Ok(home()?.join(Path::new(below_home))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_kept_per_console_and_forgotten_without_the_key() {
        let home = tempfile::tempdir().unwrap();
        let state = State { root: home.path().join("remotegpu") };
        let (one, other) =
            (Server::parse("https://one.example").unwrap(), Server::parse("https://other.example").unwrap());
        assert!(state.current().is_none() && state.session(&one).unwrap().is_none());
        let session =
            |id: &str| Session { id: id.into(), token: "rgpus_x".into(), expires_at: "2027-01-01T00:00:00Z".into() };
        state.keep(&one, &session("a")).unwrap();
        state.keep(&other, &session("b")).unwrap();
        let key = state.keep_key(&one, "rgpu_x").unwrap();
        assert_eq!(state.current(), Some(other));
        assert_eq!(state.session(&one).unwrap().unwrap().id, "a");
        state.forget(&one).unwrap();
        assert!(state.session(&one).unwrap().is_none());
        assert_eq!(private::read(&key).unwrap(), "rgpu_x\n");
    }

    #[test]
    fn a_damaged_file_says_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let state = State { root: home.path().to_owned() };
        let server = Server::parse("https://one.example").unwrap();
        state.make_folder(&server).unwrap();
        private::write(&state.session_file(&server), "{", private::OWNER_ONLY).unwrap();
        assert!(format!("{:#}", state.session(&server).err().unwrap()).contains("login again"));
    }
}
