//! The form for a new API key as typed, and how it becomes the request.

#[cfg(feature = "ssr")]
use std::borrow::Cow;

use domain::api_key::{ApiKeyChanges, NewApiKey};
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
    /// The end it has now, RFC 3339: a day that was not touched keeps its hour.
    pub expires_at: String,
}

// === impl KeyForm ===

impl KeyForm {
    /// The request of `POST /v1/api-keys`; its rules are checked where REST checks them too.
    pub fn into_new_key(self) -> NewApiKey {
        NewApiKey {
            scopes: self.scopes(),
            expires_at: self.end(),
            access: Some(self.rights()),
            name: self.name.trim().to_owned(),
        }
    }

    /// The request of `PATCH /v1/api-keys/{id}`.
    pub fn into_changes(self) -> ApiKeyChanges {
        let same_day = !self.expires_on.is_empty() && self.expires_at.starts_with(&self.expires_on);
        ApiKeyChanges {
            scopes: Some(self.scopes()),
            expires_at: (!same_day).then(|| self.end()),
            access: Some(self.rights()),
            name: Some(self.name.trim().to_owned()),
            disabled: None,
        }
    }

    /// The fields as a browser posts them by itself.
    #[cfg(feature = "ssr")]
    pub fn posted<'a>(fields: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut form = Self::default();
        for (field, value) in fields {
            let value = value.into_owned();
            match field.as_ref() {
                "form[name]" => form.name = value,
                "form[scope]" => form.scope = value,
                "form[namespace_ids][]" => form.namespace_ids.push(value),
                "form[access]" => form.access = value,
                "form[expires_on]" => form.expires_on = value,
                _ => {}
            }
        }
        form
    }

    fn end(&self) -> Option<String> {
        Some(self.expires_on.trim()).filter(|day| !day.is_empty()).map(|day| format!("{day}T23:59:59Z"))
    }

    fn rights(&self) -> Access {
        if self.access == "view" { Access::View } else { Access::Edit }
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

    #[cfg(feature = "ssr")]
    #[test]
    fn a_form_that_a_browser_posts_by_itself_is_the_same_form() {
        let fields = [
            ("form[name]", "ci"),
            ("form[scope]", "namespaces"),
            ("form[namespace_ids][]", "one"),
            ("form[namespace_ids][]", "two"),
            ("form[access]", "view"),
            ("form[expires_on]", "2099-12-31"),
            ("owner", "somebody"),
        ];
        let posted = KeyForm::posted(fields.into_iter().map(|(field, value)| (field.into(), value.into())));
        let typed = KeyForm {
            name: "ci".into(),
            scope: "namespaces".into(),
            namespace_ids: vec!["one".into(), "two".into()],
            access: "view".into(),
            expires_on: "2099-12-31".into(),
            expires_at: String::new(),
        };
        assert_eq!(posted, typed);
    }

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

    #[test]
    fn a_day_that_was_not_touched_keeps_its_hour() {
        let form = |expires_on: &str| KeyForm {
            expires_on: expires_on.into(),
            expires_at: "2027-01-31T08:00:00Z".into(),
            ..KeyForm::default()
        };
        assert_eq!(form("2027-01-31").into_changes().expires_at, None);
        assert_eq!(form("2027-02-01").into_changes().expires_at, Some(Some("2027-02-01T23:59:59Z".into())));
        assert_eq!(form("").into_changes().expires_at, Some(None));
    }
}
