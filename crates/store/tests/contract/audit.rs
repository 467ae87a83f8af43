//! The audit log: with every change, never without it, never changed, newest first.

use backend::ports::*;
use domain::Code;
use domain::audit::{Action, AuditFilter, AuditRecord, AuditScope};
use domain::namespace::NamespaceStatus;
use domain::page::PageRequest;
use domain::scope::Scope;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    an_event_is_read_as_it_was_written
    every_change_is_committed_with_its_event
    a_change_whose_event_cannot_be_written_does_not_happen
    events_are_listed_newest_first_page_by_page
    events_of_another_account_are_invisible
    nobody_can_change_or_remove_an_event
}

async fn list(db: &Database, tenant: &Tenant, limit: u32, after: Option<String>) -> Vec<AuditRecord> {
    let scope = AuditScope::Account(tenant.account.id);
    db.list_audit(scope, &AuditFilter::default(), None, &PageRequest { limit, after }).await.unwrap()
}

async fn an_event_is_read_as_it_was_written(db: &Database) {
    let tenant = given::tenant(db).await;
    let event = tenant.event(Action::KubeconfigDownloaded).refused(Code::NotReady).jti(Some("j-1".into()));
    db.record(&event).await.unwrap();
    let read = list(db, &tenant, 1, None).await.remove(0);
    let expected = AuditRecord { hash: read.hash.clone(), key_id: read.key_id.clone(), ..AuditRecord::of(&event, 3) };
    assert_eq!(read, expected);
    assert_eq!((read.hash.len(), read.key_id.len()), (64, 8));
}

async fn every_change_is_committed_with_its_event(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    assert!(tenant.rename(db, &namespace, "team-x").await.unwrap());
    let key = tenant.api_key(db, Scope::All).await;
    let credential = tenant.new_credential(Some(&key), &namespace);
    db.record_credential(&credential, &tenant.event(Action::CredentialIssued)).await.unwrap();
    let reused = tenant.event(Action::CredentialReused);
    db.touch_credential(credential.id, at(60), "192.0.2.8", &reused).await.unwrap();
    db.revoke_api_key(key.id, at(61), &tenant.event(Action::ApiKeyRevoked)).await.unwrap();
    let (from, to) = (NamespaceStatus::Creating, NamespaceStatus::Deleting);
    let requested = tenant.event(Action::NamespaceDeletionRequested);
    db.set_namespace_status(namespace.id, from, to, None, &requested).await.unwrap();
    db.remove_namespace(namespace.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    let mut actions = tenant.audited(db).await;
    actions.reverse();
    let expected = "AccountCreated UserCreated NamespaceCreated NamespaceRenamed ApiKeyCreated CredentialIssued \
                    CredentialReused ApiKeyRevoked NamespaceDeletionRequested NamespaceDeleted";
    let names: Vec<String> = actions.iter().map(|action| format!("{action:?}")).collect();
    assert_eq!(names.join(" "), expected);
}

/// The event's id is taken, so its INSERT fails after the change was made in the transaction.
async fn a_change_whose_event_cannot_be_written_does_not_happen(db: &Database) {
    let tenant = given::tenant(db).await;
    let taken = tenant.event(Action::SignedOut);
    db.record(&taken).await.unwrap();
    let namespace = tenant.new_namespace("team-ml");
    assert!(db.create_namespace(&namespace, &taken).await.is_err());
    assert_eq!(db.namespace_by_id(namespace.id).await.unwrap(), None);
    let key = tenant.api_key(db, Scope::All).await;
    assert!(db.revoke_api_key(key.id, at(1), &taken).await.is_err());
    assert_eq!(db.api_key(tenant.account.id, key.id).await.unwrap(), Some(key));
    assert!(db.record_login_failure(&["email:a".to_owned()], at(1), &taken).await.is_err());
    assert_eq!(db.login_counters(&["email:a".to_owned()]).await.unwrap()[0].failures, 0);
    let nowhere = given::new_account("nowhere");
    assert!(db.create_account(&nowhere, &taken).await.is_err());
    assert_eq!(given::account(db, "next").await.customer.as_str(), "skgu00002", "no number was used up");
}

async fn events_are_listed_newest_first_page_by_page(db: &Database) {
    let tenant = given::tenant(db).await;
    for _ in 0..3 {
        db.record(&tenant.event(Action::SignedOut)).await.unwrap();
    }
    let all = list(db, &tenant, 10, None).await;
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|a, b| a.id > b.id));
    assert_eq!(list(db, &tenant, 2, None).await, all[..3]);
    assert_eq!(list(db, &tenant, 2, Some(all[1].id.to_string())).await, all[2..]);
    assert_eq!(list(db, &tenant, 2, Some(all[4].id.to_string())).await, []);
}

async fn events_of_another_account_are_invisible(db: &Database) {
    let (mine, other) = (given::tenant(db).await, given::tenant(db).await);
    other.namespace(db, "team-ml").await;
    assert_eq!(mine.audited(db).await, [Action::UserCreated, Action::AccountCreated]);
}

async fn nobody_can_change_or_remove_an_event(db: &Database) {
    given::tenant(db).await;
    for forbidden in ["UPDATE audit SET actor = 'system'", "DELETE FROM audit"] {
        let error = db.run(forbidden).await.unwrap_err();
        assert!(error.to_string().contains("audit is append only"), "{error}");
    }
    assert_eq!(db.count("audit").await, 2);
}
