//! What an engine can do and which rules of the cluster that takes: one table for generator and preflight.

use serde::{Deserialize, Serialize};

use super::EngineRight;

/// Something an engine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EngineFeature {
    /// Run pods and commands in them.
    Pods,
    /// Read what they print.
    Logs,
    /// Expose ports under host names.
    Ingress,
    /// Certificates by cert-manager.
    Certificates,
    /// Ray clusters.
    Ray,
    /// Argo workflows.
    Argo,
    /// Volumes that outlive a pod.
    Volumes,
    /// Find nodes and their GPUs.
    GpuDiscovery,
    /// Read what pods use, where metrics-server measures it.
    Metrics,
}

/// One rule of a Role or ClusterRole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RightsRule {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Resources, some with a subresource.
    pub resources: &'static [&'static str],
    /// Verbs.
    pub verbs: &'static [&'static str],
}

const fn rule(group: &'static str, resources: &'static [&'static str], verbs: &'static [&'static str]) -> RightsRule {
    RightsRule { group, resources, verbs }
}

const READ: &[&str] = &["get", "list", "watch"];
const ALL: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete"];

/// The rules of the published `clusterrole.yaml`, in its order.
pub const PUBLISHED: &[RightsRule] = &[
    rule("", &["pods", "pods/status", "pods/exec", "serviceaccounts", "configmaps", "namespaces", "secrets"], ALL),
    rule("networking.k8s.io", &["ingresses"], &["create", "get", "delete"]),
    rule("cert-manager.io", &["certificates"], &["create"]),
    rule("apps", &["deployments"], &["create", "get", "delete", "list"]),
    rule("", &["events"], &["create"]),
    rule("", &["services"], &["create", "get", "delete"]),
    rule("ray.instadeep.io", &["rayclusters"], &["list", "create", "get", "delete"]),
    rule("argoproj.io", &["workflows"], &["get", "patch"]),
];

/// Lets an identity make tokens for the one ServiceAccount that the Role names: itself.
pub const RENEWAL: RightsRule = rule("", &["serviceaccounts/token"], &["create"]);

// === impl EngineFeature ===

impl EngineFeature {
    /// Every feature, in the order of forms and files.
    pub const ALL: [Self; 9] = [
        Self::Pods,
        Self::Logs,
        Self::Ingress,
        Self::Certificates,
        Self::Ray,
        Self::Argo,
        Self::Volumes,
        Self::GpuDiscovery,
        Self::Metrics,
    ];

    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Logs => "logs",
            Self::Ingress => "ingress",
            Self::Certificates => "certificates",
            Self::Ray => "ray",
            Self::Argo => "argo",
            Self::Volumes => "volumes",
            Self::GpuDiscovery => "gpu_discovery",
            Self::Metrics => "metrics",
        }
    }

    /// Reads the wire form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.as_str() == text)
    }

    /// What it is, in words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Pods => "Pods and exec",
            Self::Logs => "Logs",
            Self::Ingress => "Ingress",
            Self::Certificates => "Certificates",
            Self::Ray => "Ray",
            Self::Argo => "Argo",
            Self::Volumes => "Volumes",
            Self::GpuDiscovery => "GPU discovery",
            Self::Metrics => "Metrics",
        }
    }

    /// Reads that only work for the whole cluster.
    pub fn cluster_rules(self) -> &'static [RightsRule] {
        match self {
            Self::Pods => const { &[rule("", &["namespaces"], READ)] },
            Self::Ingress => {
                const {
                    // The ingress controller's Service stands in a namespace of its own.
                    &[rule("networking.k8s.io", &["ingressclasses"], READ), rule("", &["services"], &["list"])]
                }
            }
            Self::Volumes => const { &[rule("storage.k8s.io", &["storageclasses"], READ)] },
            Self::GpuDiscovery => {
                const { &[rule("", &["nodes"], READ), rule("node.k8s.io", &["runtimeclasses"], READ)] }
            }
            Self::Logs | Self::Certificates | Self::Ray | Self::Argo | Self::Metrics => &[],
        }
    }

    /// What it needs in the namespaces in which it may write.
    pub fn namespaced_rules(self) -> &'static [RightsRule] {
        match self {
            Self::Pods => {
                const {
                    &[
                        rule("", &["pods", "configmaps", "secrets"], ALL),
                        rule("", &["pods/status"], &["get"]),
                        // From 1.35 on a WebSocket needs `create` too; older servers ask for `get`.
                        rule("", &["pods/exec"], &["get", "create"]),
                        rule("", &["serviceaccounts", "resourcequotas"], &["get", "list"]),
                        rule("", &["events"], &["get", "list", "watch", "create"]),
                        rule("", &["services"], &["get", "list", "create", "delete"]),
                        rule("apps", &["deployments"], &["get", "list", "create", "delete"]),
                    ]
                }
            }
            Self::Logs => const { &[rule("", &["pods/log"], &["get"])] },
            Self::Ingress => const { &[rule("networking.k8s.io", &["ingresses"], &["get", "create", "delete"])] },
            Self::Certificates => const { &[rule("cert-manager.io", &["certificates"], &["create"])] },
            Self::Ray => const { &[rule("ray.instadeep.io", &["rayclusters"], &["get", "list", "create", "delete"])] },
            Self::Argo => const { &[rule("argoproj.io", &["workflows"], &["get", "patch"])] },
            Self::Volumes => {
                const { &[rule("", &["persistentvolumeclaims"], &["get", "list", "watch", "create", "delete"])] }
            }
            Self::GpuDiscovery => &[],
            Self::Metrics => const { &[rule("metrics.k8s.io", &["pods"], &["list"])] },
        }
    }
}

// === impl RightsRule ===

impl RightsRule {
    /// The rule as single rights; `name` is what `resourceNames` holds.
    pub fn rights(&self, namespace: Option<&str>, name: Option<&str>) -> impl Iterator<Item = EngineRight> {
        let (namespace, name) = (namespace.map(str::to_owned), name.map(str::to_owned));
        let Self { group, resources, verbs } = *self;
        resources.iter().flat_map(move |resource| {
            let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let (namespace, name) = (namespace.clone(), name.clone());
            verbs.iter().map(move |verb| EngineRight {
                group: group.to_owned(),
                resource: resource.to_owned(),
                subresource: subresource.to_owned(),
                verb: (*verb).to_owned(),
                name: name.clone(),
                namespace: namespace.clone(),
            })
        })
    }
}
