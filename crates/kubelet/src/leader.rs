//! Which of several processes with one node's name acts: the one that holds a Lease beside the node's own, whose heartbeat
//! keeps its meaning. A process that has lost it stops before another may begin, and ends: its next life waits its turn.
use std::{future::Future, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{StartError, health::Stage, lease::NAMESPACE};

mod rule;
#[cfg(test)]
mod tests;

use rule::{Rule, Verdict};

/// Giving the Lease back is a courtesy to the next leader and must not hold up the end of the process.
const RELEASE: Duration = Duration::from_secs(2);

/// More than a Lease can say in seconds would be cut, and another process would not wait for all of it.
const LONGEST: Duration = Duration::from_secs(3600);

/// How processes with one node's name agree on the one that acts. The rules are those of Kubernetes' own components.
#[derive(Clone, Debug)]
pub struct Election {
    /// As no other process is called. One that bears the name of its predecessor goes on at once.
    pub identity: String,
    /// Others take over when the Lease has not changed for this long.
    pub lease_duration: Duration,
    /// The leader stops when its last renewal was begun this long ago. Less than `lease_duration`.
    pub renew_deadline: Duration,
    /// Pause between two tries. Less than `renew_deadline`.
    pub retry_period: Duration,
}

/// A candidate at work.
pub(crate) struct Elector {
    api: Api<Lease>,
    /// Name of the Lease.
    name: String,
    node: String,
    election: Election,
    rule: Rule,
    /// The Lease as this process wrote it: the next renewal needs no look first.
    held: Option<Lease>,
}

/// How one try ended.
enum Turn {
    Ours,
    Theirs(String),
    /// Another hand was quicker; who it was is seen at the next look.
    Raced,
}

// === impl Election ===

impl Election {
    /// # Errors
    /// When the times leave two leaders possible, or none.
    fn check(&self) -> Result<(), StartError> {
        let wrong = |text: &str| Err(StartError(text.to_owned()));
        if self.identity.is_empty() {
            return wrong("--leader-elect-identity is empty: each process needs a name that no other has");
        }
        if self.retry_period.is_zero() {
            return wrong("--leader-elect-retry-period must be a second or more");
        }
        if self.renew_deadline <= self.retry_period {
            return wrong("--leader-elect-renew-deadline must be longer than --leader-elect-retry-period");
        }
        if self.lease_duration <= self.renew_deadline {
            return wrong(
                "--leader-elect-lease-duration must be longer than --leader-elect-renew-deadline, so that who has lost \
                 the Lease stops before another process acts",
            );
        }
        if self.lease_duration > LONGEST {
            return wrong("--leader-elect-lease-duration must be an hour or less: so long nobody acts after a crash");
        }
        Ok(())
    }
}

// === impl Elector ===

impl Elector {
    /// # Errors
    /// When the times leave two leaders possible, or none.
    pub(crate) fn new(client: Client, node: &str, election: Election) -> Result<Self, StartError> {
        election.check()?;
        Ok(Self {
            api: Api::namespaced(client, NAMESPACE),
            name: lease_name(node),
            node: node.to_owned(),
            rule: Rule::new(election.identity.clone(), election.lease_duration),
            election,
            held: None,
        })
    }

    /// Waits for its turn, works until `work` ends, and gives the Lease back. `working` is cancelled when the lead is lost;
    /// `work` is dropped then.
    ///
    /// # Errors
    /// Those of the work, and the loss of the Lease.
    pub(crate) async fn lead(
        mut self,
        stage: &watch::Sender<Stage>,
        shutdown: &CancellationToken,
        working: CancellationToken,
        work: impl Future<Output = Result<(), StartError>>,
    ) -> Result<(), StartError> {
        let until = tokio::select! {
            until = self.acquire(stage) => Some(until),
            () = shutdown.cancelled() => None,
        };
        let mut done = Ok(());
        if let Some(until) = until {
            done = tokio::select! {
                biased;
                why = self.keep(until) => {
                    working.cancel();
                    return Err(self.lost(&why));
                }
                done = work => done,
            };
        }
        if tokio::time::timeout(RELEASE, self.release()).await.is_err() {
            tracing::warn!(lease = self.name, "The Lease could not be given back; it runs out by itself");
        }
        done
    }

    /// Tries until this process leads; gives the end of its claim.
    async fn acquire(&mut self, stage: &watch::Sender<Stage>) -> Instant {
        let mut told = String::new();
        loop {
            // The claim counts from before the call: the others count from after it.
            let begun = Instant::now();
            let text = match tokio::time::timeout(self.election.renew_deadline / 2, self.attempt()).await {
                Ok(Ok(Turn::Ours)) => {
                    stage.send_replace(Stage::STARTS);
                    tracing::info!(lease = self.name, identity = self.election.identity, "This process leads the node");
                    return begun + self.election.renew_deadline;
                }
                Ok(Ok(Turn::Theirs(holder))) => {
                    stage.send_replace(Stage::Waits("another process leads this node; this one waits for its turn"));
                    format!("{holder} leads the node {}: this process waits for its turn", self.node)
                }
                Ok(Ok(Turn::Raced)) => told.clone(),
                Ok(Err(error)) => {
                    stage.send_replace(Stage::Waits("the Lease that says who leads this node cannot be had"));
                    format!("The Lease {NAMESPACE}/{} cannot be had ({error}); trying again", self.name)
                }
                Err(_) => format!("The API server did not answer in time to take the Lease {}", self.name),
            };
            if text != told {
                tracing::warn!(lease = self.name, "{text}");
                told = text;
            }
            tokio::time::sleep(self.election.retry_period).await;
        }
    }

    /// Renews the claim until it is lost; says why.
    async fn keep(&mut self, mut until: Instant) -> String {
        loop {
            tokio::time::sleep_until(until.min(Instant::now() + self.election.retry_period)).await;
            let begun = Instant::now();
            if begun >= until {
                return format!("not renewed for {} s", self.election.renew_deadline.as_secs());
            }
            // A call that hangs must leave time for another.
            let limit = until.min(begun + self.election.renew_deadline / 2);
            match tokio::time::timeout_at(limit, self.attempt()).await {
                Ok(Ok(Turn::Ours)) => until = begun + self.election.renew_deadline,
                Ok(Ok(Turn::Theirs(holder))) => return format!("{holder} holds it"),
                Ok(Ok(Turn::Raced)) => {}
                Ok(Err(error)) => tracing::warn!(%error, lease = self.name, "Renewing the lead failed; trying again"),
                Err(_) => tracing::warn!(lease = self.name, "The API server did not answer in time to renew the lead"),
            }
        }
    }

    /// One look and, if it is this process's turn, one write in just that version.
    async fn attempt(&mut self) -> Result<Turn, kube::Error> {
        let found = match self.held.take() {
            Some(lease) => Some(lease),
            None => self.api.get_opt(&self.name).await?,
        };
        let spec = found.as_ref().and_then(|lease| lease.spec.as_ref());
        if let Verdict::Wait(holder) = self.rule.judge(spec, Instant::now()) {
            return Ok(Turn::Theirs(holder));
        }
        let is_new = found.is_none();
        let mut lease = found.unwrap_or_default();
        lease.metadata.name = Some(self.name.clone());
        lease.spec = Some(self.rule.taken(lease.spec.take(), Timestamp::now()));
        let written = match is_new {
            true => self.api.create(&PostParams::default(), &lease).await,
            false => self.api.replace(&self.name, &PostParams::default(), &lease).await,
        };
        match written {
            Ok(lease) => {
                self.held = Some(lease);
                Ok(Turn::Ours)
            }
            Err(error) if is_overtaken(&error) => Ok(Turn::Raced),
            Err(error) => Err(error),
        }
    }

    /// Gives the Lease back if it is this process's, so that the next leader need not wait.
    async fn release(&self) {
        loop {
            // A renewal that was cut off may have come through: what is there counts.
            let Ok(Some(mut lease)) = self.api.get_opt(&self.name).await else { return };
            let Some(spec) = self.rule.released(lease.spec.take(), Timestamp::now()) else { return };
            lease.spec = Some(spec);
            match self.api.replace(&self.name, &PostParams::default(), &lease).await {
                Ok(_) => return tracing::info!(lease = self.name, "The lead is given back"),
                Err(error) if is_overtaken(&error) => {}
                Err(error) => return tracing::warn!(%error, lease = self.name, "The Lease could not be given back"),
            }
        }
    }

    fn lost(&self, why: &str) -> StartError {
        StartError(format!(
            "This process leads the node {} no longer (Lease {NAMESPACE}/{}: {why}) and ends; what runs goes on under the \
             process that leads next",
            self.node, self.name
        ))
    }
}

/// Beside the Lease of the node, which bears the node's name alone.
fn lease_name(node: &str) -> String {
    format!("{node}.leader")
}

/// Written or removed by another hand since it was read.
fn is_overtaken(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 404 | 409))
}
