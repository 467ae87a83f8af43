//! API keys: one row per public id, revoked once, and what exec-credential sees of them.

use backend::ports::*;
use domain::api_key::{ApiKey, PublicId};
use domain::audit::Action;
use domain::credential::Access;
use domain::namespace::NamespaceStatus;
use domain::page::PageRequest;
use domain::scope::Scope;
use domain::user::Role;
use domain::{Code, Error};

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    a_key_is_read_as_it_was_made
    a_taken_public_id_is_a_conflict
    a_key_of_another_account_is_invisible
    keys_are_listed_by_owner_or_all
    a_key_is_revoked_once_and_marked_for_removal
    key_access_brings_key_role_and_namespace_at_once
    key_access_never_shows_a_namespace_of_another_account
    key_access_has_no_role_for_an_owner_who_left_or_is_disabled
    a_stored_scope_or_access_that_is_broken_opens_nothing
    a_key_keeps_the_id_of_a_namespace_that_is_gone
}

fn page(limit: u32, after: Option<String>) -> PageRequest {
    PageRequest { limit, after }
}

async fn a_key_is_read_as_it_was_made(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    let plain = tenant.api_key(db, Scope::All).await;
    let full = ApiKey {
        access: Access::View,
        generation: 7,
        expires_at: Some(at(99)),
        disabled: true,
        revoked_at: Some(at(5)),
        last_used_at: Some(at(4)),
        last_used_ip: Some("2001:db8::1".into()),
        ..tenant.new_api_key(Scope::Namespaces(vec![namespace.id]))
    };
    for key in [plain, tenant.stored(db, full).await] {
        assert_eq!(db.api_key(tenant.account.id, key.id).await.unwrap(), Some(key));
    }
}

async fn a_taken_public_id_is_a_conflict(db: &Database) {
    let tenant = given::tenant(db).await;
    let key = tenant.api_key(db, Scope::All).await;
    let again = ApiKey { public_id: key.public_id, ..tenant.new_api_key(Scope::All) };
    let answer = db.create_api_key(&again, &tenant.event(Action::ApiKeyCreated)).await;
    assert!(matches!(answer, Err(Error::Conflict { code: Code::Conflict, .. })), "{answer:?}");
    assert_eq!(db.count("audit WHERE action = 'api_key.created'").await, 1);
}

async fn a_key_of_another_account_is_invisible(db: &Database) {
    let (mine, other) = (given::tenant(db).await, given::tenant(db).await);
    let foreign = other.api_key(db, Scope::All).await;
    assert_eq!(db.api_key(mine.account.id, foreign.id).await.unwrap(), None);
    assert_eq!(db.list_api_keys(mine.account.id, None, &page(10, None)).await.unwrap(), []);
    assert_eq!(db.list_api_keys(mine.account.id, Some(other.owner.id), &page(10, None)).await.unwrap(), []);
}

async fn keys_are_listed_by_owner_or_all(db: &Database) {
    let tenant = given::tenant(db).await;
    let colleague = given::member(db, &tenant.account, Role::Member).await;
    let a = tenant.api_key(db, Scope::All).await;
    let b = tenant.stored(db, ApiKey { owner_id: colleague.id, ..tenant.new_api_key(Scope::Inference) }).await;
    let c = tenant.api_key(db, Scope::AllNamespaces).await;
    let list = async |owner, page| db.list_api_keys(tenant.account.id, owner, &page).await.unwrap();
    assert_eq!(list(None, page(10, None)).await, [a.clone(), b.clone(), c.clone()]);
    assert_eq!(list(None, page(1, None)).await, [a.clone(), b.clone()]);
    assert_eq!(list(None, page(10, Some(a.id.to_string()))).await, [b.clone(), c.clone()]);
    assert_eq!(list(Some(colleague.id), page(10, None)).await, [b]);
    assert_eq!(list(Some(tenant.owner.id), page(10, Some(a.id.to_string()))).await, [c]);
}

async fn a_key_is_revoked_once_and_marked_for_removal(db: &Database) {
    let tenant = given::tenant(db).await;
    let (stays, goes) = (tenant.api_key(db, Scope::All).await, tenant.api_key(db, Scope::All).await);
    let event = || tenant.event(Action::ApiKeyRevoked);
    assert_eq!(db.keys_to_remove(10).await.unwrap(), []);
    assert!(db.revoke_api_key(goes.id, at(7), &event()).await.unwrap());
    assert!(!db.revoke_api_key(goes.id, at(8), &event()).await.unwrap());
    let revoked = ApiKey { revoked_at: Some(at(7)), ..goes };
    assert_eq!(db.keys_to_remove(10).await.unwrap(), std::slice::from_ref(&revoked));
    db.key_removed(revoked.id).await.unwrap();
    db.key_removed(stays.id).await.unwrap();
    assert_eq!(db.keys_to_remove(10).await.unwrap(), []);
    assert!(db.revoke_api_key(stays.id, at(9), &event()).await.unwrap());
    assert_eq!(db.keys_to_remove(10).await.unwrap().len(), 1, "a key was never removed before it was revoked");
    assert_eq!(db.count("audit WHERE action = 'api_key.revoked'").await, 2);
}

async fn key_access_brings_key_role_and_namespace_at_once(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace_in(db, "team-ml", NamespaceStatus::Active).await;
    let key = tenant.api_key(db, Scope::AllNamespaces).await;
    let found = db.key_access(&key.public_id, Some(namespace.id)).await.unwrap().unwrap();
    assert_eq!((found.key, found.owner_role, found.namespace), (key.clone(), Some(Role::Owner), Some(namespace)));
    let found = db.key_access(&key.public_id, None).await.unwrap().unwrap();
    assert_eq!((found.key, found.namespace), (key, None));
    let unknown = PublicId::from_trusted("zzzzzzzz".into());
    assert_eq!(db.key_access(&unknown, None).await.unwrap(), None);
}

async fn key_access_never_shows_a_namespace_of_another_account(db: &Database) {
    let (mine, other) = (given::tenant(db).await, given::tenant(db).await);
    let foreign = other.namespace(db, "team-ml").await;
    let key = mine.api_key(db, Scope::All).await;
    assert_eq!(db.key_access(&key.public_id, Some(foreign.id)).await.unwrap().unwrap().namespace, None);
}

async fn key_access_has_no_role_for_an_owner_who_left_or_is_disabled(db: &Database) {
    let (left, disabled, broken) = (given::tenant(db).await, given::tenant(db).await, given::tenant(db).await);
    db.run(format!("DELETE FROM members WHERE user_id = '{}'", left.owner.id)).await.unwrap();
    db.run(format!("UPDATE users SET disabled = TRUE WHERE id = '{}'", disabled.owner.id)).await.unwrap();
    db.run(format!("UPDATE members SET role = 'king' WHERE user_id = '{}'", broken.owner.id)).await.unwrap();
    for tenant in [left, disabled, broken] {
        let key = tenant.api_key(db, Scope::All).await;
        assert_eq!(db.key_access(&key.public_id, None).await.unwrap().unwrap().owner_role, None);
    }
}

async fn a_stored_scope_or_access_that_is_broken_opens_nothing(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    for broken in ["scope = '{\"all\":1}'", "scope = 'all'", "scope = ''", "access = 'admin'"] {
        let key = tenant.api_key(db, Scope::All).await;
        db.run(format!("UPDATE api_keys SET {broken} WHERE id = '{}'", key.id)).await.unwrap();
        let found = db.key_access(&key.public_id, Some(namespace.id)).await.unwrap().unwrap();
        assert!(!found.key.scope.opens(namespace.id), "{broken}");
        assert_eq!(found.key.access, Access::View, "{broken}");
    }
}

async fn a_key_keeps_the_id_of_a_namespace_that_is_gone(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace_in(db, "team-ml", NamespaceStatus::Deleting).await;
    let key = tenant.api_key(db, Scope::Namespaces(vec![namespace.id])).await;
    db.remove_namespace(namespace.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    let found = db.key_access(&key.public_id, Some(namespace.id)).await.unwrap().unwrap();
    assert_eq!((found.key, found.namespace), (key, None));
}
