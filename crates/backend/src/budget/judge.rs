//! How far each budget got: told once per threshold and month, and written into the cluster when it stops or resumes.
//! The rows of the audit log are what webhooks are told.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use domain::Result;
use domain::audit::Action;
use domain::budget::{Budget, BudgetNews, BudgetState};
use domain::id::{AccountId, BudgetId};
use domain::money::Money;
use domain::usage::Month;

use super::target;
use crate::Backend;
use crate::usage::{MonthsOfAccounts, spent};

const BATCH: u32 = 200;

impl Backend {
    /// Judges every budget. One that cannot be judged stops no other.
    ///
    /// # Errors
    /// When the budgets cannot be read.
    pub(crate) async fn judge_budgets(&self) -> Result<()> {
        let (mut after, mut months): (Option<BudgetId>, _) = (None, MonthsOfAccounts::new());
        loop {
            let budgets = self.inner.store.budgets_after(after, BATCH).await?;
            for budget in &budgets {
                self.judge_or_say(budget, &mut months).await;
            }
            after = budgets.last().map(|budget| budget.id);
            if budgets.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// Judges those of some accounts, as [`Self::judge_budgets`] does.
    ///
    /// # Errors
    /// When the budgets cannot be read.
    pub(crate) async fn judge_budgets_of(&self, accounts: &BTreeSet<AccountId>) -> Result<()> {
        let mut months = MonthsOfAccounts::new();
        for account in accounts {
            for budget in self.inner.store.budgets_of(*account).await? {
                self.judge_or_say(&budget, &mut months).await;
            }
        }
        Ok(())
    }

    async fn judge_or_say(&self, budget: &Budget, months: &mut MonthsOfAccounts) {
        if let Err(error) = self.judge(budget, months).await {
            metrics::counter!("remotegpu_budget_failures_total").increment(1);
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, budget = %budget.id, "a budget could not be judged; it will be tried again");
        }
    }

    /// Judges one; `months` are the days of months of accounts that were read already.
    pub(super) async fn judge(&self, budget: &Budget, months: &mut MonthsOfAccounts) -> Result<()> {
        let now = self.inner.clock.now();
        let (month, account) = (Month::of(now), budget.account_id);
        let days = match months.entry((account, month)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.month_of(account, month, now).await?),
        };
        let spent = spent(days, budget.namespace_id, budget.terms.amount.currency.as_str());
        let (to, news) = budget.state.after(&budget.terms, month, spent);
        // One row for each piece of news, each with the state as it is then: what was told before a crash is not told
        // again, what was not is.
        let mut budget = budget.clone();
        for one in news {
            let next = match one {
                BudgetNews::Reached(percent) => BudgetState { month, reached: percent, ..budget.state },
                BudgetNews::Stopped | BudgetNews::Resumed => to,
            };
            let (action, words) = told(one);
            let amount = &budget.terms.amount;
            let spent = Money { micros: spent, currency: amount.currency.clone() };
            let detail = format!("{words}: {} of {}", spent.display(), amount.display());
            let audit = self.audit_system(account, action, target(budget.id), detail);
            let audit = audit.named(&self.budget_name(&budget).await?);
            if !self.inner.store.advance_budget(&budget, next, now, &audit).await? {
                // Somebody changed it meanwhile; the next look judges it anew.
                return Ok(());
            }
            budget.state = next;
            self.inner.wake.notify_one();
        }
        Ok(())
    }
}

fn told(news: BudgetNews) -> (Action, String) {
    match news {
        BudgetNews::Reached(percent) => (Action::BudgetReached, format!("{percent} % of the month's budget are spent")),
        BudgetNews::Stopped => (Action::BudgetStopped, "The month's budget is spent, new pods are refused".to_owned()),
        BudgetNews::Resumed => (Action::BudgetResumed, "New pods are taken again".to_owned()),
    }
}
