//! Accounts: unique names, customer numbers without gaps of ours and never twice.

use std::collections::BTreeSet;

use backend::ports::*;
use domain::audit::Action;
use domain::{Code, Error};
use futures::future::join_all;

use crate::database::Database;
use crate::given;

on_both_engines! {
    the_first_customer_is_number_one
    an_account_is_found_by_its_exact_name
    a_taken_account_name_is_a_conflict_and_uses_up_no_number
    customer_numbers_stay_unique_when_twenty_accounts_are_made_at_once
}

async fn the_first_customer_is_number_one(db: &Database) {
    assert_eq!(given::account(db, "default").await.customer.as_str(), "skgu00001");
    assert_eq!(given::account(db, "second").await.customer.as_str(), "skgu00002");
}

async fn an_account_is_found_by_its_exact_name(db: &Database) {
    let stored = given::account(db, "Ada's Lab").await;
    assert_eq!(db.account_by_name("Ada's Lab").await.unwrap(), Some(stored));
    assert_eq!(db.account_by_name("ada's lab").await.unwrap(), None);
}

async fn a_taken_account_name_is_a_conflict_and_uses_up_no_number(db: &Database) {
    given::account(db, "default").await;
    let again = given::new_account("default");
    let answer = db.create_account(&again, &given::event(again.id, Action::AccountCreated)).await;
    assert!(matches!(answer, Err(Error::Conflict { code: Code::NameTaken, .. })));
    assert_eq!(given::account(db, "second").await.customer.as_str(), "skgu00002");
    assert_eq!(db.count("audit").await, 2);
}

async fn customer_numbers_stay_unique_when_twenty_accounts_are_made_at_once(db: &Database) {
    let made = join_all((0..20).map(|n| async move { given::account(db, &format!("account {n}")).await })).await;
    let numbers: BTreeSet<&str> = made.iter().map(|account| account.customer.as_str()).collect();
    assert_eq!(numbers.len(), 20);
    assert_eq!(numbers.first(), Some(&"skgu00001"));
    assert_eq!(numbers.last(), Some(&"skgu00020"));
}
