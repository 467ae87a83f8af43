//! When an ended container starts again: the restart policy and its back-off, as pure functions of recorded times.
//! The count survives a restart of the process because it is the attempt number that the engine keeps.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::Ended;

/// First pause; each further crash doubles it.
const FIRST_SECONDS: i64 = 10;
/// Longest pause, as in the kubelet of Kubernetes.
const LONGEST_SECONDS: i64 = 300;
/// A container that ran this long starts again with the first pause.
const CALM: SignedDuration = SignedDuration::from_mins(10);

/// For each container: the last attempt that ran for ten minutes or more.
pub(crate) type CalmAttempts = BTreeMap<String, u32>;

/// When a container that ended starts again; `None` if its pod's policy lets it rest.
pub(crate) fn restart_at(policy: &str, ended: &Ended, attempt: u32, calm: Option<u32>) -> Option<Timestamp> {
    let again = match policy {
        "Never" => false,
        "OnFailure" => ended.exit_code != 0,
        _ => true,
    };
    let crashes = if ran_calmly(ended) { 0 } else { attempt - calm.unwrap_or(0).min(attempt) };
    let finished = ended.finished.unwrap_or(Timestamp::UNIX_EPOCH);
    again.then(|| finished.saturating_add(pause(crashes)).unwrap_or(Timestamp::MAX))
}

/// Whether this attempt ran long enough to forgive the crashes before it.
pub(crate) fn ran_calmly(ended: &Ended) -> bool {
    matches!((ended.started, ended.finished), (Some(start), Some(end)) if end.duration_since(start) >= CALM)
}

/// The pause before the next start, after that many crashes in a row before this one.
pub(crate) fn pause(crashes: u32) -> SignedDuration {
    let doubled = FIRST_SECONDS.saturating_mul(1 << crashes.saturating_sub(1).min(10));
    SignedDuration::from_secs(if crashes == 0 { 0 } else { doubled.min(LONGEST_SECONDS) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit_code: i32, ran_seconds: i64) -> Ended {
        let started = Timestamp::from_second(1_000_000).unwrap();
        let finished = started + SignedDuration::from_secs(ran_seconds);
        Ended {
            exit_code,
            reason: "Error".into(),
            message: String::new(),
            started: Some(started),
            finished: Some(finished),
            id: "docker://a".into(),
        }
    }

    fn pause_of(attempt: u32, calm: Option<u32>) -> Option<i64> {
        let end = ended(1, 5);
        restart_at("Always", &end, attempt, calm).map(|at| at.duration_since(end.finished.unwrap()).as_secs())
    }

    #[test]
    fn pauses_double_from_ten_seconds_to_five_minutes() {
        let pauses: Vec<_> = (0..8).map(|attempt| pause_of(attempt, None).unwrap()).collect();
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(pause(u32::MAX).as_secs(), 300);
    }

    #[test]
    fn a_calm_attempt_resets_the_pause() {
        assert_eq!(pause_of(8, Some(7)), Some(10));
        let calm = ended(1, 600);
        assert_eq!(restart_at("Always", &calm, 8, None), calm.finished);
    }

    #[test]
    fn the_policy_decides_who_starts_again() {
        assert!(restart_at("Never", &ended(1, 5), 0, None).is_none());
        assert!(restart_at("OnFailure", &ended(0, 5), 0, None).is_none());
        assert!(restart_at("OnFailure", &ended(3, 5), 0, None).is_some());
        assert!(restart_at("Always", &ended(0, 5), 0, None).is_some());
    }
}
