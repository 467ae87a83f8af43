//! The marker: the name that tells our instances from everybody else's, and the variables that say whose they are.
//! `rgpu-<8 hex of cluster and node>-<pod UID>`; the provider has no idempotency key, so the unique name is the key.
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Variables of each instance; the tenant may read them, nothing secret is in them.
pub(super) const NAMESPACE: &str = "REMOTEGPU_NAMESPACE";
pub(super) const POD: &str = "REMOTEGPU_POD";
pub(super) const CONTAINER: &str = "REMOTEGPU_CONTAINER";
pub(super) const ATTEMPT: &str = "REMOTEGPU_ATTEMPT";
pub(super) const POD_IP: &str = "REMOTEGPU_POD_IP";
pub(super) const TERMS: &str = "REMOTEGPU_TERMS";
pub(super) const EXIT_MARKER: &str = "REMOTEGPU_EXIT_MARKER";
pub(super) const UNTIL_DELETED: &str = "REMOTEGPU_UNTIL_DELETED";

/// What all markers begin with.
const BEGIN: &str = "rgpu-";

/// Marks the instances of one node of one cluster.
#[derive(Clone, Debug)]
pub(super) struct Marker {
    prefix: String,
}

// === impl Marker ===

impl Marker {
    pub(super) fn new(cluster: &str, node: &str) -> Self {
        let digest = Sha256::digest(format!("{cluster}/{node}"));
        let mut prefix = BEGIN.to_owned();
        for byte in digest.iter().take(4) {
            let _ = write!(prefix, "{byte:02x}");
        }
        prefix.push('-');
        Self { prefix }
    }

    pub(super) fn name(&self, uid: &str) -> String {
        format!("{}{uid}", self.prefix)
    }

    /// Whether a name is one that some node of ours gives, this one or another.
    pub(super) fn is_any(name: &str) -> bool {
        let hash = name.strip_prefix(BEGIN).and_then(|rest| rest.split_once('-')).map(|(hash, _)| hash);
        hash.is_some_and(|hash| hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// The pod's UID; `None` for an instance that is not ours.
    pub(super) fn uid<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.prefix).filter(|uid| !uid.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_nodes_instances_are_recognised() {
        let ours = Marker::new("cluster", "virtual-runpod");
        let uid = "0b5e2f5c-3f5e-4b76-9d63-000000000001";
        let name = ours.name(uid);
        assert!(name.len() <= 60, "{name}");
        assert_eq!(ours.uid(&name), Some(uid));
        for other in [Marker::new("cluster", "other"), Marker::new("other", "virtual-runpod")] {
            assert_eq!(ours.uid(&other.name(uid)), None);
            assert!(Marker::is_any(&other.name(uid)));
        }
        assert_eq!(ours.uid("my-training-pod"), None);
        for name in ["my-training-pod", "rgpu-training", "rgpu-training-pod"] {
            assert!(!Marker::is_any(name), "{name}");
        }
    }
}
