//! Budgets: one for an account and one for each namespace; stopping marks the namespaces it is about.

use backend::ports::*;
use domain::audit::Action;
use domain::budget::{Budget, BudgetState, BudgetTerms};
use domain::id::{BudgetId, NamespaceId};
use domain::money::{Currency, Money};
use domain::namespace::{Namespace, NamespaceStatus};
use domain::page::PageRequest;
use domain::usage::Month;
use domain::{Code, Error};
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    a_budget_is_made_changed_and_deleted_with_its_audit_rows
    there_is_one_budget_for_the_account_and_one_for_each_namespace
    the_list_comes_in_pages_with_names_the_whole_accounts_first
    a_stop_reaches_the_namespaces_of_the_budget_and_only_those
    a_state_moves_once_and_only_from_where_it_was
    what_was_spent_in_one_currency_stops_no_budget_in_another
    other_terms_begin_to_tell_anew
    a_budget_goes_with_its_namespace
    whoever_marks_namespaces_for_a_budget_locks_the_account_first_and_the_budget_last
}

fn budget(tenant: &Tenant, namespace: Option<&Namespace>) -> Budget {
    Budget {
        id: BudgetId::new(Uuid::now_v7()),
        account_id: tenant.account.id,
        namespace_id: namespace.map(|namespace| namespace.id),
        terms: terms(100),
        state: BudgetState::new(Month::of(at(0))),
        created_at: at(0),
    }
}

fn terms(euros: i64) -> BudgetTerms {
    let amount = Money { micros: euros * 1_000_000, currency: Currency::new("EUR").unwrap() };
    BudgetTerms { amount, warn_at: vec![50, 100], hard_stop: true }
}

async fn made(db: &Database, tenant: &Tenant, namespace: Option<&Namespace>) -> Budget {
    let budget = budget(tenant, namespace);
    db.create_budget(&budget, &tenant.event(Action::BudgetCreated)).await.unwrap();
    budget
}

async fn outdated(db: &Database) -> Vec<NamespaceId> {
    db.outdated_namespaces(10).await.unwrap().into_iter().map(|(namespace, _)| namespace.id).collect()
}

async fn settle(db: &Database) {
    for (namespace, since) in db.outdated_namespaces(10).await.unwrap() {
        db.namespace_applied(namespace.id, since).await.unwrap();
    }
}

async fn a_budget_is_made_changed_and_deleted_with_its_audit_rows(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let budget = made(db, &tenant, None).await;
    assert_eq!(db.budgets_of(tenant.account.id).await.unwrap(), std::slice::from_ref(&budget));
    assert_eq!(db.budget(other.account.id, budget.id).await.unwrap(), None, "it is somebody else's");
    assert!(db.change_budget(&budget, &terms(7), &tenant.event(Action::BudgetChanged)).await.unwrap());
    let late = db.change_budget(&budget, &terms(9), &tenant.event(Action::BudgetChanged)).await.unwrap();
    assert!(!late, "it was changed since it was read");
    assert_eq!(db.budget(tenant.account.id, budget.id).await.unwrap().unwrap().terms, terms(7));
    assert!(db.delete_budget(budget.id, at(1), &tenant.event(Action::BudgetDeleted)).await.unwrap());
    assert!(!db.delete_budget(budget.id, at(1), &tenant.event(Action::BudgetDeleted)).await.unwrap());
    let budget = Budget { terms: terms(7), ..budget };
    assert!(!db.change_budget(&budget, &terms(8), &tenant.event(Action::BudgetChanged)).await.unwrap());
    let log = tenant.audited(db).await;
    assert_eq!(log[..3], [Action::BudgetDeleted, Action::BudgetChanged, Action::BudgetCreated]);
}

async fn there_is_one_budget_for_the_account_and_one_for_each_namespace(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    let of_namespace = made(db, &tenant, Some(&namespace)).await;
    let of_account = made(db, &tenant, None).await;
    for again in [budget(&tenant, None), budget(&tenant, Some(&namespace))] {
        let refused = db.create_budget(&again, &tenant.event(Action::BudgetCreated)).await;
        assert!(matches!(refused, Err(Error::Conflict { code: Code::Conflict, .. })), "{refused:?}");
    }
    assert_eq!(db.budgets_of(tenant.account.id).await.unwrap(), [of_account.clone(), of_namespace.clone()]);
    made(db, &given::tenant(db).await, None).await;
    let all = db.budgets_after(None, 10).await.unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(db.budgets_after(Some(all[0].id), 1).await.unwrap(), all[1..2]);
}

async fn the_list_comes_in_pages_with_names_the_whole_accounts_first(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let mut namespaces = [tenant.namespace(db, "one").await, tenant.namespace(db, "two").await];
    namespaces.sort_by_key(|namespace| namespace.id.to_string());
    let mut wanted = Vec::new();
    for namespace in &namespaces {
        wanted.push((made(db, &tenant, Some(namespace)).await, Some(namespace.name.as_str().to_owned())));
    }
    wanted.insert(0, (made(db, &tenant, None).await, None));
    made(db, &other, None).await;
    let list = async |limit, after| db.list_budgets(tenant.account.id, &PageRequest { limit, after }).await.unwrap();
    assert_eq!(list(10, None).await, wanted);
    assert_eq!(list(1, None).await, wanted[..2], "one more says that more follow");
    assert_eq!(list(1, Some(wanted[0].0.place())).await, wanted[1..]);
    assert_eq!(list(1, Some(wanted[1].0.place())).await, wanted[2..]);
    assert!(list(1, Some(wanted[2].0.place())).await.is_empty());
}

async fn a_stop_reaches_the_namespaces_of_the_budget_and_only_those(db: &Database) {
    let tenant = given::tenant(db).await;
    let one = tenant.namespace_in(db, "one", NamespaceStatus::Active).await;
    let two = tenant.namespace_in(db, "two", NamespaceStatus::Active).await;
    let (account, stopped) =
        (tenant.account.id, async |namespace| db.spending_stopped(tenant.account.id, namespace).await.unwrap());
    let budget = made(db, &tenant, Some(&one)).await;
    let to = BudgetState { reached: 100, stopped: true, ..budget.state };
    assert!(db.advance_budget(&budget, to, at(1), &tenant.event(Action::BudgetStopped)).await.unwrap());
    assert_eq!((stopped(one.id).await, stopped(two.id).await), (true, false));
    assert_eq!(outdated(db).await, [one.id]);
    settle(db).await;
    let whole = made(db, &tenant, None).await;
    assert!(db.advance_budget(&whole, to, at(2), &tenant.event(Action::BudgetStopped)).await.unwrap());
    assert_eq!((stopped(one.id).await, stopped(two.id).await), (true, true));
    assert_eq!(outdated(db).await.len(), 2);
    settle(db).await;
    assert!(db.delete_budget(whole.id, at(3), &tenant.event(Action::BudgetDeleted)).await.unwrap());
    assert_eq!((stopped(one.id).await, stopped(two.id).await), (true, false));
    assert_eq!(outdated(db).await.len(), 2, "both are looked at again");
    assert_eq!(db.budgets_of(account).await.unwrap().len(), 1);
}

async fn a_state_moves_once_and_only_from_where_it_was(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace_in(db, "one", NamespaceStatus::Active).await;
    let budget = made(db, &tenant, None).await;
    let half = BudgetState { reached: 50, ..budget.state };
    let advance = async |budget: &Budget, to| {
        db.advance_budget(budget, to, at(1), &tenant.event(Action::BudgetReached)).await.unwrap()
    };
    assert!(advance(&budget, half).await);
    assert!(!advance(&budget, half).await, "another process was first");
    assert!(outdated(db).await.is_empty(), "a warning changes nothing in the cluster");
    assert!(db.change_budget(&budget, &terms(500), &tenant.event(Action::BudgetChanged)).await.unwrap());
    let before = Budget { state: half, ..budget };
    assert!(!advance(&before, BudgetState { stopped: true, ..half }).await, "it was judged by terms of before");
    assert!(!db.spending_stopped(tenant.account.id, namespace.id).await.unwrap());
    assert_eq!(tenant.audited(db).await.iter().filter(|action| **action == Action::BudgetReached).count(), 1);
}

async fn what_was_spent_in_one_currency_stops_no_budget_in_another(db: &Database) {
    let tenant = given::tenant(db).await;
    let budget = made(db, &tenant, None).await;
    let francs = Money { currency: Currency::new("CHF").unwrap(), ..terms(100).amount };
    let other = BudgetTerms { amount: francs, ..terms(100) };
    assert!(db.change_budget(&budget, &other, &tenant.event(Action::BudgetChanged)).await.unwrap());
    let to = BudgetState { reached: 100, stopped: true, ..budget.state };
    let stop = async |budget: &Budget| {
        db.advance_budget(budget, to, at(1), &tenant.event(Action::BudgetStopped)).await.unwrap()
    };
    assert!(!stop(&budget).await, "it was judged in euros, and counts francs by now");
    assert!(stop(&Budget { terms: other, ..budget }).await);
}

async fn other_terms_begin_to_tell_anew(db: &Database) {
    let tenant = given::tenant(db).await;
    let budget = made(db, &tenant, None).await;
    let told = BudgetState { reached: 100, ..budget.state };
    assert!(db.advance_budget(&budget, told, at(1), &tenant.event(Action::BudgetReached)).await.unwrap());
    let reached_under = async |terms: BudgetTerms| {
        let read = db.budget(tenant.account.id, budget.id).await.unwrap().unwrap();
        assert!(db.change_budget(&read, &terms, &tenant.event(Action::BudgetChanged)).await.unwrap());
        db.budget(tenant.account.id, budget.id).await.unwrap().unwrap().state.reached
    };
    assert_eq!(reached_under(BudgetTerms { hard_stop: false, ..terms(100) }).await, 100, "nothing to tell anew");
    assert_eq!(reached_under(terms(1000)).await, 0);
}

async fn a_budget_goes_with_its_namespace(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace_in(db, "one", NamespaceStatus::Deleting).await;
    made(db, &tenant, Some(&namespace)).await;
    db.remove_namespace(namespace.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    assert!(db.budgets_of(tenant.account.id).await.unwrap().is_empty());
    let gone = db.create_budget(&budget(&tenant, Some(&namespace)), &tenant.event(Action::BudgetCreated)).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
}

async fn whoever_marks_namespaces_for_a_budget_locks_the_account_first_and_the_budget_last(db: &Database) {
    // SQLite has one writer at a time.
    if db.schema().is_none() {
        return;
    }
    let tenant = given::tenant(db).await;
    tenant.namespace_in(db, "one", NamespaceStatus::Active).await;
    let budget = made(db, &tenant, None).await;
    db.note_writes(&["accounts", "namespaces", "budgets"]).await;
    let to = BudgetState { reached: 100, stopped: true, ..budget.state };
    assert!(db.advance_budget(&budget, to, at(1), &tenant.event(Action::BudgetStopped)).await.unwrap());
    assert!(!db.advance_budget(&budget, to, at(2), &tenant.event(Action::BudgetStopped)).await.unwrap());
    assert!(db.delete_budget(budget.id, at(3), &tenant.event(Action::BudgetDeleted)).await.unwrap());
    let once = "accounts namespaces budgets";
    assert!(db.wrote(&format!("{once} {once}")).await);
}
