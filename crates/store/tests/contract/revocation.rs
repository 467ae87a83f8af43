//! The revocation ledger's queue, and the end of what must not come back with an old database.

use backend::ports::*;
use domain::audit::Action;
use domain::revocation::Revocation;
use domain::scope::Scope;

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    a_revocation_is_to_be_noted_until_it_was
    a_restore_ends_sessions_and_replays_revocations
    a_restore_ends_the_tokens_of_the_tenant_api_of_whatever_time
    an_unknown_key_in_the_ledger_is_no_trouble
    a_secret_that_was_rotated_away_since_the_backup_stays_dead
}

async fn a_revocation_is_to_be_noted_until_it_was(db: &Database) {
    let tenant = given::tenant(db).await;
    let (kept, gone) = (tenant.api_key(db, Scope::All).await, tenant.api_key(db, Scope::All).await);
    assert_eq!(db.revocations_to_note(10).await.unwrap(), []);
    assert!(db.revoke_api_key(gone.id, at(5), &tenant.event(Action::ApiKeyRevoked)).await.unwrap());
    let due = db.revocations_to_note(10).await.unwrap();
    assert_eq!(due, [Revocation { public_id: gone.public_id, revoked_at: at(5), before: None }]);
    db.revocations_noted(&due).await.unwrap();
    assert_eq!(db.revocations_to_note(10).await.unwrap(), []);
    assert!(db.revoke_api_key(kept.id, at(6), &tenant.event(Action::ApiKeyRevoked)).await.unwrap());
    assert_eq!(db.revocations_to_note(10).await.unwrap().len(), 1);
}

async fn a_restore_ends_sessions_and_replays_revocations(db: &Database) {
    let tenant = given::tenant(db).await;
    let (kept, dead) = (tenant.api_key(db, Scope::All).await, tenant.api_key(db, Scope::All).await);
    tenant.session(db, "h1").await;
    let revoked = [Revocation { public_id: dead.public_id.clone(), revoked_at: at(7), before: None }];
    let audit = tenant.event(Action::DatabaseRestored);
    let ended = db.end_after_restore(&revoked, at(100), &audit).await.unwrap();
    assert_eq!((ended.sessions, ended.keys), (1, 1));
    assert_eq!(db.load_session("h1", at(101)).await.unwrap(), None);
    let key = async |id| db.api_key(tenant.account.id, id).await.unwrap().unwrap();
    assert_eq!(key(dead.id).await.revoked_at, Some(at(7)));
    assert_eq!(key(kept.id).await.revoked_at, None);
    assert_eq!(db.keys_to_settle(None, 10).await.unwrap().len(), 2, "the cluster is compared with every key");
    assert_eq!(db.revocations_to_note(10).await.unwrap(), [], "it stands in the ledger already");
}

async fn a_restore_ends_the_tokens_of_the_tenant_api_of_whatever_time(db: &Database) {
    let tenant = given::tenant(db).await;
    let version = async || db.member(tenant.owner.id, None).await.unwrap().unwrap().token_version;
    let saved = version().await;
    db.end_sessions(tenant.owner.id, None, &tenant.event(Action::SessionsEnded)).await.unwrap();
    let later = version().await;
    // As the backup has it.
    db.run(format!("UPDATE users SET token_version = {saved} WHERE id = '{}'", tenant.owner.id)).await.unwrap();
    for _ in 0..2 {
        let before = version().await;
        db.end_after_restore(&[], at(100), &tenant.event(Action::DatabaseRestored)).await.unwrap();
        assert!(version().await > before.max(later));
    }
}

async fn an_unknown_key_in_the_ledger_is_no_trouble(db: &Database) {
    let tenant = given::tenant(db).await;
    let stranger = tenant.new_api_key(Scope::All).public_id;
    let revoked = [Revocation { public_id: stranger, revoked_at: at(7), before: None }];
    let ended = db.end_after_restore(&revoked, at(100), &tenant.event(Action::DatabaseRestored)).await.unwrap();
    assert_eq!((ended.sessions, ended.keys), (0, 0));
}

async fn a_secret_that_was_rotated_away_since_the_backup_stays_dead(db: &Database) {
    let tenant = given::tenant(db).await;
    let key = tenant.api_key(db, Scope::All).await;
    let next = given::new_secret(key.secret.generation + 1);
    assert!(db.rotate_api_key(&key, &next, None, &tenant.event(Action::ApiKeyRotated)).await.unwrap());
    let due = db.revocations_to_note(10).await.unwrap();
    let lines: Vec<_> = due.iter().map(|line| (&line.public_id, line.before)).collect();
    assert_eq!(lines, [(&key.public_id, Some(next.generation))]);
    db.revocations_noted(&due).await.unwrap();
    assert_eq!(db.revocations_to_note(10).await.unwrap(), []);

    let restored = async || db.api_key(tenant.account.id, key.id).await.unwrap().unwrap().revoked_at;
    let audit = tenant.event(Action::DatabaseRestored);
    assert_eq!(
        db.end_after_restore(&due, at(100), &audit).await.unwrap().keys,
        0,
        "this database has the newer secret"
    );
    assert_eq!(restored().await, None);
    // As a backup from before the rotation has it.
    db.run(format!("UPDATE api_keys SET generation = {} WHERE id = '{}'", key.secret.generation, key.id))
        .await
        .unwrap();
    let audit = tenant.event(Action::DatabaseRestored);
    assert_eq!(db.end_after_restore(&due, at(100), &audit).await.unwrap().keys, 1);
    assert!(restored().await.is_some());
}
