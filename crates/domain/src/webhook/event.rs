//! What a webhook is told of: rows of the audit log, by the noun of their action, and Deployments as the cluster has
//! them (`deployment.rs`). A row and its deliveries are written in one transaction, so that nothing that happened is
//! lost and nothing that did not is told.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Delivery;
use crate::audit::{Action, AuditEvent, Outcome};
use crate::{Error, Result};

/// The event that "send a test" makes.
pub const TEST: &str = "webhook.test";

/// A kind of events one can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A budget was set, neared or spent.
    Budget,
    /// An engine was added, changed its state, or its credentials end soon.
    Engine,
    /// An API key ends soon.
    KeyExpiry,
    /// A deployment or another workload was made, changed or deleted through the console or REST.
    Deployment,
    /// A Deployment in the cluster appeared, changed, fared or went, whoever ordered it; told by the leader, not by
    /// audit rows.
    DeploymentState,
}

// === impl Topic ===

impl Topic {
    /// Every topic, in the order of forms.
    pub const ALL: [Self; 5] = [Self::Budget, Self::Engine, Self::KeyExpiry, Self::Deployment, Self::DeploymentState];

    /// The stored and wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Engine => "engine",
            Self::KeyExpiry => "key_expiry",
            Self::Deployment => "deployment",
            Self::DeploymentState => "deployment_state",
        }
    }

    /// One word for lists.
    pub fn title(self) -> &'static str {
        match self {
            Self::Budget => "budgets",
            Self::Engine => "engines",
            Self::KeyExpiry => "keys that end",
            Self::Deployment => "deployments",
            Self::DeploymentState => "deployments in the cluster",
        }
    }

    /// In words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Budget => "Budgets: set, neared, spent",
            Self::Engine => "Engines: added, changed, state, credentials that end",
            Self::KeyExpiry => "API keys that end within 7 days",
            // What kubectl does passes the console by.
            Self::Deployment => "Workloads: made, changed, deleted here or by REST, not by kubectl; stopped when idle",
            Self::DeploymentState => {
                "Deployments in the cluster, also by kubectl: new, changed, available, failed, gone"
            }
        }
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `topics`.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|topic| topic.as_str() == text);
        found.ok_or_else(|| Error::field("topics", "unknown", format!("There is no topic {text}")))
    }

    /// The topic of an action; most belong to none.
    pub fn of(action: Action) -> Option<Self> {
        match action.as_str().split_once('.')?.0 {
            // Somebody looked; what came of it is told by the status that it changes.
            _ if action == Action::EngineChecked => None,
            "budget" => Some(Self::Budget),
            "engine" => Some(Self::Engine),
            "deployment" | "workload" => Some(Self::Deployment),
            _ if action == Action::ApiKeyExpiring => Some(Self::KeyExpiry),
            _ => None,
        }
    }

    /// The topic under which an audit row is told. What a rule refused did not happen, so nobody is told.
    pub fn of_row(row: &AuditEvent) -> Option<Self> {
        Self::of(row.action).filter(|_| row.outcome != Outcome::Refused)
    }
}

/// The body of a delivery: the same bytes at every try. Names of people are left out: receivers are elsewhere.
pub fn body(delivery: &Delivery) -> String {
    let value: Value = json!({
        "type": delivery.kind,
        "timestamp": delivery.at.to_string(),
        "data": {
            "id": delivery.id.to_string(),
            "account_id": delivery.account_id.map(|id| id.to_string()),
            "target": delivery.target,
            "name": delivery.target_name,
            "outcome": delivery.outcome,
            "detail": delivery.detail,
            "ecosystem": delivery.ecosystem,
        },
    });
    value.to_string()
}

/// What is signed (Standard Webhooks, "Signature scheme"): id, second and body, joined by dots.
pub fn signed_text(id: &str, second: i64, body: &str) -> String {
    format!("{id}.{second}.{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_no_topic_is_told_to_nobody() {
        for action in [Action::SignedIn, Action::CredentialIssued, Action::SecretChanged, Action::ApiKeyCreated] {
            assert_eq!(Topic::of(action), None, "{action:?}");
        }
        assert_eq!(Topic::of(Action::DeploymentCreated), Some(Topic::Deployment));
        assert_eq!(Topic::of(Action::EngineStatusChanged), Some(Topic::Engine));
        assert_eq!(Topic::of(Action::EngineCredentialsExpiring), Some(Topic::Engine));
        assert_eq!(Topic::of(Action::WorkloadDeleted), Some(Topic::Deployment));
        assert_eq!(Topic::of(Action::WorkloadStopped), Some(Topic::Deployment));
        assert_eq!(Topic::of(Action::ApiKeyExpiring), Some(Topic::KeyExpiry));
    }

    #[test]
    fn a_topic_reads_back_and_no_webhook_tells_of_itself() {
        for topic in Topic::ALL {
            assert_eq!(Topic::parse(topic.as_str()).unwrap(), topic);
        }
        assert!(Topic::parse("all").is_err());
        for action in Action::ALL.iter().filter(|action| action.as_str().starts_with("webhook.")) {
            assert_eq!(Topic::of(*action), None, "{action:?} would go round in a circle");
        }
    }
}
