//! What the use cases need of stored budgets.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::budget::{Budget, BudgetState, BudgetTerms};
use domain::id::{AccountId, BudgetId, NamespaceId};
use domain::page::PageRequest;
use jiff::Timestamp;

/// Budgets of accounts and namespaces.
#[async_trait]
pub trait Budgets: Send + Sync {
    /// Adds a budget. `Conflict` when there is one for the same account or namespace.
    async fn create_budget(&self, budget: &Budget, audit: &AuditEvent) -> Result<()>;
    /// Those of an account, the whole account's first; there is at most one for each namespace.
    async fn budgets_of(&self, account: AccountId) -> Result<Vec<Budget>>;
    /// A page of the same in the order of [`Budget::place`], each with the console name of its namespace; one row more
    /// when more follow.
    async fn list_budgets(&self, account: AccountId, page: &PageRequest) -> Result<Vec<(Budget, Option<String>)>>;
    /// One of them.
    async fn budget(&self, account: AccountId, id: BudgetId) -> Result<Option<Budget>>;
    /// Changes the terms of a budget as it was read; false when it has others by now, or is gone. Under another amount or
    /// other thresholds everything is told anew.
    async fn change_budget(&self, budget: &Budget, terms: &BudgetTerms, audit: &AuditEvent) -> Result<bool>;
    /// Takes it away; marks the namespaces it stopped as to be applied anew. False when it is gone.
    async fn delete_budget(&self, id: BudgetId, outdated: Timestamp, audit: &AuditEvent) -> Result<bool>;
    /// Every budget there is, by id, `limit` rows after `after`, for the meter.
    async fn budgets_after(&self, after: Option<BudgetId>, limit: u32) -> Result<Vec<Budget>>;
    /// Moves a budget's state **if it still is** `from` and its terms are still `budget.terms`; when stopping changes, its
    /// namespaces are marked as to be applied anew. False when somebody else was first.
    async fn advance_budget(
        &self,
        budget: &Budget,
        to: BudgetState,
        outdated: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Whether a budget of the namespace or of its account refuses new pods there.
    async fn spending_stopped(&self, account: AccountId, namespace: NamespaceId) -> Result<bool>;
}
