//! A PostgreSQL of our own for the contract tests, with its data in the test's folder.
//! It refuses to run as root: then it runs as `postgres`, or as `nobody`.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use localplane::binaries::find_program;
use localplane::{Ports, Process, Stop, wait};
use nix::unistd::User;

use crate::say::Say;
use crate::shell;

/// Good for one run on loopback; the data is thrown away.
const PASSWORD: &str = "only-for-this-test-run";

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a new data folder and starts the server on a free port of loopback.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub fn start(dir: &Path, say: &Say, stop: &Stop) -> Result<Self> {
        let programs = programs().context("PostgreSQL is not installed: type `sudo apt-get install postgresql`")?;
        say.step(format!("Starting PostgreSQL from {}", programs.display()));
        let owner = owner()?;
        // Beside `dir`, which only its owner may enter: the server runs as somebody else.
        let folder = tempfile::Builder::new().prefix("remotegpu-postgres-").tempdir()?.keep();
        give_folder(&folder, owner.as_ref())?;
        let data = folder.join("data");
        let as_owner = |program: &str| as_owner(&programs.join(program), &folder, owner.as_ref());
        let secret = folder.join("password");
        let mut initdb = as_owner("initdb");
        initdb.arg("--pgdata").arg(&data).arg("--pwfile").arg(&secret);
        initdb.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        shell::quiet("initdb", &mut initdb)?;
        let port = Ports::open(dir)?.get("postgres", std::net::Ipv4Addr::LOCALHOST.into())?;
        let mut server = as_owner("postgres");
        server.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        for setting in ["unix_socket_directories=", "fsync=off", "full_page_writes=off", "max_connections=200"] {
            server.args(["-c", setting]);
        }
        let process = Process::spawn("postgres", &mut server, &dir.join("logs"))?;
        let mut postgres = Self { process, folder, port };
        let asks = programs.join("pg_isready");
        wait::until("the start of PostgreSQL", Duration::from_secs(30), stop, || {
            postgres.process.ensure_alive()?;
            let mut ask = Command::new(&asks);
            ask.args(["--quiet", "--host=127.0.0.1", "--port", &port.to_string()]);
            Ok(ask.status().is_ok_and(|status| status.success()).then_some(()))
        })?;
        Ok(postgres)
    }

    /// The address with user and password, of the database `postgres`.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Makes an empty database; gives its address.
    ///
    /// # Errors
    /// When there is one of this name.
    pub fn database(&self, name: &str) -> Result<String> {
        let mut create = Command::new(programs().context("PostgreSQL is not installed any more")?.join("createdb"));
        create.env("PGPASSWORD", PASSWORD).args(["--host=127.0.0.1", "--username=postgres"]);
        create.arg(format!("--port={}", self.port)).arg(name);
        shell::quiet("createdb", &mut create)?;
        Ok(self.url_of(name))
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.process.stop();
        let _kept_if_busy = fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the newest server programs.
pub fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_string_lossy().parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).filter_map(|path| Some((number(&path)?, path))).max();
    let debian = newest.map(|(_, path)| path.join("bin")).filter(|path| path.join("initdb").is_file());
    debian.or_else(|| find_program("initdb")?.parent().map(Path::to_owned))
}

/// Whom to run as: nobody else unless we are root.
fn owner() -> Result<Option<User>> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    let known = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
    known.map(Some).context("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`")
}

fn as_owner(program: &Path, folder: &Path, owner: Option<&User>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C");
    if let Some(owner) = owner {
        command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
    }
    command
}

fn give_folder(folder: &Path, owner: Option<&User>) -> Result<()> {
    let secret = folder.join("password");
    fs::write(&secret, PASSWORD).with_context(|| format!("cannot write {}", folder.display()))?;
    if let Some(owner) = owner {
        for path in [folder, &secret] {
            let given = chown(path, Some(owner.uid.as_raw()), Some(owner.gid.as_raw()));
            given.with_context(|| format!("cannot give {} to {}", path.display(), owner.name))?;
        }
    }
    Ok(())
}
