//! The versions that `go.mod` pins, and the cache folder that is named after them.
//! Both files are part of the program, so that a copy of it elsewhere builds exactly the same.

use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::Tool;

pub const GO_MOD: &str = include_str!("../../go.mod");
pub const GO_SUM: &str = include_str!("../../go.sum");

/// The versions of one `go.mod`.
#[derive(Clone, Debug)]
pub struct Pins {
    /// With its `v`, such as `v1.36.3`.
    pub kubernetes: String,
    /// With its `v`, such as `v3.7.3`.
    pub etcd: String,
    fingerprint: String,
}

impl Pins {
    /// Reads the versions out of `go.mod`.
    ///
    /// # Errors
    /// When a pinned module is missing there.
    pub fn read() -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update(GO_MOD);
        hash.update(GO_SUM);
        let fingerprint = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            kubernetes: version_of("k8s.io/kubernetes")?,
            etcd: version_of("go.etcd.io/etcd/server/v3")?,
            fingerprint,
        })
    }

    /// `$HOME/.cache/remotegpu/localplane/<kubernetes version>-<first 12 digits of the hash of go.mod and go.sum>`.
    ///
    /// # Errors
    /// When `HOME` is not set.
    pub fn cache_dir(&self) -> Result<PathBuf> {
        let home = std::env::var_os("HOME").context("HOME is not set: it holds the cache of the control plane")?;
        let name = format!("{}-{}", self.kubernetes, self.fingerprint);
        Ok(PathBuf::from(home).join(".cache/remotegpu/localplane").join(name))
    }

    /// Major and minor number of Kubernetes, such as `("1", "36")`.
    pub fn kubernetes_minor(&self) -> (&str, &str) {
        let mut parts = self.kubernetes.trim_start_matches('v').split('.');
        (parts.next().unwrap_or("0"), parts.next().unwrap_or("0"))
    }

    /// The version text that exactly our build of `tool` prints.
    pub fn exact(&self, tool: Tool) -> String {
        if tool.name == "etcd" { self.etcd.trim_start_matches('v').to_owned() } else { self.kubernetes.clone() }
    }

    /// Whether a program found elsewhere will do: the same minor version of Kubernetes; etcd 3.6 or 3.7, which
    /// Kubernetes 1.36 supports.
    pub fn fits(&self, tool: Tool, version_text: &str) -> bool {
        let (major, minor) = self.kubernetes_minor();
        if tool.name == "etcd" {
            ["etcd Version: 3.6.", "etcd Version: 3.7."].iter().any(|known| version_text.contains(known))
        } else {
            version_text.contains(&format!(" v{major}.{minor}."))
        }
    }
}

fn version_of(module: &str) -> Result<String> {
    let line = GO_MOD.lines().map(|line| line.trim().trim_start_matches("require ").trim_start());
    line.filter_map(|line| line.strip_prefix(module)?.strip_prefix(" v"))
        .map(|rest| format!("v{}", rest.split_whitespace().next().unwrap_or_default()))
        .next()
        .with_context(|| format!("go.mod does not pin {module}"))
}

#[cfg(test)]
mod tests {
    use super::super::TOOLS;
    use super::*;

    #[test]
    fn the_pins_come_from_go_mod() {
        let pins = Pins::read().unwrap();
        assert!(pins.kubernetes.starts_with("v1."), "{pins:?}");
        assert!(pins.etcd.starts_with("v3."), "{pins:?}");
        assert_eq!(pins.fingerprint.len(), 12);
    }

    #[test]
    fn every_program_is_a_tool_of_go_mod() {
        for tool in TOOLS {
            assert!(GO_MOD.contains(&format!("\n\t{}\n", tool.package)), "{}", tool.package);
        }
    }

    #[test]
    fn another_minor_version_on_path_does_not_fit() {
        let pins = Pins { kubernetes: "v1.36.3".into(), etcd: "v3.7.3".into(), fingerprint: String::new() };
        assert!(pins.fits(TOOLS[1], "Kubernetes v1.36.9"));
        assert!(!pins.fits(TOOLS[1], "Kubernetes v1.30.4"));
        assert!(pins.fits(TOOLS[0], "etcd Version: 3.6.1"));
        assert!(!pins.fits(TOOLS[0], "etcd Version: 3.4.30"));
    }
}
