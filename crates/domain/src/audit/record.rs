//! An audit row as it stands in the log: the event, its place in its chain, and its seal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AuditEvent;
use crate::id::{AccountId, AuditId};

/// The chain of rows that belong to no account.
pub const PLATFORM_CHAIN: &str = "platform";

/// One stored row. Words stay text, so that a row of a newer version can be read, exported and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its id (time-ordered).
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// In which account.
    pub account_id: Option<AccountId>,
    /// Who.
    pub actor: String,
    /// What people called them then.
    pub actor_name: String,
    /// What.
    pub action: String,
    /// On what.
    pub target: String,
    /// What people called it then.
    pub target_name: String,
    /// How it went.
    pub outcome: String,
    /// Why it was refused or failed; empty when it was not.
    pub code: String,
    /// Further facts.
    pub detail: String,
    /// Where from.
    pub address: String,
    /// The program that asked.
    pub user_agent: String,
    /// Ties it to the log lines.
    pub request_id: String,
    /// Credential id of a token; empty without one.
    pub jti: String,
    /// Place in its chain, from 1; 0 for rows from before rows were sealed.
    pub sequence: i64,
    /// HMAC-SHA-256 over the hash before it and the row, lower-case hex; empty for rows from before.
    pub hash: String,
    /// Which key made it.
    pub key_id: String,
}

/// One audit row on the wire (`GET /v1/audit`, exports, the live tail, the log file).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditView {
    /// Its id (time-ordered).
    pub id: String,
    /// When, RFC 3339.
    pub at: String,
    /// In which account; null when nobody was known.
    pub account_id: Option<String>,
    /// Who: `user:<id>`, `key:<public id>`, `system`, `anonymous`.
    pub actor: String,
    /// What people called them then.
    pub actor_name: String,
    /// What, `noun.verb`.
    pub action: String,
    /// On what.
    pub target: String,
    /// What people called it then.
    pub target_name: String,
    /// `success`, `refused` or `failed`.
    pub outcome: String,
    /// Why it was refused or failed.
    pub code: Option<String>,
    /// Further facts in words.
    pub detail: String,
    /// Where from.
    pub address: String,
    /// The program that asked, as it called itself.
    pub user_agent: String,
    /// Ties it to the log lines.
    pub request_id: String,
    /// Credential id of a token, as the cluster's own audit log shows it.
    pub jti: Option<String>,
    /// Place in its chain, from 1; 0 for rows from before rows were sealed.
    pub sequence: i64,
    /// Seal of the row over the one before it.
    pub hash: String,
}

// === impl AuditRecord ===

impl AuditRecord {
    /// The row of an event, not sealed yet. Times are kept to the millisecond, as databases keep them.
    pub fn of(event: &AuditEvent, sequence: i64) -> Self {
        Self {
            id: event.id,
            at: Timestamp::from_millisecond(event.at.as_millisecond()).unwrap_or(event.at),
            account_id: event.account_id,
            actor: event.actor.clone(),
            actor_name: event.actor_name.clone(),
            action: event.action.as_str().to_owned(),
            target: event.target.clone(),
            target_name: event.target_name.clone(),
            outcome: event.outcome.as_str().to_owned(),
            code: event.code.map_or("", |code| code.as_str()).to_owned(),
            detail: event.detail.clone(),
            address: event.address.clone(),
            user_agent: event.user_agent.clone(),
            request_id: event.request_id.clone(),
            jti: event.jti.clone().unwrap_or_default(),
            sequence,
            hash: String::new(),
            key_id: String::new(),
        }
    }

    /// The chain it belongs to: one per account, one for all rows without.
    pub fn chain(&self) -> String {
        chain_of(self.account_id)
    }

    /// What is sealed: every field in a fixed order as JSON, so that no two rows read the same, after the hash of the
    /// row before it. `sequence` is a parameter because the walk also asks whether a row belongs elsewhere.
    pub fn canonical(&self, sequence: i64, previous: &str) -> String {
        let chain = self.chain();
        let place = (1, chain.as_str(), sequence, previous);
        let who = (&self.actor, &self.actor_name, &self.address, &self.user_agent);
        let what = (&self.action, &self.target, &self.target_name, &self.outcome, &self.code, &self.detail);
        let ties = (self.id.to_string(), self.at.as_millisecond(), &self.request_id, &self.jti);
        serde_json::json!([place, who, what, ties]).to_string()
    }

    /// The wire form.
    pub fn view(&self) -> AuditView {
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        AuditView {
            id: self.id.to_string(),
            at: self.at.to_string(),
            account_id: self.account_id.map(|id| id.to_string()),
            actor: self.actor.clone(),
            actor_name: self.actor_name.clone(),
            action: self.action.clone(),
            target: self.target.clone(),
            target_name: self.target_name.clone(),
            outcome: self.outcome.clone(),
            code: filled(&self.code),
            detail: self.detail.clone(),
            address: self.address.clone(),
            user_agent: self.user_agent.clone(),
            request_id: self.request_id.clone(),
            jti: filled(&self.jti),
            sequence: self.sequence,
            hash: self.hash.clone(),
        }
    }
}

/// The chain of an account's rows.
pub fn chain_of(account: Option<AccountId>) -> String {
    account.map_or_else(|| PLATFORM_CHAIN.to_owned(), |id| id.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::audit::{Action, Outcome};

    pub(crate) fn event(n: u8) -> AuditEvent {
        AuditEvent {
            id: AuditId::new(uuid::Uuid::from_bytes([n; 16])),
            at: Timestamp::from_second(1_800_000_000 + i64::from(n)).unwrap(),
            account_id: None,
            actor: "user:ada".into(),
            actor_name: "ada@example.com".into(),
            action: Action::NamespaceCreated,
            target: "namespace:1".into(),
            target_name: "team-ml".into(),
            outcome: Outcome::Success,
            code: None,
            detail: String::new(),
            address: "192.0.2.7".into(),
            user_agent: "curl".into(),
            request_id: "r-1".into(),
            jti: None,
        }
    }

    #[test]
    fn each_field_changes_what_is_sealed() {
        let row = AuditRecord::of(&event(1), 1);
        let sealed = row.canonical(1, "p");
        let changed: [fn(&mut AuditRecord); 15] = [
            |r| r.id = AuditId::new(uuid::Uuid::from_bytes([9; 16])),
            |r| r.at = Timestamp::UNIX_EPOCH,
            |r| r.account_id = Some(AccountId::new(uuid::Uuid::from_bytes([9; 16]))),
            |r| r.actor.push('x'),
            |r| r.actor_name.push('x'),
            |r| r.action.push('x'),
            |r| r.target.push('x'),
            |r| r.target_name.push('x'),
            |r| r.outcome.push('x'),
            |r| r.code.push('x'),
            |r| r.detail.push('x'),
            |r| r.address.push('x'),
            |r| r.user_agent.push('x'),
            |r| r.request_id.push('x'),
            |r| r.jti.push('x'),
        ];
        for change in changed {
            let mut other = row.clone();
            change(&mut other);
            assert_ne!(other.canonical(1, "p"), sealed);
        }
        assert_ne!(row.canonical(2, "p"), sealed);
        assert_ne!(row.canonical(1, "q"), sealed);
    }

    #[test]
    fn text_cannot_move_from_one_field_into_the_next() {
        let (mut one, mut other) = (AuditRecord::of(&event(1), 1), AuditRecord::of(&event(1), 1));
        (one.target, one.target_name) = ("a\",\"b".into(), String::new());
        (other.target, other.target_name) = ("a".into(), "b".into());
        assert_ne!(one.canonical(1, ""), other.canonical(1, ""));
    }
}
