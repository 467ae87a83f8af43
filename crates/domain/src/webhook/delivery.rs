//! One event on its way to one webhook: how it stands, and when it is tried again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, DeliveryId, WebhookId};
use crate::{Error, Result};

/// No try comes later than that after the first.
pub const TRIED_FOR: SignedDuration = SignedDuration::from_hours(24);
const FIRST_WAIT_SECONDS: i64 = 5;
const LONGEST_WAIT_SECONDS: i64 = 6 * 3600;

/// An event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event's id: that of its audit row, the same for every webhook and every try (`webhook-id`).
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// What happened, `noun.verb`.
    pub kind: String,
    /// In which account; none for the platform.
    pub account_id: Option<AccountId>,
    /// To what, `noun:id`.
    pub target: String,
    /// What people called it then.
    pub target_name: String,
    /// How it went.
    pub outcome: String,
    /// Further facts in words.
    pub detail: String,
    /// The ecosystem of the engine it speaks of (RULINGS 31).
    pub ecosystem: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// How the delivery stands.
    pub state: DeliveryState,
    /// Tries since the first, or since somebody ordered it anew.
    pub tries: u32,
    /// When the first of these was.
    pub first_tried_at: Option<Timestamp>,
    /// When the next one is due, while it waits.
    pub next_at: Timestamp,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is to be tried, for the first time or again.
    Waiting,
    /// The receiver answered 2xx.
    Delivered,
    /// Given up after 24 hours.
    Failed,
}

/// One try. Nothing of the receiver's answer is kept but its status: it could be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub problem: Option<Problem>,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
}

/// Why a receiver was not reached. Fixed words, so that nothing of the network shows through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = WebhookProblem))]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The name has no address.
    Dns,
    /// The address policy denies it.
    DeniedAddress,
    /// Refused, reset or not reachable.
    Connection,
    /// No answer in time.
    Timeout,
    /// The certificate is not trusted, or TLS failed.
    Tls,
    /// What is kept of the delivery or its webhook cannot be read.
    Unreadable,
}

/// A delivery on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryView {
    /// Id, as in the header `webhook-id`.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// To what.
    pub target: String,
    /// What people called it then.
    pub target_name: String,
    /// RFC 3339: when it happened.
    pub at: String,
    /// How the delivery stands.
    pub state: DeliveryState,
    /// RFC 3339: when it is tried again.
    pub next_at: Option<String>,
    /// The tries, the first first.
    pub attempts: Vec<AttemptView>,
}

/// A try on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttemptView {
    /// RFC 3339, UTC.
    pub at: String,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub problem: Option<Problem>,
    /// Milliseconds.
    pub took_ms: i64,
}

/// What becomes of a delivery after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It arrived.
    Delivered,
    /// Once more then.
    Again(Timestamp),
    /// No more.
    GiveUp,
}

// === impl Attempt ===

impl Attempt {
    /// Whether it arrived: any 2xx. A redirect is a failure, nobody follows it.
    pub fn arrived(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// The wire form.
    pub fn view(&self) -> AttemptView {
        let (status, problem) = (self.status, self.problem);
        AttemptView { at: self.at.to_string(), status, problem, took_ms: self.took_ms }
    }
}

// === impl Delivery ===

impl Delivery {
    /// What becomes of it after this try: waits of 5 s, 20 s, 80 s, … up to 6 h, for 24 h.
    pub fn after(&self, attempt: &Attempt) -> Next {
        if attempt.arrived() {
            return Next::Delivered;
        }
        let doubled = 4_i64.checked_pow(self.tries).and_then(|factor| factor.checked_mul(FIRST_WAIT_SECONDS));
        let wait = doubled.unwrap_or(LONGEST_WAIT_SECONDS).min(LONGEST_WAIT_SECONDS);
        let next = attempt.at + SignedDuration::from_secs(wait);
        let last = self.first_tried_at.unwrap_or(attempt.at) + TRIED_FOR;
        if next > last { Next::GiveUp } else { Next::Again(next) }
    }

    /// The wire form.
    pub fn view(&self, attempts: &[Attempt]) -> DeliveryView {
        DeliveryView {
            id: self.id.to_string(),
            kind: self.kind.clone(),
            target: self.target.clone(),
            target_name: self.target_name.clone(),
            at: self.at.to_string(),
            state: self.state,
            next_at: (self.state == DeliveryState::Waiting).then(|| self.next_at.to_string()),
            attempts: attempts.iter().map(Attempt::view).collect(),
        }
    }
}

// === impl DeliveryState ===

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// The stored and wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a word of a newer version.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| Error::field("state", "unknown", "Unknown state"))
    }
}

// === impl Problem ===

impl Problem {
    /// Every problem.
    pub const ALL: [Self; 6] =
        [Self::Dns, Self::DeniedAddress, Self::Connection, Self::Timeout, Self::Tls, Self::Unreadable];

    /// The stored and wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::DeniedAddress => "denied_address",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Unreadable => "unreadable",
        }
    }

    /// In words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Dns => "The name has no address",
            Self::DeniedAddress => "This installation does not connect to that address",
            Self::Connection => "The receiver could not be reached",
            Self::Timeout => "No answer in time",
            Self::Tls => "The certificate is not trusted",
            Self::Unreadable => "What this console keeps of it cannot be read, so nothing was sent",
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a word of a newer version.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|problem| problem.as_str() == text);
        found.ok_or_else(|| Error::field("problem", "unknown", "Unknown problem"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId::parse(ID).unwrap(),
            webhook_id: WebhookId::parse(ID).unwrap(),
            kind: "deployment.created".into(),
            account_id: None,
            target: "deployment:a/b".into(),
            target_name: "b".into(),
            outcome: "success".into(),
            detail: String::new(),
            ecosystem: None,
            at: at(0),
            state: DeliveryState::Waiting,
            tries: 0,
            first_tried_at: None,
            next_at: at(0),
        }
    }

    fn attempt(second: i64, status: Option<u16>) -> Attempt {
        Attempt { at: at(second), status, problem: None, took_ms: 3 }
    }

    #[test]
    fn only_a_2xx_has_arrived() {
        for (status, arrived) in [(200, true), (204, true), (302, false), (410, false), (500, false), (100, false)] {
            assert_eq!(attempt(0, Some(status)).arrived(), arrived, "{status}");
        }
        assert!(!attempt(0, None).arrived());
    }

    #[test]
    fn waits_grow_and_end_after_a_day() {
        let mut delivery = delivery();
        let (mut second, mut waits) = (100, Vec::new());
        while let Next::Again(next) = delivery.after(&attempt(second, Some(500))) {
            waits.push(next.as_second() - second);
            second = next.as_second();
            delivery.first_tried_at.get_or_insert(at(100));
            delivery.tries += 1;
            assert!(second <= 100 + 86_400);
        }
        assert_eq!(waits, [5, 20, 80, 320, 1280, 5120, 20_480, 21_600, 21_600]);
    }

    #[test]
    fn a_delivery_that_arrived_is_not_tried_again() {
        assert_eq!(delivery().after(&attempt(5, Some(204))), Next::Delivered);
    }
}
