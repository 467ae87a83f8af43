//! Flags of the provider runpod: those of the published kubelet, and the limits that keep money safe.
//! The key comes from the environment or a file, never from a flag, where every process could read it.
use std::{io::Write, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use engines::runpod::{ApiKey, PUBLIC_URL, RunPod, RunPodConfig, SshKey};

const KEY: &str = "RUNPOD_API_KEY";

#[derive(Debug, Args)]
#[command(next_help_heading = "Provider runpod")]
pub(crate) struct RunPodArgs {
    /// Dollars per hour that one instance may cost at most, limit included
    #[arg(long, default_value_t = 0.5)]
    pub(crate) max_gpu_price: f64,

    /// Allowed data centres, comma separated; default: any
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    pub(crate) datacenter_ids: Vec<String>,

    /// File with the API key, read anew when it changes; default: the variable RUNPOD_API_KEY
    #[arg(long, value_name = "FILE")]
    pub(crate) runpod_api_key_file: Option<PathBuf>,

    /// File with a private key (ssh-keygen -t ed25519 -N ''), from which the keys of all instances are made: with it exec
    /// and port-forward work where a pod has the port 22/tcp and its image an SSH server; default: they are refused
    #[arg(long, env = "RUNPOD_SSH_PRIVATE_KEY_FILE", value_name = "FILE")]
    pub(crate) runpod_ssh_key_file: Option<PathBuf>,

    /// Address of the API
    #[arg(long, env = "RUNPOD_API_URL", default_value = PUBLIC_URL, value_name = "URL")]
    pub(crate) runpod_api_url: String,

    /// Name of this cluster in the marker of its instances; default: the identity of its namespace kube-system
    #[arg(long, env = "CLUSTER_NAME", value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,

    /// Dollars per hour that all instances of this node may cost together; default: no limit
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) max_hourly_cost: Option<f64>,

    /// Dollars per hour that all instances of one namespace may cost together; default: no limit
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) max_namespace_hourly_cost: Option<f64>,

    /// Hardware types tried for one pod before it waits
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    pub(crate) gpu_candidates: usize,

    /// Container disk of a pod that asks for none, in GB
    #[arg(long, default_value_t = 15, value_name = "GB")]
    pub(crate) container_disk_gb: u32,

    /// Pods that ask for no GPU
    #[arg(long, value_enum, default_value_t = CpuPods::Run)]
    pub(crate) cpu_pods: CpuPods,

    /// Give pods that ask for spot an on-demand instance instead of refusing them
    #[arg(long)]
    pub(crate) spot_on_demand: bool,

    /// Keep EndpointSlices with the public addresses of pods for Services that ask for it by the annotations
    /// runpod.io/managed-endpoints: "true" and runpod.io/pod-selector
    #[arg(long)]
    pub(crate) endpoint_slices: bool,

    /// Minutes after which a pod that could not be started fails; 0 = never
    #[arg(long, default_value_t = 15, value_name = "MINUTES")]
    pub(crate) max_pending_minutes: u64,

    /// Seconds that a new instance may be missing from RunPod's list; nothing is rented a second time before
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) list_lag: u64,

    /// Adopt instances of another kubelet, the published one: what a pod's annotation runpod.io/pod-id names is this node's
    /// from then on, unless it is marked as another's or older than the pod. For the first start after a change; instances
    /// that were adopted are known without it
    #[arg(long)]
    pub(crate) adopt_by_annotation: bool,

    /// Print the instances of this node that still cost something, and end: with 0 if there are none, else with 1
    #[arg(long)]
    pub(crate) list_instances: bool,

    /// Seconds after which a container whose end is watched ends its instance itself; default: activeDeadlineSeconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) max_lifetime: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CpuPods {
    Run,
    Refuse,
}

// === impl RunPodArgs ===

impl RunPodArgs {
    /// The engine, with `cluster` as its identity unless a flag names one.
    pub(crate) fn engine(&self, cluster: &str, node: &str) -> Result<RunPod> {
        if self.max_hourly_cost.is_none() {
            tracing::warn!("No budget: --max-hourly-cost sets how much all instances may cost together");
        }
        tracing::warn!("Every namespace may use every template, volume and credential of the RunPod account");
        if self.adopt_by_annotation {
            tracing::warn!("--adopt-by-annotation believes what pods say: leave it out once all are adopted");
        }
        self.account(cluster, node)
    }

    /// The account as this node sees it.
    fn account(&self, cluster: &str, node: &str) -> Result<RunPod> {
        let config = RunPodConfig {
            max_price_micros: micros(self.max_gpu_price),
            data_centers: self
                .datacenter_ids
                .iter()
                .map(|id| id.trim().to_uppercase())
                .filter(|id| !id.is_empty())
                .collect(),
            budget_micros: self.max_hourly_cost.map(micros),
            namespace_budget_micros: self.max_namespace_hourly_cost.map(micros),
            candidates: self.gpu_candidates,
            disk_gb: self.container_disk_gb,
            cpu_pods: self.cpu_pods == CpuPods::Run,
            spot_on_demand: self.spot_on_demand,
            max_pending: (self.max_pending_minutes > 0).then(|| Duration::from_secs(self.max_pending_minutes * 60)),
            max_lifetime: self.max_lifetime.map(Duration::from_secs),
            adopt_by_annotation: self.adopt_by_annotation,
            lag: Duration::from_secs(self.list_lag),
            ssh: self.ssh_key()?,
            ..RunPodConfig::new(self.cluster_name.as_deref().unwrap_or(cluster), node)
        };
        RunPod::over_https(config, &self.runpod_api_url, self.key()?).context("The API cannot be called")
    }

    /// Prints what would go on costing money without this node.
    ///
    /// # Errors
    /// If there is something, or nobody can tell.
    pub(crate) async fn print_instances(&self, cluster: &str, node: &str) -> Result<()> {
        let costing = self.account(cluster, node)?.costing().await?;
        let mut out = std::io::stdout().lock();
        for one in &costing {
            let state = if one.stopped { "stopped, its disk costs" } else { "rented" };
            let dollars = format!("{}.{:06}", one.micros_per_hour / 1_000_000, one.micros_per_hour % 1_000_000);
            writeln!(out, "{}  {dollars} $/h  {state}  {}", one.id, one.pod)?;
        }
        if costing.is_empty() {
            writeln!(out, "No instance of node {node} costs anything")?;
            return Ok(());
        }
        bail!(
            "{} of node {node} still cost money: delete the pods on it while it runs, or end them at RunPod",
            if costing.len() == 1 { "1 instance".to_owned() } else { format!("{} instances", costing.len()) }
        )
    }

    fn ssh_key(&self) -> Result<Option<SshKey>> {
        let Some(path) = &self.runpod_ssh_key_file else { return Ok(None) };
        let text = std::fs::read_to_string(path).with_context(|| format!("Cannot read {}", path.display()))?;
        let key = SshKey::parse(&text).with_context(|| format!("{} cannot be used", path.display()))?;
        Ok(Some(key))
    }

    /// Whether a key is at hand, asked before anything else is done.
    ///
    /// # Errors
    /// When there is none: what to set.
    pub(crate) fn key(&self) -> Result<ApiKey> {
        if let Some(path) = &self.runpod_api_key_file {
            std::fs::metadata(path).with_context(|| format!("Cannot read {}", path.display()))?;
            return Ok(ApiKey::File(path.clone()));
        }
        match std::env::var(KEY) {
            Ok(key) if !key.trim().is_empty() => Ok(ApiKey::Text(key.trim().to_owned().into())),
            _ => bail!("{KEY} is not set: the provider runpod needs an API key, or --runpod-api-key-file"),
        }
    }
}

/// Dollars in millionths.
fn micros(dollars: f64) -> i64 {
    // A float becomes the nearest whole number and saturates; nobody limits to more than that.
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let micros = (dollars * 1e6).round() as i64;
    micros
}
