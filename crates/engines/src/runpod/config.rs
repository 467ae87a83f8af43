//! Settings of one RunPod node: plain values, read from flags by the binary.
use std::time::Duration;

use domain::outbound::AddressPolicy;

use super::{reach, sold::Sold, ssh::SshKey};

/// Clouds of the provider that pods may be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clouds {
    /// As the pod says; the secure one if it says nothing.
    #[default]
    All,
    /// Data centres.
    Secure,
    /// Machines of other people.
    Community,
}

/// What the engine may rent, and where.
#[derive(Clone, Debug)]
pub struct RunPodConfig {
    /// Name of the node: part of the marker, so that two nodes of one cluster never touch each other's instances.
    pub node: String,
    /// Identity of the cluster: part of the marker.
    pub cluster: String,
    /// Most that one instance may cost, millionths of a dollar per hour, limit included.
    pub max_price_micros: i64,
    /// Allowed data centres; empty = any.
    pub data_centers: Vec<String>,
    /// Allowed clouds.
    pub clouds: Clouds,
    /// What pods get under each SKU, where only that may be rented; `None` = what pods ask for.
    pub sold: Option<Sold>,
    /// Most that all instances of the node may cost together, millionths of a dollar per hour.
    pub budget_micros: Option<i64>,
    /// The same for all instances of one namespace.
    pub namespace_budget_micros: Option<i64>,
    /// Hardware types tried for one pod before it has to wait.
    pub candidates: usize,
    /// Container disk of a pod that asks for none, GB.
    pub disk_gb: u32,
    /// Pods without a GPU get a CPU instance.
    pub cpu_pods: bool,
    /// Pods that ask for spot get an on-demand instance instead of a refusal.
    pub spot_on_demand: bool,
    /// A pod that could not be started for so long fails; `None` = never.
    pub max_pending: Option<Duration>,
    /// A wrapped container that runs longer ends itself, should nobody else be left to do it.
    pub max_lifetime: Option<Duration>,
    /// Opens instances for exec and port-forward; `None` = neither is offered.
    pub ssh: Option<SshKey>,
    /// Where HTTP ports of instances are served: a URL with `{pod}` and `{port}` for the instance's id and the port.
    pub proxy: String,
    /// Where instances and that proxy may be, whatever the API says: public addresses, unless more is named here.
    pub addresses: AddressPolicy,
    /// Instances without a marker are adopted if the annotation of a pod names them.
    pub adopt_by_annotation: bool,
    /// How long a new instance may be missing from lists.
    pub lag: Duration,
    /// An instance whose container is not up by then is on a bad host.
    pub boot_limit: Duration,
}

// === impl RunPodConfig ===

impl RunPodConfig {
    /// The published defaults.
    #[must_use]
    pub fn new(cluster: impl Into<String>, node: impl Into<String>) -> Self {
        Self {
            node: node.into(),
            cluster: cluster.into(),
            max_price_micros: 500_000,
            data_centers: Vec::new(),
            clouds: Clouds::All,
            sold: None,
            budget_micros: None,
            namespace_budget_micros: None,
            candidates: 5,
            disk_gb: 15,
            cpu_pods: true,
            spot_on_demand: false,
            max_pending: Some(Duration::from_secs(15 * 60)),
            max_lifetime: None,
            ssh: None,
            proxy: reach::PROXY.to_owned(),
            addresses: AddressPolicy::default(),
            adopt_by_annotation: false,
            lag: Duration::from_secs(30),
            boot_limit: Duration::from_secs(120),
        }
    }
}

// === impl Clouds ===

impl Clouds {
    /// Where a pod goes that does not say it.
    pub(super) fn usual(self) -> &'static str {
        if self == Self::Community { "COMMUNITY" } else { "SECURE" }
    }

    pub(super) fn allow(self, secure: bool) -> bool {
        match self {
            Self::All => true,
            Self::Secure => secure,
            Self::Community => !secure,
        }
    }
}
