//! Credentials: none leaves for a dead key, reuse is noted at most once a minute.

use backend::ports::*;
use domain::Error;
use domain::api_key::ApiKey;
use domain::audit::Action;
use domain::credential::{Credential, CredentialStatus};
use domain::id::CredentialId;
use domain::namespace::NamespaceStatus;
use domain::page::PageRequest;
use domain::scope::Scope;
use store::SqlStore;

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    a_recorded_credential_is_the_last_use_of_its_key
    no_credential_is_recorded_for_a_key_that_is_not_active
    a_key_that_lives_by_the_databases_clock_is_used_whatever_the_consoles_says
    a_credential_of_the_console_needs_no_key
    no_credential_is_recorded_for_a_namespace_that_is_gone
    a_revocation_and_a_credential_at_once_never_both_win_out_of_order
    credentials_of_two_processes_and_of_many_at_once_are_audited_in_one_chain
    reuse_is_noted_at_most_once_a_minute
    reuse_never_moves_the_last_use_of_the_key_back
    reuse_by_many_at_once_is_noted_once
    credentials_go_with_their_namespace
    credentials_are_listed_newest_first_by_key_namespace_and_owner
    ending_one_ends_all_of_its_account_and_orders_it_away
    old_credentials_are_forgotten_and_living_ones_kept
    the_installation_keeps_the_first_id_it_got
}

async fn last_used(db: &Database, key: &ApiKey) -> (Option<jiff::Timestamp>, Option<String>) {
    let key = db.api_key(key.account_id, key.id).await.unwrap().unwrap();
    (key.last_used_at, key.last_used_ip)
}

async fn a_recorded_credential_is_the_last_use_of_its_key(db: &Database) {
    let tenant = given::tenant(db).await;
    let (namespace, key) = (tenant.namespace(db, "team-ml").await, tenant.api_key(db, Scope::All).await);
    let credential = tenant.new_credential(Some(&key), &namespace);
    assert!(db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap());
    assert_eq!(last_used(db, &key).await, (Some(at(0)), Some("192.0.2.7".into())));
    assert_eq!(tenant.audited(db).await[0], Action::CredentialIssued);
}

async fn no_credential_is_recorded_for_a_key_that_is_not_active(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    let fresh = || tenant.new_api_key(Scope::All);
    let revoked = tenant.api_key(db, Scope::All).await;
    db.revoke_api_key(revoked.id, at(0), &tenant.event(Action::ApiKeyRevoked)).await.unwrap();
    let disabled = tenant.stored(db, ApiKey { disabled: true, ..fresh() }).await;
    // By the database's clock, which no test sets.
    let expired = tenant.stored(db, ApiKey { expires_at: Some(jiff::Timestamp::UNIX_EPOCH), ..fresh() }).await;
    for key in [revoked, disabled, expired, fresh()] {
        let credential = tenant.new_credential(Some(&key), &namespace);
        assert!(!db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap());
    }
    assert_eq!(db.count("credentials").await, 0);
    assert_eq!(db.count("audit WHERE action = 'credential.issued'").await, 0);
    assert_eq!(db.count("api_keys WHERE last_used_ms IS NOT NULL").await, 0);
}

async fn a_key_that_lives_by_the_databases_clock_is_used_whatever_the_consoles_says(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    let ends_at = db.database_time().await.unwrap() + jiff::SignedDuration::from_hours(1);
    let key = tenant.stored(db, ApiKey { expires_at: Some(ends_at), ..tenant.new_api_key(Scope::All) }).await;
    let ahead = ends_at + jiff::SignedDuration::from_secs(1);
    let credential = Credential { issued_at: ahead, ..tenant.new_credential(Some(&key), &namespace) };
    assert!(db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap());
}

async fn a_credential_of_the_console_needs_no_key(db: &Database) {
    let tenant = given::tenant(db).await;
    let credential = tenant.new_credential(None, &tenant.namespace(db, "team-ml").await);
    assert!(db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap());
    let later = tenant.event(Action::CredentialReused);
    db.touch_credential(credential.id, at(60), "192.0.2.8", &later).await.unwrap();
    assert_eq!(tenant.audited(db).await[0], Action::CredentialReused);
}

async fn no_credential_is_recorded_for_a_namespace_that_is_gone(db: &Database) {
    let tenant = given::tenant(db).await;
    let key = tenant.api_key(db, Scope::All).await;
    let credential = tenant.new_credential(Some(&key), &tenant.new_namespace("gone"));
    let answer = db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await;
    assert!(matches!(answer, Err(Error::NotFound)), "{answer:?}");
    assert_eq!(last_used(db, &key).await, (None, None));
}

async fn a_revocation_and_a_credential_at_once_never_both_win_out_of_order(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    for _ in 0..10 {
        let key = tenant.api_key(db, Scope::All).await;
        let credential = tenant.new_credential(Some(&key), &namespace);
        let (issued, revoked) = (tenant.event(Action::CredentialIssued), tenant.event(Action::ApiKeyRevoked));
        let (recorded, revoked) =
            futures::join!(db.record_credential(&credential, &issued), db.revoke_api_key(key.id, at(1), &revoked));
        assert!(revoked.unwrap());
        let rows = db.count(&format!("credentials WHERE id = '{}'", credential.id)).await;
        assert_eq!(rows, i64::from(recorded.unwrap()));
        let late = tenant.new_credential(Some(&key), &namespace);
        assert!(!db.record_credential(&late, &tenant.event(Action::CredentialIssued)).await.unwrap());
    }
}

async fn credentials_of_two_processes_and_of_many_at_once_are_audited_in_one_chain(db: &Database) {
    let tenant = given::tenant(db).await;
    let (namespace, key) = (tenant.namespace(db, "team-ml").await, tenant.api_key(db, Scope::All).await);
    let opened = db.opened_again().await;
    let (one, other): (&SqlStore, &SqlStore) = (db, &opened);
    let record = async |store: &SqlStore| {
        let credential = tenant.new_credential(Some(&key), &namespace);
        store.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap()
    };
    // Twice in a row, so that each goes on from its own row and from the other's.
    for store in [one, one, other, other, one] {
        assert!(record(store).await);
    }
    let at_once = (0..20).map(|n| record(if n % 2 == 0 { one } else { other }));
    assert_eq!(futures::future::join_all(at_once).await, [true; 20]);
    let chain = db.verify_audit(Some(tenant.account.id)).await.unwrap().remove(0);
    assert_eq!((chain.broken, chain.head.0), (None, chain.rows));
    for rows in ["credentials", "audit WHERE action = 'credential.issued'"] {
        assert_eq!(db.count(rows).await, 25, "{rows}");
    }
}

async fn reuse_is_noted_at_most_once_a_minute(db: &Database) {
    let tenant = given::tenant(db).await;
    let (namespace, key) = (tenant.namespace(db, "team-ml").await, tenant.api_key(db, Scope::All).await);
    let credential = tenant.new_credential(Some(&key), &namespace);
    db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap();
    for second in 0..180 {
        let audit = tenant.event(Action::CredentialReused);
        db.touch_credential(credential.id, at(second), "198.51.100.9", &audit).await.unwrap();
    }
    assert_eq!(db.count("audit WHERE action = 'credential.reused'").await, 2);
    assert_eq!(last_used(db, &key).await, (Some(at(120)), Some("198.51.100.9".into())));
}

async fn reuse_never_moves_the_last_use_of_the_key_back(db: &Database) {
    let tenant = given::tenant(db).await;
    let (namespace, key) = (tenant.namespace(db, "team-ml").await, tenant.api_key(db, Scope::All).await);
    let mut credentials = Vec::new();
    for _ in 0..2 {
        let credential = tenant.new_credential(Some(&key), &namespace);
        db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap();
        credentials.push(credential);
    }
    for (credential, second) in credentials.iter().zip([90, 70]) {
        let audit = tenant.event(Action::CredentialReused);
        db.touch_credential(credential.id, at(second), "198.51.100.9", &audit).await.unwrap();
    }
    assert_eq!(last_used(db, &key).await.0, Some(at(90)));
}

async fn reuse_by_many_at_once_is_noted_once(db: &Database) {
    let tenant = given::tenant(db).await;
    let (namespace, key) = (tenant.namespace(db, "team-ml").await, tenant.api_key(db, Scope::All).await);
    let credential = tenant.new_credential(Some(&key), &namespace);
    db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap();
    let uses = (0..20).map(|_| {
        let (id, audit) = (credential.id, tenant.event(Action::CredentialReused));
        async move { db.touch_credential(id, at(61), "192.0.2.8", &audit).await.unwrap() }
    });
    futures::future::join_all(uses).await;
    assert_eq!(db.count("audit WHERE action = 'credential.reused'").await, 1);
}

async fn credentials_go_with_their_namespace(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace_in(db, "team-ml", NamespaceStatus::Deleting).await;
    let key = tenant.api_key(db, Scope::All).await;
    for key in [Some(&key), None] {
        let credential = tenant.new_credential(key, &namespace);
        db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap();
    }
    assert_eq!(db.count("credentials").await, 2);
    db.remove_namespace(namespace.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    assert_eq!(db.count("credentials").await, 0);
}

async fn credentials_are_listed_newest_first_by_key_namespace_and_owner(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let (one, two) = (tenant.namespace(db, "one").await, tenant.namespace(db, "two").await);
    let colleague = given::member(db, &tenant.account, domain::user::Role::Member).await;
    let mine = tenant.api_key(db, Scope::All).await;
    let theirs = tenant.stored(db, ApiKey { owner_id: colleague.id, ..tenant.new_api_key(Scope::All) }).await;
    let mut issued: Vec<Credential> = Vec::new();
    for (key, namespace) in [(Some(&mine), &one), (Some(&theirs), &one), (Some(&mine), &two), (None, &one)] {
        let credential = tenant.new_credential(key, namespace);
        assert!(db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap());
        issued.insert(0, credential);
    }
    let all = CredentialFilter { account: tenant.account.id, owner: None, api_key: None, namespace: None };
    let list = async |filter: CredentialFilter, limit: u32, after: Option<CredentialId>| {
        let page = PageRequest { limit, after: after.map(|id| id.to_string()) };
        let rows = db.list_credentials(&filter, &page).await.unwrap();
        rows.into_iter().map(|row| row.credential).collect::<Vec<_>>()
    };
    let pick = |at: &[usize]| at.iter().map(|i| issued[*i].clone()).collect::<Vec<_>>();
    assert_eq!(list(all.clone(), 10, None).await, issued);
    assert_eq!(list(all.clone(), 1, None).await, pick(&[0, 1]));
    assert_eq!(list(all.clone(), 10, Some(issued[1].id)).await, pick(&[2, 3]));
    let by = |api_key, namespace, owner| CredentialFilter { api_key, namespace, owner, ..all.clone() };
    assert_eq!(list(by(Some(mine.id), None, None), 10, None).await, pick(&[1, 3]));
    assert_eq!(list(by(None, Some(one.id), None), 10, None).await, pick(&[0, 2, 3]));
    assert_eq!(list(by(None, None, Some(colleague.id)), 10, None).await, pick(&[2]));
    assert_eq!(list(by(Some(mine.id), Some(two.id), Some(tenant.owner.id)), 10, None).await, pick(&[1]));
    let foreign = CredentialFilter { account: other.account.id, ..all };
    assert_eq!(list(foreign, 10, None).await, []);
    assert_eq!(db.credential(other.account.id, issued[1].id).await.unwrap(), None);
    let found = db.credential(tenant.account.id, issued[1].id).await.unwrap().unwrap();
    assert_eq!((found.namespace.as_str(), found.api_key.unwrap().owner_id), ("two", tenant.owner.id));
}

async fn ending_one_ends_all_of_its_account_and_orders_it_away(db: &Database) {
    let tenant = given::tenant(db).await;
    let (namespace, key) = (tenant.namespace(db, "team-ml").await, tenant.api_key(db, Scope::All).await);
    let mut issued = Vec::new();
    for account in ["key-a-1-x", "key-a-1-x", "key-a-2-x"] {
        let credential =
            Credential { service_account: account.into(), ..tenant.new_credential(Some(&key), &namespace) };
        db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap();
        issued.push(credential);
    }
    let event = || tenant.event(Action::CredentialRevoked);
    db.revoke_credential(&issued[0], at(9), &event()).await.unwrap();
    db.revoke_credential(&issued[0], at(9), &event()).await.unwrap();
    let mut states = Vec::new();
    for credential in &issued {
        states.push(db.credential(tenant.account.id, credential.id).await.unwrap().unwrap().status(at(10)));
    }
    assert_eq!(states, [CredentialStatus::Revoked, CredentialStatus::Revoked, CredentialStatus::Active]);
    assert_eq!(db.accounts_to_remove(10).await.unwrap(), [("key-a-1-x".to_owned(), namespace.id)]);
    db.account_removed("key-a-1-x", namespace.id).await.unwrap();
    assert_eq!(db.accounts_to_remove(10).await.unwrap(), []);
}

async fn old_credentials_are_forgotten_and_living_ones_kept(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    for end in [10, 20, 30] {
        let credential = Credential { expires_at: at(end), ..tenant.new_credential(None, &namespace) };
        db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap();
    }
    assert_eq!(db.delete_old_credentials(at(30), 1).await.unwrap(), 2, "one after the other, and all");
    assert_eq!(db.delete_old_credentials(at(30), 9).await.unwrap(), 0);
    assert_eq!(db.count("credentials").await, 1);
}

async fn the_installation_keeps_the_first_id_it_got(db: &Database) {
    assert_eq!(db.installation_id("one").await.unwrap(), "one");
    assert_eq!(db.opened_again().await.installation_id("two").await.unwrap(), "one");
}
