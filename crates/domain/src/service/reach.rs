//! Whether a Service's name and address lead to its pods: that depends on the engines that run them.
//!
//! Source: `virtual-node.md`: no virtual node routes the cluster's addresses. What each kind does instead stands here once,
//! for the page and for REST.

use serde::{Deserialize, Serialize};

/// Kinds of engine that the cluster's addresses do not lead to, and what that means there.
const UNREACHED: &[(&str, &str)] = &[
    (
        "docker",
        "Containers of a namespace share a network of their own and reach each other by pod address. The cluster's \
         addresses and names do not lead there.",
    ),
    (
        "runpod",
        "Pods run outside the cluster's network: neither they nor the cluster use these addresses. A pod's public address \
         and ports stand in its status.",
    ),
    ("simulated", "Nothing listens: no traffic arrives."),
    (
        "kubernetes",
        "Pods run in another cluster and do not reach these addresses. A service with the label remotegpu.ai/expose=http \
         is reached over HTTP at the engine's load balancer, under the host name shown, where its feature Ingress is on.",
    ),
];
/// Of a kind that is not known.
const UNKNOWN: &str = "Its node does not say what kind of engine it is: that it is reached is not sure.";

/// Pods behind a Service that one engine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnginePods {
    /// Name of the engine; none for the nodes of the cluster itself.
    pub engine: Option<String>,
    /// Kind of the engine, for example `docker`; empty while its node does not say.
    pub kind: String,
    /// How many.
    pub pods: u32,
}

/// Whether a Service leads to those of its pods that one engine runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceReach {
    /// Name of the engine; null for the nodes of the cluster itself.
    pub engine: Option<String>,
    /// How many of the Service's pods it runs.
    pub pods: u32,
    /// Whether the Service's name and address lead to them.
    pub reached: bool,
    /// Why not; empty if they do.
    pub reason: String,
}

/// What an engine of this kind does with the cluster's addresses; none for a kind that is not known.
pub fn unreached(kind: &str) -> Option<&'static str> {
    UNREACHED.iter().find(|(known, _)| *known == kind).map(|(_, sentence)| *sentence)
}

// === impl ServiceReach ===

impl From<EnginePods> for ServiceReach {
    fn from(behind: EnginePods) -> Self {
        let reason = match &behind.engine {
            None => "",
            Some(_) => unreached(&behind.kind).unwrap_or(UNKNOWN),
        };
        let EnginePods { engine, pods, .. } = behind;
        Self { engine, pods, reached: reason.is_empty(), reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(engine: Option<&str>, kind: &str) -> ServiceReach {
        EnginePods { engine: engine.map(ToOwned::to_owned), kind: kind.to_owned(), pods: 2 }.into()
    }

    #[test]
    fn each_engine_that_a_service_does_not_lead_to_is_named_with_the_reason() {
        for (kind, said) in [
            ("docker", "reach each other by pod address"),
            ("runpod", "outside the cluster's network"),
            ("simulated", "Nothing listens"),
            ("kubernetes", "in another cluster"),
            ("", "not sure"),
            ("of-tomorrow", "not sure"),
        ] {
            let reach = reach(Some("east"), kind);
            assert_eq!((reach.engine.as_deref(), reach.pods, reach.reached), (Some("east"), 2, false), "{kind}");
            assert!(reach.reason.contains(said), "{kind}: {}", reach.reason);
        }
    }

    #[test]
    fn nodes_of_the_cluster_itself_are_reached() {
        let reach = reach(None, "containerd");
        assert_eq!((reach.engine, reach.reached, reach.reason.as_str()), (None, true, ""));
    }
}
