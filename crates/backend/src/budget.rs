//! Budgets: made and changed by people, judged by the meter. A stop is written into the namespaces by the desired-state
//! loop, refuses new pods at admission, and ends none.

mod judge;

use domain::audit::Action;
use domain::budget::{Budget, BudgetState, BudgetTerms, BudgetView, NewBudget, NewTerms};
use domain::id::{BudgetId, NamespaceId};
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::usage::{Month, UsageDay};
use domain::version::{stale, unchanged};
use domain::{Error, Result};

use crate::usage::spent;
use crate::{Backend, Caller};

impl Backend {
    /// The budgets of the account with what is spent of them, the whole account's first.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn list_budgets(&self, caller: &Caller, page: &PageRequest) -> Result<Page<BudgetView>> {
        caller.require(Permission::ReadUsage)?;
        let rows = self.inner.store.list_budgets(caller.account.id, page).await?;
        let now = self.inner.clock.now();
        let days = self.month_of(caller.account.id, Month::of(now), now).await?;
        let page = Page::from_rows(rows, page.limit, |(budget, _)| budget.place());
        Ok(page.map(|(budget, namespace)| view(&budget, namespace, &days)))
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn get_budget(&self, caller: &Caller, id: &str) -> Result<BudgetView> {
        let budget = self.budget(caller, id, Permission::ReadUsage).await?;
        self.budget_now(&budget).await
    }

    /// Sets a budget for the account or one of its namespaces. It counts what this month has cost already.
    ///
    /// # Errors
    /// [`Error::Invalid`] for wrong fields, `conflict` when there is one already; `forbidden`.
    pub async fn create_budget(&self, caller: &Caller, new: NewBudget) -> Result<BudgetView> {
        caller.require(Permission::ManageBudgets)?;
        let terms = self.checked_terms(&new.terms())?;
        let namespace_id = match new.namespace_id.as_deref() {
            Some(id) => Some(self.budgeted_namespace(caller, id).await?),
            None => None,
        };
        let now = self.inner.clock.now();
        let budget = Budget {
            id: BudgetId::new(self.inner.random.uuid()),
            account_id: caller.account.id,
            namespace_id,
            terms,
            state: BudgetState::new(Month::of(now)),
            created_at: now,
        };
        let audit = self.audit(caller, Action::BudgetCreated, target(budget.id), budget.terms.words());
        let audit = audit.named(&self.budget_name(&budget).await?);
        self.inner.store.create_budget(&budget, &audit).await?;
        self.judged(caller, budget.id).await
    }

    /// Gives a budget other terms; a larger one opens again what the smaller one stopped. `saw` is what the person saw.
    ///
    /// # Errors
    /// [`Error::Invalid`] for wrong fields, [`Error::NotFound`], `forbidden`, `conflict` when somebody was faster.
    pub async fn change_budget(
        &self,
        caller: &Caller,
        id: &str,
        new: &NewTerms,
        saw: Option<&BudgetView>,
    ) -> Result<BudgetView> {
        let budget = self.budget(caller, id, Permission::ManageBudgets).await?;
        unchanged(saw, &view(&budget, None, &[]))?;
        let terms = self.checked_terms(new)?;
        if terms != budget.terms {
            let detail = format!("{} → {}", budget.terms.words(), terms.words());
            let audit = self.audit(caller, Action::BudgetChanged, target(budget.id), detail);
            let audit = audit.named(&self.budget_name(&budget).await?);
            let changed = self.inner.store.change_budget(&budget, &terms, &audit).await?;
            changed.then_some(()).ok_or_else(stale)?;
        }
        self.judged(caller, budget.id).await
    }

    /// Takes a budget away, and with it what it stopped. Done twice it is done once.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn delete_budget(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require(Permission::ManageBudgets)?;
        let id = BudgetId::parse(id)?;
        let Some(budget) = self.inner.store.budget(caller.account.id, id).await? else { return Ok(()) };
        let audit = self.audit(caller, Action::BudgetDeleted, target(budget.id), budget.terms.words());
        let audit = audit.named(&self.budget_name(&budget).await?);
        self.inner.store.delete_budget(budget.id, self.inner.clock.now(), &audit).await?;
        self.inner.wake.notify_one();
        Ok(())
    }

    /// The currency of the catalogue's prices; empty while there is none.
    pub fn price_currency(&self) -> String {
        let skus = self.inner.cluster.skus().unwrap_or_default();
        skus.values().next().map(|sku| sku.spec.price.currency.clone()).unwrap_or_default()
    }

    async fn budget(&self, caller: &Caller, id: &str, permission: Permission) -> Result<Budget> {
        caller.require(permission)?;
        let found = self.inner.store.budget(caller.account.id, BudgetId::parse(id)?).await?;
        found.ok_or(Error::NotFound)
    }

    async fn budgeted_namespace(&self, caller: &Caller, id: &str) -> Result<NamespaceId> {
        let unknown = || Error::field("namespace_id", "unknown", "Choose a namespace of the account");
        let id = NamespaceId::parse(id).map_err(|_| unknown())?;
        let found = self.inner.store.namespace(caller.account.id, id).await?;
        found.map(|namespace| namespace.id).ok_or_else(unknown)
    }

    /// Terms in the currency of the catalogue: in any other one nothing would ever be spent. While the catalogue is not
    /// known, any currency is taken.
    fn checked_terms(&self, new: &NewTerms) -> Result<BudgetTerms> {
        let terms = new.check()?;
        let skus = self.inner.cluster.skus().unwrap_or_default();
        let currency = terms.amount.currency.as_str();
        let mut currencies = skus.values().map(|sku| sku.spec.price.currency.as_str());
        let other = currencies.find(|other| *other != currency);
        match other {
            Some(other) => Err(Error::field("currency", "mixed", format!("This installation sells in {other}"))),
            None => Ok(terms),
        }
    }

    /// A budget after it was judged by what this month has cost already.
    async fn judged(&self, caller: &Caller, id: BudgetId) -> Result<BudgetView> {
        let gone = || Error::NotFound;
        let budget = self.inner.store.budget(caller.account.id, id).await?.ok_or_else(gone)?;
        self.judge(&budget, &mut Default::default()).await?;
        let budget = self.inner.store.budget(caller.account.id, id).await?.ok_or_else(gone)?;
        self.inner.wake.notify_one();
        self.budget_now(&budget).await
    }

    async fn budget_now(&self, budget: &Budget) -> Result<BudgetView> {
        let now = self.inner.clock.now();
        let days = self.month_of(budget.account_id, Month::of(now), now).await?;
        let namespace = match budget.namespace_id {
            Some(_) => Some(self.budget_name(budget).await?),
            None => None,
        };
        Ok(view(budget, namespace, &days))
    }

    /// What people call what a budget is for.
    async fn budget_name(&self, budget: &Budget) -> Result<String> {
        let Some(id) = budget.namespace_id else { return Ok("account".to_owned()) };
        let namespace = self.inner.store.namespace(budget.account_id, id).await?;
        Ok(namespace.map(|namespace| namespace.name.as_str().to_owned()).unwrap_or_default())
    }
}

fn view(budget: &Budget, namespace: Option<String>, days: &[UsageDay]) -> BudgetView {
    budget.view(namespace, spent(days, budget.namespace_id, budget.terms.amount.currency.as_str()))
}

/// The audit target of a budget.
fn target(id: BudgetId) -> String {
    format!("budget:{id}")
}
