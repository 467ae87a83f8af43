//! Budgets in SQL. Whoever stops or resumes spending marks the namespaces in the same transaction, so that the
//! desired-state loop cannot miss it.

use async_trait::async_trait;
use backend::ports::Budgets;
use domain::audit::AuditEvent;
use domain::budget::{Budget, BudgetState, BudgetTerms};
use domain::id::{AccountId, BudgetId, NamespaceId};
use domain::money::{Currency, Money};
use domain::page::PageRequest;
use domain::usage::Month;
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::{is_dangling, is_taken, translate};
use crate::pool::{change, on_db};
use crate::row::{all, ascending, at, ms, one, stored, with_surplus};

#[derive(sqlx::FromRow)]
struct BudgetRow {
    id: String,
    account_id: String,
    namespace_id: Option<String>,
    amount_micros: i64,
    currency: String,
    warn_at: String,
    hard_stop: bool,
    month: i64,
    reached: i64,
    stopped: bool,
    created_ms: i64,
}

#[derive(sqlx::FromRow)]
struct NamedBudgetRow {
    #[sqlx(flatten)]
    budget: BudgetRow,
    namespace: Option<String>,
}

/// A SELECT of whole budgets, with `$more` columns; `$rest` begins behind WHERE.
macro_rules! select {
    ($rest:literal) => {
        select!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT id, account_id, namespace_id, amount_micros, currency, warn_at, hard_stop, month, reached, stopped,
             created_ms",
            $more,
            " FROM budgets WHERE ",
            $rest
        )
    };
}

/// Inside `change!`, before the budget is written: its namespaces are to be applied anew. `$1` is the budget, `$2` the
/// moment. The account is locked first, as by all who mark its namespaces, and the budget last, as where a namespace
/// takes its budget with it: PostgreSQL ends one of two transactions that lock the same rows the other way round.
macro_rules! outdate {
    ($tx:ident, $budget:expr, $outdated:expr) => {
        sqlx::query(
            "UPDATE accounts SET created_ms = created_ms WHERE id = (SELECT account_id FROM budgets WHERE id = $1)",
        )
        .bind($budget.to_string())
        .execute(&mut *$tx)
        .await?;
        sqlx::query(
            "UPDATE namespaces SET outdated_ms = $2 WHERE id IN (
                 SELECT n.id FROM budgets b JOIN namespaces n ON n.account_id = b.account_id
                 WHERE b.id = $1 AND (b.namespace_id IS NULL OR b.namespace_id = n.id))",
        )
        .bind($budget.to_string())
        .bind(ms($outdated))
        .execute(&mut *$tx)
        .await?;
    };
}

impl TryFrom<BudgetRow> for Budget {
    type Error = Error;
    fn try_from(row: BudgetRow) -> Result<Self> {
        let amount = Money { micros: row.amount_micros, currency: stored(Currency::new, &row.currency)? };
        let warn_at = serde_json::from_str(&row.warn_at).map_err(Error::internal)?;
        let reached = u16::try_from(row.reached).map_err(Error::internal)?;
        Ok(Self {
            id: stored(BudgetId::parse, &row.id)?,
            account_id: stored(AccountId::parse, &row.account_id)?,
            namespace_id: row.namespace_id.map(|id| stored(NamespaceId::parse, &id)).transpose()?,
            terms: BudgetTerms { amount, warn_at, hard_stop: row.hard_stop },
            state: BudgetState { month: Month::from_number(row.month), reached, stopped: row.stopped },
            created_at: at(row.created_ms)?,
        })
    }
}

#[async_trait]
impl Budgets for SqlStore {
    async fn create_budget(&self, budget: &Budget, audit: &AuditEvent) -> Result<()> {
        let warn_at = thresholds(&budget.terms)?;
        change!(&self.pool, audit, tx => sqlx::query(
            "INSERT INTO budgets (id, account_id, namespace_id, amount_micros, currency, warn_at, hard_stop, month,
                 reached, stopped, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(budget.id.to_string())
        .bind(budget.account_id.to_string())
        .bind(budget.namespace_id.map(|id| id.to_string()))
        .bind(budget.terms.amount.micros)
        .bind(budget.terms.amount.currency.as_str())
        .bind(&warn_at)
        .bind(budget.terms.hard_stop)
        .bind(budget.state.month.number())
        .bind(i64::from(budget.state.reached))
        .bind(budget.state.stopped)
        .bind(ms(budget.created_at))
        .execute(&mut *tx)
        .await
        .map(|_| Some(())))
        .map(drop)
        .map_err(|error| match error {
            taken if is_taken(&taken) => taken_by(budget),
            gone if is_dangling(&gone) => Error::NotFound,
            other => translate(other),
        })
    }

    async fn budgets_of(&self, account: AccountId) -> Result<Vec<Budget>> {
        let text = select!("account_id = $1 ORDER BY CASE WHEN namespace_id IS NULL THEN 0 ELSE 1 END, id");
        let rows = on_db!(read &self.pool, db => sqlx::query_as::<_, BudgetRow>(text)
            .bind(account.to_string())
            .fetch_all(db)
            .await);
        all(rows.map_err(translate)?)
    }

    async fn list_budgets(&self, account: AccountId, page: &PageRequest) -> Result<Vec<(Budget, Option<String>)>> {
        // '0' as in `Budget::place`: before every id.
        let text = select!(
            ", (SELECT name FROM namespaces WHERE namespaces.id = budgets.namespace_id) AS namespace",
            "account_id = $1 AND COALESCE(namespace_id, '0') > $2 ORDER BY COALESCE(namespace_id, '0') LIMIT $3"
        );
        let rows = on_db!(read &self.pool, db => sqlx::query_as::<_, NamedBudgetRow>(text)
            .bind(account.to_string())
            .bind(ascending(page.after.as_deref()))
            .bind(with_surplus(page.limit))
            .fetch_all(db)
            .await);
        let named = |row: NamedBudgetRow| Ok((Budget::try_from(row.budget)?, row.namespace));
        rows.map_err(translate)?.into_iter().map(named).collect()
    }

    async fn budget(&self, account: AccountId, id: BudgetId) -> Result<Option<Budget>> {
        let row = on_db!(read &self.pool, db => sqlx::query_as::<_, BudgetRow>(select!("id = $1 AND account_id = $2"))
            .bind(id.to_string())
            .bind(account.to_string())
            .fetch_optional(db)
            .await);
        one(row.map_err(translate)?)
    }

    async fn change_budget(&self, budget: &Budget, terms: &BudgetTerms, audit: &AuditEvent) -> Result<bool> {
        let (warn_at, read) = (thresholds(terms)?, &budget.terms);
        let warned_at = thresholds(read)?;
        let changed: Option<String> = change!(&self.pool, audit, tx => sqlx::query_scalar(
            "UPDATE budgets SET amount_micros = $2, currency = $3, warn_at = $4, hard_stop = $5,
                 reached = CASE WHEN amount_micros = $2 AND currency = $3 AND warn_at = $4 THEN reached ELSE 0 END
             WHERE id = $1 AND amount_micros = $6 AND currency = $7 AND warn_at = $8 AND hard_stop = $9 RETURNING id",
        )
        .bind(budget.id.to_string())
        .bind(terms.amount.micros)
        .bind(terms.amount.currency.as_str())
        .bind(&warn_at)
        .bind(terms.hard_stop)
        .bind(read.amount.micros)
        .bind(read.amount.currency.as_str())
        .bind(&warned_at)
        .bind(read.hard_stop)
        .fetch_optional(&mut *tx)
        .await)
        .map_err(translate)?;
        Ok(changed.is_some())
    }

    async fn delete_budget(&self, id: BudgetId, outdated: Timestamp, audit: &AuditEvent) -> Result<bool> {
        let gone: Option<String> = change!(&self.pool, audit, tx => {
            outdate!(tx, id, outdated);
            sqlx::query_scalar("DELETE FROM budgets WHERE id = $1 RETURNING id")
                .bind(id.to_string())
                .fetch_optional(&mut *tx)
                .await
        })
        .map_err(translate)?;
        Ok(gone.is_some())
    }

    async fn budgets_after(&self, after: Option<BudgetId>, limit: u32) -> Result<Vec<Budget>> {
        let after = after.map(|id| id.to_string());
        let rows = on_db!(read &self.pool, db => {
            sqlx::query_as::<_, BudgetRow>(select!("id > $1 ORDER BY id LIMIT $2"))
                .bind(ascending(after.as_deref()))
                .bind(i64::from(limit))
                .fetch_all(db)
                .await
        });
        all(rows.map_err(translate)?)
    }

    async fn advance_budget(
        &self,
        budget: &Budget,
        to: BudgetState,
        outdated: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool> {
        let (from, terms, warn_at) = (budget.state, &budget.terms, thresholds(&budget.terms)?);
        let moved: Option<String> = change!(&self.pool, audit, tx => {
            if from.stopped != to.stopped {
                outdate!(tx, budget.id, outdated);
            }
            sqlx::query_scalar(
                "UPDATE budgets SET month = $2, reached = $3, stopped = $4
                 WHERE id = $1 AND month = $5 AND reached = $6 AND stopped = $7 AND amount_micros = $8
                     AND warn_at = $9 AND hard_stop = $10 AND currency = $11 RETURNING id",
            )
            .bind(budget.id.to_string())
            .bind(to.month.number())
            .bind(i64::from(to.reached))
            .bind(to.stopped)
            .bind(from.month.number())
            .bind(i64::from(from.reached))
            .bind(from.stopped)
            .bind(terms.amount.micros)
            .bind(&warn_at)
            .bind(terms.hard_stop)
            .bind(terms.amount.currency.as_str())
            .fetch_optional(&mut *tx)
            .await
        })
        .map_err(translate)?;
        Ok(moved.is_some())
    }

    async fn spending_stopped(&self, account: AccountId, namespace: NamespaceId) -> Result<bool> {
        let text = "SELECT EXISTS (SELECT 1 FROM budgets WHERE account_id = $1 AND stopped = TRUE
             AND (namespace_id IS NULL OR namespace_id = $2))";
        on_db!(read &self.pool, db => sqlx::query_scalar(text)
            .bind(account.to_string())
            .bind(namespace.to_string())
            .fetch_one(db)
            .await)
        .map_err(translate)
    }
}

fn thresholds(terms: &BudgetTerms) -> Result<String> {
    serde_json::to_string(&terms.warn_at).map_err(Error::internal)
}

fn taken_by(budget: &Budget) -> Error {
    let whose = if budget.namespace_id.is_some() { "This namespace" } else { "The account" };
    Error::conflict(Code::Conflict, format!("{whose} has a budget already: change that one"))
}
