//! What became of instances without a pod, as the Node says it: they cost money that no pod explains.
//! A condition of its own, so that `kubectl describe node` and the console show it without asking anybody.
use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};

/// Type of the condition.
pub(crate) const ORPHANS: &str = "OrphanInstances";
/// How long an end is told.
const TOLD: SignedDuration = SignedDuration::from_hours(1);

/// Of this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orphans {
    ended: usize,
    /// When the last was ended, and whose it was.
    last: Option<(Timestamp, String)>,
    /// By UID, whose it was and why it is still there.
    left: BTreeMap<String, (String, String)>,
    /// Instances that run although the API server has no pod of this node: nothing is ended for that.
    doubted: usize,
}

// === impl Orphans ===

impl Orphans {
    /// One is gone.
    pub(crate) fn end(&mut self, uid: &str, pod: String, now: Timestamp) {
        self.left.remove(uid);
        self.ended += 1;
        self.last = Some((now, pod));
    }

    /// One could not be ended.
    pub(crate) fn keep(&mut self, uid: &str, pod: String, why: String) {
        self.left.insert(uid.to_owned(), (pod, why));
    }

    /// Those that are not there any more are no trouble any more; true if there was one.
    pub(crate) fn forget_but(&mut self, there: &HashSet<String>) -> bool {
        let before = self.left.len();
        self.left.retain(|uid, _| there.contains(uid));
        self.left.len() != before
    }

    /// So many would be ended for a list without any pod, which is not believed; true if that is news.
    pub(crate) fn doubt(&mut self, count: usize) -> bool {
        std::mem::replace(&mut self.doubted, count) != count
    }

    /// Status, reason and message of the condition.
    pub(crate) fn condition(&self, now: Timestamp) -> (&'static str, &'static str, String) {
        if self.doubted > 0 {
            let message = format!(
                "{} run and may cost money, but the API server has no pod of this node; none is ended for that before \
                 there is a pod again. If it is right, end them at the engine",
                instances(self.doubted)
            );
            return ("True", "NoPodsListed", message);
        }
        if let Some((pod, why)) = self.left.values().next() {
            let count = instances(self.left.len());
            let message = format!("{count} without a pod could not be ended and may cost money; that of {pod}: {why}");
            return ("True", "OrphansRemain", message);
        }
        match &self.last {
            Some((at, pod)) if now.duration_since(*at) < TOLD => {
                let count = instances(self.ended);
                let message = format!("{count} without a pod ended since the start, the last that of {pod}");
                ("True", "OrphansEnded", message)
            }
            _ => ("False", "NoOrphans", String::new()),
        }
    }
}

fn instances(count: usize) -> String {
    if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orphan_is_told_while_it_is_there_and_for_an_hour_after_its_end() {
        let at = |second: i64| Timestamp::from_second(1_000_000 + second).unwrap();
        let told = |orphans: &Orphans, second: i64| orphans.condition(at(second));
        let mut orphans = Orphans::default();
        assert_eq!(told(&orphans, 0), ("False", "NoOrphans", String::new()));
        orphans.keep("a", "team/web".into(), "no answer".into());
        orphans.keep("b", "team/db".into(), "no answer".into());
        let (status, reason, message) = told(&orphans, 1);
        assert_eq!((status, reason), ("True", "OrphansRemain"));
        assert_eq!(
            message,
            "2 instances without a pod could not be ended and may cost money; that of team/web: no answer"
        );
        orphans.end("a", "team/web".into(), at(2));
        assert_eq!(told(&orphans, 3).1, "OrphansRemain", "the other costs money");
        assert!(!orphans.forget_but(&HashSet::from(["b".to_owned()])));
        assert!(orphans.forget_but(&HashSet::new()), "somebody else ended it");
        let (status, reason, message) = told(&orphans, 3);
        assert_eq!((status, reason), ("True", "OrphansEnded"));
        assert_eq!(message, "1 instance without a pod ended since the start, the last that of team/web");
        assert_eq!(told(&orphans, 2 + 3600).0, "False");
    }

    #[test]
    fn instances_that_are_not_ended_for_a_list_without_pods_are_told_until_there_is_one() {
        let (mut orphans, now) = (Orphans::default(), Timestamp::UNIX_EPOCH);
        assert!(orphans.doubt(3) && !orphans.doubt(3), "said once");
        let (status, reason, message) = orphans.condition(now);
        assert_eq!((status, reason), ("True", "NoPodsListed"));
        assert!(message.starts_with("3 instances run"), "{message}");
        assert!(orphans.doubt(0));
        assert_eq!(orphans.condition(now).1, "NoOrphans");
    }
}
