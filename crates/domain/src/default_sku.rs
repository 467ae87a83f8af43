//! The SKU of pods that name none: at most one for a namespace, chosen by who manages it.
//!
//! Source: `skypilot.md` §7, RULINGS 13 (admission reads it as an annotation that only the console sets).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sku::Sku;
use crate::{Error, Result};

/// The choice, asked for and answered in the same form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DefaultSku {
    /// Code of the SKU; `null` when each pod has to name one.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub sku_code: Option<String>,
}

// === impl DefaultSku ===

impl DefaultSku {
    /// Whether it may be chosen by an account for which these are `usable`. A SKU of others answers as one that is not
    /// there.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `sku_code`.
    pub fn check(&self, skus: &BTreeMap<String, Sku>, usable: impl Fn(&Sku) -> bool) -> Result<()> {
        let Some(code) = self.sku_code.as_deref() else { return Ok(()) };
        let refuse = |rule: &str, what: &str| Err(Error::field("sku_code", rule, format!("SKU \"{code}\" {what}")));
        match skus.get(code).filter(|sku| usable(sku)) {
            None => refuse("unknown", "does not exist"),
            Some(sku) if sku.spec.retired => refuse("retired", "is no longer sold"),
            Some(_) => Ok(()),
        }
    }

    /// In words, for the audit log.
    pub fn word(&self) -> &str {
        self.sku_code.as_deref().unwrap_or("none")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sku::{SkuGrants, SkuGrantsView};

    fn skus() -> BTreeMap<String, Sku> {
        let sold = |code: &str, retired: bool| {
            let spec = json!({"title": code, "resources": {"cpu": "1", "memory": "1Gi"}, "retired": retired,
                "price": {"perHour": "1.00", "currency": "EUR"}, "placement": {"engines": ["local"]}});
            let spec = serde_json::from_value(spec).unwrap();
            let sku = Sku { code: code.to_owned(), version: "1".to_owned(), spec, status: Default::default() };
            (code.to_owned(), sku)
        };
        BTreeMap::from([sold("small", false), sold("old", true), sold("other", false)])
    }

    fn said(code: &str, grants: &SkuGrants) -> Option<String> {
        let chosen = DefaultSku { sku_code: Some(code.to_owned()) };
        chosen.check(&skus(), |sku| grants.grants(&sku.code)).err().map(|error| error.to_string())
    }

    #[test]
    fn only_what_the_account_may_use_and_what_is_sold_is_chosen() {
        let few = SkuGrants::new(&SkuGrantsView { all: false, codes: vec!["small".into(), "old".into()] }).unwrap();
        assert_eq!(said("small", &few), None);
        assert_eq!(said("other", &SkuGrants::default()), None, "every SKU");
        assert_eq!(said("other", &few).as_deref(), Some("SKU \"other\" does not exist"));
        assert_eq!(said("none", &few).as_deref(), Some("SKU \"none\" does not exist"));
        assert_eq!(said("old", &few).as_deref(), Some("SKU \"old\" is no longer sold"));
        assert!(DefaultSku::default().check(&BTreeMap::new(), |_| false).is_ok(), "none is always right");
    }
}
