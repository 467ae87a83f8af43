//! The answer of the admission check with its numbers, for people and for REST.
//!
//! Filled by [`super::Asked::judge`]; the console adds what the API server says to a dry run. Source: `console-api.md` §6.

use serde::{Deserialize, Serialize};

use super::Injection;
use super::needs::quota_rule;
use crate::namespace::QuotaLine;

/// Verdict of the admission check with its numbers (`console-api.md` §6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verdict {
    /// Whether the plan would be admitted.
    pub allowed: bool,
    /// The SKU asked for.
    pub sku_code: String,
    /// Rule by rule.
    pub rules: Vec<RuleResult>,
    /// Quota with what this plan asks.
    pub quota: Vec<QuotaCheck>,
    /// Fields admission would set, paths in the manifest.
    pub injected: Vec<Injection>,
    /// Free capacity.
    pub capacity: Option<Capacity>,
    /// Seconds until its pods run, as others of the SKU took lately. Null while unknown: too little is free, none has
    /// started yet, or it waits for its hour.
    pub expected_wait_seconds: Option<u32>,
    /// Price of the whole plan.
    pub price: Option<PlanPrice>,
    /// Things that will not stop it.
    pub warnings: Vec<String>,
}

/// One rule of a [`Verdict`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleResult {
    /// Stable code.
    pub code: String,
    /// Passed.
    pub ok: bool,
    /// Why not, with numbers.
    pub message: String,
}

/// One quota line of a [`Verdict`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuotaCheck {
    /// Limit and use.
    #[serde(flatten)]
    pub line: QuotaLine,
    /// What this plan adds.
    pub requested: String,
}

impl QuotaCheck {
    /// What is asked for and what is left, where that is less.
    pub fn lack(&self) -> Option<String> {
        let rule = quota_rule(self);
        (!rule.ok).then_some(rule.message)
    }
}

/// Free capacity of a [`Verdict`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capacity {
    /// Pods of this SKU that fit now.
    pub free: u32,
    /// When counted.
    pub as_of: Option<String>,
}

/// Price of a [`Verdict`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanPrice {
    /// Decimal, all replicas.
    pub per_hour: String,
    /// ISO 4217.
    pub currency: String,
    /// Decimal, when hours were given.
    pub for_expected_hours: Option<String>,
}

// === impl Verdict ===

impl Verdict {
    /// The first refusal's sentence.
    pub fn sentence(&self) -> &str {
        self.rules.iter().find(|r| !r.ok).map_or("Allowed", |r| r.message.as_str())
    }
}
