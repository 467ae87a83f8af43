//! An account's total and how its namespaces share it. Kubernetes holds each namespace to its share and knows no more
//! than one, so what is decided here is that all shares together never exceed the total (decision 017).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Quota;
use super::quota::{class_differences, limit_class};
use crate::admission::{QuotaCheck, Verdict};
use crate::namespace::QuotaLine;
use crate::quantity::parse_milli;
use crate::sku::GPU_DEVICE;
use crate::{Code, Error, FieldError, Result};

/// Limits each of which may be absent: what all namespaces of an account may use together, or what one may use of that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Share {
    /// Cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// Memory, GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_gib: Option<u32>,
    /// GPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// GPUs of one class, for example of the class `h100`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub gpu_classes: BTreeMap<String, u32>,
    /// Pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<u32>,
}

/// New values for some of them; `null` lifts one, those that are not named stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ShareChange {
    /// Cores.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>))]
    pub cpu: Option<Option<u32>>,
    /// Memory, GiB.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>))]
    pub memory_gib: Option<Option<u32>>,
    /// GPUs.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>))]
    pub gpus: Option<Option<u32>>,
    /// GPUs of one class; `null` lifts that of the class, classes that are not named keep theirs.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub gpu_classes: Option<BTreeMap<String, Option<u32>>>,
    /// Pods.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>))]
    pub pods: Option<Option<u32>>,
}

/// What a share counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted<'a> {
    Cpu,
    MemoryGib,
    Gpus,
    Class(&'a str),
    Pods,
}

// === impl Share ===

impl Share {
    /// Whether it limits nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The share with some limits changed, none of them above `most`. Its fields are those of `path` in the request.
    ///
    /// # Errors
    /// Each limit that is out of range.
    pub fn with(self, change: &ShareChange, path: &str, most: &Quota) -> Result<Self, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let mut take = |field: &str, old: Option<u32>, new: Option<Option<u32>>, most: u32| {
            let Some(new) = new else { return old };
            if new.is_some_and(|new| new > most) {
                let message = format!("{path}.{field} must be 0 to {most}");
                wrong.push(FieldError::new(&format!("{path}.{field}"), "range", message));
            }
            new
        };
        let mut share = Self {
            cpu: take("cpu", self.cpu, change.cpu, most.cpu),
            memory_gib: take("memory_gib", self.memory_gib, change.memory_gib, most.memory_gib),
            gpus: take("gpus", self.gpus, change.gpus, most.gpus),
            gpu_classes: self.gpu_classes,
            pods: take("pods", self.pods, change.pods, most.pods),
        };
        for (class, limit) in change.gpu_classes.iter().flatten() {
            wrong.extend(limit_class(&mut share.gpu_classes, &format!("{path}.gpu_classes"), class, *limit).err());
        }
        if wrong.is_empty() { Ok(share) } else { Err(wrong) }
    }

    /// What differs from `old`, in words for the audit log.
    pub fn differences(&self, old: &Self) -> Vec<String> {
        let all = [
            ("cpu", old.cpu, self.cpu),
            ("memory_gib", old.memory_gib, self.memory_gib),
            ("gpus", old.gpus, self.gpus),
            ("pods", old.pods, self.pods),
        ];
        let said = |limit: Option<u32>| limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
        let changed = all.into_iter().filter(|(_, old, new)| old != new);
        let changed = changed.map(|(name, old, new)| format!("{name} {} → {}", said(old), said(new)));
        changed.chain(class_differences(&old.gpu_classes, &self.gpu_classes)).collect()
    }

    /// What it says of what a line counts, in thousandths.
    pub(super) fn of_line(&self, line: &QuotaLine) -> Option<i128> {
        let what = Counted::of(line)?;
        Some(what.milli(self.of(what)?))
    }

    /// Adds to each refusal of a quota that this share of the namespace is what refuses.
    pub fn explain(&self, verdict: &mut Verdict) {
        let held = verdict.quota.iter().filter(|check| self.of_line(&check.line).is_some());
        for lack in held.filter_map(QuotaCheck::lack) {
            for rule in verdict.rules.iter_mut().filter(|rule| rule.message == lack) {
                rule.message.push_str(" of this namespace's share of the account");
            }
        }
    }

    fn of(&self, what: Counted<'_>) -> Option<u32> {
        match what {
            Counted::Cpu => self.cpu,
            Counted::MemoryGib => self.memory_gib,
            Counted::Gpus => self.gpus,
            Counted::Class(class) => self.gpu_classes.get(class).copied(),
            Counted::Pods => self.pods,
        }
    }

    fn set(&mut self, what: Counted<'_>, limit: u32) {
        match what {
            Counted::Cpu => self.cpu = Some(limit),
            Counted::MemoryGib => self.memory_gib = Some(limit),
            Counted::Gpus => self.gpus = Some(limit),
            Counted::Class(class) => {
                self.gpu_classes.insert(class.to_owned(), limit);
            }
            Counted::Pods => self.pods = Some(limit),
        }
    }

    /// Its limits, the classes of GPUs last: without one of their own they may take all GPUs.
    fn limits(&self) -> impl Iterator<Item = (Counted<'_>, u32)> {
        let whole = [Counted::Cpu, Counted::MemoryGib, Counted::Gpus, Counted::Pods];
        let whole = whole.into_iter().filter_map(move |what| Some((what, self.of(what)?)));
        whole.chain(self.gpu_classes.iter().map(|(class, limit)| (Counted::Class(class), *limit)))
    }
}

// === impl Counted ===

impl<'a> Counted<'a> {
    /// What a quota line counts; none for what no share limits.
    fn of(line: &'a QuotaLine) -> Option<Self> {
        let resource = line.resource.as_str();
        let bare = ["requests.", "limits."].iter().find_map(|side| resource.strip_prefix(side)).unwrap_or(resource);
        match (bare, line.gpu_class.as_deref()) {
            ("cpu", None) => Some(Self::Cpu),
            ("memory", None) => Some(Self::MemoryGib),
            ("pods", None) => Some(Self::Pods),
            (GPU_DEVICE, None) => Some(Self::Gpus),
            (GPU_DEVICE, Some(class)) => Some(Self::Class(class)),
            _ => None,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Cpu => "cores".to_owned(),
            Self::MemoryGib => "GiB of memory".to_owned(),
            Self::Gpus => "GPUs".to_owned(),
            Self::Class(class) => format!("GPUs of class {class}"),
            Self::Pods => "pods".to_owned(),
        }
    }

    /// So many of it in thousandths of what Kubernetes counts.
    fn milli(self, number: u32) -> i128 {
        let unit = if self == Self::MemoryGib { 1 << 30 } else { 1 };
        i128::from(number) * unit * 1000
    }
}

// === impl Quota ===

impl Quota {
    /// What holds in a namespace of this share: the smaller of its share and of what every namespace may use. A class
    /// that has a total has a limit in each, or its GPUs could not be counted together.
    #[must_use]
    pub fn in_namespace(&self, share: &Share) -> Self {
        let least = |all: u32, own: Option<u32>| own.map_or(all, |own| own.min(all));
        let gpus = least(self.gpus, share.gpus);
        let all = [&self.gpu_classes, &share.gpu_classes, &self.total.gpu_classes];
        let classes: BTreeSet<&String> = all.into_iter().flat_map(BTreeMap::keys).collect();
        let limited = |class: &String| {
            let limits = [self.gpu_classes.get(class), share.gpu_classes.get(class)];
            (class.clone(), limits.into_iter().flatten().copied().min().unwrap_or(gpus))
        };
        Self {
            cpu: least(self.cpu, share.cpu),
            memory_gib: least(self.memory_gib, share.memory_gib),
            gpus,
            gpu_classes: classes.into_iter().map(limited).collect(),
            pods: least(self.pods, share.pods),
            ..self.clone()
        }
    }

    /// The share of one more namespace beside those of these `others`: what is left, where that is less than what every
    /// namespace may use.
    pub fn first_share(&self, others: &[Share]) -> Share {
        let mut share = Share::default();
        for (what, total) in self.total.limits() {
            let left = left(total, self.sum(what, others));
            if self.limit_in(what, &share) > left {
                share.set(what, left);
            }
        }
        share
    }

    /// Whether a namespace may have this share beside those of the `others`.
    ///
    /// # Errors
    /// `quota_exceeded` with the total and what is left.
    pub fn room_for_share(&self, share: &Share, others: &[Share]) -> Result<()> {
        for (what, total) in self.total.limits() {
            let have = self.sum(what, others);
            let left = left(total, have);
            if self.limit_in(what, share) > left {
                let (all, verb) = (what.words(), if left == 1 { "is" } else { "are" });
                let detail = format!(
                    "The account may have {total} {all} in all; its other namespaces have {have}, so {left} {verb} left"
                );
                return Err(Error::conflict(Code::QuotaExceeded, detail));
            }
        }
        Ok(())
    }

    /// Whether the namespaces of these shares keep the total.
    ///
    /// # Errors
    /// `quota_exceeded` with the total and what they have.
    pub fn keeps_total(&self, shares: &[Share]) -> Result<()> {
        for (what, total) in self.total.limits() {
            let have = self.sum(what, shares);
            if have > u64::from(total) {
                let detail = format!(
                    "The namespaces of the account have {have} {} together, more than {total} in all: lower their \
                     shares or what each may use",
                    what.words()
                );
                return Err(Error::conflict(Code::QuotaExceeded, detail));
            }
        }
        Ok(())
    }

    /// Whether what a namespace uses fits these new limits, wherever they are below those of its quota. What runs goes
    /// on beyond a lower limit, and somebody else's share would count it a second time.
    ///
    /// # Errors
    /// `quota_exceeded` with what is used.
    pub fn covers_use(&self, lines: &[QuotaLine]) -> Result<()> {
        for line in lines {
            let counted = Counted::of(line).and_then(|what| Some((what, self.of(what)?)));
            let Some((what, limit)) = counted else { continue };
            let (new, old, used) = (what.milli(limit), parse_milli(&line.limit)?, parse_milli(&line.used)?);
            if new < old && new < used {
                let (used, all) = (used / what.milli(1) + i128::from(used % what.milli(1) > 0), what.words());
                let detail =
                    format!("The namespace uses {used} {all} now: its share cannot be {limit} before that has stopped");
                return Err(Error::conflict(Code::QuotaExceeded, detail));
            }
        }
        Ok(())
    }

    fn sum(&self, what: Counted<'_>, shares: &[Share]) -> u64 {
        shares.iter().map(|share| u64::from(self.limit_in(what, share))).sum()
    }

    fn limit_in(&self, what: Counted<'_>, share: &Share) -> u32 {
        let there = self.in_namespace(share);
        there.of(what).unwrap_or(there.gpus)
    }

    fn of(&self, what: Counted<'_>) -> Option<u32> {
        match what {
            Counted::Cpu => Some(self.cpu),
            Counted::MemoryGib => Some(self.memory_gib),
            Counted::Gpus => Some(self.gpus),
            Counted::Class(class) => self.gpu_classes.get(class).copied(),
            Counted::Pods => Some(self.pods),
        }
    }
}

/// What is left of a total, none where more is given out.
fn left(total: u32, have: u64) -> u32 {
    u32::try_from(u64::from(total).saturating_sub(have)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admission::RuleResult;

    fn of_gpus(gpus: u32) -> Share {
        Share { gpus: Some(gpus), ..Share::default() }
    }

    fn in_all(gpus: u32) -> Quota {
        Quota { total: of_gpus(gpus), ..Quota::default() }
    }

    fn line(resource: &str, class: Option<&str>, used: &str, limit: &str) -> QuotaLine {
        let gpu_class = class.map(ToOwned::to_owned);
        QuotaLine { resource: resource.into(), gpu_class, limit: limit.into(), used: used.into() }
    }

    #[test]
    fn a_new_namespace_gets_what_is_left_and_without_a_total_everything() {
        let quota = in_all(8);
        assert_eq!(quota.first_share(&[]), Share::default(), "all of the total");
        assert_eq!(quota.first_share(&[of_gpus(5)]), of_gpus(3));
        assert_eq!(quota.first_share(&[of_gpus(5), of_gpus(3)]), of_gpus(0));
        assert_eq!(Quota::default().first_share(&[Share::default(), Share::default()]), Share::default());
    }

    #[test]
    fn a_share_above_what_is_left_is_refused_with_numbers() {
        let quota = in_all(8);
        assert!(quota.room_for_share(&of_gpus(2), &[of_gpus(6)]).is_ok());
        let refused = quota.room_for_share(&of_gpus(4), &[of_gpus(5), of_gpus(1)]).unwrap_err();
        assert_eq!(refused.code(), Code::QuotaExceeded);
        let said = "The account may have 8 GPUs in all; its other namespaces have 6, so 2 are left";
        assert_eq!(refused.to_string(), said);
        let lifted = quota.room_for_share(&Share::default(), &[of_gpus(6)]).unwrap_err();
        assert_eq!(lifted.to_string(), said, "without a share it would have 8");
    }

    #[test]
    fn a_total_below_what_the_namespaces_have_is_refused_with_numbers() {
        assert!(in_all(8).keeps_total(&[of_gpus(5), of_gpus(3)]).is_ok());
        let refused = in_all(7).keeps_total(&[of_gpus(5), of_gpus(3)]).unwrap_err().to_string();
        let said = "The namespaces of the account have 8 GPUs together, more than 7 in all: lower";
        assert!(refused.starts_with(said), "{refused}");
        assert!(in_all(8).keeps_total(&[Share::default(), Share::default()]).is_err(), "8 in each");
        assert!(Quota { gpus: 4, ..in_all(8) }.keeps_total(&[Share::default(), Share::default()]).is_ok());
    }

    #[test]
    fn a_class_with_a_total_has_a_limit_in_every_namespace() {
        let total = Share { gpu_classes: [("h100".to_owned(), 4)].into(), ..Share::default() };
        let quota = Quota { gpus: 3, total, ..Quota::default() };
        assert_eq!(quota.in_namespace(&Share::default()).gpu_classes["h100"], 3, "as many as it has GPUs");
        assert_eq!(quota.first_share(&[Share::default()]).gpu_classes["h100"], 1);
        let refused = quota.keeps_total(&[Share::default(), Share::default()]).unwrap_err().to_string();
        assert!(refused.contains("have 6 GPUs of class h100 together, more than 4"), "{refused}");
    }

    #[test]
    fn a_share_never_lifts_what_every_namespace_may_use() {
        let quota = Quota { gpus: 4, gpu_classes: [("h100".to_owned(), 2)].into(), ..Quota::default() };
        let share = Share { gpus: Some(6), gpu_classes: [("h100".to_owned(), 3)].into(), ..Share::default() };
        assert_eq!(quota.in_namespace(&share), quota);
        let wanted = ShareChange { gpus: Some(Some(5)), ..ShareChange::default() };
        let wrong = Share::default().with(&wanted, "share", &quota).unwrap_err();
        assert_eq!(wrong[0].message, "share.gpus must be 0 to 4");
    }

    #[test]
    fn a_share_is_set_named_and_lifted() {
        let change: ShareChange = serde_json::from_str(r#"{"gpus": 3, "gpu_classes": {"h100": 1}}"#).unwrap();
        let share = Share::default().with(&change, "share", &Quota::default()).unwrap();
        assert_eq!(share, Share { gpus: Some(3), gpu_classes: [("h100".to_owned(), 1)].into(), ..Share::default() });
        let said = share.differences(&Share::default());
        assert_eq!(said, ["gpus no limit → 3", "gpus of class h100 no limit → 1"]);
        let change: ShareChange = serde_json::from_str(r#"{"gpus": null}"#).unwrap();
        let lifted = share.with(&change, "share", &Quota::default()).unwrap();
        assert_eq!((lifted.gpus, lifted.gpu_classes.len()), (None, 1));
    }

    #[test]
    fn a_limit_does_not_go_below_what_runs() {
        let lines = [
            line("requests.nvidia.com/gpu", None, "4", "8"),
            line("requests.memory", None, "3Gi", "2Ti"),
            line("requests.cpu", None, "1500m", "256"),
            line("services", None, "9", "9"),
        ];
        let covers = |share: Share| Quota::default().in_namespace(&share).covers_use(&lines);
        assert!(covers(of_gpus(4)).is_ok());
        let refused = covers(of_gpus(3)).unwrap_err().to_string();
        assert_eq!(refused, "The namespace uses 4 GPUs now: its share cannot be 3 before that has stopped");
        assert!(covers(Share { memory_gib: Some(3), ..Share::default() }).is_ok());
        assert!(covers(Share { memory_gib: Some(2), ..Share::default() }).is_err());
        let cores = covers(Share { cpu: Some(1), ..Share::default() }).unwrap_err().to_string();
        assert!(cores.starts_with("The namespace uses 2 cores"), "{cores}");
        let over = [line("requests.nvidia.com/gpu", None, "9", "4")];
        assert!(Quota { gpus: 4, ..Quota::default() }.covers_use(&over).is_ok(), "nothing is lowered");
    }

    #[test]
    fn a_refusal_says_that_it_is_the_share_which_refuses() {
        let check = |line: QuotaLine| QuotaCheck { line, requested: "2".into() };
        let quota = vec![check(line("requests.nvidia.com/gpu", None, "3", "4")), check(line("pods", None, "9", "10"))];
        let rule = |check: &QuotaCheck| RuleResult { code: "quota".into(), ok: false, message: check.lack().unwrap() };
        let mut verdict = Verdict {
            allowed: false,
            sku_code: "gpu-h100-1x".into(),
            rules: quota.iter().map(rule).collect(),
            quota,
            injected: Vec::new(),
            capacity: None,
            expected_wait_seconds: None,
            price: None,
            warnings: Vec::new(),
        };
        of_gpus(4).explain(&mut verdict);
        let said: Vec<&str> = verdict.rules.iter().map(|rule| rule.message.as_str()).collect();
        let share = "Needs 2 GPUs, 1 of 4 left of this namespace's share of the account";
        assert_eq!(said, [share, "Needs 2 pods, 1 of 10 left"]);
    }

    fn any_share() -> impl Strategy<Value = Share> {
        let (gpus, class) = (proptest::option::of(0_u32..12), proptest::option::of(0_u32..12));
        (gpus, class).prop_map(|(gpus, class)| Share {
            gpus,
            gpu_classes: class.into_iter().map(|limit| ("h100".to_owned(), limit)).collect(),
            ..Share::default()
        })
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_the_total_is_kept(
            gpus in 0_u32..10,
            total in any_share(),
            asked in proptest::collection::vec((any::<bool>(), 0_usize..6, any_share()), 0..24),
        ) {
            let quota = Quota { gpus, total, ..Quota::default() };
            let mut shares: Vec<Share> = Vec::new();
            for (new, place, wanted) in asked {
                if new || shares.is_empty() {
                    shares.push(quota.first_share(&shares));
                } else {
                    let place = place % shares.len();
                    let mut others = shares.clone();
                    others.remove(place);
                    if quota.room_for_share(&wanted, &others).is_ok() {
                        shares[place] = wanted;
                    }
                }
                prop_assert!(quota.keeps_total(&shares).is_ok(), "{:?}", shares);
            }
        }
    }
}
