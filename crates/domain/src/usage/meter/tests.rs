//! What the meter decides about one pod.

use super::*;
use crate::usage::tests::{at, record};

const START: &str = "2026-11-21T10:00:00Z";
const SEEN: &str = "2026-11-21T10:30:00Z";
const NOW: &str = "2026-11-21T11:00:00Z";

fn pod(over: bool, ended: Option<&str>) -> MeteredPod {
    let record = record(1, at(START), None);
    MeteredPod {
        uid: record.pod_uid,
        namespace_id: record.namespace_id,
        name: record.pod,
        origin: None,
        sku_code: record.sku_code,
        engine: record.engine,
        runtime_class: String::new(),
        ordered_by: None,
        price: record.price,
        started_at: record.started_at,
        ended_at: ended.map(at),
        over,
    }
}

fn there(pod: MeteredPod) -> Metering {
    Metering { pods: [(pod.uid.clone(), pod)].into(), ..Metering::default() }
}

fn gone(pod: MeteredPod) -> Metering {
    Metering { gone: [(pod.uid.clone(), pod)].into(), ..Metering::default() }
}

fn nothing() -> BTreeMap<String, Timestamp> {
    BTreeMap::new()
}

/// When the one open record ends.
fn closing(says: &Metering, seen: &str) -> Option<Timestamp> {
    let meter = Meter::new(vec![record(1, at(START), None)], at(seen));
    let notes = meter.look(says, &nothing(), at(NOW));
    notes.first().map(|note| note.until.unwrap())
}

#[test]
fn a_record_ends_when_the_cluster_says_so_and_else_when_it_was_last_known_to_run() {
    let end = |says: &Metering| closing(says, SEEN);
    assert_eq!(end(&there(pod(false, None))), None);
    assert_eq!(end(&there(pod(true, Some("2026-11-21T10:10:00.9Z")))), Some(at("2026-11-21T10:10:00Z")));
    assert_eq!(end(&there(pod(true, None))), Some(at(SEEN)), "evicted: it tells no time");
    assert_eq!(end(&gone(pod(true, Some("2026-11-21T10:20:00Z")))), Some(at("2026-11-21T10:20:00Z")));
    assert_eq!(end(&gone(pod(true, None))), Some(at(SEEN)));
    assert_eq!(end(&Metering::default()), Some(at(SEEN)), "it went while nobody looked");
}

#[test]
fn no_end_is_before_the_start_or_in_the_future() {
    assert_eq!(closing(&there(pod(true, Some("2026-11-21T09:00:00Z"))), SEEN), Some(at(START)));
    assert_eq!(closing(&there(pod(true, Some("2026-11-21T23:00:00Z"))), SEEN), Some(at(NOW)));
    assert_eq!(closing(&Metering::default(), "2026-11-21T09:00:00Z"), Some(at(START)));
}

#[test]
fn a_pod_is_charged_from_the_end_of_its_last_record() {
    let now = at(NOW);
    assert_eq!(span(&pod(false, None), None, now), Some((at(START), None)));
    assert_eq!(span(&pod(false, None), Some(at(SEEN)), now), Some((at(SEEN), None)));
    let over = pod(true, Some("2026-11-21T10:20:00Z"));
    assert_eq!(span(&over, None, now), Some((at(START), Some(at("2026-11-21T10:20:00Z")))));
    assert_eq!(span(&over, Some(at("2026-11-21T10:20:00Z")), now), None, "it was charged whole");
    assert_eq!(span(&pod(true, None), None, now), None, "nothing says that it ran");
}

#[test]
fn a_pod_that_runs_on_is_ended_at_the_end_of_the_month_and_begun_in_the_next() {
    let meter = Meter::new(vec![record(1, at(START), None)], at(SEEN));
    let says = there(pod(false, None));
    let notes = meter.look(&says, &nothing(), at("2027-01-05T00:00:00Z"));
    let spans: Vec<_> = notes.iter().map(|note| (note.from, note.until)).collect();
    let (december, january) = (at("2026-12-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    assert_eq!(spans, [(at(START), Some(december)), (december, Some(january)), (january, None)]);
}

#[test]
fn what_has_nothing_left_to_charge_is_asked_about_once() {
    let mut meter = Meter::new(Vec::new(), at(SEEN));
    let says = there(pod(true, Some(START)));
    assert_eq!(meter.unknown(&says), ["uid-1"]);
    assert!(meter.look(&says, &nothing(), at(NOW)).is_empty());
    meter.noted(Vec::new(), &says, at(NOW));
    assert!(meter.unknown(&says).is_empty());
    meter.noted(Vec::new(), &Metering::default(), at(NOW));
    assert_eq!(meter, Meter::new(Vec::new(), at(NOW)), "what the cluster forgets we forget");
}
