//! The kubectl before the pinned one, for tests only: 1.35 brought the policy for credential plugins and spells its
//! entries otherwise than 1.36.

use std::path::PathBuf;

use anyhow::Result;

use crate::binaries::Progress;
use crate::module::Program;

/// The version is stamped in as for the pinned one: kubectl fails on the text that stands in its source.
pub(crate) const KUBECTL: Program = Program {
    name: "kubectl",
    title: "kubectl 1.35",
    on_path: "kubectl.1.35",
    package: "k8s.io/kubernetes/cmd/kubectl",
    go_mod: include_str!("../kubectl/go.mod"),
    go_sum: include_str!("../kubectl/go.sum"),
    stamp: "-X k8s.io/component-base/version.gitVersion=v1.35.4 -X k8s.io/component-base/version.gitMajor=1 \
            -X k8s.io/component-base/version.gitMinor=35",
    ask: &["version", "--client"],
    answer: "Client Version: v1.35.",
};

/// Finds or makes it.
///
/// # Errors
/// As [`Program::find`].
pub fn kubectl(progress: Progress) -> Result<PathBuf> {
    KUBECTL.find(progress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_is_the_version_of_the_module() {
        let pinned = KUBECTL.go_mod.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "));
        let version = pinned.unwrap().split_whitespace().next().unwrap();
        let stamp = format!("-X k8s.io/component-base/version.gitVersion={version} ");
        assert!(KUBECTL.stamp.starts_with(&stamp), "{version}");
        assert!(format!("Client Version: {version}").starts_with(KUBECTL.answer));
    }
}
