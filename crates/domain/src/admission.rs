//! The admission rule: may this pod run under this SKU here, and what does it get?
//!
//! One pure function for the webhook, the console's admission-check and the wizard (RULINGS 38). Works on the pod as
//! JSON and denies spec keys it does not know, so newer fields cannot slip through.
//! Source: `console-api.md` §6, `security.md` §6.

mod account;
mod check;
mod containers;
mod fields;
mod inference;
mod needs;
mod orderer;
mod patch;
mod placement;
mod resources;
mod security;
mod selection;
mod spec;
mod tolerations;
mod update;
mod verdict;
mod volumes;
mod workload;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use check::{Asked, Place};
pub use fields::{CONTAINER_FIELDS, FieldClass, POD_SPEC_FIELDS, VOLUME_FIELDS};
pub use needs::requests;
pub use orderer::{ANNOTATION_ORDERED_BY, Orderer, check_ordered, order, ordered, ordered_by, seal};
pub use patch::apply;
pub use resources::check_sku;
pub use update::{check_unchanged, check_update};
pub use verdict::{Capacity, PlanPrice, QuotaCheck, RuleResult, Verdict};
pub use volumes::{FILES_ANNOTATION, FILES_IN_ENV, mounts_files, no_volumes};
pub use workload::workload_template;

use crate::capacity::open_to;
use crate::sku::Sku;

/// Namespace annotation: SKU codes granted here, comma separated; `*` or absent = every SKU (RULINGS 41).
pub const ANNOTATION_SKUS: &str = "remotegpu.ai/skus";
/// Namespace annotation: SKU used for pods without the label; absent = the label is required.
pub const ANNOTATION_DEFAULT_SKU: &str = "remotegpu.ai/default-sku";
/// Namespace annotation: ServiceAccounts that pods may name besides `default`, comma separated.
pub const ANNOTATION_SERVICE_ACCOUNTS: &str = "remotegpu.ai/service-accounts";
/// Namespace annotation: `stopped` refuses new pods.
pub const ANNOTATION_SPENDING: &str = "remotegpu.ai/spending";
/// Its value that refuses new pods.
pub const SPENDING_STOPPED: &str = "stopped";
/// Pod annotation set by admission: the SKU's version ([`Sku::version`]).
pub const ANNOTATION_SKU_VERSION: &str = "remotegpu.ai/sku-version";
/// Pod annotation set by admission: hourly price, frozen, for example `3.29 EUR`.
pub const ANNOTATION_PRICE: &str = "remotegpu.ai/price-per-hour";
/// Pod annotation set by admission: the runtime class that stands for the SKU, frozen for the bill; none without GPUs.
pub const ANNOTATION_RUNTIME_CLASS: &str = "remotegpu.ai/runtime-class";

/// Namespace label: the account's id (RULINGS 41).
pub const LABEL_ACCOUNT: &str = "remotegpu.ai/account-id";

/// What admission must know of a namespace: a label and annotations only the console can set (RULINGS 13).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespacePolicy {
    /// Whose namespace it is: the account's id; empty for nobody's.
    pub account: String,
    /// Granted SKU codes; `None` = every SKU.
    pub skus: Option<Vec<String>>,
    /// SKU for pods without the label.
    pub default_sku: Option<String>,
    /// ServiceAccounts that pods may name besides `default`.
    pub service_accounts: Vec<String>,
    /// New pods are refused.
    pub spending_stopped: bool,
}

/// A refusal: the field and the fix, one sentence each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable rule code, for example `sku_known`.
    pub code: String,
    /// JSON path in the pod, for example `spec.hostNetwork`.
    pub field: String,
    /// What is wrong and what to write.
    pub message: String,
}

/// One field that admission sets, as an RFC 6902 operation with its JSON pointer **in the pod**.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Injection {
    /// `add`, `replace`, or `remove`.
    pub op: String,
    /// JSON pointer.
    pub path: String,
    /// The value set; `null` clears a field that a built-in plugin filled in.
    pub value: Value,
}

// === impl NamespacePolicy ===

impl NamespacePolicy {
    /// Reads the labels and annotations of a Namespace.
    pub fn read(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> Self {
        let account = labels.get(LABEL_ACCOUNT).cloned().unwrap_or_default();
        Self { account, ..Self::from_annotations(annotations) }
    }

    /// Reads the annotations of a Namespace that is nobody's.
    pub fn from_annotations(annotations: &BTreeMap<String, String>) -> Self {
        let list = |key: &str| {
            annotations.get(key).map(|text| {
                text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(ToOwned::to_owned).collect::<Vec<_>>()
            })
        };
        Self {
            account: String::new(),
            skus: list(ANNOTATION_SKUS).filter(|codes| !codes.iter().any(|c| c == "*")),
            default_sku: annotations.get(ANNOTATION_DEFAULT_SKU).filter(|s| !s.is_empty()).cloned(),
            service_accounts: list(ANNOTATION_SERVICE_ACCOUNTS).unwrap_or_default(),
            spending_stopped: annotations.get(ANNOTATION_SPENDING).is_some_and(|s| s == SPENDING_STOPPED),
        }
    }

    /// Whether a SKU may be used here: it is granted, and not made for engines of other accounts (RULINGS 2).
    pub fn allows(&self, sku: &Sku) -> bool {
        self.grants(&sku.code) && open_to(sku, &self.account)
    }

    /// Whether a SKU is granted here.
    pub fn grants(&self, code: &str) -> bool {
        self.skus.as_ref().is_none_or(|codes| codes.iter().any(|c| c == code))
    }
}

// === impl Refusal ===

impl Refusal {
    /// A refusal from its code, field and sentence.
    pub fn new(code: &str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), field: field.into(), message: message.into() }
    }
}

/// Decides about `pod` (a whole Pod or PodTemplateSpec as JSON) in a namespace with `policy`.
///
/// `skus` finds a SKU by code. Returns what to set, in this order; empty when the pod already is as it must be, so
/// `admit` after [`apply`] has nothing left to do.
///
/// # Errors
/// Every refusal at once, never empty. Codes: `malformed`, `spending`, `sku_label`, `sku_known`, `sku_granted`,
/// `sku_retired`, `sku_broken`, `resources_fit`, `resources_equal`, `resources_unset`, `gpu_in_init`, `placement`,
/// `tolerations`, `priority`, `runtime_class`, `service_account`, `host_namespaces`, `field_denied`, `volumes`,
/// `pod_security`, `annotations_fixed`.
pub fn admit(
    pod: &Value,
    policy: &NamespacePolicy,
    skus: &BTreeMap<String, Sku>,
) -> Result<Vec<Injection>, Vec<Refusal>> {
    let mut refusals = Vec::new();
    let Some(pod_spec) = spec::of(pod) else {
        return Err(vec![Refusal::new("malformed", "spec", "The pod needs a spec with at least one container")]);
    };
    if policy.spending_stopped {
        let message = "Spending is stopped in this namespace: no new pods until the account's budget allows them";
        refusals.push(Refusal::new("spending", "", message));
    }
    spec::check(pod, pod_spec, &mut refusals);
    account::check(pod_spec, policy, &mut refusals);
    let mut draft = patch::Draft::new(pod);
    account::fill(&mut draft);
    match selection::select(pod, policy, skus) {
        Ok(sku) => {
            selection::fill(&mut draft, sku, &mut refusals);
            resources::fill(&mut draft, sku, selection::class(pod, sku), &mut refusals);
            placement::fill(&mut draft, sku, &policy.account, &mut refusals);
        }
        Err(refusal) => refusals.push(refusal),
    }
    if refusals.is_empty() { Ok(draft.into_injections()) } else { Err(refusals) }
}

#[cfg(test)]
mod tests;
