//! What sums are made of, and what they leave out.

use super::*;
use crate::usage::tests::{at, record};

const NOW: &str = "2026-11-21T12:00:00Z";

fn key(number: u128) -> ApiKeyId {
    ApiKeyId::new(uuid::Uuid::from_u128(number))
}

fn facts() -> UsageFacts {
    let now = at(NOW);
    let ended = record(1_000_000, at("2026-11-19T22:00:00Z"), Some(at("2026-11-20T02:00:00Z")));
    let mut open = record(2_000_000, at("2026-11-21T11:00:00Z"), None);
    open.sku_code = "cpu-small".into();
    open.member = "bob@example.com".into();
    open.key = Some(UsageKey { id: key(7), name: "ci".into() });
    let days: Vec<UsageDay> = [ended.days(now), open.days(now)].concat();
    UsageFacts { month: days.clone(), days, open: vec![open], budgets: Vec::new() }
}

fn budget(namespace_id: Option<NamespaceId>, micros: i64, currency: &str) -> Budget {
    let amount = Money { micros, currency: Currency::new(currency).unwrap() };
    Budget {
        id: crate::id::BudgetId::new(uuid::Uuid::from_u128(1)),
        account_id: crate::id::AccountId::new(uuid::Uuid::from_u128(1)),
        namespace_id,
        terms: crate::budget::BudgetTerms { amount, warn_at: Vec::new(), hard_stop: false },
        state: crate::budget::BudgetState { month: Month::of(at(NOW)), reached: 0, stopped: false },
        created_at: at(NOW),
    }
}

fn summary(query: &UsageQuery) -> UsageSummary {
    UsageSummary::of(&facts(), &query.check(at(NOW)).unwrap(), at(NOW))
}

#[test]
fn breakdowns_and_days_sum_to_the_total() {
    let all = summary(&UsageQuery::default());
    assert_eq!((all.since.as_str(), all.until.as_str(), all.days.len()), ("2026-11-01", "2026-11-21", 21));
    assert_eq!((all.total.as_str(), all.seconds, all.currency.as_str()), ("6.00", 18_000, "EUR"));
    let skus: Vec<_> = all.skus.iter().map(|s| (s.key.as_str(), s.cost.as_str(), s.percent)).collect();
    assert_eq!(skus, [("gpu-h100-1x", "4.00", 67), ("cpu-small", "2.00", 33)]);
    let members: Vec<_> = all.members.iter().map(|s| (s.key.as_str(), s.cost.as_str())).collect();
    assert_eq!(members, [("ada@example.com", "4.00"), ("bob@example.com", "2.00")]);
    assert_eq!(all.namespaces[0].cost, "6.00");
    let costs: Vec<_> = all.days[18..].iter().map(|day| (day.cost.as_str(), day.skus.join(" "))).collect();
    assert_eq!(costs, [("2.00", "2.00 0.00".to_owned()), ("2.00", "2.00 0.00".into()), ("2.00", "0.00 2.00".into())]);
}

#[test]
fn keys_have_their_own_sums_and_what_none_ordered_is_one_of_them() {
    let keys = |query: &UsageQuery| -> Vec<(String, String, String)> {
        summary(query).keys.into_iter().map(|share| (share.key, share.name, share.cost)).collect()
    };
    let line = |key: &str, name: &str, cost: &str| (key.to_owned(), name.to_owned(), cost.to_owned());
    let (ci, none) = (line(&key(7).to_string(), "ci", "2.00"), line("none", "Without a key", "4.00"));
    assert_eq!(keys(&UsageQuery::default()), [none.clone(), ci.clone()]);
    let of = |key: &str| UsageQuery { key: Some(key.to_owned()), ..UsageQuery::default() };
    assert_eq!((keys(&of(&ci.0)), summary(&of(&ci.0)).running), (vec![ci], 1));
    assert_eq!((keys(&of("none")), summary(&of("none")).running), (vec![none], 0));
    assert!(keys(&of(&key(8).to_string())).is_empty());
    assert!(of("ci").check(at(NOW)).is_err());
}

#[test]
fn sums_of_absurd_prices_stay_at_the_most_that_fits() {
    let now = at(NOW);
    let pods = ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"].map(|start| record(i64::MAX, at(start), None));
    let days: Vec<UsageDay> = pods.iter().flat_map(|pod| pod.days(now)).collect();
    let facts = UsageFacts { month: days.clone(), days, open: pods.into(), budgets: Vec::new() };
    let all = UsageSummary::of(&facts, &UsageQuery::default().check(now).unwrap(), now);
    let most = Money { micros: i64::MAX, currency: Currency::new("EUR").unwrap() };
    assert!(most.display().starts_with('€'), "{}", most.display());
    let most = most.decimal();
    for sum in [&all.total, &all.per_hour, &all.month, &all.forecast, &all.skus[0].cost, &all.days[20].cost] {
        assert_eq!(*sum, most);
    }
    assert_eq!((all.skus[0].percent, &all.ahead[0].cost), (100, &most));
}

#[test]
fn the_forecast_is_the_month_so_far_and_what_runs_until_its_end() {
    let all = summary(&UsageQuery::default());
    // 9 days and 12 hours are left.
    assert_eq!((all.running, all.per_hour.as_str(), all.month.as_str()), (1, "2.00", "6.00"));
    assert_eq!(all.forecast, "462.00");
}

#[test]
fn the_days_ahead_are_those_of_the_forecast_and_belong_to_a_range_with_today() {
    let days = |query: &UsageQuery| -> Vec<(String, String)> {
        summary(query).ahead.into_iter().map(|ahead| (ahead.day, ahead.cost)).collect()
    };
    let all = days(&UsageQuery::default());
    // 2.00 until noon and 12 hours more; then 24 hours a day. With 4.00 of the days before: 462.00.
    assert_eq!((all.len(), all[0].0.as_str(), all[0].1.as_str()), (10, "2026-11-21", "26.00"));
    assert_eq!((all[9].0.as_str(), all[9].1.as_str()), ("2026-11-30", "48.00"));
    let query = |since: &str, until: &str| UsageQuery {
        since: Some(since.into()),
        until: Some(until.into()),
        ..UsageQuery::default()
    };
    assert_eq!(days(&query("2026-11-21", "2026-12-31")).len(), 10);
    assert!(days(&query("2026-11-01", "2026-11-20")).is_empty());
    assert!(days(&query("2026-11-22", "2026-11-30")).is_empty());
    let idle = UsageQuery { sku: Some("gpu-h100-1x".into()), ..UsageQuery::default() };
    assert!(days(&idle).is_empty());
}

#[test]
fn the_budget_is_that_of_what_is_asked_for_and_its_days_have_even_shares() {
    let (ours, other) = (facts().open[0].namespace_id, NamespaceId::new(uuid::Uuid::from_u128(99)));
    let budgets =
        [budget(None, 300_000_000, "USD"), budget(None, 310_000_000, "EUR"), budget(Some(ours), 62_000_000, "EUR")];
    let facts = UsageFacts { budgets: budgets.to_vec(), ..facts() };
    let of = |query: &UsageQuery| UsageSummary::of(&facts, &query.check(at(NOW)).unwrap(), at(NOW));
    let all = of(&UsageQuery { since: Some("2026-10-31".into()), ..UsageQuery::default() });
    assert_eq!((all.budget.as_str(), all.budget_by_day.len()), ("310.00", 31), "to the end of the forecast");
    assert_eq!(all.budget_by_day[..2], ["10.00", "10.333333"], "31 days, then 30");
    let of_namespace = |id: NamespaceId| UsageQuery { namespace: Some(id.to_string()), ..UsageQuery::default() };
    assert_eq!(of(&of_namespace(ours)).budget, "62.00");
    let sku = UsageQuery { sku: Some("cpu-small".into()), ..UsageQuery::default() };
    for without in [of_namespace(other), sku] {
        let found = of(&without);
        assert_eq!((found.budget.as_str(), found.budget_by_day.len()), ("", 0), "{without:?}");
    }
}

#[test]
fn a_filter_leaves_only_its_own_also_of_what_runs() {
    let sku = UsageQuery { sku: Some("gpu-h100-1x".into()), ..UsageQuery::default() };
    let found = summary(&sku);
    assert_eq!((found.total.as_str(), found.running, found.forecast.as_str()), ("4.00", 0, "4.00"));
    let nobody = UsageQuery { member: Some("eve@example.com".into()), ..UsageQuery::default() };
    assert_eq!((summary(&nobody).total.as_str(), summary(&nobody).skus.len()), ("0.00", 0));
}

#[test]
fn an_account_without_use_has_days_of_nothing() {
    let range = UsageQuery::default().check(at(NOW)).unwrap();
    let empty = UsageSummary::of(&UsageFacts::default(), &range, at(NOW));
    assert_eq!((empty.days.len(), empty.total.as_str(), empty.currency.as_str()), (21, "0.00", ""));
}

#[test]
fn wrong_ranges_are_named() {
    let query = |since: &str, until: &str| UsageQuery {
        since: Some(since.into()),
        until: Some(until.into()),
        ..UsageQuery::default()
    };
    for (since, until) in
        [("2026-11-02", "2026-11-01"), ("2025-01-01", "2026-11-01"), ("x", "2026-11-01"), ("", "2026-11-01")]
    {
        assert!(query(since, until).check(at(NOW)).is_err(), "{since} {until}");
    }
    let until = |day: &str| UsageQuery { until: Some(day.into()), ..UsageQuery::default() };
    assert!(until("2026-11-31").check(at(NOW)).is_err());
    let long = UsageQuery { sku: Some("a".repeat(64)), ..UsageQuery::default() };
    assert!(long.check(at(NOW)).is_err());
    let october = until("2026-10-09").check(at(NOW)).unwrap();
    assert_eq!(october.since.to_string(), "2026-10-01", "the month of the last day");
}
