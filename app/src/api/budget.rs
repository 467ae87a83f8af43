//! Budgets of the account.

use domain::budget::BudgetView;
use domain::page::Page;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// The budgets with what a form for them can choose from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BudgetPage {
    /// The whole account's first.
    pub budgets: Page<BudgetView>,
    /// (id, name) of the newest namespaces; none for who may set no budgets.
    pub namespaces: Vec<(String, String)>,
    /// The currency of the catalogue.
    pub currency: String,
    /// Whether the caller may set budgets.
    pub manages: bool,
}

/// What a form says of a budget.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetForm {
    /// A month's money.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// Percents, parted by commas.
    pub warn_at: String,
    /// Present when ticked.
    pub hard_stop: Option<String>,
}

/// A page of the account's budgets.
#[server(prefix = "/api", endpoint = "budget/list")]
pub async fn list_budgets(cursor: String) -> Result<Packed<BudgetPage>, AppError> {
    use domain::permission::Permission;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = domain::page::PageRequest::new(None, Some(cursor).filter(|c| !c.is_empty()))?;
    let budgets = backend.list_budgets(&caller, &page).await?;
    let manages = caller.require(Permission::ManageBudgets).is_ok();
    let mut namespaces = Vec::new();
    if manages {
        let page = domain::page::PageRequest { limit: 200, after: None };
        let all = backend.list_namespaces(&caller, &page).await?.items;
        namespaces = all.into_iter().map(|namespace| (namespace.id, namespace.name)).collect();
    }
    Packed::new(&BudgetPage { budgets, namespaces, currency: backend.price_currency(), manages })
}

/// Sets a budget for the account (no id) or a namespace and goes to the list.
#[server(prefix = "/api", endpoint = "budget/create")]
pub async fn create_budget(namespace_id: String, form: BudgetForm) -> Result<(), AppError> {
    let (caller, terms) = (crate::ssr::caller().await?, form.read()?);
    let namespace_id = Some(namespace_id).filter(|id| !id.is_empty());
    let domain::budget::NewTerms { amount, currency, warn_at, hard_stop } = terms;
    let new = domain::budget::NewBudget { namespace_id, amount, currency, warn_at, hard_stop };
    crate::ssr::backend()?.create_budget(&caller, new).await?;
    leptos_axum::redirect(&crate::features::notice::Notice::BudgetSaved.after(&crate::paths::budgets(), ""));
    Ok(())
}

/// Gives a budget other terms and goes to the list.
#[server(prefix = "/api", endpoint = "budget/change")]
pub async fn change_budget(id: String, form: BudgetForm) -> Result<(), AppError> {
    let (caller, terms) = (crate::ssr::caller().await?, form.read()?);
    crate::ssr::backend()?.change_budget(&caller, &id, &terms, None).await?;
    leptos_axum::redirect(&crate::features::notice::Notice::BudgetSaved.after(&crate::paths::budgets(), ""));
    Ok(())
}

/// Takes a budget away and goes to the list.
#[server(prefix = "/api", endpoint = "budget/delete")]
pub async fn delete_budget(id: String) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.delete_budget(&caller, &id).await?;
    leptos_axum::redirect(&crate::features::notice::Notice::BudgetDeleted.after(&crate::paths::budgets(), ""));
    Ok(())
}

// === impl BudgetForm ===

#[cfg(feature = "ssr")]
impl BudgetForm {
    fn read(&self) -> Result<domain::budget::NewTerms, AppError> {
        Ok(domain::budget::NewTerms {
            amount: self.amount.clone(),
            currency: self.currency.clone(),
            warn_at: domain::budget::thresholds(&self.warn_at)?,
            hard_stop: self.hard_stop.is_some(),
        })
    }
}
