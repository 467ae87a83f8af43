//! The sign-in throttle: counters per subject, forgotten only by a success.

use backend::ports::*;
use domain::audit::{Action, AuditEvent};
use domain::session::LoginCounter;
use futures::future::join_all;

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    failures_are_counted_per_subject_and_given_back_in_order
    a_success_forgets_the_failures_of_its_name
    a_success_leaves_the_address_what_others_failed_at
    counters_survive_a_restart
    counters_older_than_a_moment_are_removed_in_batches
    failures_at_the_same_moment_are_all_counted
}

fn subjects(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Before anybody is known: no account.
fn refused() -> AuditEvent {
    let mut event = given::event(given::new_account("none").id, Action::SignInFailed);
    event.account_id = None;
    event
}

async fn failures_are_counted_per_subject_and_given_back_in_order(db: &Database) {
    db.record_login_failure(&subjects(&["email:a", "address:1"]), at(1), &refused()).await.unwrap();
    db.record_login_failure(&subjects(&["email:b", "address:1"]), at(2), &refused()).await.unwrap();
    let counters = db.login_counters(&subjects(&["address:1", "email:x", "email:a"])).await.unwrap();
    let counter = |failures, second| LoginCounter { failures, last_failed_at: Some(at(second)) };
    assert_eq!(counters, [counter(2, 2), LoginCounter::default(), counter(1, 1)]);
    assert_eq!(db.count("audit WHERE account_id IS NULL").await, 2);
}

async fn a_success_forgets_the_failures_of_its_name(db: &Database) {
    let tenant = given::tenant(db).await;
    db.record_login_failure(&subjects(&["email:a", "address:1"]), at(1), &refused()).await.unwrap();
    db.record_login("email:a", "address:1", &tenant.event(Action::SignedIn)).await.unwrap();
    let counters = db.login_counters(&subjects(&["email:a", "address:1"])).await.unwrap();
    assert_eq!(counters, [LoginCounter::default(); 2]);
    assert_eq!(tenant.audited(db).await[0], Action::SignedIn);
    db.record_login("email:a", "address:1", &tenant.event(Action::SignedIn)).await.unwrap();
}

/// Else whoever has one account could try the others from one address by signing in between.
async fn a_success_leaves_the_address_what_others_failed_at(db: &Database) {
    let tenant = given::tenant(db).await;
    for (name, second) in [("email:b", 1), ("email:c", 2), ("email:a", 3)] {
        db.record_login_failure(&subjects(&[name, "address:1"]), at(second), &refused()).await.unwrap();
    }
    for _ in 0..2 {
        db.record_login("email:a", "address:1", &tenant.event(Action::SignedIn)).await.unwrap();
        let counters = db.login_counters(&subjects(&["email:a", "address:1", "email:b"])).await.unwrap();
        let failures: Vec<u32> = counters.iter().map(|counter| counter.failures).collect();
        assert_eq!(failures, [0, 2, 1]);
    }
}

async fn counters_survive_a_restart(db: &Database) {
    db.record_login_failure(&subjects(&["email:a"]), at(1), &refused()).await.unwrap();
    db.close().await;
    let counters = db.opened_again().await.login_counters(&subjects(&["email:a"])).await.unwrap();
    assert_eq!(counters[0].failures, 1);
}

async fn counters_older_than_a_moment_are_removed_in_batches(db: &Database) {
    for (subject, second) in [("email:a", 1), ("email:b", 2), ("email:c", 3)] {
        db.record_login_failure(&subjects(&[subject]), at(second), &refused()).await.unwrap();
    }
    assert_eq!(db.delete_old_login_counters(at(3), 1).await.unwrap(), 1);
    assert_eq!(db.delete_old_login_counters(at(3), 10).await.unwrap(), 1);
    assert_eq!(db.login_counters(&subjects(&["email:c"])).await.unwrap()[0].failures, 1);
}

async fn failures_at_the_same_moment_are_all_counted(db: &Database) {
    let orders = [["email:a", "address:1"], ["address:1", "email:a"]];
    let tries = (0..20).map(|n| async move {
        db.record_login_failure(&subjects(&orders[n % 2]), at(1), &refused()).await.unwrap();
    });
    join_all(tries).await;
    let counters = db.login_counters(&subjects(&["email:a", "address:1"])).await.unwrap();
    assert_eq!((counters[0].failures, counters[1].failures), (20, 20));
}
