//! Laws of the arithmetic: parts add up to the whole, whatever the price and wherever the cuts are.

use jiff::SignedDuration;
use proptest::prelude::*;
use uuid::Uuid;

use super::meter::by_month;
use super::*;
use crate::money::Currency;

/// A record of EUR `micros` an hour.
pub(super) fn record(micros: i64, started_at: Timestamp, ended_at: Option<Timestamp>) -> UsageRecord {
    UsageRecord {
        id: UsageId::new(Uuid::from_u128(1)),
        account_id: AccountId::new(Uuid::from_u128(2)),
        namespace_id: NamespaceId::new(Uuid::from_u128(3)),
        namespace: "team-ml".into(),
        kubernetes_name: "team-ml-00000003".into(),
        member_id: UserId::new(Uuid::from_u128(4)),
        member: "ada@example.com".into(),
        key: None,
        pod_uid: "uid-1".into(),
        pod: "demo-1".into(),
        origin_pod: "demo-1".into(),
        origin_namespace: "team-ml-00000003".into(),
        sku_code: "gpu-h100-1x".into(),
        engine: "simulated".into(),
        runtime_class: String::new(),
        price: Money { micros, currency: Currency::new("EUR").unwrap() },
        started_at,
        ended_at,
    }
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_published_sample_is_348_hours_at_81_cents() {
    let start = at("2024-11-01T00:00:00Z");
    let record = record(810_000, start, Some(start + SignedDuration::from_hours(348)));
    assert_eq!((record.cost(start).decimal(), record.seconds(start) / 3600), ("281.88".to_owned(), 348));
}

#[test]
fn a_record_that_was_left_open_costs_nothing_beyond_its_month() {
    let record = record(3_600_000_000, at("2026-11-30T23:59:50Z"), None);
    assert_eq!(record.seconds(at("2027-03-01T00:00:00Z")), 10);
    assert_eq!(record.cost(at("2026-11-30T23:59:50Z")).micros, 0);
    assert_eq!(record.parts(at("2026-11-30T23:59:50Z")), []);
}

proptest! {
    #[test]
    fn the_days_of_a_record_add_up_to_it(micros in 0_i64..200_000_000, start in 1_600_000_000_i64..2_000_000_000, length in 0_i64..4_000_000) {
        let start = Timestamp::from_second(start).unwrap();
        let end = start + SignedDuration::from_secs(length);
        let record = record(micros, start, Some(end));
        let parts = record.parts(end);
        prop_assert_eq!(parts.iter().map(|part| part.micros).sum::<i64>(), record.cost(end).micros);
        prop_assert_eq!(parts.iter().map(|part| part.seconds).sum::<i64>(), record.seconds(end));
        prop_assert!(parts.iter().all(|part| part.micros >= 0 && (1..=86_400).contains(&part.seconds)));
        prop_assert!(parts.windows(2).all(|pair| pair[0].day.next() == pair[1].day));
    }

    #[test]
    fn cutting_at_the_ends_of_months_loses_no_second(start in 1_600_000_000_i64..2_000_000_000, length in 0_i64..40_000_000) {
        let start = Timestamp::from_second(start).unwrap();
        let end = start + SignedDuration::from_secs(length);
        let pieces = by_month(start, Some(end), end);
        let lengths = pieces.iter().map(|(from, until)| seconds(*from, until.unwrap()));
        prop_assert_eq!(lengths.sum::<i64>(), length);
        for (from, until) in &pieces {
            prop_assert!(until.unwrap() <= Month::of(*from).end());
        }
        let open = by_month(start, None, end);
        prop_assert!(open.last().unwrap().1.is_none() && open[..open.len() - 1].iter().all(|piece| piece.1.is_some()));
    }
}
