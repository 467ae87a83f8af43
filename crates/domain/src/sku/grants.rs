//! Which SKUs an account may use: an operator's choice, written into each of its namespaces (RULINGS 13).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::name::check_dns_label;
use crate::{Error, FieldError, Result};

/// Codes that fit comfortably into one annotation.
const MOST: usize = 500;

/// Every SKU, or only some.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SkuGrants(Option<BTreeSet<String>>);

/// [`SkuGrants`] on the wire, also the body of `PUT /v1/platform/accounts/{id}/skus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SkuGrantsView {
    /// Every SKU, those of tomorrow included.
    pub all: bool,
    /// Only these; empty when `all`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub codes: Vec<String>,
}

// === impl SkuGrants ===

impl SkuGrants {
    /// Checks what an operator wants.
    ///
    /// # Errors
    /// [`Error::Invalid`] for both forms at once, too many codes, or one that cannot be a SKU's.
    pub fn new(wanted: &SkuGrantsView) -> Result<Self> {
        if wanted.all {
            let both = || Error::field("codes", "conflict", "Leave codes empty when all SKUs are granted");
            return if wanted.codes.is_empty() { Ok(Self(None)) } else { Err(both()) };
        }
        if wanted.codes.len() > MOST {
            return Err(Error::field("codes", "range", format!("At most {MOST} codes")));
        }
        let wrong = |(i, code): (usize, &String)| {
            let field = format!("codes[{i}]");
            check_dns_label(&field, code).err().map(|error| FieldError::new(&field, "format", error.to_string()))
        };
        let wrong: Vec<FieldError> = wanted.codes.iter().enumerate().filter_map(wrong).collect();
        if wrong.is_empty() {
            Ok(Self(Some(wanted.codes.iter().cloned().collect())))
        } else {
            Err(Error::Invalid(wrong))
        }
    }

    /// Whether this SKU is among them.
    pub fn grants(&self, code: &str) -> bool {
        self.0.as_ref().is_none_or(|codes| codes.contains(code))
    }

    /// The text of the namespace annotation `remotegpu.ai/skus`.
    pub fn annotation(&self) -> String {
        match &self.0 {
            None => "*".to_owned(),
            Some(codes) => codes.iter().map(String::as_str).collect::<Vec<_>>().join(","),
        }
    }

    /// The wire form.
    pub fn view(&self) -> SkuGrantsView {
        SkuGrantsView { all: self.0.is_none(), codes: self.0.iter().flatten().cloned().collect() }
    }

    /// What changed, for the audit log: `all → gpu-h100-1x`.
    pub fn difference(&self, old: &Self) -> String {
        let words = |grants: &Self| match grants.0.as_ref().map(BTreeSet::len) {
            None => "all".to_owned(),
            Some(0) => "none".to_owned(),
            Some(_) => grants.annotation().replace(',', ", "),
        };
        format!("{} → {}", words(old), words(self))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::admission::{ANNOTATION_SKUS, NamespacePolicy};

    fn view(all: bool, codes: &[&str]) -> SkuGrantsView {
        SkuGrantsView { all, codes: codes.iter().map(|code| (*code).to_owned()).collect() }
    }

    #[test]
    fn what_the_namespace_is_told_grants_the_same_codes() {
        for wanted in [view(true, &[]), view(false, &[]), view(false, &["b", "a", "a"])] {
            let grants = SkuGrants::new(&wanted).unwrap();
            let policy =
                NamespacePolicy::from_annotations(&BTreeMap::from([(ANNOTATION_SKUS.to_owned(), grants.annotation())]));
            for code in ["a", "b", "c"] {
                assert_eq!(policy.grants(code), grants.grants(code), "{wanted:?} {code}");
            }
            assert_eq!(SkuGrants::new(&grants.view()).unwrap(), grants);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in [view(true, &["a"]), view(false, &["*"]), view(false, &["a,b"]), view(false, &[""])] {
            assert!(SkuGrants::new(&wrong).is_err(), "{wrong:?}");
        }
        let many: Vec<String> = (0..=MOST).map(|n| format!("s{n}")).collect();
        assert!(SkuGrants::new(&SkuGrantsView { all: false, codes: many }).is_err());
    }

    #[test]
    fn the_audit_log_reads_what_changed() {
        let (all, none) = (SkuGrants::default(), SkuGrants::new(&view(false, &[])).unwrap());
        let some = SkuGrants::new(&view(false, &["gpu-h100-1x", "cpu"])).unwrap();
        assert_eq!(some.difference(&all), "all → cpu, gpu-h100-1x");
        assert_eq!(none.difference(&some), "cpu, gpu-h100-1x → none");
    }
}
