//! Sums for people: by day, namespace, SKU and member, what runs now, and where the month is going.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Day, Month, UsageDay, UsageRecord};
use crate::budget::Budget;
use crate::id::NamespaceId;
use crate::money::{Currency, Money};
use crate::{Error, Result};

/// Most days of one answer: a leap year and a day.
const MOST_DAYS: i64 = 367;

/// Which days and whose, as they come in a query string; empty fields (of a form) are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct UsageQuery {
    /// First day, `2026-11-01` (UTC); that of this month when unsaid.
    #[cfg_attr(feature = "openapi", param(format = "date"))]
    pub since: Option<String>,
    /// Last day; today when unsaid.
    #[cfg_attr(feature = "openapi", param(format = "date"))]
    pub until: Option<String>,
    /// Id of a namespace.
    #[cfg_attr(feature = "openapi", param(format = "uuid"))]
    pub namespace: Option<String>,
    /// SKU code.
    #[cfg_attr(feature = "openapi", param(max_length = 63))]
    pub sku: Option<String>,
    /// E-mail address of a member.
    #[cfg_attr(feature = "openapi", param(max_length = 254))]
    pub member: Option<String>,
}

/// A [`UsageQuery`] that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRange {
    /// First day.
    pub since: Day,
    /// Last day.
    pub until: Day,
    namespace: Option<NamespaceId>,
    sku: Option<String>,
    member: Option<String>,
}

/// Sums of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageSummary {
    /// First day.
    pub since: String,
    /// Last day.
    pub until: String,
    /// ISO 4217; empty when nothing was ever charged in these days.
    pub currency: String,
    /// Of all these days.
    pub total: String,
    /// Seconds of pods in them.
    pub seconds: i64,
    /// Pods that are charged now.
    pub running: u32,
    /// What they cost per hour.
    pub per_hour: String,
    /// This month so far.
    pub month: String,
    /// This month if what runs now runs to its end.
    pub forecast: String,
    /// The forecast by day, from today to the end of the month; empty when nothing runs or today is none of these days.
    pub ahead: Vec<UsageAhead>,
    /// The budget of a month: the account's, or that of the one namespace asked for. Empty without one, and where SKUs or
    /// members are asked for, which have none.
    #[serde(default)]
    pub budget: String,
    /// The same spread evenly over the days of each month, from the first day to the last one here or in `ahead`.
    #[serde(default)]
    pub budget_by_day: Vec<String>,
    /// Each day, also those without use.
    pub days: Vec<UsageDayView>,
    /// By namespace, the dearest first.
    pub namespaces: Vec<UsageShare>,
    /// By SKU, the dearest first.
    pub skus: Vec<UsageShare>,
    /// By the member who made the namespace, the dearest first.
    pub members: Vec<UsageShare>,
}

/// A day of a [`UsageSummary`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageDayView {
    /// `2026-11-21`, UTC.
    pub day: String,
    /// What it cost.
    pub cost: String,
    /// The same by SKU, in the order of [`UsageSummary::skus`]; zeros included.
    pub skus: Vec<String>,
}

/// A day that has not ended, if what runs now runs to the end of the month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageAhead {
    /// `2026-11-21`, UTC.
    pub day: String,
    /// What it will have cost, with what it has cost so far.
    pub cost: String,
}

/// One line of a breakdown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageShare {
    /// What to filter by: namespace id, SKU code, e-mail address.
    pub key: String,
    /// For people.
    pub name: String,
    /// Cost.
    pub cost: String,
    /// Seconds of pods.
    pub seconds: i64,
    /// Of the total, rounded to whole percents.
    pub percent: u32,
}

/// Everything a summary is made of.
#[derive(Debug, Clone, Default)]
pub struct UsageFacts {
    /// Sums of ended and open records of the days asked for.
    pub days: Vec<UsageDay>,
    /// Those of this month.
    pub month: Vec<UsageDay>,
    /// What runs.
    pub open: Vec<UsageRecord>,
    /// Those of the account.
    pub budgets: Vec<Budget>,
}

// === impl UsageQuery ===

impl UsageQuery {
    /// Checks the query.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no day, no id, a range that is backwards or longer than a year.
    pub fn check(&self, now: Timestamp) -> Result<UsageRange> {
        let until = self.until.as_ref().map_or_else(|| Ok(Day::of(now)), |text| Day::parse("until", text))?;
        let first = || Ok(Day::of(Month::of(until.start()).start()));
        let since = self.since.as_ref().map_or_else(first, |text| Day::parse("since", text))?;
        if since > until || until.number() - since.number() >= MOST_DAYS {
            return Err(Error::field("until", "range", "The last day must be within a year after the first"));
        }
        let namespace = self.namespace.as_ref().map(|id| {
            NamespaceId::parse(id).map_err(|_| Error::field("namespace", "uuid", "Not a namespace id: expected a UUID"))
        });
        Ok(UsageRange {
            since,
            until,
            namespace: namespace.transpose()?,
            sku: short("sku", self.sku.as_ref(), 63)?,
            member: short("member", self.member.as_ref(), 254)?,
        })
    }
}

/// A text by which rows are compared; a longer one is none of theirs.
///
/// # Errors
/// [`Error::Invalid`] for one with more than `most` letters.
pub fn short(field: &'static str, text: Option<&String>, most: usize) -> Result<Option<String>> {
    match text {
        Some(text) if text.chars().count() > most => {
            Err(Error::field(field, "max_length", format!("At most {most} letters")))
        }
        text => Ok(text.cloned()),
    }
}

// === impl UsageRange ===

impl UsageRange {
    fn wants(&self, day: &UsageDay) -> bool {
        self.wants_these(day.namespace_id, &day.sku_code, &day.member)
    }

    fn wants_record(&self, record: &UsageRecord) -> bool {
        self.wants_these(record.namespace_id, &record.sku_code, &record.member)
    }

    fn wants_these(&self, namespace: NamespaceId, sku: &str, member: &str) -> bool {
        self.namespace.is_none_or(|id| id == namespace)
            && self.sku.as_deref().is_none_or(|code| code == sku)
            && self.member.as_deref().is_none_or(|email| email == member)
    }
}

// === impl UsageSummary ===

impl UsageSummary {
    /// Sums `facts` at `now`. In one currency, that of what runs or was charged last (RULINGS 46: an installation has one;
    /// what was charged in another before it was changed stands in the records).
    pub fn of(facts: &UsageFacts, range: &UsageRange, now: Timestamp) -> Self {
        let newest = || facts.days.iter().chain(&facts.month).max_by_key(|day| day.day).map(|day| &day.currency);
        let (since, until) = (range.since.to_string(), range.until.to_string());
        let Some(currency) = facts.open.first().map(|record| &record.price.currency).or_else(newest) else {
            let days = range.each_day().map(|day| UsageDayView {
                day: day.to_string(),
                cost: "0.00".into(),
                ..Default::default()
            });
            let zero = || "0.00".to_owned();
            let (total, per_hour, month, forecast) = (zero(), zero(), zero(), zero());
            return Self { since, until, total, per_hour, month, forecast, days: days.collect(), ..Self::default() };
        };
        let money = |micros: i64| Money { micros, currency: currency.clone() };
        let wanted: Vec<&UsageDay> =
            facts.days.iter().filter(|day| day.currency == *currency && range.wants(day)).collect();
        let open: Vec<&UsageRecord> =
            facts.open.iter().filter(|r| r.price.currency == *currency && range.wants_record(r)).collect();
        let per_hour = money(added(open.iter().map(|record| record.price.micros)));
        let month = facts.month.iter().filter(|day| day.currency == *currency && range.wants(day));
        let month = added(month.map(|day| day.micros));
        let rest = super::seconds(now, Month::of(now).end()).unsigned_abs();
        let skus = shares(&wanted, currency, |day| (day.sku_code.clone(), day.sku_code.clone()));
        let ahead = range.ahead(&wanted, &per_hour, now);
        let budget = range.budget(&facts.budgets, currency);
        let last = if ahead.is_empty() { range.until } else { range.until.max(Month::of(now).last_day()) };
        Self {
            since,
            until,
            currency: currency.as_str().to_owned(),
            total: money(added(wanted.iter().map(|day| day.micros))).decimal(),
            seconds: wanted.iter().map(|day| day.seconds).sum(),
            running: u32::try_from(open.len()).unwrap_or(u32::MAX),
            per_hour: per_hour.decimal(),
            month: money(month).decimal(),
            forecast: money(month.saturating_add(per_hour.for_seconds(rest).micros)).decimal(),
            ahead,
            budget: budget.map(Money::decimal).unwrap_or_default(),
            budget_by_day: budget.map(|month| range.spread(month, last)).unwrap_or_default(),
            days: range.by_day(&wanted, currency, &skus),
            namespaces: shares(&wanted, currency, |day| (day.namespace_id.to_string(), day.namespace.clone())),
            members: shares(&wanted, currency, |day| (day.member.clone(), day.member.clone())),
            skus,
        }
    }
}

impl UsageRange {
    fn each_day(&self) -> impl Iterator<Item = Day> {
        (self.since.number()..=self.until.number()).map(Day::from_number)
    }

    fn by_day(&self, wanted: &[&UsageDay], currency: &Currency, skus: &[UsageShare]) -> Vec<UsageDayView> {
        let mut sums: BTreeMap<(Day, &str), i64> = BTreeMap::new();
        for day in wanted {
            let sum = sums.entry((day.day, day.sku_code.as_str())).or_default();
            *sum = sum.saturating_add(day.micros);
        }
        let decimal = |micros: i64| Money { micros, currency: currency.clone() }.decimal();
        let view = |day: Day| {
            let micros = |sku: &UsageShare| sums.get(&(day, sku.key.as_str())).copied().unwrap_or_default();
            let parts: Vec<i64> = skus.iter().map(micros).collect();
            let skus = parts.iter().map(|micros| decimal(*micros)).collect();
            UsageDayView { day: day.to_string(), cost: decimal(added(parts.into_iter())), skus }
        };
        self.each_day().map(view).collect()
    }

    /// The one budget that is about just what is asked for.
    fn budget<'a>(&self, budgets: &'a [Budget], currency: &Currency) -> Option<&'a Money> {
        let known = self.sku.is_none() && self.member.is_none();
        let mut amounts = budgets.iter().filter(|budget| known && budget.namespace_id == self.namespace);
        amounts.find(|budget| budget.terms.amount.currency == *currency).map(|budget| &budget.terms.amount)
    }

    /// Each day's even share of a month's money.
    fn spread(&self, month: &Money, last: Day) -> Vec<String> {
        let share = |day: Day| {
            let days = Month::of(day.start()).last_day().of_month();
            Money { micros: month.micros / i64::from(days), ..month.clone() }.decimal()
        };
        (self.since.number()..=last.number()).map(Day::from_number).map(share).collect()
    }

    fn ahead(&self, wanted: &[&UsageDay], per_hour: &Money, now: Timestamp) -> Vec<UsageAhead> {
        let today = Day::of(now);
        if per_hour.micros == 0 || today < self.since || self.until < today {
            return Vec::new();
        }
        let so_far = added(wanted.iter().filter(|day| day.day == today).map(|day| day.micros));
        let of = |day: Day| {
            let (paid, from) = if day == today { (so_far, now) } else { (0, day.start()) };
            let rest = per_hour.for_seconds(super::seconds(from, day.next().start()).unsigned_abs());
            let cost = Money { micros: paid.saturating_add(rest.micros), ..rest };
            UsageAhead { day: day.to_string(), cost: cost.decimal() }
        };
        (today.number()..Day::of(Month::of(now).end()).number()).map(Day::from_number).map(of).collect()
    }
}

/// The sum of micro-units, saturating as [`Money`] does: the price of a SKU may be any.
fn added(micros: impl Iterator<Item = i64>) -> i64 {
    micros.fold(0, i64::saturating_add)
}

fn shares(days: &[&UsageDay], currency: &Currency, of: impl Fn(&UsageDay) -> (String, String)) -> Vec<UsageShare> {
    let mut sums: BTreeMap<String, (String, i64, i64)> = BTreeMap::new();
    for day in days {
        let (key, name) = of(day);
        let sum = sums.entry(key).or_default();
        // Days come in their order: the last name is the latest.
        *sum = (name, sum.1.saturating_add(day.micros), sum.2 + day.seconds);
    }
    let total = added(days.iter().map(|day| day.micros));
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by(|a, b| (b.1.1, &a.1.0).cmp(&(a.1.1, &b.1.0)));
    let share = |(key, (name, micros, seconds)): (String, (String, i64, i64))| {
        let percent = (i128::from(micros) * 200 + i128::from(total)) / (i128::from(total.max(1)) * 2);
        let cost = Money { micros, currency: currency.clone() }.decimal();
        UsageShare { key, name, cost, seconds, percent: u32::try_from(percent).unwrap_or(0) }
    };
    sums.into_iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::tests::{at, record};

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn facts() -> UsageFacts {
        let now = at(NOW);
        let ended = record(1_000_000, at("2026-11-19T22:00:00Z"), Some(at("2026-11-20T02:00:00Z")));
        let mut open = record(2_000_000, at("2026-11-21T11:00:00Z"), None);
        open.sku_code = "cpu-small".into();
        open.member = "bob@example.com".into();
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
        assert_eq!(
            costs,
            [("2.00", "2.00 0.00".to_owned()), ("2.00", "2.00 0.00".into()), ("2.00", "0.00 2.00".into())]
        );
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
}
