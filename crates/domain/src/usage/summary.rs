//! Sums for people: by day, namespace, SKU, member and key, what runs now, and where the month is going.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Day, Month, UsageDay, UsageKey, UsageRecord};
use crate::budget::Budget;
use crate::id::{ApiKeyId, NamespaceId};
use crate::money::{Currency, Money};
use crate::{Error, Result};

/// Most days of one answer: a leap year and a day.
const MOST_DAYS: i64 = 367;
/// What to filter by for what no key ordered.
const NO_KEY: &str = "none";

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
    /// Id of an API key; `none` for what no key ordered.
    #[cfg_attr(feature = "openapi", param(max_length = 36))]
    pub key: Option<String>,
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
    key: Option<ByKey>,
}

/// With which key something was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByKey {
    None,
    One(ApiKeyId),
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
    /// The budget of a month: the account's, or that of the one namespace asked for. Empty without one, and where SKUs,
    /// members or keys are asked for, which have none.
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
    /// By the member who ordered it, the dearest first; the one who made the namespace, where nobody knows.
    pub members: Vec<UsageShare>,
    /// By the API key that ordered it, the dearest first. What no key ordered is one of them.
    #[serde(default)]
    pub keys: Vec<UsageShare>,
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
    /// What to filter by: namespace id, SKU code, e-mail address, key id.
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
            key: self.key.as_deref().map(ByKey::parse).transpose()?,
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
        self.wants_these(day.namespace_id, &day.sku_code, &day.member, day.key.as_ref())
    }

    fn wants_record(&self, record: &UsageRecord) -> bool {
        self.wants_these(record.namespace_id, &record.sku_code, &record.member, record.key.as_ref())
    }

    fn wants_these(&self, namespace: NamespaceId, sku: &str, member: &str, key: Option<&UsageKey>) -> bool {
        self.namespace.is_none_or(|id| id == namespace)
            && self.sku.as_deref().is_none_or(|code| code == sku)
            && self.member.as_deref().is_none_or(|email| email == member)
            && self.key.is_none_or(|wanted| wanted == ByKey::of(key))
    }
}

// === impl ByKey ===

impl ByKey {
    fn parse(text: &str) -> Result<Self> {
        if text == NO_KEY {
            return Ok(Self::None);
        }
        let wrong = |_| Error::field("key", "uuid", "Not an API key id: expected a UUID, or none");
        ApiKeyId::parse(text).map(Self::One).map_err(wrong)
    }

    fn of(key: Option<&UsageKey>) -> Self {
        key.map_or(Self::None, |key| Self::One(key.id))
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
            keys: shares(&wanted, currency, |day| match &day.key {
                Some(key) => (key.id.to_string(), key.name.clone()),
                None => (NO_KEY.to_owned(), "Without a key".to_owned()),
            }),
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
        let known = self.sku.is_none() && self.member.is_none() && self.key.is_none();
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
mod tests;
