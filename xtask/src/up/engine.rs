//! Finds something that runs containers: Docker's or Podman's socket, or a `podman` program that we start.
//! Without one the console still works: CPU SKUs then go to the simulated engine, and we say so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use localplane::binaries::find_program;
use localplane::{Stop, files, wait};

use super::http;
use super::supervised::Supervised;
use crate::say::Say;

const DOCKER: &str = "/var/run/docker.sock";
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest path that a Unix socket may have on Linux, less the closing zero.
const LONGEST_SOCKET: usize = 107;

/// The socket of a container engine that answers, if there is one. Not `needed`: a podman that does not start is said
/// and done without.
///
/// # Errors
/// When one is needed, and podman is there but its service cannot be started.
pub fn find(needed: bool, dir: &Path, processes: &mut Supervised, say: &Say, stop: &Stop) -> Result<Option<PathBuf>> {
    if let Some(socket) = docker_socket(say) {
        match ping(&socket) {
            Ok(()) => {
                say.step(format!("Containers run in the engine behind {}", socket.display()));
                return Ok(Some(socket));
            }
            Err(why) => say.step(format!(
                "The Docker socket {} is dead ({why:#}): start Docker or remove the socket; looking for podman instead",
                socket.display()
            )),
        }
    }
    let Some(program) = find_program("podman") else {
        say.step("No container engine found: CPU SKUs run simulated. Install docker or podman to run real containers");
        return Ok(None);
    };
    match podman(&program, dir, processes, say, stop) {
        Err(error) if !needed && !stop.requested() => {
            say.step(format!("{error:#}\nCPU SKUs run simulated until it does"));
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// The socket that DOCKER_HOST names, else Docker's usual place if something is there.
fn docker_socket(say: &Say) -> Option<PathBuf> {
    match std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
        None => Some(PathBuf::from(DOCKER)).filter(|socket| socket.exists()),
        Some(host) => {
            let socket = host.strip_prefix("unix://").map(PathBuf::from);
            if socket.is_none() {
                say.step(format!("DOCKER_HOST={host} is not a unix socket: `up` uses only engines of this machine"));
            }
            socket
        }
    }
}

/// Whether an engine answers there.
fn ping(socket: &Path) -> Result<()> {
    let answer = http::over_socket(socket, "GET", "/_ping", PATIENCE)?;
    anyhow::ensure!(answer.status == 200, "it answers {}", answer.status);
    Ok(())
}

/// Starts `podman system service` with a socket in the data directory.
fn podman(program: &Path, dir: &Path, processes: &mut Supervised, say: &Say, stop: &Stop) -> Result<PathBuf> {
    let socket = socket_path(dir);
    // A socket file that nobody listens to any more would keep the service from starting.
    let _not_there = fs::remove_file(&socket);
    let mut command = Command::new(program);
    command.args(["system", "service", "--time=0", &format!("unix://{}", socket.display())]);
    // Its monitor of containers leaves a file `oom` where it was started.
    command.current_dir(dir);
    if let Some(text) = containers_conf() {
        let conf = dir.join("containers.conf");
        files::write_public(&conf, text.as_bytes())?;
        command.env("CONTAINERS_CONF", conf);
    }
    processes.start("podman", &mut command)?;
    let answers = wait::until("the start of podman", Duration::from_secs(30), stop, || {
        processes.ensure_alive()?;
        Ok(ping(&socket).is_ok().then_some(()))
    });
    if let Err(error) = answers {
        // Nobody watches a dead one from here on: what runs without it may go on.
        processes.stop_one("podman");
        return Err(error.context("podman is installed but its service does not start"));
    }
    say.step(format!("Containers run in podman behind {}", socket.display()));
    Ok(socket)
}

fn socket_path(dir: &Path) -> PathBuf {
    let beside = dir.join("podman.sock");
    if beside.as_os_str().len() <= LONGEST_SOCKET {
        return beside;
    }
    std::env::temp_dir().join(format!("remotegpu-podman-{}.sock", std::process::id()))
}

/// Settings for machines without systemd (a container, a small virtual machine), where podman's own do not work: crun
/// fails under a hybrid cgroup hierarchy, and the limits it asks for may be above those of the machine.
fn containers_conf() -> Option<String> {
    if Path::new("/run/systemd/system").exists() || find_program("runc").is_none() {
        return None;
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    // podman lowers its own limit of processes to the kernel's highest id, and cannot give away more than it has.
    let highest = fs::read_to_string("/proc/sys/kernel/pid_max").ok().and_then(|text| text.trim().parse().ok());
    let files = hard_limit(&limits, "Max open files").map(|most| format!("\"nofile={most}:{most}\""));
    let processes = hard_limit(&limits, "Max processes").map(|most| highest.unwrap_or(most).min(most));
    let processes = processes.map(|most| format!("\"nproc={most}:{most}\""));
    let ulimits: Vec<String> = files.into_iter().chain(processes).collect();
    Some(format!(
        "[containers]\ndefault_ulimits = [{}]\n[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n",
        ulimits.join(", ")
    ))
}

/// The hard limit in a line of `/proc/self/limits`; `None` if there is no limit.
fn hard_limit(limits: &str, name: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr};

    use super::*;

    #[test]
    fn the_hard_limit_is_the_second_number() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             63000                96365                processes\n\
                      Max open files            unlimited            unlimited            files\n";
        assert_eq!(hard_limit(limits, "Max processes"), Some(96365));
        assert_eq!(hard_limit(limits, "Max open files"), None);
    }

    #[test]
    fn a_dead_socket_says_that_nobody_listens() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("dead.sock");
        // Bound, never listening. One that listened and is closed may live on for a moment in a program that another test
        // starts just then.
        let held = nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
        nix::sys::socket::bind(held.as_raw_fd(), &UnixAddr::new(&socket).unwrap()).unwrap();
        let error = ping(&socket).unwrap_err();
        assert!(format!("{error:#}").starts_with("nobody listens"), "{error:#}");
    }

    #[test]
    fn a_podman_that_does_not_start_is_said_and_ends_no_start() {
        let dir = tempfile::tempdir().unwrap();
        let mut processes = Supervised::new(dir.path());
        // Ends at once, with an error.
        let error = podman(Path::new("false"), dir.path(), &mut processes, &Say::new(), &Stop::default()).unwrap_err();
        let words = format!("{error:#}");
        assert!(words.starts_with("podman is installed but its service does not start: podman ended"), "{words}");
        processes.ensure_alive().unwrap();
    }

    #[test]
    fn a_deep_data_directory_gets_its_socket_elsewhere() {
        let deep = PathBuf::from(format!("/tmp/{}", "d".repeat(120)));
        assert!(socket_path(&deep).as_os_str().len() <= LONGEST_SOCKET);
    }
}
