//! The form for a new API key as typed, and how it becomes the request.

use domain::api_key::NewApiKey;
use domain::credential::Access;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Everything is text, as an HTML form sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyForm {
    /// What people call it.
    pub name: String,
    /// `namespaces`, `all_namespaces`, `all` or `inference`.
    pub scope: String,
    /// Chosen namespaces, for the scope `namespaces`.
    pub namespace_ids: Vec<String>,
    /// `edit` or `view`.
    pub access: String,
    /// `2027-01-31`, the last day it works (UTC); empty = never ends.
    pub expires_on: String,
}

// === impl KeyForm ===

impl KeyForm {
    /// The request of `POST /v1/api-keys`; its rules are checked where REST checks them too.
    pub fn into_new_key(self) -> NewApiKey {
        NewApiKey {
            scopes: self.scopes(),
            name: self.name.trim().to_owned(),
            expires_at: Some(self.expires_on.trim())
                .filter(|day| !day.is_empty())
                .map(|day| format!("{day}T23:59:59Z")),
            access: Some(if self.access == "view" { Access::View } else { Access::Edit }),
        }
    }

    /// A redirect cannot carry a secret: in the URL it would be in logs and histories.
    pub fn needs_javascript() -> Error {
        Error::conflict(
            Code::Conflict,
            "The secret is shown once, which needs JavaScript here. Without it, use POST /v1/api-keys",
        )
    }

    fn scopes(&self) -> Value {
        match self.scope.as_str() {
            "all" => json!({"all": true}),
            "inference" => json!({"inference": true}),
            "all_namespaces" => json!({"kubernetes_exec": {"all_namespaces": true}}),
            "namespaces" => json!({"kubernetes_exec": {"namespace_ids": self.namespace_ids}}),
            _ => json!({}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::scope::Scope;

    #[test]
    fn each_card_is_one_of_the_legal_scopes() {
        let id = "019c1b2e-7f00-7abc-8def-0123456789ab".to_owned();
        for scope in ["all", "inference", "all_namespaces", "namespaces"] {
            let form = KeyForm { scope: scope.into(), namespace_ids: vec![id.clone()], ..KeyForm::default() };
            assert!(Scope::parse(&form.into_new_key().scopes).is_ok(), "{scope}");
        }
    }

    #[test]
    fn no_choice_is_refused_by_the_rule_and_not_by_the_form() {
        assert!(Scope::parse(&KeyForm::default().into_new_key().scopes).is_err());
    }

    #[test]
    fn a_key_works_through_its_last_day() {
        let form = KeyForm { expires_on: "2027-01-31".into(), ..KeyForm::default() };
        assert_eq!(form.into_new_key().expires_at.as_deref(), Some("2027-01-31T23:59:59Z"));
        assert_eq!(KeyForm::default().into_new_key().expires_at, None);
    }
}
