//! The form for a webhook as typed, and how it becomes the request.

use domain::webhook::{NewWebhook, Topic};
use domain::{Code, Error, Result};
use serde::{Deserialize, Serialize};

/// Everything is text, as an HTML form sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookForm {
    /// What people call it.
    pub name: String,
    /// Where it is sent.
    pub url: String,
    /// Ticked topics.
    pub topics: Vec<String>,
    /// `true` when ticked.
    pub platform: String,
}

// === impl WebhookForm ===

impl WebhookForm {
    /// The request of `POST /v1/webhooks`; its rules are checked where REST checks them too.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a topic that is none.
    pub fn into_request(self) -> Result<NewWebhook> {
        let topics = self.topics.iter().map(|topic| Topic::parse(topic)).collect::<Result<_>>()?;
        Ok(NewWebhook { name: self.name, url: self.url, topics, platform: self.platform == "true" })
    }

    /// A redirect cannot carry a secret: in the URL it would be in logs and histories.
    pub fn needs_javascript() -> Error {
        let detail = "The secret is shown once, which needs JavaScript here. Without it, use POST /v1/webhooks";
        Error::conflict(Code::Conflict, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_that_is_missing_is_refused_by_the_rule_and_not_by_the_form() {
        let form = WebhookForm { name: "chat".into(), url: "https://hooks.example.com".into(), ..Default::default() };
        assert!(form.clone().into_request().unwrap().check().is_err());
        let ticked = WebhookForm { topics: vec!["budget".into()], platform: "true".into(), ..form };
        let request = ticked.into_request().unwrap();
        assert!(request.platform && request.check().is_ok());
    }
}
