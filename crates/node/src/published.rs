//! The rest of the published kubelet's flags: its file of settings, its probes, and two that mean nothing here.
//! A flag beats the file; a key that the file has and nobody knows ends the start.
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use clap::{ArgMatches, CommandFactory, FromArgMatches, parser::ValueSource};
use serde::Deserialize;

use crate::args::{Args, ProviderKind};

/// Where the published kubelet answers probes.
const PROBES: &str = ":8080";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "As published")]
pub(crate) struct PublishedArgs {
    /// Address of the plain listener for liveness and readiness probes; empty = none [default: :8080 with provider
    /// runpod, else none]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) health_server_address: Option<String>,

    /// Settings in YAML: ReconcileInterval, MaxPendingTime, MaxGPUPrice, HealthServerAddress, DatacenterIDs,
    /// PendingJobThreshold; a flag beats the file
    #[arg(long, value_name = "FILE")]
    pub(crate) provider_config: Option<PathBuf>,

    /// Operating system of the node: there is one
    #[arg(long, default_value = "Linux", value_parser = linux)]
    pub(crate) os: String,

    /// Kept for published command lines: there is no licence to report
    #[arg(long, value_name = "SECONDS")]
    pub(crate) heartbeat_interval: Option<u64>,
}

/// The file of `--provider-config`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct ProviderFile {
    reconcile_interval: Option<u64>,
    pending_job_threshold: Option<u64>,
    max_pending_time: Option<MaxPending>,
    #[serde(rename = "MaxGPUPrice")]
    max_gpu_price: Option<f64>,
    health_server_address: Option<String>,
    #[serde(rename = "DatacenterIDs")]
    datacenter_ids: Option<DatacenterIds>,
}

/// Seconds, or a number with `s`, `m` or `h`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum MaxPending {
    Seconds(u64),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum DatacenterIds {
    List(Vec<String>),
    Text(String),
}

// === impl Args ===

impl Args {
    /// Reads the command line, the environment and the file that they name.
    ///
    /// # Errors
    /// For a file that cannot be read, and a key in it that is unknown or not of its form.
    pub(crate) fn read() -> Result<Self> {
        Self::of(Self::command().get_matches())
    }

    fn of(matches: ArgMatches) -> Result<Self> {
        let mut args = Self::from_arg_matches(&matches)?;
        if let Some(path) = args.published.provider_config.clone() {
            let given = |flag: &str| {
                matches!(matches.value_source(flag), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
            };
            ProviderFile::read(&path)?.put(&mut args, given).with_context(|| path.display().to_string())?;
        }
        Ok(args)
    }

    /// Where probes are answered, if anywhere.
    ///
    /// # Errors
    /// For a text that is no address.
    pub(crate) fn probes(&self) -> Result<Option<SocketAddr>> {
        let published = (self.provider == ProviderKind::Runpod).then_some(PROBES);
        let text = self.published.health_server_address.as_deref().or(published).unwrap_or_default();
        if text.is_empty() {
            return Ok(None);
        }
        // `:8080` is every address, as in Go.
        let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
        let address =
            whole.parse().with_context(|| format!("--health-server-address {text} is no address such as :8080"));
        address.map(Some)
    }

    /// Says what was given and does nothing.
    pub(crate) fn warn_of_published(&self) {
        if self.published.heartbeat_interval.is_some() {
            tracing::warn!("--heartbeat-interval has no effect: there is no licence to report to anybody");
        }
        tracing::debug!(os = self.published.os, "The node's operating system");
    }
}

// === impl ProviderFile ===

impl ProviderFile {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("Cannot read {}", path.display()))?;
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(&text).map_err(|error| anyhow!("{} is not a file of settings: {error}", path.display()))
    }

    fn put(self, args: &mut Args, given: impl Fn(&str) -> bool) -> Result<()> {
        if self.pending_job_threshold.is_some() {
            tracing::warn!("PendingJobThreshold has no effect: pods are placed by the scheduler, at once");
        }
        if let Some(seconds) = self.reconcile_interval.filter(|_| !given("reconcile_interval")) {
            if seconds == 0 {
                bail!("ReconcileInterval must be 1 or more seconds");
            }
            args.reconcile_interval = seconds;
        }
        if let Some(pending) = self.max_pending_time.filter(|_| !given("max_pending_minutes")) {
            args.runpod.max_pending_minutes = pending.minutes()?;
        }
        if let Some(price) = self.max_gpu_price.filter(|_| !given("max_gpu_price")) {
            args.runpod.max_gpu_price = price;
        }
        if let Some(address) = self.health_server_address.filter(|_| !given("health_server_address")) {
            args.published.health_server_address = Some(address);
        }
        if let Some(ids) = self.datacenter_ids.filter(|_| !given("datacenter_ids")) {
            args.runpod.datacenter_ids = match ids {
                DatacenterIds::List(ids) => ids,
                DatacenterIds::Text(text) => text.split(',').map(str::to_owned).collect(),
            };
        }
        Ok(())
    }
}

// === impl MaxPending ===

impl MaxPending {
    /// Whole minutes, never fewer than were asked for.
    fn minutes(&self) -> Result<u64> {
        let seconds = match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Text(text) => seconds(text.trim()),
        };
        let seconds = seconds.context("MaxPendingTime must be seconds, or a number with s, m or h")?;
        Ok(seconds.div_ceil(60))
    }
}

/// A number of seconds, or one with `s`, `m` or `h`.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return text.parse().ok(),
    };
    text[..text.len() - 1].parse::<u64>().ok()?.checked_mul(unit)
}

fn linux(text: &str) -> Result<String, String> {
    let name = text.to_lowercase();
    if name == "linux" { Ok(name) } else { Err("nodes are linux".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(flags: &[&str]) -> Result<Args> {
        let line = ["remotegpu-kubelet"].into_iter().chain(flags.iter().copied());
        Args::of(Args::command().try_get_matches_from(line).map_err(anyhow::Error::from)?)
    }

    fn with_file(text: &str, flags: &[&str]) -> Result<Args> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        let flag = format!("--provider-config={}", file.path().display());
        parsed(&[&[flag.as_str()], flags].concat())
    }

    const FILE: &str = "ReconcileInterval: 7\nMaxPendingTime: 90s\nMaxGPUPrice: 1.25\nHealthServerAddress: ':9'\n\
        DatacenterIDs: [EU-RO-1, US-NJ-1]\nPendingJobThreshold: 3\n";

    #[test]
    fn each_key_of_the_file_counts_where_no_flag_says_otherwise() {
        let args = with_file(FILE, &[]).unwrap();
        assert_eq!((args.reconcile_interval, args.runpod.max_pending_minutes, args.runpod.max_gpu_price), (7, 2, 1.25));
        assert_eq!(args.runpod.datacenter_ids, ["EU-RO-1", "US-NJ-1"]);
        assert_eq!(args.probes().unwrap(), Some(([0, 0, 0, 0], 9).into()));
        let flags = ["--reconcile-interval=5", "--max-gpu-price=0.3", "--datacenter-ids=A", "--max-pending-minutes=4"];
        let args = with_file(FILE, &flags).unwrap();
        assert_eq!((args.reconcile_interval, args.runpod.max_pending_minutes, args.runpod.max_gpu_price), (5, 4, 0.3));
        assert_eq!(args.runpod.datacenter_ids, ["A"]);
    }

    #[test]
    fn an_unknown_key_and_a_wrong_value_end_the_start() {
        for wrong in ["MaxPrice: 1", "ReconcileInterval: 0", "MaxPendingTime: soon", "- a", "ReconcileInterval: x1"] {
            assert!(with_file(wrong, &[]).is_err(), "{wrong}");
        }
        assert!(with_file("", &[]).is_ok());
        assert!(parsed(&["--provider-config=/nonexistent"]).is_err());
    }

    #[test]
    fn probes_are_answered_where_the_published_kubelet_does_it() {
        let at = |flags: &[&str]| parsed(flags).unwrap().probes();
        assert_eq!(at(&[]).unwrap(), Some(([0, 0, 0, 0], 8080).into()));
        assert_eq!(at(&["--provider=simulated"]).unwrap(), None);
        assert_eq!(at(&["--health-server-address="]).unwrap(), None);
        assert_eq!(at(&["--health-server-address=127.0.0.1:81"]).unwrap(), Some(([127, 0, 0, 1], 81).into()));
        assert!(at(&["--health-server-address=here"]).is_err());
    }

    #[test]
    fn a_node_is_linux_however_it_is_written() {
        assert_eq!(parsed(&["--os=Linux"]).unwrap().published.os, "linux");
        assert!(parsed(&["--os=windows"]).is_err());
        assert!(parsed(&["--heartbeat-interval=300"]).is_ok());
    }
}
