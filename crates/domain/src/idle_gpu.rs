//! GPUs that are paid for and do nothing: when that is said, and when what holds them is stopped.
//!
//! Source: `console-api.md` §8 row 14: by what the GPUs themselves report, never by CPU.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::metric::GpuFigures;
use crate::workload::WorkloadKind;
use crate::{Error, Result};

/// A GPU below this many per cent does nothing; drivers and monitors alone make one or two.
pub const IDLE_BELOW_PERCENT: u32 = 5;
/// Longest time that may be set: a week.
pub const MOST_MINUTES: u32 = 10_080;
/// Without figures for so long nobody knows what the GPUs did meanwhile.
const BLIND: SignedDuration = SignedDuration::from_mins(5);

/// What happens when GPUs are idle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum IdleGpuAction {
    /// Nothing.
    Off,
    /// The pages say so.
    #[default]
    Warn,
    /// The pages say so, then the workload is stopped.
    Stop,
}

/// What is done about idle GPUs in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct IdleGpuRule {
    /// What happens.
    pub action: IdleGpuAction,
    /// Idle minutes before the pages say so; 0 says it at once.
    #[cfg_attr(feature = "openapi", schema(maximum = 10080))]
    pub warn_after_minutes: u32,
    /// Idle minutes before the workload is stopped, with the action `stop`; 0 stops it at once.
    #[cfg_attr(feature = "openapi", schema(maximum = 10080))]
    pub stop_after_minutes: u32,
}

/// GPUs that are idle, on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdleGpuView {
    /// RFC 3339: since when all of them have been.
    pub since_at: String,
    /// RFC 3339: when the workload is stopped if they stay so; none where nothing is stopped.
    pub stops_at: Option<String>,
}

/// A workload whose GPUs are all idle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleWorkload {
    /// Id of its namespace.
    pub namespace_id: String,
    /// Console name of its namespace.
    pub namespace: String,
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// Since when, and until when.
    pub idle: IdleGpuView,
}

/// Whether the GPUs of a pod are idle, from one reading to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdleWatch {
    since: Option<Timestamp>,
    seen: Option<Timestamp>,
}

// === impl IdleGpuAction ===

impl IdleGpuAction {
    /// Every action, in the order of forms.
    pub const ALL: [Self; 3] = [Self::Off, Self::Warn, Self::Stop];

    /// The stored and wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Stop => "stop",
        }
    }

    /// In words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Off => "Say nothing",
            Self::Warn => "Say so",
            Self::Stop => "Say so, then stop",
        }
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `action`.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|action| action.as_str() == text);
        found.ok_or_else(|| Error::field("action", "unknown", "Choose off, warn or stop"))
    }
}

// === impl IdleGpuRule ===

impl Default for IdleGpuRule {
    /// Half an hour until it is said; nothing is stopped unless somebody wants that.
    fn default() -> Self {
        Self { action: IdleGpuAction::Warn, warn_after_minutes: 30, stop_after_minutes: 240 }
    }
}

impl IdleGpuRule {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn check(&self) -> Result<()> {
        let fields = [("warn_after_minutes", self.warn_after_minutes), ("stop_after_minutes", self.stop_after_minutes)];
        match fields.into_iter().find(|(_, minutes)| *minutes > MOST_MINUTES) {
            Some((field, _)) => Err(Error::field(field, "range", format!("At most {MOST_MINUTES} minutes, a week"))),
            None => Ok(()),
        }
    }

    /// For the audit log: `stop after 240 min, said after 30 min`.
    pub fn words(&self) -> String {
        match self.action {
            IdleGpuAction::Off => "off".to_owned(),
            IdleGpuAction::Warn => format!("said after {} min", self.warn_after_minutes),
            IdleGpuAction::Stop => {
                format!("stop after {} min, said after {} min", self.stop_after_minutes, self.warn_after_minutes)
            }
        }
    }

    /// What a page says of pods whose GPUs have all been idle since then; none while it is too early.
    pub fn view(&self, since: Timestamp, now: Timestamp) -> Option<IdleGpuView> {
        let idle = now.duration_since(since);
        let said = self.action != IdleGpuAction::Off && idle >= minutes(self.warn_after_minutes);
        let stops =
            (self.action == IdleGpuAction::Stop).then(|| (since + minutes(self.stop_after_minutes)).to_string());
        said.then(|| IdleGpuView { since_at: since.to_string(), stops_at: stops })
    }

    /// Whether what has been idle since then is to be stopped now.
    pub fn stops(&self, since: Timestamp, now: Timestamp) -> bool {
        self.action == IdleGpuAction::Stop && now.duration_since(since) >= minutes(self.stop_after_minutes)
    }
}

fn minutes(count: u32) -> SignedDuration {
    SignedDuration::from_mins(i64::from(count))
}

/// Since when all pods of a workload have been idle, from each of its pods; none if one of them works or is unknown.
pub fn all_since(pods: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    let mut latest = None;
    for since in pods {
        latest = latest.max(Some(since?));
    }
    latest
}

// === impl IdleWatch ===

impl IdleWatch {
    /// Takes in what the GPUs of a pod did at `at`. A GPU that does not say counts as one that works.
    pub fn observe(&mut self, at: Timestamp, gpus: &[GpuFigures]) {
        let idle = |gpu: &GpuFigures| gpu.duty_percent.is_some_and(|percent| percent < IDLE_BELOW_PERCENT);
        let blind = self.seen.is_some_and(|seen| at.duration_since(seen) > BLIND);
        let all_idle = !gpus.is_empty() && gpus.iter().all(idle);
        self.since = all_idle.then(|| self.since.filter(|_| !blind).unwrap_or(at));
        self.seen = Some(at);
    }

    /// Since when they have been idle; none while one works, or nothing was heard lately.
    pub fn since(&self, now: Timestamp) -> Option<Timestamp> {
        self.since.filter(|_| self.seen.is_some_and(|seen| now.duration_since(seen) <= BLIND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minutes * 60).unwrap()
    }

    fn gpus(duties: &[Option<u32>]) -> Vec<GpuFigures> {
        let gpu = |duty: &Option<u32>| GpuFigures {
            model: "H100".into(),
            id: "a".into(),
            memory_total_bytes: None,
            memory_used_bytes: None,
            duty_percent: *duty,
        };
        duties.iter().map(gpu).collect()
    }

    #[test]
    fn one_gpu_that_works_or_does_not_say_keeps_a_pod_busy() {
        for busy in [&[Some(0), Some(5)][..], &[Some(0), None], &[]] {
            let mut watch = IdleWatch::default();
            watch.observe(at(0), &gpus(busy));
            assert_eq!(watch.since(at(0)), None, "{busy:?}");
        }
    }

    #[test]
    fn idling_counts_from_its_first_reading_and_ends_with_work() {
        let mut watch = IdleWatch::default();
        for minute in 0..10 {
            watch.observe(at(minute), &gpus(&[Some(1), Some(4)]));
        }
        assert_eq!(watch.since(at(9)), Some(at(0)));
        watch.observe(at(10), &gpus(&[Some(1), Some(90)]));
        assert_eq!(watch.since(at(10)), None);
    }

    #[test]
    fn what_nobody_saw_was_not_idle() {
        let mut watch = IdleWatch::default();
        watch.observe(at(0), &gpus(&[Some(0)]));
        assert_eq!((watch.since(at(5)), watch.since(at(6))), (Some(at(0)), None));
        watch.observe(at(60), &gpus(&[Some(0)]));
        assert_eq!(watch.since(at(60)), Some(at(60)));
    }

    #[test]
    fn a_rule_speaks_and_stops_in_its_time() {
        let rule = IdleGpuRule { action: IdleGpuAction::Stop, warn_after_minutes: 30, stop_after_minutes: 240 };
        assert_eq!(rule.view(at(0), at(29)), None);
        let view = rule.view(at(0), at(30)).unwrap();
        assert_eq!((view.since_at, view.stops_at), (at(0).to_string(), Some(at(240).to_string())));
        assert!(!rule.stops(at(0), at(239)) && rule.stops(at(0), at(240)));
        let warn = IdleGpuRule { action: IdleGpuAction::Warn, ..rule.clone() };
        assert!(!warn.stops(at(0), at(999)) && warn.view(at(0), at(30)).unwrap().stops_at.is_none());
        assert_eq!(IdleGpuRule { action: IdleGpuAction::Off, ..rule }.view(at(0), at(999)), None);
    }

    #[test]
    fn a_workload_is_idle_since_the_last_of_its_pods_is() {
        assert_eq!(all_since([Some(at(1)), Some(at(3)), Some(at(2))].into_iter()), Some(at(3)));
        assert_eq!(all_since([Some(at(1)), None].into_iter()), None);
        assert_eq!(all_since(std::iter::empty()), None);
    }

    #[test]
    fn more_than_a_week_cannot_be_kept() {
        let rule = IdleGpuRule { stop_after_minutes: MOST_MINUTES + 1, ..IdleGpuRule::default() };
        assert!(rule.check().is_err() && IdleGpuRule::default().check().is_ok());
        for action in IdleGpuAction::ALL {
            assert_eq!(IdleGpuAction::parse(action.as_str()).unwrap(), action);
        }
    }
}
