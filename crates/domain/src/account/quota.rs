//! What an account may have at most, and what each of its namespaces may use.

use serde::{Deserialize, Serialize};

use crate::{Code, Error, FieldError, Result};

/// Limits of an account. The last four are the ResourceQuota of each of its namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Quota {
    /// Namespaces of the account.
    pub namespaces: u32,
    /// Its members.
    pub members: u32,
    /// Its API keys that are not revoked.
    pub api_keys: u32,
    /// Cores per namespace.
    pub cpu: u32,
    /// Memory per namespace, GiB.
    pub memory_gib: u32,
    /// GPUs per namespace.
    pub gpus: u32,
    /// Pods per namespace.
    pub pods: u32,
}

/// New values for some limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct QuotaChange {
    /// Namespaces of the account.
    pub namespaces: Option<u32>,
    /// Its members.
    pub members: Option<u32>,
    /// Its API keys.
    pub api_keys: Option<u32>,
    /// Cores per namespace.
    pub cpu: Option<u32>,
    /// Memory per namespace, GiB.
    pub memory_gib: Option<u32>,
    /// GPUs per namespace.
    pub gpus: Option<u32>,
    /// Pods per namespace.
    pub pods: Option<u32>,
}

/// Something an account has a limited number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Namespaces.
    Namespaces,
    /// Members, open invitations included.
    Members,
    /// API keys.
    ApiKeys,
}

impl Default for Quota {
    /// Room for one pod of eight GPUs (192 cores, 1.5 TiB) and some of the small ones beside it.
    fn default() -> Self {
        Self { namespaces: 100, members: 500, api_keys: 1000, cpu: 256, memory_gib: 2048, gpus: 8, pods: 100 }
    }
}

// === impl Quota ===

impl Quota {
    /// The quota with some limits changed.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each limit that is out of range.
    pub fn with(self, change: &QuotaChange) -> Result<Self> {
        let mut wrong = Vec::new();
        let mut take = |field: &str, old: u32, new: Option<u32>, least: u32, most: u32| {
            let Some(new) = new else { return old };
            if !(least..=most).contains(&new) {
                let message = format!("{field} must be {least} to {most}");
                wrong.push(FieldError::new(&format!("quota.{field}"), "range", message));
            }
            new
        };
        let quota = Self {
            namespaces: take("namespaces", self.namespaces, change.namespaces, 0, 100_000),
            members: take("members", self.members, change.members, 1, 100_000),
            api_keys: take("api_keys", self.api_keys, change.api_keys, 0, 1_000_000),
            cpu: take("cpu", self.cpu, change.cpu, 1, 1_000_000),
            memory_gib: take("memory_gib", self.memory_gib, change.memory_gib, 1, 1_000_000),
            gpus: take("gpus", self.gpus, change.gpus, 0, 100_000),
            pods: take("pods", self.pods, change.pods, 1, 100_000),
        };
        if wrong.is_empty() { Ok(quota) } else { Err(Error::Invalid(wrong)) }
    }

    /// Whether namespaces of the account must be applied anew after this change.
    pub fn same_in_namespaces(&self, other: &Self) -> bool {
        (self.cpu, self.memory_gib, self.gpus, self.pods) == (other.cpu, other.memory_gib, other.gpus, other.pods)
    }

    /// What differs from `old`, in words for the audit log.
    pub fn differences(&self, old: &Self) -> String {
        let all = [
            ("namespaces", old.namespaces, self.namespaces),
            ("members", old.members, self.members),
            ("api_keys", old.api_keys, self.api_keys),
            ("cpu", old.cpu, self.cpu),
            ("memory_gib", old.memory_gib, self.memory_gib),
            ("gpus", old.gpus, self.gpus),
            ("pods", old.pods, self.pods),
        ];
        let changed = all.iter().filter(|(_, old, new)| old != new);
        changed.map(|(name, old, new)| format!("{name} {old} → {new}")).collect::<Vec<_>>().join(", ")
    }

    /// The limit of one thing.
    pub fn limit(&self, of: Limit) -> u32 {
        match of {
            Limit::Namespaces => self.namespaces,
            Limit::Members => self.members,
            Limit::ApiKeys => self.api_keys,
        }
    }

    /// One more of `of` where there are `have`.
    ///
    /// # Errors
    /// `quota_exceeded` with both numbers.
    pub fn room_for_one(&self, of: Limit, have: u32) -> Result<()> {
        let limit = self.limit(of);
        if have < limit {
            return Ok(());
        }
        let what = of.words();
        let detail = format!("The account has {have} of {limit} {what}: remove one, or ask the operator for more");
        Err(Error::conflict(Code::QuotaExceeded, detail))
    }
}

impl Limit {
    fn words(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Members => "members and open invitations",
            Self::ApiKeys => "API keys",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_limits_that_are_named_change() {
        let change = QuotaChange { gpus: Some(16), ..QuotaChange::default() };
        let quota = Quota::default().with(&change).unwrap();
        assert_eq!(quota, Quota { gpus: 16, ..Quota::default() });
        assert!(!quota.same_in_namespaces(&Quota::default()));
        assert_eq!(quota.differences(&Quota::default()), "gpus 8 → 16");
        let change = QuotaChange { members: Some(1), ..QuotaChange::default() };
        assert!(Quota::default().with(&change).unwrap().same_in_namespaces(&Quota::default()));
    }

    #[test]
    fn every_limit_out_of_range_is_named() {
        let change = QuotaChange { cpu: Some(0), members: Some(0), ..QuotaChange::default() };
        let Err(Error::Invalid(errors)) = Quota::default().with(&change) else { panic!("it was taken") };
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["quota.members", "quota.cpu"]);
    }

    #[test]
    fn the_refusal_says_both_numbers() {
        let quota = Quota { namespaces: 2, ..Quota::default() };
        assert!(quota.room_for_one(Limit::Namespaces, 1).is_ok());
        let refused = quota.room_for_one(Limit::Namespaces, 2).unwrap_err();
        assert_eq!(refused.code(), Code::QuotaExceeded);
        assert!(refused.to_string().starts_with("The account has 2 of 2 namespaces"), "{refused}");
    }

    #[test]
    fn limits_stored_by_an_older_version_get_the_default_of_newer_ones() {
        let quota: Quota = serde_json::from_str(r#"{"gpus":16,"later":1}"#).unwrap();
        assert_eq!(quota, Quota { gpus: 16, ..Quota::default() });
    }
}
