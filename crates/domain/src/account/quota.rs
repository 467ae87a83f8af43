//! What an account may have at most, and what each of its namespaces may use.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::share::{Share, ShareChange};
use crate::sku::is_gpu_class;
use crate::{Code, Error, FieldError, Result};

/// Most cores of a limit.
const MOST_CORES: u32 = 1_000_000;
/// Most GiB of memory.
const MOST_GIB: u32 = 1_000_000;
/// Most pods.
const MOST_PODS: u32 = 100_000;
/// Most GPUs.
const MOST_GPUS: u32 = 100_000;
/// Most classes of GPUs with a limit: each is a ResourceQuota in each namespace.
const MOST_CLASSES: usize = 100;

/// Limits of an account. Those per namespace are the ResourceQuotas of each of its namespaces; one may have less as its
/// own [`Share`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// GPUs of one class per namespace, for example of the class `h100`; the other classes have no limit but `gpus`.
    pub gpu_classes: BTreeMap<String, u32>,
    /// Pods per namespace.
    pub pods: u32,
    /// What all its namespaces may have together; what is absent has no total.
    #[serde(skip_serializing_if = "Share::is_empty")]
    pub total: Share,
}

/// New values for some limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QuotaChange {
    /// Namespaces of the account.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub namespaces: Option<u32>,
    /// Its members.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub members: Option<u32>,
    /// Its API keys.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub api_keys: Option<u32>,
    /// Cores per namespace.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub cpu: Option<u32>,
    /// Memory per namespace, GiB.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub memory_gib: Option<u32>,
    /// GPUs per namespace.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub gpus: Option<u32>,
    /// GPUs of one class per namespace; `null` lifts the limit of that class, classes that are not named keep theirs.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub gpu_classes: Option<BTreeMap<String, Option<u32>>>,
    /// Pods per namespace.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub pods: Option<u32>,
    /// What all its namespaces may have together; `null` in it lifts a total.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub total: Option<ShareChange>,
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
        Self {
            namespaces: 100,
            members: 500,
            api_keys: 1000,
            cpu: 256,
            memory_gib: 2048,
            gpus: 8,
            gpu_classes: BTreeMap::new(),
            pods: 100,
            total: Share::default(),
        }
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
        let mut quota = Self {
            namespaces: take("namespaces", self.namespaces, change.namespaces, 0, 100_000),
            members: take("members", self.members, change.members, 1, 100_000),
            api_keys: take("api_keys", self.api_keys, change.api_keys, 0, 1_000_000),
            cpu: take("cpu", self.cpu, change.cpu, 1, MOST_CORES),
            memory_gib: take("memory_gib", self.memory_gib, change.memory_gib, 1, MOST_GIB),
            gpus: take("gpus", self.gpus, change.gpus, 0, MOST_GPUS),
            gpu_classes: self.gpu_classes,
            pods: take("pods", self.pods, change.pods, 1, MOST_PODS),
            total: self.total.clone(),
        };
        for (class, limit) in change.gpu_classes.iter().flatten() {
            wrong.extend(limit_class(&mut quota.gpu_classes, "quota.gpu_classes", class, *limit).err());
        }
        if let Some(change) = &change.total {
            match self.total.with(change, "quota.total", &Self::most()) {
                Ok(total) => quota.total = total,
                Err(all) => wrong.extend(all),
            }
        }
        if wrong.is_empty() { Ok(quota) } else { Err(Error::Invalid(wrong)) }
    }

    /// The most that a limit may say.
    fn most() -> Self {
        Self { cpu: MOST_CORES, memory_gib: MOST_GIB, gpus: MOST_GPUS, pods: MOST_PODS, ..Self::default() }
    }

    /// Whether namespaces of the account must be applied anew after this change.
    pub fn same_in_namespaces(&self, other: &Self) -> bool {
        let numbers = |quota: &Self| (quota.cpu, quota.memory_gib, quota.gpus, quota.pods);
        // A class with a total has a limit in each namespace; other totals are in no namespace.
        let classes = |quota: &Self| quota.total.gpu_classes.keys().cloned().collect::<BTreeSet<String>>();
        numbers(self) == numbers(other) && self.gpu_classes == other.gpu_classes && classes(self) == classes(other)
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
        let changed = changed.map(|(name, old, new)| format!("{name} {old} → {new}"));
        let totals = self.total.differences(&old.total).into_iter().map(|total| format!("total {total}"));
        let classes = class_differences(&old.gpu_classes, &self.gpu_classes);
        changed.chain(classes).chain(totals).collect::<Vec<_>>().join(", ")
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

/// Sets or lifts the limit of a class; `field` is where the request says so.
///
/// # Errors
/// What is wrong with the class or the number.
pub(super) fn limit_class(
    limits: &mut BTreeMap<String, u32>,
    field: &str,
    class: &str,
    limit: Option<u32>,
) -> Result<(), FieldError> {
    let wrong = |code: &str, message: String| Err(FieldError::new(field, code, message));
    match limit {
        None => {
            limits.remove(class);
        }
        Some(_) if !is_gpu_class(class) => {
            let message = format!("There can be no class of GPUs of the name \"{class}\": write h100, for example");
            return wrong("format", message);
        }
        Some(limit) if limit > MOST_GPUS => {
            return wrong("range", format!("GPUs of class {class} must be 0 to {MOST_GPUS}"));
        }
        Some(limit) => {
            limits.insert(class.to_owned(), limit);
        }
    }
    if limits.len() <= MOST_CLASSES {
        return Ok(());
    }
    wrong("range", format!("At most {MOST_CLASSES} classes of GPUs can have a limit"))
}

/// What differs between the limits of classes, in words for the audit log.
pub(super) fn class_differences(old: &BTreeMap<String, u32>, new: &BTreeMap<String, u32>) -> Vec<String> {
    let classes: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let changed = classes.into_iter().filter(|class| old.get(*class) != new.get(*class));
    let said = |limits: &BTreeMap<String, u32>, class: &str| {
        limits.get(class).map_or_else(|| "no limit".to_owned(), ToString::to_string)
    };
    changed.map(|class| format!("gpus of class {class} {} → {}", said(old, class), said(new, class))).collect()
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

    fn classes<T: Clone>(all: &[(&str, T)]) -> BTreeMap<String, T> {
        all.iter().map(|(class, limit)| ((*class).to_owned(), limit.clone())).collect()
    }

    #[test]
    fn a_class_of_gpus_gets_a_limit_keeps_it_and_loses_it() {
        let limits =
            |all: &[(&str, Option<u32>)]| QuotaChange { gpu_classes: Some(classes(all)), ..Default::default() };
        let first = Quota::default().with(&limits(&[("h100", Some(4)), ("l4", Some(0)), ("b200", None)])).unwrap();
        assert_eq!(first.gpu_classes, classes(&[("h100", 4), ("l4", 0)]));
        assert!(!first.same_in_namespaces(&Quota::default()));
        let second = first.clone().with(&limits(&[("h100", None)])).unwrap();
        assert_eq!(second.gpu_classes, classes(&[("l4", 0)]), "what is not named stays");
        let said = "gpus of class h100 no limit → 4, gpus of class l4 no limit → 0";
        assert_eq!(first.differences(&Quota::default()), said);
        assert_eq!(second.differences(&first), "gpus of class h100 4 → no limit");
        assert_eq!(second.clone().with(&QuotaChange::default()).unwrap(), second);
    }

    #[test]
    fn a_limit_for_what_can_be_no_class_is_refused() {
        for (class, limit) in [("H100", 1), ("", 1), ("remotegpu-gpu-h100", 1), ("h100", 100_001)] {
            let change = QuotaChange { gpu_classes: Some(classes(&[(class, Some(limit))])), ..Default::default() };
            let Err(Error::Invalid(errors)) = Quota::default().with(&change) else { panic!("{class} was taken") };
            assert_eq!(errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), ["quota.gpu_classes"], "{class}");
        }
        let many = (0..=MOST_CLASSES).map(|number| (format!("class{number}"), Some(1))).collect();
        let change = QuotaChange { gpu_classes: Some(many), ..Default::default() };
        assert!(Quota::default().with(&change).is_err(), "one class too many");
    }

    #[test]
    fn a_total_is_set_named_and_lifted() {
        let change: QuotaChange = serde_json::from_str(r#"{"total": {"gpus": 8, "cpu": 64}}"#).unwrap();
        let quota = Quota::default().with(&change).unwrap();
        assert_eq!((quota.total.gpus, quota.total.cpu, quota.total.pods), (Some(8), Some(64), None));
        assert!(quota.same_in_namespaces(&Quota::default()), "no namespace has other limits by it");
        assert_eq!(quota.differences(&Quota::default()), "total cpu no limit → 64, total gpus no limit → 8");
        let change: QuotaChange = serde_json::from_str(r#"{"total": {"cpu": null, "gpus": 100001}}"#).unwrap();
        let Err(Error::Invalid(errors)) = quota.clone().with(&change) else { panic!("it was taken") };
        assert_eq!(errors[0].field, "quota.total.gpus");
        let change: QuotaChange = serde_json::from_str(r#"{"total": {"cpu": null}}"#).unwrap();
        assert_eq!(quota.with(&change).unwrap().total, Share { gpus: Some(8), ..Share::default() });
    }

    #[test]
    fn a_class_with_a_total_is_new_in_every_namespace() {
        let change: QuotaChange = serde_json::from_str(r#"{"total": {"gpu_classes": {"h100": 8}}}"#).unwrap();
        assert!(!Quota::default().with(&change).unwrap().same_in_namespaces(&Quota::default()));
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
