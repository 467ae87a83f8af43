//! The official releases, each file checked against its published SHA-256.
//! Saves the five minutes of a build where the release servers can be reached; gives up quickly where they cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::{Pins, Progress, Tool, find_program};
use crate::wait::{self, Stop};

const KUBERNETES: &str = "https://dl.k8s.io";
const ETCD: &str = "https://github.com/etcd-io/etcd/releases/download";

/// Downloads `tools` into `dir`.
///
/// # Errors
/// At the first file that cannot be had or does not match its checksum; nothing unchecked is left behind. When `stop` is
/// requested, with [`wait::Interrupted`].
pub fn all(tools: &[Tool], dir: &Path, pins: &Pins, progress: Progress, stop: &Stop) -> Result<()> {
    ensure!(std::env::consts::OS == "linux", "there is no release for {}", std::env::consts::OS);
    ensure!(find_program("curl").is_some(), "curl is not installed");
    for tool in tools {
        match tool.name {
            "etcd" => etcd(dir, pins, progress, stop)?,
            _ => kubernetes(*tool, dir, pins, progress, stop)?,
        }
    }
    Ok(())
}

fn kubernetes(tool: Tool, dir: &Path, pins: &Pins, progress: Progress, stop: &Stop) -> Result<()> {
    let url = format!("{KUBERNETES}/{}/bin/linux/{}/{}", pins.kubernetes, architecture()?, tool.name);
    let sum = fetch_text(&format!("{url}.sha256"), stop)?;
    progress(&format!("Downloading {} {}", tool.name, pins.kubernetes));
    let part = dir.join(format!("{}.part", tool.name));
    fetch(&url, &part, stop)?;
    accept(&part, sum.trim(), &dir.join(tool.name))
}

fn etcd(dir: &Path, pins: &Pins, progress: Progress, stop: &Stop) -> Result<()> {
    let name = format!("etcd-{}-linux-{}", pins.etcd, architecture()?);
    let sums = fetch_text(&format!("{ETCD}/{}/SHA256SUMS", pins.etcd), stop)?;
    let sum = sums.lines().find_map(|line| line.strip_suffix(&format!("{name}.tar.gz")));
    let sum = sum.with_context(|| format!("no checksum of {name}.tar.gz is published"))?.trim();
    progress(&format!("Downloading etcd {}", pins.etcd));
    let archive = dir.join("etcd.tar.gz");
    fetch(&format!("{ETCD}/{}/{name}.tar.gz", pins.etcd), &dir.join("etcd.part"), stop)?;
    accept(&dir.join("etcd.part"), sum, &archive)?;
    let member = format!("{name}/etcd");
    let mut unpack = Command::new("tar");
    unpack.args(["-xzf", "etcd.tar.gz", "--strip-components=1", &member]).current_dir(dir);
    let status = unpack.status().context("cannot start tar")?;
    fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))?;
    ensure!(status.success(), "tar cannot unpack {name}.tar.gz");
    Ok(())
}

fn architecture() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("there is no release for {other}"),
    }
}

fn accept(part: &Path, expected: &str, target: &Path) -> Result<()> {
    let bytes = fs::read(part).with_context(|| format!("cannot read {}", part.display()))?;
    let actual: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if actual != expected {
        fs::remove_file(part).with_context(|| format!("cannot remove {}", part.display()))?;
        bail!("{} does not match its published checksum", target.display());
    }
    fs::set_permissions(part, fs::Permissions::from_mode(0o755)).context("cannot make it executable")?;
    fs::rename(part, target).with_context(|| format!("cannot write {}", target.display()))
}

fn fetch_text(url: &str, stop: &Stop) -> Result<String> {
    let output = wait::output(curl("15").arg(url), stop)?;
    ensure!(output.status.success(), "{} is not reachable", host(url));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn fetch(url: &str, target: &PathBuf, stop: &Stop) -> Result<()> {
    let output = wait::output(curl("900").arg("--output").arg(target).arg(url), stop)?;
    ensure!(output.status.success(), "{url} broke off");
    Ok(())
}

fn curl(seconds: &str) -> Command {
    let mut curl = Command::new("curl");
    curl.args([
        "--fail",
        "--silent",
        "--location",
        "--proto",
        "=https",
        "--connect-timeout",
        "4",
        "--max-time",
        seconds,
    ]);
    curl
}

fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_with_its_published_checksum_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (part, target) = (dir.path().join("kubectl.part"), dir.path().join("kubectl"));
        // SHA-256 of "abc": FIPS 180-2, B.1.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        fs::write(&part, "abd").unwrap();
        let error = accept(&part, sum, &target).unwrap_err().to_string();
        assert!(error.ends_with("kubectl does not match its published checksum"), "{error}");
        assert!(!part.exists() && !target.exists(), "nothing unchecked is left");
        fs::write(&part, "abc").unwrap();
        accept(&part, sum, &target).unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o755);
    }
}
