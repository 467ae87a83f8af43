//! The composition root: settings in, a serving console out. Refuses to start on a setting that would be unsafe.
//!
//! Source: `security.md` §9 (Start-up, Shutdown).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::http::Uri;
use backend::ports::{Clock, Credentials as _, Random as _, Sessions};
use backend::{AuditKeys, Backend, Envelope, JwtKeys, Parts, Pepper};
use cluster::{Candidate, ClusterConfig, KubeCluster, Leader, MetricsConfig, Timing};
use domain::kubeconfig::Endpoints;
use domain::outbound::AddressPolicy;
use engines::probe::Probe;
use secrecy::{ExposeSecret as _, SecretString};
use store::SqlStore;
use tokio_util::sync::CancellationToken;

use crate::args::{DatabaseArgs, ServeArgs};
use crate::courier::{self, HttpsCourier};
use crate::exporter::{Exporter, Sources};
use crate::http::client_address::TrustedProxies;
use crate::http::drain::Draining;
use crate::http::rate_limit::RateLimits;
use crate::http::state::{AppParts, AppState};
use crate::http::stream_guard::Recheck;
use crate::http::terminal_limit::Terminals;
use crate::http::{assets, router};
use crate::ledger::{self, LedgerFile};
use crate::loops::Loops;
use crate::oidc::Oidc;
use crate::own::Own;
use crate::public_url::PublicUrl;
use crate::system::{SystemClock, SystemRandom, identity};
use crate::{keks, listeners, log, peppers, secrets};

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// One sentence on the first setting, file or dependency that does not work.
pub async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    log::start(args.log_format);
    let listener = listeners::bind(args.listen, "--listen")?;
    let listening = listener.local_addr()?;
    let public_url = PublicUrl::new(args.public_url.as_deref(), listening)?;
    tracing::info!("Listening on http://{listening}, reached as {}", public_url.as_str());
    let exporter = args.metrics_listen.map(Exporter::install).transpose()?;
    let checked = check(&args, &public_url, listening).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let oidc = Arc::new(providers(&args, &public_url, &clock)?);
    let courier = HttpsCourier::open(checked.addresses.clone(), args.outbound_ca_file.as_deref())?;
    let (draining, shutdown) = (CancellationToken::new(), CancellationToken::new());
    listeners::end_on_signals(draining.clone(), Duration::from_secs(args.drain_seconds), shutdown.clone())?;
    let store = if args.migrate { open_store(&args.database).await? } else { open_migrated(&args.database).await? };
    let (backend, leader) = backend(checked, store.clone(), clock.clone(), &shutdown).await?;
    bootstrap(&args, &backend).await?;
    peppers::check(&backend).await?;
    keks::check(&backend).await?;
    let ledger = ledger_file(&args)?;
    let sessions: Arc<dyn Sessions> = Arc::new(store.clone());
    let loops = Loops::start(&backend, leader, sessions.clone(), clock.clone(), &shutdown);
    if let Some(exporter) = exporter {
        let sources = Sources { backend: backend.clone(), store: store.clone(), clock: clock.clone() };
        loops.also(exporter.serve(sources, shutdown.clone()));
    }
    tell_others(&loops, &backend, ledger, courier, &shutdown);
    let (proxies, limits) = (TrustedProxies(args.trusted_proxies), RateLimits::new(args.rate_limits));
    let terminals = Terminals::default();
    let state = AppState::from(AppParts {
        backend,
        leptos: assets::leptos_options(&args.site_root),
        sessions,
        clock,
        oidc,
        public_url,
        proxies,
        limits,
        recheck: Recheck(Duration::from_secs(args.stream_check_seconds)),
        terminals: terminals.clone(),
        draining: Draining(draining),
        shutdown: shutdown.clone(),
    });
    let served = listeners::serve(listener, router::build(state)?, shutdown.clone()).await;
    shutdown.cancel();
    terminals.ended().await;
    loops.end().await;
    store.close().await;
    tracing::info!("Stopped");
    served
}

/// Starts what carries news out of the process: revocations into their file, events to webhooks.
fn tell_others(
    loops: &Loops,
    backend: &Backend,
    ledger: Option<LedgerFile>,
    courier: HttpsCourier,
    shutdown: &CancellationToken,
) {
    if let Some(ledger) = ledger {
        let (keeping, stop) = (backend.clone(), shutdown.clone());
        loops.also(async move { keeping.keep_ledger(Arc::new(ledger), stop).await });
    }
    let (delivering, stop) = (backend.clone(), shutdown.clone());
    loops.also(async move { delivering.deliver_webhooks(&courier, stop).await });
    let (telling, stop) = (backend.clone(), shutdown.clone());
    loops.also(async move { telling.tell_of_deployments(stop).await });
}

/// Opens the database and brings its schema up to date.
///
/// # Errors
/// When it cannot be opened; the URL is never quoted, it may hold a password.
pub async fn open_store(database: &DatabaseArgs) -> anyhow::Result<SqlStore> {
    migrate(&database.database).await?;
    open_migrated(database).await
}

/// Brings the schema of a database up to date.
///
/// # Errors
/// As [`open_store`].
pub async fn migrate(url: &SecretString) -> anyhow::Result<()> {
    SqlStore::migrate(url.expose_secret()).await.map_err(told).context("The database cannot be brought up to date")
}

/// Opens a database whose migrations have run.
///
/// # Errors
/// As [`open_store`].
pub async fn open_migrated(database: &DatabaseArgs) -> anyhow::Result<SqlStore> {
    let keys = Arc::new(audit_keys(&database.audit_key_file)?);
    let opened = SqlStore::connect_migrated(database.database.expose_secret(), keys).await;
    let store = opened.map_err(told).context("The database cannot be used")?;
    if let Some(path) = &database.audit_log_file {
        store.log_audit_to(secrets::open_append(path)?);
    }
    Ok(store)
}

fn audit_keys(path: &Path) -> anyhow::Result<AuditKeys> {
    secrets::read_keys(path, AuditKeys::from_hex_lines, "at least 32 bytes in hex on each line")
}

fn jwt_keys(path: &Path) -> anyhow::Result<JwtKeys> {
    secrets::read_keys(path, JwtKeys::from_hex_lines, "one key or two, each at least 32 bytes in hex on a line")
}

/// Settings that were checked before anything was touched.
struct Checked {
    cluster: ClusterConfig,
    pepper: Pepper,
    envelope: Envelope,
    addresses: AddressPolicy,
    probe: Probe,
    endpoints: Endpoints,
    lease: String,
    jwt: Option<JwtKeys>,
}

async fn check(args: &ServeArgs, public_url: &PublicUrl, listening: SocketAddr) -> anyhow::Result<Checked> {
    let cluster = ClusterConfig {
        issuer_kubeconfig: args.issuer_kubeconfig.clone(),
        reconciler_kubeconfig: args.reconciler_kubeconfig.clone(),
        metrics: metrics(args),
        installation: String::new(),
    };
    secrets::check_private(&cluster.issuer_kubeconfig)?;
    secrets::check_private(&cluster.reconciler_kubeconfig)?;
    if let Some(metrics) = &cluster.metrics {
        secrets::check_private(&metrics.kubeconfig)?;
    }
    audit_keys(&args.database.audit_key_file)?;
    secrets::check_distinct(&secret_files(args))?;
    let (pepper, envelope) = (peppers::read(&args.peppers)?, keks::read(&args.kek)?);
    let endpoints = endpoints(args, public_url)?;
    let jwt = args.jwt_key_file.as_deref().map(jwt_keys).transpose()?;
    let own = Own::of_console(args, public_url, listening).await?;
    let addresses = courier::policy(&args.outbound_allowed_networks, &own)?;
    let probe = Probe::new(addresses.clone()).with_runpod(&args.runpod_api_url);
    Ok(Checked { cluster, pepper, envelope, addresses, probe, endpoints, lease: args.lease.clone(), jwt })
}

/// How nodes are asked for figures, if they are.
fn metrics(args: &ServeArgs) -> Option<MetricsConfig> {
    let (kubeconfig, kubelet_ca) = (args.metrics_kubeconfig.clone()?, args.kubelet_ca_file.clone()?);
    Some(MetricsConfig { kubeconfig, kubelet_ca })
}

/// The identity providers, if there are any.
fn providers(args: &ServeArgs, public_url: &PublicUrl, clock: &Arc<dyn Clock>) -> anyhow::Result<Oidc> {
    let (Some(file), Some(key)) = (&args.oidc_config_file, &args.cookie_key_file) else { return Ok(Oidc::none()) };
    Oidc::open(file, key, public_url, clock)
}

async fn backend(
    checked: Checked,
    store: SqlStore,
    clock: Arc<dyn Clock>,
    shutdown: &CancellationToken,
) -> anyhow::Result<(Backend, Arc<Leader>)> {
    let Checked { mut cluster, pepper, envelope, addresses: _, probe, endpoints, lease, jwt } = checked;
    let fresh = SystemRandom.uuid().to_string();
    cluster.installation = store.installation_id(&fresh).await.map_err(told).context("The database cannot be used")?;
    let cluster =
        KubeCluster::start(cluster, shutdown.clone()).await.map_err(told).context("A kubeconfig is unusable")?;
    let (store, cluster, random) = (Arc::new(store), Arc::new(cluster), Arc::new(SystemRandom));
    let (clock_of_leader, timing) = (clock.clone(), Timing::default());
    let candidate = Candidate { lease, identity: identity(), clock: clock_of_leader, random: random.clone(), timing };
    let leader = cluster.stand(candidate);
    let leadership = leader.clone();
    let probe = Arc::new(probe);
    let parts = Parts { store, cluster, leadership, clock, random, pepper, envelope, probe, endpoints, jwt };
    Ok((Backend::new(parts), leader))
}

/// Every file of which somebody else may hold none.
fn secret_files(args: &ServeArgs) -> Vec<(&'static str, &Path)> {
    let mut files: Vec<(&'static str, &Path)> = vec![
        ("--issuer-kubeconfig", &args.issuer_kubeconfig),
        ("--reconciler-kubeconfig", &args.reconciler_kubeconfig),
        ("--pepper-file", &args.peppers.pepper_file),
        ("--audit-key-file", &args.database.audit_key_file),
        ("--kek-file", &args.kek.kek_file),
    ];
    files.extend(args.metrics_kubeconfig.as_deref().map(|file| ("--metrics-kubeconfig", file)));
    files.extend(args.cookie_key_file.as_deref().map(|file| ("--cookie-key-file", file)));
    files.extend(args.jwt_key_file.as_deref().map(|file| ("--jwt-key-file", file)));
    files.extend(args.oidc_config_file.as_deref().map(|file| ("--oidc-config-file", file)));
    files.extend(args.peppers.previous_pepper_file.iter().map(|file| ("--previous-pepper-file", file.as_path())));
    files.extend(args.bootstrap_password_file.as_deref().map(|file| ("--bootstrap-password-file", file)));
    files
}

fn endpoints(args: &ServeArgs, public_url: &PublicUrl) -> anyhow::Result<Endpoints> {
    let server = args.cluster_server.trim_end_matches('/').to_owned();
    let uri: Option<Uri> = server.parse().ok();
    if !uri.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some()) {
        bail!("--cluster-server {server} must be like https://k8s.example.com:6443");
    }
    let cluster_ca_pem = match &args.cluster_ca_file {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("Cannot read {}", file.display()))?,
        None => String::new(),
    };
    if args.cluster_ca_file.is_some() && !cluster_ca_pem.contains("-----BEGIN CERTIFICATE-----") {
        bail!("--cluster-ca-file must be a certificate in PEM");
    }
    Ok(Endpoints { cluster_server: server, cluster_ca_pem, console_url: public_url.as_str().to_owned() })
}

/// The revocation ledger: the one named, else the one beside the database.
fn ledger_file(args: &ServeArgs) -> anyhow::Result<Option<LedgerFile>> {
    let path = args.revocations_file.clone().or_else(|| ledger::beside(args.database.database.expose_secret()));
    if path.is_none() {
        tracing::warn!("No --revocations-file: keys revoked after a backup will live again when it is restored");
    }
    path.as_deref().map(LedgerFile::open).transpose()
}

/// First start: makes the operator, if nobody is there yet.
async fn bootstrap(args: &ServeArgs, backend: &Backend) -> anyhow::Result<()> {
    let (Some(email), Some(file)) = (&args.bootstrap_email, &args.bootstrap_password_file) else { return Ok(()) };
    let password = secrets::read_password(file)?;
    if backend.bootstrap(email, &password).await.map_err(told).context("The first user cannot be made")? {
        tracing::info!("Made the first user: operator and owner of the account default");
    }
    Ok(())
}

/// At start the operator reads the cause too: `Internal error` alone would help nobody.
pub fn told(error: domain::Error) -> anyhow::Error {
    use std::error::Error as _;
    match error.source() {
        Some(cause) => anyhow::anyhow!("{cause}"),
        None => anyhow::Error::new(error),
    }
}
