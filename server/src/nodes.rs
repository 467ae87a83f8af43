//! `remotegpu nodes`: runs the virtual nodes of imported engines, apart from the console and without its rights
//! (RULINGS 40). Of several such processes the one that holds the Lease runs them all.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use backend::ports::Leadership as _;
use cluster::{Candidate, Leader, Timing};
use node::fleet::{Fleet, HomeConfig};
use tokio_util::sync::CancellationToken;

use crate::args::NodesArgs;
use crate::compose::{open_migrated, told};
use crate::own::Own;
use crate::system::{SystemClock, SystemRandom, identity};
use crate::{courier, keks, listeners, log, secrets};

mod roster;

use roster::Roster;

/// Time between two looks at the engines.
const LOOK: Duration = Duration::from_secs(5);

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// One sentence on the first setting, file or dependency that does not work.
pub async fn run(args: NodesArgs) -> anyhow::Result<()> {
    log::start(args.log_format);
    secrets::check_private(&args.nodes_kubeconfig)?;
    let envelope = keks::read(&args.kek)?;
    let policy = courier::policy(&args.outbound_allowed_networks, &Own::of_nodes(&args).await?)?;
    let mut fleet = Fleet::open(home(&args)?).await?;
    let shutdown = CancellationToken::new();
    listeners::end_on_signals(CancellationToken::new(), Duration::ZERO, shutdown.clone())?;
    let store = open_migrated(&args.database).await?;
    let candidate = Candidate {
        lease: args.nodes_lease.clone(),
        identity: identity(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        timing: Timing::default(),
    };
    let leader =
        Leader::stand_with(&args.nodes_kubeconfig, candidate).await.map_err(told).context("--nodes-kubeconfig")?;
    let (campaigner, resign) = (leader.clone(), CancellationToken::new());
    let end = resign.clone();
    let campaign = tokio::spawn(async move { campaigner.campaign(end).await });
    let mut roster = Roster::new(store.clone(), envelope, policy, args.runpod_api_url.clone());
    follow(&leader, &mut roster, &mut fleet, &shutdown).await;
    fleet.stop().await;
    resign.cancel();
    let _panicked = campaign.await;
    store.close().await;
    tracing::info!("Stopped");
    Ok(())
}

/// Looks again and again until `shutdown`.
async fn follow(leader: &Leader, roster: &mut Roster, fleet: &mut Fleet, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() {
        // Two processes with the same node would each write its status: not even a look may outlast the Lease.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = leader.lost(), if leader.leads() => {
                fleet.stop().await;
                continue;
            }
            () = look(leader, roster, fleet) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = leader.lost(), if leader.leads() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn look(leader: &Leader, roster: &mut Roster, fleet: &mut Fleet) {
    if !leader.leads() {
        return fleet.stop().await;
    }
    match roster.known().await {
        Ok(known) => fleet.keep(known).await,
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "The engines cannot be read; all stays as it is");
            return;
        }
    }
    if let Err(error) = roster.refused(&fleet.refused()).await {
        tracing::warn!(error = format!("{error:#}"), "The check of an engine that refused us cannot be asked for");
    }
    let gone: Vec<String> = fleet.seen().into_iter().filter(|(_, seen)| seen.gone).map(|(id, _)| id).collect();
    if let Err(error) = roster.release(&gone).await {
        tracing::warn!(error = format!("{error:#}"), "That an engine has ended cannot be written down; trying again");
    }
}

fn home(args: &NodesArgs) -> anyhow::Result<HomeConfig> {
    let address = args.nodes_address.or_else(node::address::detect);
    Ok(HomeConfig {
        kubeconfig: args.nodes_kubeconfig.clone(),
        address: address.context("This machine has no address but loopback; give --nodes-address")?,
        tls: args.nodes_tls_cert_file.clone().zip(args.nodes_tls_key_file.clone()),
        client_ca: args.nodes_client_ca_file.clone(),
        // Only what admission let in under a SKU (RULINGS 23).
        require_pod_label: Some(domain::sku::SKU_LABEL.to_owned()),
        pod_api_server: args.nodes_pod_api_server.clone(),
    })
}
