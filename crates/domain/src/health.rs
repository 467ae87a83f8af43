//! How the installation is: what answers, who does the work that nobody asked for, what is not as it should be. For
//! operators; load balancers have `/healthz` and `/readyz`, which say less.

use serde::{Deserialize, Serialize};

use crate::engine::EngineStatus;
use crate::node::NodeStatus;

/// How something is, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// As it should be.
    Working,
    /// Something is wrong, the rest goes on.
    Degraded,
    /// It does not answer.
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthCheck {
    /// What.
    pub name: String,
    /// How it is.
    pub state: HealthState,
    /// In words.
    pub detail: String,
}

/// The installation as one console sees it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthView {
    /// The worst of all checks.
    pub state: HealthState,
    /// Version of this console.
    pub version: String,
    /// Everything that was looked at.
    pub checks: Vec<HealthCheck>,
}

/// What a console knows of the installation; `None` is not known.
#[derive(Debug, Clone, Default)]
pub struct HealthFacts {
    /// Milliseconds until the database answered.
    pub database: Option<u64>,
    /// Milliseconds until the API server answered.
    pub cluster: Option<u64>,
    /// This console runs the loops.
    pub leads: bool,
    /// Who runs them, as far as this console has seen.
    pub leader: Option<String>,
    /// Failed steps since the loop last got through, here.
    pub failures: u32,
    /// Namespaces that wait for the loop.
    pub waiting: Option<usize>,
    /// The platform's engines by name.
    pub engines: Option<Vec<(String, EngineStatus)>>,
    /// Virtual nodes by name.
    pub nodes: Option<Vec<(String, NodeStatus)>>,
}

// === impl HealthView ===

impl HealthView {
    /// Judges `facts`.
    pub fn of(facts: &HealthFacts, version: &str) -> Self {
        let checks =
            vec![facts.database(), facts.cluster(), facts.leader(), facts.loops(), facts.engines(), facts.nodes()];
        let state = checks.iter().map(|check| check.state).max().unwrap_or(HealthState::Working);
        Self { state, version: version.to_owned(), checks }
    }
}

// === impl HealthCheck ===

impl HealthCheck {
    fn new(name: &str, state: HealthState, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state, detail: detail.into() }
    }
}

// === impl HealthFacts ===

impl HealthFacts {
    fn database(&self) -> HealthCheck {
        answered("Database", self.database, "Does not answer: nothing can be shown or changed")
    }

    fn cluster(&self) -> HealthCheck {
        let silent = "Does not answer: orders wait, new credentials and deployments are refused";
        answered("Home cluster", self.cluster, silent)
    }

    fn leader(&self) -> HealthCheck {
        let (state, detail) = match (self.leads, &self.leader) {
            (true, _) => (HealthState::Working, "This console runs the loops".to_owned()),
            (false, Some(leader)) => (HealthState::Working, format!("{leader} runs the loops, this console stands by")),
            (false, None) => (HealthState::Degraded, "Nobody is known to run the loops".to_owned()),
        };
        HealthCheck::new("Leader", state, detail)
    }

    fn loops(&self) -> HealthCheck {
        let waiting = match self.waiting {
            None => "how many namespaces wait is not known".to_owned(),
            Some(0) => "no namespace waits".to_owned(),
            Some(1) => "1 namespace waits".to_owned(),
            Some(more) => format!("{more} namespaces wait"),
        };
        let (state, detail) = match self.failures {
            0 => (HealthState::Working, format!("No failure here, {waiting}")),
            1 => (HealthState::Degraded, format!("1 failure since it last got through, {waiting}; it is tried again")),
            more => (
                HealthState::Degraded,
                format!("{more} failures since it last got through, {waiting}; all is tried again"),
            ),
        };
        HealthCheck::new("Reconcile loop", state, detail)
    }

    fn engines(&self) -> HealthCheck {
        let wrong = |status: &EngineStatus| match status {
            EngineStatus::Degraded
            | EngineStatus::Unauthorized
            | EngineStatus::Unreachable
            | EngineStatus::Mismatch => Some(status.words()),
            EngineStatus::Draft
            | EngineStatus::Checking
            | EngineStatus::Ready
            | EngineStatus::Disabled
            | EngineStatus::Deleting => None,
        };
        all("Engines of the platform", "engine", self.engines.as_deref(), wrong)
    }

    fn nodes(&self) -> HealthCheck {
        let wrong = |status: &NodeStatus| match status {
            NodeStatus::NotReady => Some("not ready"),
            NodeStatus::Ready | NodeStatus::Cordoned | NodeStatus::Draining => None,
        };
        all("Virtual nodes", "node", self.nodes.as_deref(), wrong)
    }
}

fn answered(name: &str, milliseconds: Option<u64>, silent: &str) -> HealthCheck {
    match milliseconds {
        Some(0) => HealthCheck::new(name, HealthState::Working, "Answers within a millisecond"),
        Some(milliseconds) => HealthCheck::new(name, HealthState::Working, format!("Answers in {milliseconds} ms")),
        None => HealthCheck::new(name, HealthState::Failed, silent),
    }
}

/// `2 engines, none in trouble`, or those that are, each with what is wrong.
fn all<S>(
    name: &str,
    noun: &str,
    known: Option<&[(String, S)]>,
    wrong: impl Fn(&S) -> Option<&'static str>,
) -> HealthCheck {
    let Some(known) = known else {
        return HealthCheck::new(name, HealthState::Degraded, "Not known now");
    };
    let troubled: Vec<String> =
        known.iter().filter_map(|(name, state)| Some(format!("{name}: {}", wrong(state)?))).collect();
    let count = match known.len() {
        1 => format!("1 {noun}"),
        more => format!("{more} {noun}s"),
    };
    match troubled.is_empty() {
        true => HealthCheck::new(name, HealthState::Working, format!("{count}, none in trouble")),
        false => HealthCheck::new(name, HealthState::Degraded, format!("{count}. {}", troubled.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn working() -> HealthFacts {
        HealthFacts {
            database: Some(0),
            cluster: Some(4),
            leads: true,
            waiting: Some(0),
            engines: Some(Vec::new()),
            nodes: Some(vec![("simulated".to_owned(), NodeStatus::Ready)]),
            ..HealthFacts::default()
        }
    }

    fn details(facts: &HealthFacts) -> Vec<String> {
        HealthView::of(facts, "1.2.3").checks.into_iter().map(|check| check.detail).collect()
    }

    #[test]
    fn an_installation_is_as_well_as_its_worst_part() {
        assert_eq!(HealthView::of(&working(), "1.2.3").state, HealthState::Working);
        let failing = HealthFacts { failures: 2, ..working() };
        assert_eq!(HealthView::of(&failing, "1.2.3").state, HealthState::Degraded);
        let silent = HealthFacts { cluster: None, failures: 2, ..working() };
        assert_eq!(HealthView::of(&silent, "1.2.3").state, HealthState::Failed);
    }

    #[test]
    fn each_check_says_in_words_what_it_found() {
        assert_eq!(
            details(&working()),
            [
                "Answers within a millisecond",
                "Answers in 4 ms",
                "This console runs the loops",
                "No failure here, no namespace waits",
                "0 engines, none in trouble",
                "1 node, none in trouble"
            ]
        );
    }

    #[test]
    fn one_that_stands_by_names_who_leads_and_what_is_in_trouble() {
        let facts = HealthFacts {
            leads: false,
            leader: Some("console-1_x".to_owned()),
            waiting: None,
            engines: Some(vec![
                ("on-prem".to_owned(), EngineStatus::Unreachable),
                ("old".to_owned(), EngineStatus::Disabled),
            ]),
            nodes: None,
            ..working()
        };
        let said = details(&facts);
        assert_eq!(said[2], "console-1_x runs the loops, this console stands by");
        assert_eq!(said[4], format!("2 engines. on-prem: {}", EngineStatus::Unreachable.words()));
        assert_eq!(said[5], "Not known now");
        let nobody = HealthFacts { leads: false, ..working() };
        assert_eq!(HealthView::of(&nobody, "1.2.3").checks[2].state, HealthState::Degraded);
    }
}
