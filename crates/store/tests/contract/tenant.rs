//! Tenants: numbers that never come twice, labels that stand only on what stays, versions of tokens.

use std::collections::BTreeSet;

use backend::ports::*;
use domain::audit::Action;
use domain::namespace::{Namespace, NamespaceStatus};
use domain::order::OrderedRequest;
use domain::page::PageRequest;
use domain::tenant::{TenantId, TenantLabel};
use futures::future::join_all;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    numbers_given_at_once_are_all_different
    numbers_go_on_at_the_higher_of_two
    a_number_is_never_given_again
    a_tenant_is_found_by_its_number_in_its_account_only
    rows_without_a_number_get_one_and_keep_it
    a_label_is_set_on_what_stays
    of_two_labels_at_once_one_stays
    the_first_readiness_is_remembered
    operators_see_tenants_of_every_account_with_their_connectors
    a_connector_is_not_forgotten_while_it_lives
    a_tenant_has_twenty_connectors_and_not_one_more
    a_connector_is_known_from_before_it_is_made_until_it_is_revoked
    a_connector_that_was_never_recorded_is_ordered_away_in_time
    a_connector_that_was_ordered_away_is_not_recorded_late
    a_suspended_account_gets_no_connector
    a_new_password_and_the_end_of_all_sessions_raise_the_version_of_tokens
}

async fn numbered(db: &Database, tenant: &Tenant, name: &str) -> Namespace {
    let number = db.next_tenant().await.unwrap();
    let namespace = Namespace { tenant: Some(number), ..tenant.new_namespace(name) };
    db.create_namespace(&namespace, &tenant.event(Action::NamespaceCreated)).await.unwrap();
    namespace
}

async fn moved(db: &Database, tenant: &Tenant, namespace: &Namespace, from: NamespaceStatus, to: NamespaceStatus) {
    let audit = tenant.event(Action::NamespaceActivated);
    assert!(db.set_namespace_status(namespace.id, from, to, None, &audit).await.unwrap());
}

fn label(text: &str) -> TenantLabel {
    TenantLabel::new(text).unwrap()
}

async fn numbers_given_at_once_are_all_different(db: &Database) {
    let given = join_all((0..100).map(|_| db.next_tenant())).await;
    let given: BTreeSet<TenantId> = given.into_iter().map(Result::unwrap).collect();
    assert_eq!(given.len(), 100);
    assert_eq!(given.first().unwrap().to_string(), "skg00001");
    assert_eq!(given.last().unwrap().to_string(), "skg00100");
}

async fn numbers_go_on_at_the_higher_of_two(db: &Database) {
    assert_eq!(db.continue_tenants_at(TenantId::from_number(99_999)).await.unwrap().to_string(), "skg99999");
    assert_eq!(db.next_tenant().await.unwrap().to_string(), "skg99999");
    assert_eq!(db.continue_tenants_at(TenantId::from_number(5)).await.unwrap().to_string(), "skg100000");
    assert_eq!(db.next_tenant().await.unwrap().to_string(), "skg100000");
}

async fn a_number_is_never_given_again(db: &Database) {
    let tenant = given::tenant(db).await;
    let gone = numbered(db, &tenant, "gone").await;
    moved(db, &tenant, &gone, NamespaceStatus::Creating, NamespaceStatus::Deleting).await;
    db.remove_namespace(gone.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    let next = numbered(db, &tenant, "next").await;
    assert!(next.tenant > gone.tenant);
    assert_eq!(db.tenant(tenant.account.id, gone.tenant.unwrap()).await.unwrap(), None);
    assert_eq!(db.tenant_id_of(gone.id).await.unwrap(), gone.tenant, "bills go on naming it");
}

async fn a_tenant_is_found_by_its_number_in_its_account_only(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let made = numbered(db, &ada, "team-ml").await;
    let id = made.tenant.unwrap();
    assert_eq!(db.tenant(ada.account.id, id).await.unwrap(), Some(made));
    assert_eq!(db.tenant(bob.account.id, id).await.unwrap(), None);
    assert_eq!(db.tenant(ada.account.id, TenantId::from_number(999)).await.unwrap(), None);
}

async fn rows_without_a_number_get_one_and_keep_it(db: &Database) {
    let tenant = given::tenant(db).await;
    let numbered = numbered(db, &tenant, "new").await;
    let old = [tenant.namespace(db, "old-1").await, tenant.namespace(db, "old-2").await];
    assert_eq!(db.number_tenants(1).await.unwrap(), 1);
    assert_eq!(db.number_tenants(10).await.unwrap(), 1);
    assert_eq!(db.number_tenants(10).await.unwrap(), 0);
    let now = async |namespace: &Namespace| db.namespace_by_id(namespace.id).await.unwrap().unwrap().tenant;
    assert_eq!(now(&numbered).await, numbered.tenant);
    let (first, second) = (now(&old[0]).await.unwrap(), now(&old[1]).await.unwrap());
    assert!(first < second && Some(first) > numbered.tenant);
    assert_eq!(db.count("tenant_numbers").await, 3);
}

async fn a_label_is_set_on_what_stays(db: &Database) {
    let tenant = given::tenant(db).await;
    let made = numbered(db, &tenant, "team-ml").await;
    let rename = async |text: &str| {
        db.set_tenant_label(made.id, &label(text), &tenant.event(Action::TenantRenamed)).await.unwrap()
    };
    assert!(rename("la mia 🚀").await);
    let now = db.namespace_by_id(made.id).await.unwrap().unwrap();
    assert_eq!((now.label(), now.name.as_str()), ("la mia 🚀", "team-ml"));
    moved(db, &tenant, &made, NamespaceStatus::Creating, NamespaceStatus::Deleting).await;
    assert!(!rename("too late").await);
    assert_eq!(db.count("audit WHERE action = 'tenant.renamed'").await, 1);
}

async fn of_two_labels_at_once_one_stays(db: &Database) {
    let tenant = given::tenant(db).await;
    let made = numbered(db, &tenant, "team-ml").await;
    let rename = async |text: &str| {
        db.set_tenant_label(made.id, &label(text), &tenant.event(Action::TenantRenamed)).await.unwrap()
    };
    let both = futures::future::join(rename("one"), rename("two")).await;
    assert_eq!(both, (true, true));
    let now = db.namespace_by_id(made.id).await.unwrap().unwrap();
    assert!(["one", "two"].contains(&now.label()), "{}", now.label());
}

async fn the_first_readiness_is_remembered(db: &Database) {
    let tenant = given::tenant(db).await;
    let made = numbered(db, &tenant, "team-ml").await;
    moved(db, &tenant, &made, NamespaceStatus::Creating, NamespaceStatus::Active).await;
    let ready = db.namespace_by_id(made.id).await.unwrap().unwrap().activated_at;
    assert!(ready.is_some());
    moved(db, &tenant, &made, NamespaceStatus::Active, NamespaceStatus::Deleting).await;
    assert_eq!(db.namespace_by_id(made.id).await.unwrap().unwrap().activated_at, ready);
    let never = numbered(db, &tenant, "never").await;
    moved(db, &tenant, &never, NamespaceStatus::Creating, NamespaceStatus::Failed).await;
    assert_eq!(db.namespace_by_id(never.id).await.unwrap().unwrap().activated_at, None);
}

async fn operators_see_tenants_of_every_account_with_their_connectors(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let (one, two) = (numbered(db, &ada, "one").await, numbered(db, &bob, "two").await);
    for name in ["connector-00000001-00000001", "connector-00000001-00000002", "console-00000001-edit"] {
        let credential =
            domain::credential::Credential { service_account: name.into(), ..ada.new_credential(None, &one) };
        if credential.renews() {
            db.begin_connector(name, one.id).await.unwrap();
        }
        assert!(db.record_credential(&credential, &ada.event(Action::ConnectorIssued)).await.unwrap());
        if name.ends_with('2') {
            db.revoke_credential(&credential, at(5), &ada.event(Action::CredentialRevoked)).await.unwrap();
        }
    }
    let all = db.list_tenants(&OrderedRequest::default()).await.unwrap();
    let seen: Vec<_> = all.iter().map(|row| (row.namespace.id, row.connectors, row.customer.as_str())).collect();
    assert_eq!(seen, [(one.id, 1, ada.account.customer.as_str()), (two.id, 0, bob.account.customer.as_str())]);
    assert_eq!(all[0].account, ada.account.name.as_str());
    let after = PageRequest { limit: 10, after: Some(one.id.to_string()) };
    assert_eq!(db.list_tenants(&after.into()).await.unwrap().len(), 1);
}

async fn a_connector_is_not_forgotten_while_it_lives(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = numbered(db, &tenant, "team-ml").await;
    let new = |name: &str| domain::credential::Credential {
        service_account: name.into(),
        ..tenant.new_credential(None, &namespace)
    };
    let (living, revoked) = (new("connector-00000001-00000001"), new("connector-00000001-00000002"));
    for credential in [&living, &revoked] {
        db.begin_connector(&credential.service_account, namespace.id).await.unwrap();
        db.record_credential(credential, &tenant.event(Action::ConnectorIssued)).await.unwrap();
    }
    // Long after the end that the book knows: it renewed itself meanwhile.
    let later = living.expires_at + jiff::SignedDuration::from_hours(1);
    db.revoke_credential(&revoked, later, &tenant.event(Action::CredentialRevoked)).await.unwrap();
    let found = db.credential(tenant.account.id, revoked.id).await.unwrap().unwrap();
    assert!(found.credential.revoked_at.is_some());
    assert_eq!(db.delete_old_credentials(later, 10).await.unwrap(), 1);
    assert!(db.credential(tenant.account.id, living.id).await.unwrap().is_some());
}

async fn a_tenant_has_twenty_connectors_and_not_one_more(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = numbered(db, &tenant, "team-ml").await;
    let given: Vec<_> = (0..21)
        .map(|i| domain::credential::Credential {
            service_account: format!("connector-00000001-{i:08}"),
            ..tenant.new_credential(None, &namespace)
        })
        .collect();
    for one in &given {
        db.begin_connector(&one.service_account, namespace.id).await.unwrap();
    }
    let audits: Vec<_> = given.iter().map(|_| tenant.event(Action::ConnectorIssued)).collect();
    let made = join_all(given.iter().zip(&audits).map(|(one, audit)| db.record_credential(one, audit))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = given.iter().zip(made).partition(|(_, made)| made.is_ok());
    assert_eq!((taken.len(), refused.len()), (20, 1));
    let full = db.check_connectors(namespace.id).await.unwrap_err();
    assert_eq!(full.code(), domain::Code::QuotaExceeded);
    let add = async |one: &domain::credential::Credential| {
        db.record_credential(one, &tenant.event(Action::ConnectorIssued)).await.unwrap()
    };
    assert!(add(&tenant.new_credential(None, &namespace)).await, "the console's own and those of keys do not count");
    db.revoke_credential(taken[0].0, at(1), &tenant.event(Action::CredentialRevoked)).await.unwrap();
    assert!(add(refused[0].0).await, "one that is revoked makes room");
}

async fn a_connector_is_known_from_before_it_is_made_until_it_is_revoked(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = numbered(db, &tenant, "team-ml").await;
    let name = "connector-00000001-00000001".to_owned();
    let credential =
        domain::credential::Credential { service_account: name.clone(), ..tenant.new_credential(None, &namespace) };
    let asked = [name.clone(), "connector-00000001-00000002".to_owned()];
    let living = async || db.living_connectors(&asked).await.unwrap();
    assert_eq!(living().await, Vec::<String>::new());
    db.begin_connector(&name, namespace.id).await.unwrap();
    assert_eq!(living().await, std::slice::from_ref(&name));
    assert_eq!(db.connectors_of(namespace.id).await.unwrap(), Vec::<String>::new(), "it has no row yet");
    assert!(db.record_credential(&credential, &tenant.event(Action::ConnectorIssued)).await.unwrap());
    assert_eq!(db.count("connector_drafts").await, 0);
    assert_eq!((living().await, db.connectors_of(namespace.id).await.unwrap()), (vec![name.clone()], vec![name]));
    db.revoke_credential(&credential, at(5), &tenant.event(Action::CredentialRevoked)).await.unwrap();
    assert_eq!((living().await, db.connectors_of(namespace.id).await.unwrap()), (Vec::new(), Vec::new()));
}

async fn a_connector_that_was_never_recorded_is_ordered_away_in_time(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = numbered(db, &tenant, "team-ml").await;
    let name = "connector-00000001-00000001";
    db.begin_connector(name, namespace.id).await.unwrap();
    assert_eq!(db.accounts_to_remove(10).await.unwrap(), []);
    db.run("UPDATE connector_drafts SET begun_ms = begun_ms - 600000").await.unwrap();
    assert_eq!(db.accounts_to_remove(10).await.unwrap(), [(name.to_owned(), namespace.id)]);
    db.account_removed(name, namespace.id).await.unwrap();
    assert_eq!(db.accounts_to_remove(10).await.unwrap(), []);
    assert_eq!(db.living_connectors(&[name.to_owned()]).await.unwrap(), Vec::<String>::new());
    let nowhere = tenant.new_namespace("gone");
    assert!(matches!(db.begin_connector(name, nowhere.id).await, Err(domain::Error::NotFound)));
    let (known, asked) = (db.known_namespaces(&[namespace.id, nowhere.id]).await.unwrap(), [namespace.id]);
    assert_eq!(known, asked, "a namespace is known while it has a row");
}

async fn a_connector_that_was_ordered_away_is_not_recorded_late(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = numbered(db, &tenant, "team-ml").await;
    let credential = domain::credential::Credential {
        service_account: "connector-00000001-00000001".into(),
        ..tenant.new_credential(None, &namespace)
    };
    let name = &credential.service_account;
    let issue = async || db.record_credential(&credential, &tenant.event(Action::ConnectorIssued)).await.unwrap();
    assert!(!issue().await, "nobody said that it would be made");
    db.begin_connector(name, namespace.id).await.unwrap();
    db.run("UPDATE connector_drafts SET begun_ms = begun_ms - 600000").await.unwrap();
    assert!(!issue().await, "its objects may go at this moment");
    assert_eq!(db.accounts_to_remove(10).await.unwrap(), [(name.clone(), namespace.id)], "and the order stands");
    db.account_removed(name, namespace.id).await.unwrap();
    assert!(!issue().await, "its objects are gone");
    assert_eq!(db.connectors_of(namespace.id).await.unwrap(), Vec::<String>::new());
}

async fn a_suspended_account_gets_no_connector(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = numbered(db, &tenant, "team-ml").await;
    let credential = domain::credential::Credential {
        service_account: "connector-00000001-00000001".into(),
        ..tenant.new_credential(None, &namespace)
    };
    let issue = async || db.record_credential(&credential, &tenant.event(Action::ConnectorIssued)).await.unwrap();
    db.begin_connector(&credential.service_account, namespace.id).await.unwrap();
    let audit = tenant.event(Action::AccountSuspended);
    assert!(db.suspend_account(&tenant.account, Some(at(3)), &audit).await.unwrap());
    assert!(!issue().await, "it was begun before and would be bound after the suspension");
    let suspended = domain::account::Account { suspended_at: Some(at(3)), ..tenant.account.clone() };
    assert!(db.suspend_account(&suspended, None, &tenant.event(Action::AccountResumed)).await.unwrap());
    assert!(issue().await);
}

async fn a_new_password_and_the_end_of_all_sessions_raise_the_version_of_tokens(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let version = async |tenant: &Tenant| db.member(tenant.owner.id, None).await.unwrap().unwrap().token_version;
    assert_eq!(version(&ada).await, 0);
    assert!(db.change_password((ada.owner.id, 0), "$new", None, &ada.event(Action::PasswordChanged)).await.unwrap());
    let after_password = version(&ada).await;
    db.end_sessions(ada.owner.id, None, &ada.event(Action::SessionsEnded)).await.unwrap();
    let after_sessions = version(&ada).await;
    assert!(0 < after_password && after_password < after_sessions);
    assert_eq!(version(&bob).await, 0, "nobody else's");
}
