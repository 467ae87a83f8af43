//! The rule on the test's clock: two candidates and one Lease, which takes a write only in the version that was read.
use super::*;

use k8s_openapi::api::coordination::v1::LeaseSpec;

const TIMES: [u64; 3] = [15, 10, 2];

fn election(identity: &str, [lease, deadline, retry]: [u64; 3]) -> Election {
    let second = Duration::from_secs;
    Election {
        identity: identity.into(),
        lease_duration: second(lease),
        renew_deadline: second(deadline),
        retry_period: second(retry),
    }
}

fn rule(identity: &str) -> Rule {
    Rule::new(identity.into(), Duration::from_secs(TIMES[0]))
}

/// A wall clock that is wrong, by a year each time: nobody may care.
fn wrong(turn: i64) -> Timestamp {
    Timestamp::from_second(31_536_000 * (turn % 60)).unwrap()
}

/// A candidate that tries every two seconds as [`Elector`] does.
struct Candidate {
    rule: Rule,
    /// End of its claim.
    until: Option<Instant>,
}

// === impl Candidate ===

impl Candidate {
    fn new(identity: &str) -> Self {
        Self { rule: rule(identity), until: None }
    }

    fn acts(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    fn attempt(&mut self, lease: &mut Option<LeaseSpec>, now: Instant, turn: i64) {
        match self.rule.judge(lease.as_ref(), now) {
            Verdict::Take => {
                *lease = Some(self.rule.taken(lease.take(), wrong(turn)));
                self.until = Some(now + Duration::from_secs(TIMES[1]));
            }
            Verdict::Wait(_) => self.until = None,
        }
    }
}

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

#[test]
fn whoever_loses_sight_of_the_lease_stops_before_the_other_begins_whatever_their_clocks_say() {
    let start = Instant::now();
    let (mut one, mut other, mut lease) = (Candidate::new("one"), Candidate::new("other"), None);
    let (mut stopped, mut begun) = (None, None);
    for second in 0..80 {
        let now = after(start, second);
        let turn = i64::try_from(second).unwrap();
        // From second 30 on the first does not reach the API server.
        if second % 2 == 0 && second < 30 {
            one.attempt(&mut lease, now, turn);
        }
        if second % 2 == 1 {
            other.attempt(&mut lease, now, turn * 7);
        }
        assert!(!(one.acts(now) && other.acts(now)), "both act at second {second}");
        if second < 30 {
            assert!(one.acts(now), "second {second}");
        }
        if stopped.is_none() && !one.acts(now) {
            stopped = Some(second);
        }
        if begun.is_none() && other.acts(now) {
            begun = Some(second);
        }
    }
    // The last renewal was at 28: its claim ends 10 s later, the Lease 15 s after the other saw it at 29.
    assert_eq!((stopped, begun), (Some(38), Some(45)));
    let lease = lease.unwrap();
    assert_eq!((lease.holder_identity.as_deref(), lease.lease_transitions), (Some("other"), Some(1)));
}

#[test]
fn a_lease_counts_from_when_this_process_saw_it_change_however_old_it_says_it_is() {
    let (start, mut late) = (Instant::now(), rule("late"));
    let mut lease = rule("holder").taken(None, Timestamp::UNIX_EPOCH);
    let waits = Verdict::Wait("holder".into());
    assert_eq!(late.judge(Some(&lease), start), waits, "a long past renewTime says nothing");
    assert_eq!(late.judge(Some(&lease), after(start, 14)), waits);
    lease = rule("holder").taken(Some(lease), Timestamp::UNIX_EPOCH + Duration::from_secs(1));
    assert_eq!(late.judge(Some(&lease), after(start, 15)), waits, "it was renewed");
    assert_eq!(late.judge(Some(&lease), after(start, 29)), waits);
    assert_eq!(late.judge(Some(&lease), after(start, 30)), Verdict::Take);
}

#[test]
fn the_holders_promise_counts_where_its_settings_differ() {
    let (start, mut short) = (Instant::now(), Rule::new("short".into(), Duration::from_secs(3)));
    let lease = rule("long").taken(None, Timestamp::UNIX_EPOCH);
    assert_eq!(short.judge(Some(&lease), start), Verdict::Wait("long".into()));
    assert_eq!(short.judge(Some(&lease), after(start, 14)), Verdict::Wait("long".into()));
    assert_eq!(short.judge(Some(&lease), after(start, 15)), Verdict::Take);
}

#[test]
fn a_restarted_process_with_the_same_name_goes_on_at_once_and_changes_no_count() {
    let at = Timestamp::UNIX_EPOCH;
    let before = rule("pod").taken(None, at);
    let mut reborn = rule("pod");
    assert_eq!(reborn.judge(Some(&before), Instant::now()), Verdict::Take);
    let after = reborn.taken(Some(before.clone()), at + Duration::from_secs(5));
    assert_eq!((after.lease_transitions, &after.acquire_time), (Some(0), &before.acquire_time));
    assert_ne!(after.renew_time, before.renew_time);
}

#[test]
fn a_lease_that_somebody_removes_is_its_holders_again_and_the_others_only_when_its_time_is_over() {
    let (start, mut waiting, mut holder) = (Instant::now(), rule("waiting"), rule("holder"));
    let lease = holder.taken(None, Timestamp::UNIX_EPOCH);
    assert_eq!(waiting.judge(Some(&lease), start), Verdict::Wait("holder".into()));
    assert_eq!(holder.judge(Some(&lease), start), Verdict::Take);
    assert_eq!(waiting.judge(None, after(start, 1)), Verdict::Wait("holder".into()), "the holder acts still");
    assert_eq!(holder.judge(None, after(start, 2)), Verdict::Take);
    assert_eq!(waiting.judge(None, after(start, 15)), Verdict::Take);
    assert_eq!(rule("new").judge(None, start), Verdict::Take, "nobody was ever seen");
}

#[test]
fn what_is_given_back_is_free_at_once_and_only_the_holder_gives_it_back() {
    let at = Timestamp::UNIX_EPOCH;
    let lease = rule("one").taken(None, at);
    assert_eq!(rule("other").released(Some(lease.clone()), at), None);
    assert_eq!(rule("one").released(None, at), None);
    let free = rule("one").released(Some(lease), at).unwrap();
    assert_eq!((free.holder_identity.as_deref(), free.lease_duration_seconds), (None, Some(1)));
    let mut other = rule("other");
    assert_eq!(other.judge(Some(&free), Instant::now()), Verdict::Take);
    let taken = other.taken(Some(free), at);
    assert_eq!((taken.lease_transitions, taken.lease_duration_seconds), (Some(1), Some(15)));
}

#[test]
fn times_that_leave_two_leaders_possible_are_refused() {
    assert!(election("pod", TIMES).check().is_ok());
    for (times, flag) in [
        ([10, 10, 2], "lease-duration must be longer"),
        ([15, 2, 2], "renew-deadline must"),
        ([15, 10, 0], "retry-period must"),
        ([3601, 10, 2], "lease-duration must be an hour or less"),
    ] {
        let said = election("pod", times).check().unwrap_err().to_string();
        assert!(said.contains(flag), "{times:?}: {said}");
    }
    assert!(election("", TIMES).check().is_err());
}

#[test]
fn the_lock_lies_beside_the_nodes_own_lease() {
    assert_eq!(lease_name("virtual-runpod"), "virtual-runpod.leader");
}
