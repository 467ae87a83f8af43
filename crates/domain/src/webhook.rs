//! Outgoing webhooks: where an account wants to be told of what happens, what it is told, and how often we try.
//!
//! Source: issue 7 D, `security.md` §7.1 (addresses), the Standard Webhooks specification 1.0 (headers, signature, secret).

pub mod delivery;
pub mod deployment;
pub mod event;
pub mod url;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, WebhookId};
use crate::{Error, FieldError, Result};

pub use delivery::{Attempt, AttemptView, Delivery, DeliveryState, DeliveryView, Problem};
pub use event::Topic;
pub use url::WebhookUrl;

/// What a secret begins with (Standard Webhooks, "Signature scheme").
pub const SECRET_PREFIX: &str = "whsec_";
/// Random bytes of a secret: as long as the hash.
pub const SECRET_BYTES: usize = 32;
/// After a rotation both secrets sign for that long, so that a receiver may change over without a gap.
pub const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// A webhook at which every delivery failed for that long is disabled.
pub const DISABLED_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);
/// Deliveries are kept that long.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Webhooks of one account.
pub const MOST: i64 = 20;
/// A key that ends within that time is announced.
pub const KEY_NOTICE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A webhook. Its secrets are sealed: only the use case that signs opens them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What people call it.
    pub name: String,
    /// Where it is sent.
    pub url: WebhookUrl,
    /// Of what it is told; never empty.
    pub topics: Vec<Topic>,
    /// It is told of what belongs to no account too: engines of the platform. Operators only.
    pub platform: bool,
    /// The sealed secret.
    pub secret: String,
    /// The sealed secret before it, and until when that signs too.
    pub old_secret: Option<(String, Timestamp)>,
    /// Since when nothing is sent, and why.
    pub disabled: Option<Disabled>,
    /// Since when every try failed.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Since when and why a webhook is silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: DisabledReason,
}

/// Why a webhook is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// Somebody switched it off.
    ByHand,
    /// The receiver answered 410 Gone.
    Gone,
    /// Every delivery failed for days.
    Failing,
    /// It is one of the platform, and no operator manages its account any more.
    NoOperator,
}

/// What is asked of a webhook, as it arrives: body of `POST /v1/webhooks` and `PUT /v1/webhooks/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(example = json!({"name": "chat", "url": "https://hooks.example.com/remotegpu", "topics": ["engine", "budget"]}))
)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// What people call it.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    pub name: String,
    /// `https://…`; no user, no fragment.
    #[cfg_attr(feature = "openapi", schema(min_length = 9, max_length = 2048))]
    pub url: String,
    /// Of what it is told.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 5))]
    pub topics: Vec<Topic>,
    /// Also told of the engines of the platform; operators only.
    #[serde(default)]
    pub platform: bool,
}

/// A [`NewWebhook`] that keeps all rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// What people call it.
    pub name: String,
    /// Where it is sent.
    pub url: WebhookUrl,
    /// Of what it is told, in the order of [`Topic::ALL`], each once.
    pub topics: Vec<Topic>,
    /// Told of the platform too.
    pub platform: bool,
}

/// Body of `POST /v1/webhooks/{id}/switch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SwitchWebhook {
    /// Whether it is sent from now on.
    pub enabled: bool,
}

/// A webhook on the wire; never with its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookView {
    /// Id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it is sent.
    pub url: String,
    /// Of what it is told.
    pub topics: Vec<Topic>,
    /// Told of the platform too.
    pub platform: bool,
    /// Whether it is sent.
    pub enabled: bool,
    /// Why not.
    pub disabled_reason: Option<DisabledReason>,
    /// RFC 3339: since when every try failed.
    pub failing_since: Option<String>,
    /// RFC 3339: until then the secret before the last rotation signs too.
    pub old_secret_until: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
}

/// The one answer that holds the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookSecret {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// `whsec_` and base64: verifies the signatures. Shown once.
    pub secret: String,
}

// === impl WebhookSecret ===

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecret").field("webhook", &self.webhook).finish_non_exhaustive()
    }
}

// === impl NewWebhook ===

impl NewWebhook {
    /// Checks every rule.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field.
    pub fn check(&self) -> Result<WebhookSettings> {
        let mut wrong = Vec::new();
        let name = self.name.trim();
        if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            wrong.push(FieldError::new("name", "format", "The name must be 1 to 100 characters on one line"));
        }
        let topics: Vec<Topic> = Topic::ALL.into_iter().filter(|topic| self.topics.contains(topic)).collect();
        if self.topics.len() > Topic::ALL.len() {
            wrong.push(FieldError::new("topics", "too_many", "Name each topic once"));
        } else if topics.is_empty() {
            wrong.push(FieldError::new("topics", "required", "Choose of what it is told"));
        }
        match (WebhookUrl::parse(&self.url), wrong.is_empty()) {
            (Ok(url), true) => {
                return Ok(WebhookSettings { name: name.to_owned(), url, topics, platform: self.platform });
            }
            (Err(Error::Invalid(fields)), _) => wrong.extend(fields),
            (Err(error), _) => return Err(error),
            (Ok(_), false) => {}
        }
        Err(Error::Invalid(wrong))
    }
}

// === impl Webhook ===

impl Webhook {
    /// The wire form at `now`.
    pub fn view(&self, now: Timestamp) -> WebhookView {
        let overlap = self.old_secret.as_ref().map(|(_, until)| *until).filter(|until| now < *until);
        WebhookView {
            id: self.id.to_string(),
            name: self.name.clone(),
            url: self.url.as_str().to_owned(),
            topics: self.topics.clone(),
            platform: self.platform,
            enabled: self.disabled.is_none(),
            disabled_reason: self.disabled.as_ref().map(|disabled| disabled.reason),
            failing_since: self.failing_since.map(|at| at.to_string()),
            old_secret_until: overlap.map(|until| until.to_string()),
            created_at: self.created_at.to_string(),
        }
    }
}

// === impl DisabledReason ===

impl DisabledReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::ByHand, Self::Gone, Self::Failing, Self::NoOperator];

    /// The stored and wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::Gone => "gone",
            Self::Failing => "failing",
            Self::NoOperator => "no_operator",
        }
    }

    /// In words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::ByHand => "Somebody disabled it.",
            Self::Gone => "The receiver answered 410 Gone.",
            Self::Failing => "Every delivery failed for five days.",
            Self::NoOperator => "It is told of the platform, and no operator manages this account any more.",
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a word of a newer version.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        found.ok_or_else(|| Error::field("disabled_reason", "unknown", "Unknown reason"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> NewWebhook {
        let url = "https://hooks.example.com/remotegpu".to_owned();
        NewWebhook { name: " chat ".into(), url, topics: vec![Topic::Budget, Topic::Engine], platform: false }
    }

    #[test]
    fn settings_are_in_one_form_however_they_were_written() {
        let topics = vec![Topic::Budget, Topic::Engine, Topic::Budget];
        let settings = NewWebhook { topics, ..new() }.check().unwrap();
        assert_eq!(settings, new().check().unwrap());
        assert_eq!(settings.name, "chat");
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = NewWebhook { name: "a\nb".into(), url: "http://x".into(), topics: vec![], platform: false };
        let Err(Error::Invalid(fields)) = wrong.check() else { panic!("it is accepted") };
        let names: Vec<_> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(names, ["name", "topics", "url"]);
        assert!(matches!(NewWebhook { name: String::new(), ..new() }.check(), Err(Error::Invalid(f)) if f.len() == 1));
    }
}
