//! The system parts that the tests need: database, browser, container engine, small tools.
//! Installed where we are root on Debian, otherwise named with the command to type.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use localplane::Stop;
use localplane::binaries::find_program;

use super::{browser, postgres};
use crate::say::Say;
use crate::shell;

/// Sees that everything is there.
///
/// # Errors
/// When something is missing and cannot be installed: names it and the command.
pub fn install(quick: bool, say: &Say, stop: &Stop) -> Result<()> {
    let packages = missing(quick);
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    let advice =
        format!("missing system parts: type `sudo apt-get install --yes {names}` (or what your system calls them)");
    if !nix::unistd::geteuid().is_root() || find_program("apt-get").is_none() {
        bail!("{advice}");
    }
    say.step(format!("Installing {names}"));
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "--quiet"]).args(arguments);
        shell::run("apt-get", &mut apt, stop)
    };
    apt(&["update"]).context(advice.clone())?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments).context(advice)
}

/// The Debian packages of what is not there.
fn missing(quick: bool) -> Vec<&'static str> {
    let mut packages = Vec::new();
    let mut want = |is_there: bool, names: &[&'static str]| {
        if !is_there {
            packages.extend_from_slice(names);
        }
    };
    want(postgres::programs().is_some(), &["postgresql"]);
    want(find_program("curl").is_some(), &["curl"]);
    want(find_program("ip").is_some(), &["iproute2"]);
    want(find_program("faketime").is_some(), &["faketime"]);
    if !quick {
        want(browser::chromium().is_some(), &["chromium"]);
        // The network parts are only recommended by the package podman of Debian 12.
        want(find_program("podman").is_some(), &["podman", "netavark", "aardvark-dns", "iptables"]);
        want(find_program("runc").is_some(), &["runc"]);
        want(find_program("docker-registry").is_some(), &["docker-registry"]);
        want(Path::new("/bin/busybox").is_file(), &["busybox-static"]);
    }
    packages
}
