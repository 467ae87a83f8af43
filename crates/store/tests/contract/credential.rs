//! Credentials: none leaves for a dead key, reuse is noted at most once a minute.

use backend::ports::*;
use domain::Error;
use domain::api_key::ApiKey;
use domain::audit::Action;
use domain::namespace::NamespaceStatus;
use domain::scope::Scope;

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    a_recorded_credential_is_the_last_use_of_its_key
    no_credential_is_recorded_for_a_key_that_is_not_active
    a_credential_of_the_console_needs_no_key
    no_credential_is_recorded_for_a_namespace_that_is_gone
    a_revocation_and_a_credential_at_once_never_both_win_out_of_order
    reuse_is_noted_at_most_once_a_minute
    reuse_never_moves_the_last_use_of_the_key_back
    reuse_by_many_at_once_is_noted_once
    credentials_go_with_their_namespace
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
    let expired = tenant.stored(db, ApiKey { expires_at: Some(at(0)), ..fresh() }).await;
    for key in [revoked, disabled, expired, fresh()] {
        let credential = tenant.new_credential(Some(&key), &namespace);
        assert!(!db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap());
    }
    assert_eq!(db.count("credentials").await, 0);
    assert_eq!(db.count("audit WHERE action = 'credential.issued'").await, 0);
    assert_eq!(db.count("api_keys WHERE last_used_ms IS NOT NULL").await, 0);
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
