//! Puts cluster, engine and node together from the flags.
//! Everything that can be wrong with the flags is said here, in one sentence.
use std::{collections::BTreeMap, io::IsTerminal, sync::Arc, time::Duration};

use anyhow::{Context, Error, Result, bail};
use engines::{
    docker::{Docker, gpus},
    kubernetes::Class,
    simulated::Simulated,
};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kubelet::{ApiAccess, ApiServer, Capacity, Gpu, Kubelet, NodeConfig, NodeTaint, Provider, TlsFiles};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    args::{Args, LogLevel, ProviderKind},
    offload::Offload,
};

/// Pods worked on at the same time.
const WORKERS: usize = 128;
/// Number of pods of a simulated node, unless a flag says otherwise.
const SIMULATED_PODS: u32 = 20_000;
/// GPUs of a RunPod node, unless a flag says otherwise: more than a new account may rent.
const RUNPOD_GPUS: u32 = 100;

pub(crate) async fn run(args: Args) -> Result<()> {
    start_log(args.log_level);
    if args.provider == ProviderKind::Runpod {
        args.runpod.key()?;
    }
    warn_of_idle_flags(&args);
    let probes = args.probes()?;
    let (client, server) = connect(&args).await?;
    let shutdown = stop_on_signal()?;
    if args.runpod.list_instances {
        let Some(cluster) = cluster_id(&client, &shutdown).await else { return Ok(()) };
        return args.runpod.print_instances(&cluster, &args.nodename).await;
    }
    let mut offload = None;
    if args.provider == ProviderKind::Kubernetes {
        offload = args.offload.connect(args.gpu_model.as_deref(), &shutdown).await?;
        if offload.is_none() {
            return Ok(());
        }
    }
    let config = node_config(&args, offload.as_ref().and_then(Offload::class)).await?;
    node::address::check(config.address, &server).map_err(Error::msg)?;
    let Some(cluster) = cluster_id(&client, &shutdown).await else { return Ok(()) };
    let provider = provider(&args, &client, &cluster, offload).await?;
    let kubelet = Kubelet::new(client, config, provider);
    let kubelet = probes.into_iter().fold(kubelet, Kubelet::probed_at);
    let kubelet = args.leader.election().into_iter().fold(kubelet, Kubelet::elected);
    kubelet.run(shutdown).await?;
    Ok(())
}

fn start_log(level: LogLevel) {
    let level = format!("{level:?}").to_lowercase();
    let filter = format!("warn,kubelet={level},engines={level},remotegpu_kubelet={level}");
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter));
    log.with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).init();
}

fn warn_of_idle_flags(args: &Args) {
    if args.provider != ProviderKind::Runpod && !args.runpod.datacenter_ids.is_empty() {
        tracing::warn!("--datacenter-ids has no effect without provider runpod");
    }
    if args.provider != ProviderKind::Runpod && args.runpod.adopt_by_annotation {
        tracing::warn!("--adopt-by-annotation has no effect without provider runpod");
    }
    if args.provider != ProviderKind::Runpod && args.runpod.endpoint_slices {
        tracing::warn!("--endpoint-slices has no effect without provider runpod");
    }
    if args.provider != ProviderKind::Runpod && args.runpod.runpod_ssh_key_file.is_some() {
        tracing::warn!("--runpod-ssh-key-file has no effect without provider runpod");
    }
    if args.provider != ProviderKind::Kubernetes && args.offload.mirror_runtime_classes {
        tracing::warn!("--mirror-runtime-classes has no effect without provider kubernetes");
    }
    args.warn_of_published();
    tracing::debug!(namespace = args.namespace, "Kept for published command lines");
}

async fn node_config(args: &Args, class: Option<&Class>) -> Result<NodeConfig> {
    let address = args.address.or_else(node::address::detect);
    let address = address.context("This machine has no address but loopback; give --address")?;
    let gpu = gpu(args).await?.or_else(|| class?.gpu.clone());
    let taints = vec![taint(args, gpu.is_some())];
    let capacity = capacity(args, class)?;
    Ok(NodeConfig {
        name: args.nodename.clone(),
        engine: args.engine.clone().unwrap_or_else(|| args.nodename.clone()),
        address,
        port: args.port,
        capacity,
        gpu,
        taints,
        labels: BTreeMap::new(),
        require_pod_label: args.require_pod_label.clone(),
        reconcile_interval: Duration::from_secs(args.reconcile_interval),
        tls: args.tls_cert_file.clone().zip(args.tls_key_file.clone()).map(|(cert, key)| TlsFiles { cert, key }),
        client_ca: args.client_ca_file.clone(),
        service_account_tokens: args.service_account_tokens,
        strict: args.strict,
        api_access: args.pod_api_server.clone().map(api_access),
        endpoint_slices: endpoint_slices(args),
        workers: WORKERS,
    })
}

/// For the ServiceAccounts that admission lets pods name, too.
fn api_access(server: ApiServer) -> ApiAccess {
    ApiAccess { annotation: engines::ANNOTATION_SERVICE_ACCOUNTS.to_owned(), server }
}

/// By the flags, else by what the engine offers. What nobody owns has no size of its own.
fn capacity(args: &Args, class: Option<&Class>) -> Result<Capacity> {
    let endless = matches!(args.provider, ProviderKind::Runpod | ProviderKind::Simulated);
    let made_up = |value: &str| endless.then(|| value.to_owned());
    let mebi = |bytes: u64| format!("{}Mi", bytes >> 20);
    let capacity = Capacity {
        cpu: args.capacity_cpu.clone().or(class.map(|class| class.cpus.to_string())).or_else(|| made_up("1024")),
        memory: args.capacity_memory.clone().or(class.map(|one| mebi(one.memory_bytes))).or_else(|| made_up("8Ti")),
        ephemeral_storage: args
            .capacity_ephemeral_storage
            .clone()
            .or(class.map(|class| mebi(class.ephemeral_bytes)))
            .or_else(|| made_up("64Ti")),
        pods: args.capacity_pods.or(class.map(|class| class.pods)).or(endless.then_some(SIMULATED_PODS)),
    };
    if args.provider == ProviderKind::Kubernetes && (capacity.cpu.is_none() || capacity.memory.is_none()) {
        bail!("The nodes of the engine's cluster cannot be read: give --capacity-cpu and --capacity-memory");
    }
    Ok(capacity)
}

/// What begins the annotations of Services, if they are looked at.
fn endpoint_slices(args: &Args) -> Option<String> {
    (args.provider == ProviderKind::Runpod && args.runpod.endpoint_slices).then(|| "runpod.io".to_owned())
}

/// The GPUs of the node. A RunPod node has as many as anybody may ask for, of all models.
async fn gpu(args: &Args) -> Result<Option<Gpu>> {
    let runpod = args.provider == ProviderKind::Runpod;
    let count = args.gpu_count.or(runpod.then_some(RUNPOD_GPUS));
    match (&args.gpu_model, count) {
        (Some(model), Some(count)) => Ok(Some(Gpu { model: model.clone(), count, memory_gib: args.gpu_memory_gib })),
        (None, Some(count)) if runpod => Ok(Some(Gpu { model: String::new(), count, memory_gib: None })),
        (None, Some(_)) => bail!("--gpu-count needs --gpu-model"),
        // A Docker host is asked what it has.
        (None, None) if args.provider == ProviderKind::Docker => Ok(gpus::discover().await),
        // Another cluster is asked, too.
        (Some(_), None) if args.provider != ProviderKind::Kubernetes => bail!("--gpu-model needs --gpu-count"),
        (_, None) => Ok(None),
    }
}

/// By the flags, else as published for RunPod, else by what the node has.
fn taint(args: &Args, gpu: bool) -> NodeTaint {
    let provider = |kind: &str| (engines::PROVIDER_TAINT.to_owned(), kind.to_owned());
    let (key, value) = match args.provider {
        ProviderKind::Runpod => provider("runpod"),
        _ if gpu => (Gpu::RESOURCE.to_owned(), "present".to_owned()),
        ProviderKind::Docker => provider("docker"),
        ProviderKind::Kubernetes => provider("kubernetes"),
        ProviderKind::Simulated => provider("simulated"),
    };
    NodeTaint {
        key: args.taint_key.clone().unwrap_or(key),
        value: args.taint_value.clone().unwrap_or(value),
        effect: args.taint_effect,
    }
}

/// A client, and the host of the API server that it calls.
async fn connect(args: &Args) -> Result<(Client, String)> {
    let mut config = match &args.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).with_context(|| format!("Cannot read {}", path.display()))?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await
        }
        None => match Config::incluster() {
            Ok(config) => Ok(config),
            Err(_) => Config::from_kubeconfig(&KubeConfigOptions::default()).await,
        },
    }
    .context("No access to a cluster; give --kubeconfig")?;
    // The node has its own back-off for each pod; retries below it would only hide trouble.
    config.default_retry = false;
    let server = config.cluster_url.host().unwrap_or_default().to_owned();
    Ok((Client::try_from(config).context("The kubeconfig cannot be used")?, server))
}

fn stop_on_signal() -> Result<CancellationToken> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    Ok(shutdown)
}

/// Waits for the cluster, which may start later than we do; `None` if told to stop meanwhile.
async fn cluster_id(client: &Client, shutdown: &CancellationToken) -> Option<String> {
    loop {
        match Kubelet::cluster_id(client).await {
            Ok(id) => return Some(id),
            Err(error) => tracing::warn!(%error, "The cluster does not answer; trying again"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return None,
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
    }
}

async fn provider(args: &Args, client: &Client, cluster: &str, offload: Option<Offload>) -> Result<Arc<dyn Provider>> {
    if let Some(offload) = offload {
        return Ok(Arc::new(offload.provider(client, cluster, &args.nodename)));
    }
    Ok(match args.provider {
        ProviderKind::Kubernetes => bail!("The provider kubernetes needs --provider-kubeconfig"),
        ProviderKind::Docker => Arc::new(Docker::connect(args.provider_endpoint.as_deref(), cluster, &args.nodename)?),
        ProviderKind::Runpod => Arc::new(args.runpod.engine(cluster, &args.nodename)?),
        ProviderKind::Simulated => {
            Arc::new(Simulated::new(Duration::from_secs(args.simulated_start_delay)).with_gpu(gpu(args).await?))
        }
    })
}
