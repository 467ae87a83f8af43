//! Looks at an engine from outside: address, certificate, identity, rights, what is installed. Creates nothing there but
//! the next token of its own identity and, where somebody ticked it, a pod that is gone when the check ends.
//!
//! Source: `engine-import.md` §7 and §8, `security.md` §7.1. Every connection goes to an address that was checked after
//! DNS; no redirect is followed; no setting of this machine (proxy, in-cluster identity) is used; rows hold fixed
//! sentences and names, never what an answer said.

mod cluster;
mod connect;
mod docker;
mod exec;
mod features;
mod http;
mod nodes;
mod pages;
mod renew;
mod rights;
mod runpod;
pub(crate) mod tls;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{EngineProbe, Step};
use domain::engine::settings::OnPremise;
use domain::engine::{ApiUrl, Credentials, Depth, Facts, Probed, Report, Row, Settings};
use domain::outbound::AddressPolicy;
use jiff::Timestamp;

/// All of it; a page waits 30 s for its answer at most.
const LIMIT: Duration = Duration::from_secs(28);

/// The adapter behind the port `EngineProbe`.
pub struct Probe {
    policy: AddressPolicy,
    runpod: String,
}

/// What a check is made with, and what it found so far.
struct Look {
    depth: Depth,
    now: Timestamp,
    /// Is told each row.
    step: Step,
    rows: Vec<Row>,
    facts: Facts,
    /// Something got no answer.
    unanswered: bool,
}

// === impl Probe ===

impl Probe {
    /// Looks only at addresses that `policy` allows.
    pub fn new(policy: AddressPolicy) -> Self {
        Self { policy, runpod: crate::runpod::PUBLIC_URL.to_owned() }
    }

    /// The addresses of `url` that may be connected to at this moment, for whoever keeps a connection; names are resolved
    /// and checked anew each time. None when there is none, or when one of its addresses may not be reached.
    pub async fn checked_addresses(&self, url: &ApiUrl) -> Option<Vec<IpAddr>> {
        connect::checked(&self.policy, url).await
    }

    /// Asks another server than RunPod's own, for installations that reach it through one.
    #[must_use]
    pub fn with_runpod(mut self, base: &str) -> Self {
        base.clone_into(&mut self.runpod);
        self
    }
}

#[async_trait]
impl EngineProbe for Probe {
    async fn probe_in_steps(
        &self,
        settings: &Settings,
        credentials: &Credentials,
        depth: Depth,
        now: Timestamp,
        step: Step,
    ) -> Probed {
        let mut look = Look { depth, now, step, rows: Vec::new(), facts: Facts::default(), unanswered: false };
        let work = async {
            match settings {
                Settings::OnPremise(one) => cluster::look(&self.policy, one, credentials, &mut look).await,
                Settings::Docker(one) => docker::look(&self.policy, one, credentials, &mut look).await,
                Settings::Runpod(one) => runpod::look(&self.runpod, one, credentials, &mut look).await,
            }
        };
        // What a group could not go on without has said so in its last row.
        let ended = tokio::time::timeout(LIMIT, work).await;
        if ended.is_err() {
            look.fail("time", "The checks took longer than 28 s; those that are missing were not made");
        }
        Probed { report: Report { rows: look.rows }, facts: look.facts, unanswered: look.unanswered }
    }

    async fn renew(
        &self,
        at: &OnPremise,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Credentials, &'static str> {
        renew::renew(&self.policy, at, credentials, now).await
    }
}

// === impl Look ===

impl Look {
    fn add(&mut self, row: Row) {
        (self.step)(&row);
        self.rows.push(row);
    }

    fn pass(&mut self, id: &str, message: impl Into<String>) {
        self.add(Row::pass(id, message));
    }

    fn warn(&mut self, id: &str, message: impl Into<String>) {
        self.add(Row::warn(id, message));
    }

    /// Not known, because nobody answered: no fault of what was asked about.
    fn unanswered(&mut self, id: &str, message: impl Into<String>) {
        self.unanswered = true;
        self.warn(id, message);
    }

    fn fail(&mut self, id: &str, message: impl Into<String>) {
        self.add(Row::fail(id, message));
    }

    fn skip(&mut self, id: &str, message: impl Into<String>) {
        self.add(Row::skip(id, message));
    }
}

/// A name of the other side as it may be shown: cut, without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests;
