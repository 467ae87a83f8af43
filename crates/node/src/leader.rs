//! Which of several processes with one node's name acts: the flags of Kubernetes' own components.
//! The rule itself is `kubelet::Election`.
use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

use clap::ArgAction;
use kubelet::Election;

use crate::published::seconds;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Leader election")]
pub(crate) struct LeaderArgs {
    /// Act only while holding the Lease NODENAME.leader in kube-node-lease: of several processes with one node's name
    /// one acts and the others wait
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, default_value_t = true, default_missing_value = "true",
        value_name = "BOOL")]
    pub(crate) leader_elect: bool,

    /// What this process is called in the Lease: no other may be called so, and one that is restarted under the same name
    /// goes on at once; default: the machine's name and something that no other process has
    #[arg(long, value_name = "NAME")]
    pub(crate) leader_elect_identity: Option<String>,

    /// How long the others wait for a leader of whom they hear nothing
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration)]
    pub(crate) leader_elect_lease_duration: Duration,

    /// How long the leader goes on without renewing the Lease before it ends; less than the lease duration
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(crate) leader_elect_renew_deadline: Duration,

    /// Pause between two tries to take or renew the Lease
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub(crate) leader_elect_retry_period: Duration,
}

// === impl LeaderArgs ===

impl LeaderArgs {
    /// How this process stands, if it does.
    pub(crate) fn election(&self) -> Option<Election> {
        self.leader_elect.then(|| Election {
            identity: self.leader_elect_identity.clone().unwrap_or_else(identity),
            lease_duration: self.leader_elect_lease_duration,
            renew_deadline: self.leader_elect_renew_deadline,
            retry_period: self.leader_elect_retry_period,
        })
    }
}

/// The machine, and something that no other process has: the standard library seeds its hashers from the system.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.as_deref().map(str::trim).filter(|host| !host.is_empty()).unwrap_or("node");
    let chance = RandomState::new().build_hasher().finish();
    format!("{host}_{}_{chance:016x}", std::process::id())
}

fn duration(text: &str) -> Result<Duration, String> {
    let known = seconds(text.trim()).map(Duration::from_secs);
    known.ok_or_else(|| "a whole number with s, m or h, such as 15s".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Args;

    fn election(flags: &[&str]) -> Option<Election> {
        let line = ["remotegpu-kubelet"].into_iter().chain(flags.iter().copied());
        Args::try_parse_from(line).unwrap().leader.election()
    }

    #[test]
    fn a_process_stands_with_the_times_of_kubernetes_unless_told_otherwise() {
        let times = |flags: &[&str]| {
            let one = election(flags).unwrap();
            [one.lease_duration, one.renew_deadline, one.retry_period].map(|time| time.as_secs())
        };
        assert_eq!(times(&[]), [15, 10, 2]);
        assert_eq!(times(&["--leader-elect"]), [15, 10, 2]);
        let flags = ["--leader-elect-lease-duration=1m", "--leader-elect-renew-deadline=40s"];
        assert_eq!(times(&[flags[0], flags[1], "--leader-elect-retry-period=5"]), [60, 40, 5]);
        assert!(election(&["--leader-elect=false"]).is_none());
        assert!(Args::try_parse_from(["remotegpu-kubelet", "--leader-elect-retry-period=soon"]).is_err());
    }

    #[test]
    fn a_process_bears_a_name_of_its_own_unless_it_is_given_one() {
        let (one, other) = (election(&[]).unwrap(), election(&[]).unwrap());
        assert_ne!(one.identity, other.identity);
        assert_eq!(election(&["--leader-elect-identity=kubelet-0"]).unwrap().identity, "kubelet-0");
    }
}
