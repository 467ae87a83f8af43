//! Which rows of the log are wanted: the query of REST, pages, exports and the live tail, checked once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Action, AuditRecord, Outcome};
use crate::id::AccountId;
use crate::{Error, FieldError, Result};

/// Longest actor or target somebody may ask for.
const LONGEST: usize = 200;

/// The filters as they come in a query string; empty ones (of a form) are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditQuery {
    /// `noun.verb`.
    pub action: Option<String>,
    /// `user:<id>`, `key:<public id>`, `system`, `anonymous`, or the e-mail address of a user.
    pub actor: Option<String>,
    /// For example `namespace:<id>`.
    pub target: Option<String>,
    /// `success`, `refused` or `failed`.
    pub outcome: Option<String>,
    /// RFC 3339, or a day: from then on.
    pub since: Option<String>,
    /// RFC 3339: before then; or a day: until its end (UTC).
    pub until: Option<String>,
}

/// Filters that were checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// This action only.
    pub action: Option<Action>,
    /// This actor only.
    pub actor: Option<String>,
    /// This target only.
    pub target: Option<String>,
    /// This outcome only.
    pub outcome: Option<Outcome>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// The oldest first, not the newest.
    pub oldest_first: bool,
}

/// Whose rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditScope {
    /// Those of one account.
    Account(AccountId),
    /// All accounts and the rows without one (operators).
    Platform,
}

// === impl AuditQuery ===

impl AuditQuery {
    /// Checks the filters.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field.
    pub fn check(self) -> Result<AuditFilter> {
        let mut wrong = Vec::new();
        let filter = AuditFilter {
            action: known(&mut wrong, "action", self.action, Action::parse),
            outcome: known(&mut wrong, "outcome", self.outcome, Outcome::parse),
            actor: short(&mut wrong, "actor", self.actor),
            target: short(&mut wrong, "target", self.target),
            since: known(&mut wrong, "since", self.since, |text| moment(text, false)),
            until: known(&mut wrong, "until", self.until, |text| moment(text, true)),
            oldest_first: false,
        };
        if wrong.is_empty() { Ok(filter) } else { Err(Error::Invalid(wrong)) }
    }
}

fn known<T>(
    wrong: &mut Vec<FieldError>,
    field: &str,
    text: Option<String>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = text.filter(|text| !text.is_empty())?;
    let value = read(&text);
    if value.is_none() {
        let hint = match field {
            "action" => "action must be an action of the audit log, for example namespace.created",
            "outcome" => "outcome must be success, refused or failed",
            _ => "Write a time as 2026-11-21T09:00:00Z, or a day as 2026-11-21",
        };
        wrong.push(FieldError::new(field, "unknown", hint));
    }
    value
}

fn short(wrong: &mut Vec<FieldError>, field: &str, text: Option<String>) -> Option<String> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())?;
    // PostgreSQL's text cannot hold NUL; other control characters stand in no id either.
    if text.len() > LONGEST || text.chars().any(char::is_control) {
        wrong.push(FieldError::new(field, "format", format!("{field} must be at most {LONGEST} plain characters")));
    }
    Some(text)
}

/// A time; a day alone is its beginning, or as an end the beginning of the next.
fn moment(text: &str, end: bool) -> Option<Timestamp> {
    if text.len() != "2026-11-21".len() {
        return text.parse().ok();
    }
    let day: Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
    if end { day.checked_add(SignedDuration::from_hours(24)).ok() } else { Some(day) }
}

// === impl AuditFilter ===

impl AuditFilter {
    /// Whether a row is wanted: the same answer as the database gives, for rows that were just written.
    pub fn wants(&self, scope: AuditScope, row: &AuditRecord) -> bool {
        let of_scope = match scope {
            AuditScope::Account(id) => row.account_id == Some(id),
            AuditScope::Platform => true,
        };
        of_scope
            && self.action.is_none_or(|action| action.as_str() == row.action)
            && self.outcome.is_none_or(|outcome| outcome.as_str() == row.outcome)
            && self.actor.as_ref().is_none_or(|actor| *actor == row.actor)
            && self.target.as_ref().is_none_or(|target| *target == row.target)
            && self.since.is_none_or(|since| row.at >= since)
            && self.until.is_none_or(|until| row.at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::record::tests::event;

    fn query(field: &str, text: &str) -> AuditQuery {
        serde_json::from_value(serde_json::json!({ field: text })).unwrap()
    }

    #[test]
    fn empty_fields_of_a_form_are_no_filter() {
        for field in ["action", "actor", "target", "outcome", "since", "until"] {
            assert_eq!(query(field, "").check().unwrap(), AuditFilter::default(), "{field}");
        }
    }

    #[test]
    fn wrong_filters_are_named() {
        let long = "x".repeat(201);
        for (field, text) in [
            ("action", "namespace.exploded"),
            ("outcome", "maybe"),
            ("since", "yesterday"),
            ("until", "2026-13-01"),
            ("actor", long.as_str()),
            ("target", "a\u{0}b"),
        ] {
            let Err(Error::Invalid(errors)) = query(field, text).check() else { panic!("{field}") };
            assert_eq!(errors[0].field, field);
        }
    }

    #[test]
    fn a_day_as_an_end_is_the_whole_day() {
        let filter = AuditQuery { since: Some("2026-11-21".into()), until: Some("2026-11-21".into()), ..query("", "") };
        let filter = filter.check().unwrap();
        assert_eq!(filter.until.unwrap() - filter.since.unwrap(), jiff::Span::new().seconds(86_400).fieldwise());
    }

    #[test]
    fn a_row_is_wanted_when_every_filter_fits() {
        let row = AuditRecord::of(&event(1), 1);
        let fits = |field: &str, text: &str| query(field, text).check().unwrap().wants(AuditScope::Platform, &row);
        for (field, right, other) in [
            ("action", "namespace.created", "namespace.deleted"),
            ("actor", "user:ada", "user:bob"),
            ("target", "namespace:1", "namespace:2"),
            ("outcome", "success", "refused"),
            ("since", "2027-01-15T08:00:01Z", "2027-01-15T08:00:02Z"),
            ("until", "2027-01-15T08:00:02Z", "2027-01-15T08:00:01Z"),
        ] {
            assert!(fits(field, right) && !fits(field, other), "{field}");
        }
        let of_nobody = AuditScope::Account(AccountId::new(uuid::Uuid::nil()));
        assert!(!AuditFilter::default().wants(of_nobody, &row));
    }
}
