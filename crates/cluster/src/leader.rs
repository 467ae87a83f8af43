//! Which of several consoles leads: one Lease, taken, renewed and given back. The published crates for this need an older
//! kube (`stack.md` §1.3).
//!
//! The rules are those of Kubernetes' own controllers. Clocks of two machines are never compared: a Lease is free once
//! **this** process has seen it unchanged for the whole time. A leader stops believing in itself earlier than that, so
//! that a call it has begun ends before anybody else leads.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Clock, Leadership, Random};
use domain::Result;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::KubeCluster;
use crate::client::{CALL_LIMIT, call, client, read, within};
use crate::error::translate;

const NAMESPACE: &str = "remotegpu-system";
// Resigning is a courtesy to the next leader and must not hold up the end of the process.
const RESIGN_LIMIT: Duration = Duration::from_secs(2);

/// How long what lasts.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Others take over when the Lease has not changed for this long.
    pub lease: Duration,
    /// The leader stops when its last renewal was begun this long ago. Less than `lease` by at least one call.
    pub deadline: Duration,
    /// Pause between two tries.
    pub retry: Duration,
}

/// Who stands for which Lease.
pub struct Candidate {
    /// The Lease's name: one per installation.
    pub lease: String,
    /// Unlike that of any other process, also of this one's predecessor.
    pub identity: String,
    /// Writes the times that people read in the Lease.
    pub clock: Arc<dyn Clock>,
    /// Spreads the tries of several candidates.
    pub random: Arc<dyn Random>,
    /// How long what lasts.
    pub timing: Timing,
}

/// A candidate at work: [`Leader::campaign`] runs it, [`Leadership`] asks it.
pub struct Leader {
    api: Api<Lease>,
    candidate: Candidate,
    /// End of the present claim.
    until: watch::Sender<Option<Instant>>,
    /// Who was last seen to lead.
    holder: watch::Sender<Option<String>>,
}

/// What this process saw last.
#[derive(Default)]
struct View {
    /// The Lease as we wrote it: the next renewal needs no look first.
    mine: Option<Lease>,
    /// Its version, and since when we know it.
    seen: Option<(String, Instant)>,
    /// Who was last said to lead instead.
    told: String,
    failing: bool,
}

// === impl Timing ===

impl Default for Timing {
    /// Those of Kubernetes' own controllers; the gap of 5 s is the limit of one call.
    fn default() -> Self {
        let second = Duration::from_secs;
        Self { lease: second(15), deadline: second(10), retry: second(2) }
    }
}

// === impl KubeCluster ===

impl KubeCluster {
    /// Lets this process stand for leader, as the reconciler identity. Nothing happens before [`Leader::campaign`].
    pub fn stand(&self, candidate: Candidate) -> Arc<Leader> {
        let api = Api::namespaced(self.inner.clients.reconciler.clone(), NAMESPACE);
        Arc::new(Leader::new(api, candidate))
    }
}

// === impl Leader ===

impl Leader {
    /// Lets a process that is no console stand, with an identity of its own. Nothing happens before [`Leader::campaign`].
    ///
    /// # Errors
    /// [`domain::Error::Internal`] for a kubeconfig that cannot be read.
    pub async fn stand_with(kubeconfig: &Path, candidate: Candidate) -> Result<Arc<Self>> {
        let api = Api::namespaced(client(read(kubeconfig).await?)?, NAMESPACE);
        Ok(Arc::new(Self::new(api, candidate)))
    }

    fn new(api: Api<Lease>, candidate: Candidate) -> Self {
        Self { api, candidate, until: watch::Sender::new(None), holder: watch::Sender::new(None) }
    }
}

#[async_trait]
impl Leadership for Leader {
    fn leads(&self) -> bool {
        self.until.borrow().is_some_and(|until| Instant::now() < until)
    }

    fn holder(&self) -> Option<String> {
        self.holder.borrow().clone()
    }

    async fn lost(&self) {
        let mut claims = self.until.subscribe();
        loop {
            let Some(until) = claims.borrow_and_update().filter(|until| Instant::now() < *until) else { return };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                _ = claims.changed() => {}
            }
        }
    }
}

impl Leader {
    /// Stands until `shutdown`, then gives the Lease back so that the next leader need not wait. While the API server is
    /// away nobody leads.
    pub async fn campaign(&self, shutdown: CancellationToken) {
        let mut view = View::default();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.round(&mut view) => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(self.pause()) => {}
            }
        }
        self.claim(None);
        if let Some(lease) = view.mine {
            let _runs_out_otherwise = tokio::time::timeout(RESIGN_LIMIT, self.write(lease, None)).await;
        }
    }

    async fn round(&self, view: &mut View) {
        // The claim counts from before the call: the others count from after it.
        let begun = Instant::now();
        match self.attempt(view).await {
            Ok(lease) => {
                self.claim(lease.is_some().then(|| begun + self.candidate.timing.deadline));
                if lease.is_some() {
                    self.holder.send_replace(Some(self.candidate.identity.clone()));
                    view.told.clear();
                }
                view.mine = lease;
                view.failing = false;
            }
            // Nothing is known, so nothing is changed: a claim that we have runs out by itself.
            Err(error) => {
                self.holder.send_replace(None);
                let error = &error as &dyn std::error::Error;
                match std::mem::replace(&mut view.failing, true) {
                    false => tracing::warn!(error, "The Lease of the leader cannot be reached; it is tried again"),
                    true => tracing::debug!(error, "The Lease of the leader still cannot be reached"),
                }
            }
        }
    }

    /// The Lease, if it is ours now.
    async fn attempt(&self, view: &mut View) -> Result<Option<Lease>> {
        let me = Some(self.candidate.identity.as_str());
        if let Some(lease) = view.mine.take() {
            return self.write(lease, me).await;
        }
        let Some(lease) = call("reading the Lease", self.api.get_opt(&self.candidate.lease)).await? else {
            return self.create().await;
        };
        let since = view.look(&lease);
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
        let other = holder.filter(|holder| !holder.is_empty() && Some(*holder) != me);
        if let Some(other) = other
            && since.elapsed() < self.candidate.timing.lease
        {
            self.holder.send_replace(Some(other.to_owned()));
            view.tell(&self.candidate.lease, other);
            return Ok(None);
        }
        self.write(lease, me).await
    }

    async fn create(&self) -> Result<Option<Lease>> {
        let metadata = ObjectMeta { name: Some(self.candidate.lease.clone()), ..ObjectMeta::default() };
        let lease = self.held(Lease { metadata, spec: None }, Some(&self.candidate.identity));
        self.ours_unless_conflict(self.api.create(&PostParams::default(), &lease)).await
    }

    async fn write(&self, lease: Lease, holder: Option<&str>) -> Result<Option<Lease>> {
        let lease = self.held(lease, holder);
        self.ours_unless_conflict(self.api.replace(&self.candidate.lease, &PostParams::default(), &lease)).await
    }

    /// `None` when another hand was quicker: its version is not ours to overwrite.
    async fn ours_unless_conflict(&self, writing: impl Future<Output = kube::Result<Lease>>) -> Result<Option<Lease>> {
        const DOING: &str = "writing the Lease";
        match within(DOING, CALL_LIMIT, writing).await? {
            Ok(lease) => Ok(Some(lease)),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
            Err(error) => Err(translate(DOING, error)),
        }
    }

    /// The Lease with `holder` from now on.
    fn held(&self, mut lease: Lease, holder: Option<&str>) -> Lease {
        let now = Some(MicroTime(self.candidate.clock.now()));
        let spec: &mut LeaseSpec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != holder {
            spec.acquire_time = now.clone();
            // The first holder is no change.
            spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |changes| changes.saturating_add(1)));
        }
        spec.holder_identity = holder.map(str::to_owned);
        let seconds = i32::try_from(self.candidate.timing.lease.as_secs()).unwrap_or(i32::MAX);
        spec.lease_duration_seconds = Some(seconds.max(1));
        spec.renew_time = now;
        lease
    }

    fn claim(&self, until: Option<Instant>) {
        let led = self.leads();
        self.until.send_replace(until);
        match (led, until.is_some()) {
            (false, true) => tracing::info!(lease = self.candidate.lease, "This console leads: it runs the loops"),
            (true, false) => tracing::info!(lease = self.candidate.lease, "This console leads no longer"),
            _ => {}
        }
    }

    /// Between one and 1.2 times the pause: candidates that started together drift apart.
    fn pause(&self) -> Duration {
        let mut byte = [0];
        self.candidate.random.fill(&mut byte);
        self.candidate.timing.retry.mul_f64(1.0 + 0.2 * f64::from(byte[0]) / 255.0)
    }
}

// === impl View ===

impl View {
    /// Says once who leads: else whoever waits here would seem to stand still for no reason.
    fn tell(&mut self, lease: &str, holder: &str) {
        if self.told != holder {
            tracing::info!(lease, holder, "Another process holds the Lease; this one waits until it is free");
            holder.clone_into(&mut self.told);
        }
    }

    /// Since when we have seen the Lease as it is.
    fn look(&mut self, lease: &Lease) -> Instant {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        match &self.seen {
            Some((known, since)) if *known == version => *since,
            _ => {
                let now = Instant::now();
                self.seen = Some((version, now));
                now
            }
        }
    }
}
