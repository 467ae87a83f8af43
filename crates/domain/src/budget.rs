//! Budgets: what an account, or one of its namespaces, means to spend in a month, when to warn, and whether to stop.
//!
//! Source: issue 7 D; months are those of invoices (`tenant-api.md` §5). A stop refuses new pods and ends none.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, BudgetId, NamespaceId};
use crate::money::{Currency, Money};
use crate::usage::Month;
use crate::{Error, FieldError, Result};

/// Most thresholds of one budget.
const MOST_THRESHOLDS: usize = 10;
/// Highest threshold, percent.
const HIGHEST: u16 = 1000;

/// A budget as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Its id.
    pub id: BudgetId,
    /// Whose it is.
    pub account_id: AccountId,
    /// The namespace it is for; none for the whole account.
    pub namespace_id: Option<NamespaceId>,
    /// What may be spent in it.
    pub terms: BudgetTerms,
    /// How far it got.
    pub state: BudgetState,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What people decide about a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetTerms {
    /// A month's money, more than nothing.
    pub amount: Money,
    /// Percents at which people are told, ascending.
    pub warn_at: Vec<u16>,
    /// Refuse new pods from 100 % on.
    pub hard_stop: bool,
}

/// How far a budget got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetState {
    /// The month that the rest is about.
    pub month: Month,
    /// The highest threshold that was announced in it; 0 for none.
    pub reached: u16,
    /// New pods are refused.
    pub stopped: bool,
}

/// Something to tell about a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetNews {
    /// This percent of it is spent.
    Reached(u16),
    /// New pods are refused from now on.
    Stopped,
    /// They are taken again.
    Resumed,
}

/// Body of `POST /v1/budgets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewBudget {
    /// The namespace it is for; absent for the whole account.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub namespace_id: Option<String>,
    /// A month's money as a decimal.
    #[cfg_attr(feature = "openapi", schema(example = "500.00", max_length = 20, pattern = r"^\d{1,12}(\.\d{1,6})?$"))]
    pub amount: String,
    /// ISO 4217: that of the catalogue's prices.
    #[cfg_attr(feature = "openapi", schema(example = "EUR", pattern = "^[A-Z]{3}$"))]
    pub currency: String,
    /// Percents at which people are told; 50, 80 and 100 when unsaid.
    #[serde(default = "usual_thresholds")]
    #[cfg_attr(feature = "openapi", schema(max_items = 10))]
    pub warn_at: Vec<u16>,
    /// Refuse new pods from 100 % on; what runs goes on.
    #[serde(default)]
    pub hard_stop: bool,
}

/// Body of `PUT /v1/budgets/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTerms {
    /// A month's money as a decimal.
    #[cfg_attr(feature = "openapi", schema(example = "500.00", max_length = 20, pattern = r"^\d{1,12}(\.\d{1,6})?$"))]
    pub amount: String,
    /// ISO 4217: that of the catalogue's prices.
    #[cfg_attr(feature = "openapi", schema(example = "EUR", pattern = "^[A-Z]{3}$"))]
    pub currency: String,
    /// Percents at which people are told; 50, 80 and 100 when unsaid.
    #[serde(default = "usual_thresholds")]
    #[cfg_attr(feature = "openapi", schema(max_items = 10))]
    pub warn_at: Vec<u16>,
    /// Refuse new pods from 100 % on; what runs goes on.
    #[serde(default)]
    pub hard_stop: bool,
}

/// A budget on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BudgetView {
    /// Id.
    pub id: String,
    /// The namespace it is for; none for the whole account.
    pub namespace_id: Option<String>,
    /// Its console name.
    pub namespace: Option<String>,
    /// A month's money.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// Percents.
    pub warn_at: Vec<u16>,
    /// Refuses new pods from 100 % on.
    pub hard_stop: bool,
    /// Spent in this month so far.
    pub spent: String,
    /// Of the amount, cut to whole percents.
    pub percent: u32,
    /// New pods are refused now.
    pub stopped: bool,
}

fn usual_thresholds() -> Vec<u16> {
    vec![50, 80, 100]
}

/// Reads thresholds as people type them: `50, 80, 100`. None is no threshold.
///
/// # Errors
/// [`Error::Invalid`] on field `warn_at` for what is no list of percents.
pub fn thresholds(text: &str) -> Result<Vec<u16>> {
    let said = text.split([',', ' ']).map(|part| part.trim().trim_end_matches('%')).filter(|part| !part.is_empty());
    let wrong = |_| Error::field("warn_at", "format", "Write percents such as 50, 80, 100");
    said.map(|part| part.parse().map_err(wrong)).collect()
}

// === impl NewBudget ===

impl NewBudget {
    /// What may be spent.
    pub fn terms(&self) -> NewTerms {
        let (amount, currency) = (self.amount.clone(), self.currency.clone());
        NewTerms { amount, currency, warn_at: self.warn_at.clone(), hard_stop: self.hard_stop }
    }
}

// === impl NewTerms ===

impl NewTerms {
    /// Checks what somebody typed.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field.
    pub fn check(&self) -> Result<BudgetTerms> {
        let mut wrong = Vec::new();
        let currency = Currency::new(self.currency.trim()).map_err(|error| wrong.push(field("currency", &error))).ok();
        let amount = currency.and_then(|currency| {
            let money = Money::parse(self.amount.trim(), currency);
            money.map_err(|error| wrong.push(field("amount", &error))).ok()
        });
        if amount.as_ref().is_some_and(|amount| amount.micros == 0) {
            wrong.push(FieldError::new("amount", "range", "A budget must be more than nothing"));
        }
        let mut warn_at = self.warn_at.clone();
        warn_at.sort_unstable();
        warn_at.dedup();
        if warn_at.len() > MOST_THRESHOLDS || warn_at.iter().any(|percent| !(1..=HIGHEST).contains(percent)) {
            let hint = format!("At most {MOST_THRESHOLDS} percents, from 1 to {HIGHEST}");
            wrong.push(FieldError::new("warn_at", "range", hint));
        }
        match amount {
            Some(amount) if wrong.is_empty() => Ok(BudgetTerms { amount, warn_at, hard_stop: self.hard_stop }),
            _ => Err(Error::Invalid(wrong)),
        }
    }
}

fn field(name: &str, error: &Error) -> FieldError {
    FieldError::new(name, "invalid", error.to_string())
}

// === impl BudgetTerms ===

impl BudgetTerms {
    /// How much of it `spent` micro-units are, cut to whole percents.
    pub fn percent(&self, spent: i64) -> u32 {
        let percent = i128::from(spent.max(0)) * 100 / i128::from(self.amount.micros.max(1));
        u32::try_from(percent).unwrap_or(u32::MAX)
    }

    /// In words, for the audit log.
    pub fn words(&self) -> String {
        let stop = if self.hard_stop { "stops new pods" } else { "warns only" };
        let warn: Vec<String> = self.warn_at.iter().map(|percent| format!("{percent} %")).collect();
        format!(
            "{} {} a month, told at {}, {stop}",
            self.amount.decimal(),
            self.amount.currency.as_str(),
            warn.join(", ")
        )
    }
}

// === impl BudgetState ===

impl BudgetState {
    /// Nothing announced in `month`.
    pub fn new(month: Month) -> Self {
        Self { month, reached: 0, stopped: false }
    }

    /// How far a budget is when `spent` micro-units went in `month`, and what is new about that. Thresholds that were
    /// passed at once are told once, by the highest; a new month begins without any.
    pub fn after(self, terms: &BudgetTerms, month: Month, spent: i64) -> (Self, Vec<BudgetNews>) {
        let told = if self.month == month { self.reached } else { 0 };
        let percent = terms.percent(spent);
        let passed = terms.warn_at.iter().copied().filter(|at| u32::from(*at) <= percent).max().unwrap_or(0);
        let stopped = terms.hard_stop && percent >= 100;
        let mut news = Vec::new();
        if passed > told {
            news.push(BudgetNews::Reached(passed));
        }
        match (self.stopped, stopped) {
            (false, true) => news.push(BudgetNews::Stopped),
            (true, false) => news.push(BudgetNews::Resumed),
            _ => {}
        }
        (Self { month, reached: passed.max(told), stopped }, news)
    }
}

// === impl Budget ===

impl Budget {
    /// Its place in a list, and so a cursor: "0", which is before every id, for the whole account; then by namespace.
    pub fn place(&self) -> String {
        self.namespace_id.map_or_else(|| "0".to_owned(), |id| id.to_string())
    }

    /// The wire form with what was spent; `namespace` is the console name.
    pub fn view(&self, namespace: Option<String>, spent: i64) -> BudgetView {
        let amount = &self.terms.amount;
        BudgetView {
            id: self.id.to_string(),
            namespace_id: self.namespace_id.map(|id| id.to_string()),
            namespace,
            amount: amount.decimal(),
            currency: amount.currency.as_str().to_owned(),
            warn_at: self.terms.warn_at.clone(),
            hard_stop: self.terms.hard_stop,
            spent: Money { micros: spent, currency: amount.currency.clone() }.decimal(),
            percent: self.terms.percent(spent),
            stopped: self.state.stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(amount: &str, warn_at: &[u16]) -> NewTerms {
        NewTerms { amount: amount.into(), currency: "EUR".into(), warn_at: warn_at.to_vec(), hard_stop: true }
    }

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    #[test]
    fn each_threshold_is_told_once_a_month_and_the_stop_ends_with_it() {
        let terms = wanted("100", &[80, 50, 100, 50]).check().unwrap();
        assert_eq!(terms.warn_at, [50, 80, 100]);
        let (november, december) = (month("2026-11"), month("2026-12"));
        let steps = [
            (november, 49_999_999, vec![]),
            (november, 85_000_000, vec![BudgetNews::Reached(80)]),
            (november, 86_000_000, vec![]),
            (november, 100_000_000, vec![BudgetNews::Reached(100), BudgetNews::Stopped]),
            (november, 120_000_000, vec![]),
            (december, 0, vec![BudgetNews::Resumed]),
            (december, 60_000_000, vec![BudgetNews::Reached(50)]),
        ];
        let mut state = BudgetState::new(november);
        for (month, spent, news) in steps {
            let (next, told) = state.after(&terms, month, spent);
            assert_eq!(told, news, "{month} {spent}");
            state = next;
        }
    }

    #[test]
    fn what_is_no_budget_is_refused_at_its_field() {
        for (terms, name) in [
            (wanted("0", &[]), "amount"),
            (wanted("-1", &[]), "amount"),
            (wanted("1", &[0]), "warn_at"),
            (wanted("1", &[1001]), "warn_at"),
            (NewTerms { currency: "eur".into(), ..wanted("1", &[]) }, "currency"),
        ] {
            let Err(Error::Invalid(errors)) = terms.check() else { panic!("{name}") };
            assert_eq!(errors[0].field, name);
        }
    }

    #[test]
    fn thresholds_are_read_as_people_type_them() {
        assert_eq!(thresholds("50, 80 %,100%").unwrap(), [50, 80, 100]);
        assert_eq!(thresholds("").unwrap(), [0_u16; 0]);
        assert!(thresholds("half").is_err() && thresholds("-5").is_err());
    }

    #[test]
    fn a_larger_budget_opens_again_what_the_smaller_one_stopped() {
        let month = month("2026-11");
        let (state, _) = BudgetState::new(month).after(&wanted("1", &[100]).check().unwrap(), month, 2_000_000);
        let (state, news) = state.after(&wanted("10", &[100]).check().unwrap(), month, 2_000_000);
        assert_eq!((news, state.stopped), (vec![BudgetNews::Resumed], false));
    }
}
