//! Flags of the node; each that the published RunPod kubelet has keeps its name, meaning and default.
//! A flag beats its environment variable.
use std::{net::IpAddr, path::PathBuf};

use clap::{Parser, ValueEnum};
use kubelet::{ApiServer, TaintEffect};

use crate::{leader::LeaderArgs, offload::OffloadArgs, published::PublishedArgs, runpod::RunPodArgs};

/// Runs one virtual node of a Kubernetes cluster on an engine.
#[derive(Debug, Parser)]
#[command(name = "remotegpu-kubelet", version)]
pub(crate) struct Args {
    /// Name of the Node object
    #[arg(long, default_value = "virtual-runpod")]
    pub(crate) nodename: String,

    /// Namespace of the process's own objects; kept for published command lines, the node's Lease is in kube-node-lease
    #[arg(long, env = "NAMESPACE", default_value = "kube-system")]
    pub(crate) namespace: String,

    /// Kind of engine behind the node
    #[arg(long, value_enum, default_value_t = ProviderKind::Runpod)]
    pub(crate) provider: ProviderKind,

    /// Socket of the engine, unix:///path; default: the usual places of Docker and Podman
    #[arg(long, value_name = "URL")]
    pub(crate) provider_endpoint: Option<String>,

    /// Name of the engine, value of the label remotegpu.ai/engine; default: the node's name
    #[arg(long, value_name = "NAME")]
    pub(crate) engine: Option<String>,

    /// Cluster access; default: in-cluster, then $KUBECONFIG, then the default file
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Address of the kubelet API, published as InternalIP; default: the first non-loopback address. A loopback one is
    /// refused unless the API server is on this machine
    #[arg(long, alias = "internal-ip", env = "VKUBELET_POD_IP", value_name = "IP")]
    pub(crate) address: Option<IpAddr>,

    /// Port of the kubelet API
    #[arg(long, alias = "listen-port", env = "KUBELET_PORT", default_value_t = 10250)]
    pub(crate) port: u16,

    /// Serving certificate of the kubelet API; default: one that the cluster signs, self-signed until it has
    #[arg(long, env = "APISERVER_CERT_LOCATION", requires = "tls_key_file", value_name = "FILE")]
    pub(crate) tls_cert_file: Option<PathBuf>,

    /// Key of the serving certificate
    #[arg(long, env = "APISERVER_KEY_LOCATION", requires = "tls_cert_file", value_name = "FILE")]
    pub(crate) tls_key_file: Option<PathBuf>,

    /// CA of client certificates; default: the one that the cluster publishes in kube-system
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca_file: Option<PathBuf>,

    /// CPU that pods may ask for; default: what the engine has
    #[arg(long, value_name = "QUANTITY")]
    pub(crate) capacity_cpu: Option<String>,

    /// Memory that pods may ask for; default: what the engine has
    #[arg(long, value_name = "QUANTITY")]
    pub(crate) capacity_memory: Option<String>,

    /// Disk that pods may ask for
    #[arg(long, value_name = "QUANTITY")]
    pub(crate) capacity_ephemeral_storage: Option<String>,

    /// Number of pods; default: 110, simulated: 20000
    #[arg(long, value_name = "COUNT")]
    pub(crate) capacity_pods: Option<u32>,

    /// Model of the node's GPUs, as SKUs name it; default: with provider docker those of this machine. With provider
    /// kubernetes it chooses among the models over there, which are counted
    #[arg(long, value_name = "MODEL")]
    pub(crate) gpu_model: Option<String>,

    /// Number of GPUs; with provider runpod the number that may be asked for, default 100
    #[arg(long, value_name = "COUNT")]
    pub(crate) gpu_count: Option<u32>,

    /// Memory of each GPU
    #[arg(long, requires = "gpu_model", value_name = "GIB")]
    pub(crate) gpu_memory_gib: Option<u32>,

    /// Key of the node's taint; default: by the provider
    #[arg(long, env = "VKUBELET_TAINT_KEY", value_name = "KEY")]
    pub(crate) taint_key: Option<String>,

    /// Value of the node's taint; default: by the provider
    #[arg(long, env = "VKUBELET_TAINT_VALUE", value_name = "VALUE")]
    pub(crate) taint_value: Option<String>,

    /// Effect of the node's taint: `NoSchedule`, `PreferNoSchedule` or `NoExecute`
    #[arg(long, env = "VKUBELET_TAINT_EFFECT", default_value = "NoSchedule", value_name = "EFFECT")]
    pub(crate) taint_effect: TaintEffect,

    /// Run only pods with this label; default: every pod that is bound to the node
    #[arg(long, value_name = "KEY")]
    pub(crate) require_pod_label: Option<String>,

    /// Give pods the ServiceAccount tokens that their volumes ask for; the tokens leave the cluster with the pods
    #[arg(long)]
    pub(crate) service_account_tokens: bool,

    /// Refuse pods with fields that this node would leave out; default: run them, and name the fields in an event
    #[arg(long)]
    pub(crate) strict: bool,

    /// API server of the cluster as pods of this engine reach it, `https://host[:port]`: pods of ServiceAccounts that stand in
    /// the annotation remotegpu.ai/service-accounts of their namespace get their token and this address
    #[arg(long, value_name = "URL")]
    pub(crate) pod_api_server: Option<ApiServer>,

    /// Seconds between two full lists of the engine
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) reconcile_interval: u64,

    /// Seconds that the simulated engine takes to start a container
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub(crate) simulated_start_delay: u64,

    #[command(flatten)]
    pub(crate) offload: OffloadArgs,

    #[command(flatten)]
    pub(crate) runpod: RunPodArgs,

    #[command(flatten)]
    pub(crate) leader: LeaderArgs,

    #[command(flatten)]
    pub(crate) published: PublishedArgs,

    /// How much is logged
    #[arg(long, value_enum, default_value_t = LogLevel::Info)]
    pub(crate) log_level: LogLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProviderKind {
    Runpod,
    Docker,
    Kubernetes,
    Simulated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_published_command_line_is_understood() {
        let args = Args::parse_from([
            "remotegpu-kubelet",
            "--nodename=virtual-runpod",
            "--namespace=kube-system",
            "--max-gpu-price=0.5",
            "--log-level=info",
            "--reconcile-interval=30",
            "--internal-ip=192.0.2.7",
            "--listen-port=10250",
        ]);
        assert_eq!((args.provider, args.port), (ProviderKind::Runpod, 10250));
        assert_eq!(args.address, Some([192, 0, 2, 7].into()));
    }

    #[test]
    fn a_taint_keeps_pods_off_unless_another_effect_is_asked_for() {
        let effect = |flags: &[&str]| {
            let line = ["remotegpu-kubelet"].into_iter().chain(flags.iter().copied());
            Args::try_parse_from(line).ok().map(|args| args.taint_effect)
        };
        assert_eq!(effect(&[]), Some(TaintEffect::NoSchedule));
        assert_eq!(effect(&["--taint-effect=NoExecute"]), Some(TaintEffect::NoExecute));
        assert_eq!(effect(&["--taint-effect=Sometimes"]), None);
        let command = Args::command();
        let flag = command.get_arguments().find(|one| one.get_id() == "taint_effect").unwrap();
        assert_eq!(flag.get_env().and_then(|name| name.to_str()), Some("VKUBELET_TAINT_EFFECT"));
    }

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }
}
