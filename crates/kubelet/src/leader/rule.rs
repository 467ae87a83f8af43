//! Whose the Lease is, pure: judged by this process's own clock, as Kubernetes' own controllers do it.
//! The times that stand in a Lease are for people; clocks of two machines are never compared.
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};
use tokio::time::Instant;

/// One candidate's view of the Lease.
pub(super) struct Rule {
    identity: String,
    /// How long the others wait when they hear nothing of this process.
    lease: Duration,
    /// The Lease as it was seen last, and since when it looks so.
    seen: Option<(LeaseSpec, Instant)>,
}

/// What a look at the Lease says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is free, or this process's own: to be written, in that version and no other.
    Take,
    /// This one holds it.
    Wait(String),
}

// === impl Rule ===

impl Rule {
    pub(super) fn new(identity: String, lease: Duration) -> Self {
        Self { identity, lease, seen: None }
    }

    /// Judges the Lease as it was read at `now`. It is free once this process has seen it unchanged for as long as its
    /// holder promised: another process may have other settings than this one. So is one that somebody has removed: its
    /// holder hears of that only when it renews, and acts until then.
    pub(super) fn judge(&mut self, found: Option<&LeaseSpec>, now: Instant) -> Verdict {
        if let Some(spec) = found {
            self.look(spec, now);
        }
        let Some((spec, since)) = &self.seen else { return Verdict::Take };
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        if holder.is_empty() || holder == self.identity {
            return Verdict::Take;
        }
        let promised = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let promised = promised.map_or(self.lease, Duration::from_secs);
        if now.duration_since(*since) < promised { Verdict::Wait(holder.to_owned()) } else { Verdict::Take }
    }

    /// Notes how the Lease looks, and since when it does.
    fn look(&mut self, spec: &LeaseSpec, now: Instant) {
        if self.seen.as_ref().is_none_or(|(known, _)| known != spec) {
            self.seen = Some((spec.clone(), now));
        }
    }

    /// The Lease once this process has taken or renewed it.
    pub(super) fn taken(&self, found: Option<LeaseSpec>, now: Timestamp) -> LeaseSpec {
        let now = Some(MicroTime(now));
        let mut spec = found.unwrap_or_default();
        if spec.holder_identity.as_deref() != Some(self.identity.as_str()) {
            spec.acquire_time.clone_from(&now);
            // The first holder is no change.
            spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |changes| changes.saturating_add(1)));
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = Some(i32::try_from(self.lease.as_secs()).unwrap_or(i32::MAX).max(1));
        spec.renew_time = now;
        spec
    }

    /// The Lease once this process has given it back; `None` if it is not its to give.
    pub(super) fn released(&self, found: Option<LeaseSpec>, now: Timestamp) -> Option<LeaseSpec> {
        let spec = found.filter(|spec| spec.holder_identity.as_deref() == Some(self.identity.as_str()))?;
        let now = Some(MicroTime(now));
        Some(LeaseSpec {
            holder_identity: None,
            lease_duration_seconds: Some(1),
            acquire_time: now.clone(),
            renew_time: now,
            ..spec
        })
    }
}
