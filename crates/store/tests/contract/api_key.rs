//! API keys: one row per public id, revoked once, and what exec-credential sees of them.

use backend::ports::*;
use domain::account::Quota;
use domain::api_key::{ApiKey, KeySecret, OldSecret, PublicId};
use domain::audit::Action;
use domain::credential::Access;
use domain::id::ApiKeyId;
use domain::namespace::NamespaceStatus;
use domain::order::OrderedRequest;
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
    a_key_is_revoked_once_and_ordered_away
    an_order_that_came_meanwhile_is_not_lost
    a_revocation_by_an_older_binary_is_carried_out_too
    a_change_is_written_over_the_revision_it_was_made_from
    a_rotation_keeps_the_secret_before_it_and_never_a_third
    what_time_has_ended_is_ordered_away_once
    keys_of_whoever_leaves_shrinks_or_is_shut_out_are_ordered_away
    a_digest_made_anew_replaces_only_the_one_it_was_made_from
    an_account_has_a_thousand_keys_and_not_one_more
    the_sweep_finds_keys_of_every_account_by_public_id
    key_access_brings_key_role_and_namespace_at_once
    key_access_tells_the_time_of_the_database
    key_access_never_shows_a_namespace_of_another_account
    key_access_has_no_role_for_an_owner_who_left_or_is_disabled
    a_stored_scope_or_access_that_is_broken_opens_nothing
    a_key_keeps_the_id_of_a_namespace_that_is_gone
}

fn page(limit: u32, after: Option<String>) -> OrderedRequest {
    PageRequest { limit, after }.into()
}

async fn a_key_is_read_as_it_was_made(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    let plain = tenant.api_key(db, Scope::All).await;
    let full = ApiKey {
        access: Access::View,
        secret: given::new_secret(7),
        old_secret: Some(OldSecret { secret: given::new_secret(6), ends_at: at(60) }),
        expires_at: Some(at(99)),
        disabled: true,
        revoked_at: Some(at(5)),
        last_used_at: Some(at(4)),
        last_used_ip: Some("2001:db8::1".into()),
        removal_pending: true,
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
    let own = mine.api_key(db, Scope::All).await;
    assert_eq!(db.api_keys(mine.account.id, &[foreign.id, own.id]).await.unwrap(), [own]);
    assert!(db.api_keys(mine.account.id, &[]).await.unwrap().is_empty());
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

/// Ids and tickets of what is ordered.
async fn orders(db: &Database) -> Vec<(ApiKeyId, i64)> {
    db.keys_to_settle(None, 10).await.unwrap().into_iter().map(|order| (order.key.id, order.ticket)).collect()
}

async fn reread(db: &Database, key: &ApiKey) -> ApiKey {
    db.api_key(key.account_id, key.id).await.unwrap().unwrap()
}

async fn a_key_is_revoked_once_and_ordered_away(db: &Database) {
    let tenant = given::tenant(db).await;
    let (stays, goes) = (tenant.api_key(db, Scope::All).await, tenant.api_key(db, Scope::All).await);
    let event = || tenant.event(Action::ApiKeyRevoked);
    assert_eq!(orders(db).await, []);
    assert!(db.revoke_api_key(goes.id, at(7), &event()).await.unwrap());
    assert!(!db.revoke_api_key(goes.id, at(8), &event()).await.unwrap());
    let order = db.keys_to_settle(Some(goes.id), 1).await.unwrap().remove(0);
    let revoked = ApiKey { revoked_at: Some(at(7)), removal_pending: true, revision: 2, ..goes };
    assert_eq!((&order.key, order.owner_role), (&revoked, Some(Role::Owner)));
    assert_eq!(db.keys_to_settle(Some(stays.id), 1).await.unwrap(), []);
    db.key_settled(revoked.id, order.ticket).await.unwrap();
    db.key_settled(stays.id, 1).await.unwrap();
    assert_eq!(orders(db).await, []);
    assert!(!reread(db, &revoked).await.removal_pending);
    assert!(db.revoke_api_key(stays.id, at(9), &event()).await.unwrap());
    assert_eq!(orders(db).await.len(), 1, "a key was never settled before it was revoked");
    assert_eq!(db.count("audit WHERE action = 'api_key.revoked'").await, 2);
}

async fn an_order_that_came_meanwhile_is_not_lost(db: &Database) {
    let tenant = given::tenant(db).await;
    let key = tenant.api_key(db, Scope::All).await;
    let change = async |name: &str| {
        let next = ApiKey { name: name.into(), ..reread(db, &key).await };
        assert!(db.update_api_key(&next, true, &tenant.event(Action::ApiKeyChanged)).await.unwrap());
    };
    change("one").await;
    let first = orders(db).await[0];
    change("two").await;
    db.key_settled(key.id, first.1).await.unwrap();
    let second = orders(db).await[0];
    assert_ne!(first, second, "the second order stands");
    db.key_settled(key.id, second.1).await.unwrap();
    assert_eq!(orders(db).await, []);
}

async fn a_revocation_by_an_older_binary_is_carried_out_too(db: &Database) {
    let tenant = given::tenant(db).await;
    let key = tenant.api_key(db, Scope::All).await;
    db.run(format!("UPDATE api_keys SET revoked_ms = 1, cluster_removed = FALSE WHERE id = '{}'", key.id))
        .await
        .unwrap();
    assert_eq!(orders(db).await, [(key.id, 0)]);
    db.key_settled(key.id, 0).await.unwrap();
    assert_eq!(orders(db).await, []);
}

async fn a_change_is_written_over_the_revision_it_was_made_from(db: &Database) {
    let tenant = given::tenant(db).await;
    let key = tenant.api_key(db, Scope::All).await;
    let update =
        async |key: &ApiKey| db.update_api_key(key, false, &tenant.event(Action::ApiKeyChanged)).await.unwrap();
    let next = ApiKey {
        name: "ci".into(),
        scope: Scope::Inference,
        access: Access::View,
        expires_at: Some(at(50)),
        disabled: true,
        ..key.clone()
    };
    assert!(update(&next).await);
    assert_eq!(reread(db, &key).await, ApiKey { revision: 2, ..next.clone() });
    assert!(!update(&ApiKey { name: "late".into(), ..key.clone() }).await, "made from revision 1");
    assert_eq!(reread(db, &key).await.name, "ci");
    assert_eq!(orders(db).await, [], "nothing was to be settled");
    db.revoke_api_key(key.id, at(1), &tenant.event(Action::ApiKeyRevoked)).await.unwrap();
    assert!(!update(&ApiKey { revision: 3, ..next }).await, "a revoked key changes no more");
    assert_eq!(db.count("audit WHERE action = 'api_key.changed'").await, 1);
}

async fn a_rotation_keeps_the_secret_before_it_and_never_a_third(db: &Database) {
    let tenant = given::tenant(db).await;
    let key = tenant.api_key(db, Scope::All).await;
    let rotate = async |generation: u32, old_ends_at| {
        let (key, secret) = (reread(db, &key).await, given::new_secret(generation));
        assert!(db.rotate_api_key(&key, &secret, old_ends_at, &tenant.event(Action::ApiKeyRotated)).await.unwrap());
    };
    let secrets = async || {
        let key = reread(db, &key).await;
        (key.secret.generation, key.old_secret.map(|old| (old.secret.generation, old.ends_at)))
    };
    rotate(2, Some(at(60))).await;
    assert_eq!((secrets().await, orders(db).await), ((2, Some((1, at(60)))), vec![]));
    rotate(3, Some(at(90))).await;
    assert_eq!((secrets().await, orders(db).await), ((3, Some((2, at(90)))), vec![(key.id, 1)]));
    rotate(4, None).await;
    assert_eq!((secrets().await, orders(db).await), ((4, None), vec![(key.id, 2)]));
    let stale = db.rotate_api_key(&key, &given::new_secret(9), None, &tenant.event(Action::ApiKeyRotated)).await;
    assert!(!stale.unwrap());
}

async fn what_time_has_ended_is_ordered_away_once(db: &Database) {
    let tenant = given::tenant(db).await;
    let ends = tenant.stored(db, ApiKey { expires_at: Some(at(50)), ..tenant.new_api_key(Scope::All) }).await;
    let old_secret = Some(OldSecret { secret: given::new_secret(1), ends_at: at(60) });
    let rotated = ApiKey { secret: given::new_secret(2), old_secret, ..tenant.new_api_key(Scope::All) };
    let rotated = tenant.stored(db, rotated).await;
    assert_eq!(db.order_ended_keys(at(49)).await.unwrap(), 0);
    assert_eq!(db.order_ended_keys(at(50)).await.unwrap(), 1);
    assert_eq!(orders(db).await, [(ends.id, 1)]);
    assert_eq!(db.order_ended_keys(at(60)).await.unwrap(), 1);
    assert_eq!(reread(db, &rotated).await.old_secret, None);
    assert_eq!(db.order_ended_keys(at(99)).await.unwrap(), 0, "each end is seen once");
    let longer = ApiKey { expires_at: Some(at(100)), ..reread(db, &ends).await };
    assert!(db.update_api_key(&longer, false, &tenant.event(Action::ApiKeyChanged)).await.unwrap());
    assert_eq!(db.order_ended_keys(at(100)).await.unwrap(), 1, "another end");
}

async fn keys_of_whoever_leaves_shrinks_or_is_shut_out_are_ordered_away(db: &Database) {
    for change in [
        "DELETE FROM members WHERE user_id = ",
        "UPDATE members SET role = 'viewer' WHERE user_id = ",
        "UPDATE users SET disabled = TRUE WHERE id = ",
        "UPDATE accounts SET suspended_ms = 1 WHERE id = ",
    ] {
        let tenant = given::tenant(db).await;
        let key = tenant.api_key(db, Scope::All).await;
        let whose =
            if change.contains("accounts") { tenant.account.id.to_string() } else { tenant.owner.id.to_string() };
        db.run(format!("{change}'{whose}'")).await.unwrap();
        let order = db.keys_to_settle(Some(key.id), 1).await.unwrap();
        assert_eq!(order.len(), 1, "{change}");
        let role = if change.contains("viewer") { Some(Role::Viewer) } else { None };
        assert_eq!(order[0].owner_role, role, "{change}");
    }
}

async fn a_digest_made_anew_replaces_only_the_one_it_was_made_from(db: &Database) {
    let tenant = given::tenant(db).await;
    let old_secret = Some(OldSecret { secret: given::new_secret(1), ends_at: at(60) });
    let key = ApiKey { secret: given::new_secret(2), old_secret, ..tenant.new_api_key(Scope::All) };
    let key = tenant.stored(db, key).await;
    assert_eq!(db.peppers_in_use().await.unwrap(), [("p1".to_owned(), 2)]);
    let fresh = |generation, digest: &str| KeySecret {
        digest: digest.into(),
        pepper_id: "p2".into(),
        ..given::new_secret(generation)
    };
    db.rehash_api_key(key.id, &given::new_secret(1), &fresh(1, "new1")).await.unwrap();
    db.rehash_api_key(key.id, &given::new_secret(9), &fresh(2, "never")).await.unwrap();
    let found = reread(db, &key).await;
    assert_eq!((found.secret, found.old_secret.unwrap().secret), (given::new_secret(2), fresh(1, "new1")));
    assert_eq!(db.peppers_in_use().await.unwrap(), [("p1".to_owned(), 1), ("p2".to_owned(), 1)]);
    db.rehash_api_key(key.id, &given::new_secret(2), &fresh(2, "new2")).await.unwrap();
    assert_eq!(db.peppers_in_use().await.unwrap(), [("p2".to_owned(), 2)]);
}

async fn an_account_has_a_thousand_keys_and_not_one_more(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let first = tenant.api_key(db, Scope::All).await;
    let columns = "account_id, owner_id, name, generation, digest, pepper_id, scope, access, disabled, created_ms";
    db.run(format!(
        "INSERT INTO api_keys (id, public_id, {columns})
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
         SELECT 'key-' || CAST(i AS TEXT), 'p' || CAST(i AS TEXT), {columns} FROM n, api_keys WHERE id = '{}'",
        Quota::default().api_keys - 2,
        first.id
    ))
    .await
    .unwrap();
    let last = tenant.api_key(db, Scope::All).await;
    let event = || tenant.event(Action::ApiKeyCreated);
    let refused = db.create_api_key(&tenant.new_api_key(Scope::All), &event()).await;
    assert!(matches!(refused, Err(Error::Conflict { code: Code::QuotaExceeded, .. })), "{refused:?}");
    other.api_key(db, Scope::All).await;
    db.revoke_api_key(last.id, at(1), &tenant.event(Action::ApiKeyRevoked)).await.unwrap();
    db.create_api_key(&tenant.new_api_key(Scope::All), &event()).await.unwrap();
}

async fn the_sweep_finds_keys_of_every_account_by_public_id(db: &Database) {
    let (mine, other) = (given::tenant(db).await, given::tenant(db).await);
    let keys = [mine.api_key(db, Scope::All).await, other.api_key(db, Scope::All).await];
    let unknown = PublicId::from_trusted("zzzzzzzz".into());
    let ids = [keys[0].public_id.clone(), unknown, keys[1].public_id.clone()];
    let mut found: Vec<ApiKey> = db.keys_by_public_id(&ids).await.unwrap().into_iter().map(|k| k.key).collect();
    found.sort_by_key(|key| key.id);
    assert_eq!(found, keys);
    assert_eq!(db.keys_by_public_id(&[]).await.unwrap(), []);
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

/// And the owner's address beside the role. No other clock to compare with is needed: both run on this machine.
async fn key_access_tells_the_time_of_the_database(db: &Database) {
    let tenant = given::tenant(db).await;
    let key = tenant.api_key(db, Scope::All).await;
    let before = jiff::Timestamp::now().as_millisecond();
    let first = db.key_access(&key.public_id, None).await.unwrap().unwrap();
    let second = db.key_access(&key.public_id, None).await.unwrap().unwrap();
    let alone = db.database_time().await.unwrap().as_millisecond();
    let after = jiff::Timestamp::now().as_millisecond();
    let (first_ms, second_ms) = (first.read_at.as_millisecond(), second.read_at.as_millisecond());
    // SQLite's clock has whole milliseconds.
    assert!(
        (before - 1..=second_ms).contains(&first_ms) && second_ms <= after + 1,
        "{before} {first_ms} {second_ms} {after}"
    );
    assert!((second_ms..=after + 1).contains(&alone), "{second_ms} {alone} {after}");
    assert_eq!(first.owner_email, Some(tenant.owner.email.clone()));
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
