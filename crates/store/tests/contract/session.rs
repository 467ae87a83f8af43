//! Browser sessions: create never overwrites, save never revives, dead ones never load.

use backend::ports::*;
use domain::audit::Action;
use domain::id::SessionId;
use domain::page::{Page, PageRequest};
use domain::session::{Acting, SessionRecord};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    a_session_is_loaded_as_it_was_made
    a_second_session_with_the_same_id_is_refused
    saving_never_revives_an_ended_session
    saving_changes_the_data_only
    a_session_remembers_in_which_account_it_acts
    an_expired_session_is_not_loaded
    last_seen_is_written_at_most_once_a_minute
    peeking_does_not_count_as_activity
    a_row_of_an_older_binary_has_a_name_and_an_old_proof
    a_person_sees_their_own_live_sessions_newest_first
    a_long_list_of_sessions_is_read_page_by_page
    ending_a_session_is_for_its_own_person_and_audited_once
    ending_all_sessions_keeps_the_one_named_and_those_of_others
    activity_never_moves_the_absolute_end
    dead_rows_are_removed_in_batches_and_live_ones_stay
}

const HOUR: i64 = 3600;

async fn load(db: &Database, id_hash: &str, second: i64) -> Option<SessionRecord> {
    db.load_session(id_hash, at(second)).await.unwrap()
}

async fn a_session_is_loaded_as_it_was_made(db: &Database) {
    let session = given::tenant(db).await.session(db, "h1").await;
    assert_eq!(load(db, "h1", 1).await, Some(session));
    assert_eq!(load(db, "h2", 1).await, None);
}

async fn a_second_session_with_the_same_id_is_refused(db: &Database) {
    let mut session = given::tenant(db).await.session(db, "h1").await;
    session.data = "other".into();
    assert!(!db.create_session(&session).await.unwrap());
    assert_eq!(load(db, "h1", 1).await.unwrap().data, "{}");
}

async fn saving_never_revives_an_ended_session(db: &Database) {
    given::tenant(db).await.session(db, "h1").await;
    db.delete_session("h1").await.unwrap();
    assert!(!db.save_session("h1", "late").await.unwrap());
    assert_eq!(load(db, "h1", 1).await, None);
    db.delete_session("h1").await.unwrap();
}

async fn saving_changes_the_data_only(db: &Database) {
    let session = given::tenant(db).await.session(db, "h1").await;
    assert!(db.save_session("h1", "new").await.unwrap());
    assert_eq!(load(db, "h1", 1).await, Some(SessionRecord { data: "new".into(), ..session }));
}

async fn a_session_remembers_in_which_account_it_acts(db: &Database) {
    let tenant = given::tenant(db).await;
    let session = tenant.session(db, "h1").await;
    let acting = Acting { account: Some(tenant.account.id), support: true };
    assert!(db.act_in("h1", acting).await.unwrap());
    assert!(db.save_session("h1", "{}").await.unwrap(), "a save leaves it alone");
    assert_eq!(load(db, "h1", 1).await, Some(SessionRecord { acting, ..session.clone() }));
    let id = SessionId::new(Uuid::now_v7());
    let again = SessionRecord { id_hash: "h2".into(), id, acting, ..session };
    assert!(db.create_session(&again).await.unwrap());
    assert_eq!(load(db, "h2", 1).await.unwrap().acting, acting);
    assert!(!db.act_in("h3", acting).await.unwrap());
}

async fn an_expired_session_is_not_loaded(db: &Database) {
    given::tenant(db).await.session(db, "h1").await;
    assert_eq!(load(db, "h1", 8 * HOUR).await, None, "dead at the very second");
    assert!(load(db, "h1", 8 * HOUR - 1).await.is_some());
}

async fn last_seen_is_written_at_most_once_a_minute(db: &Database) {
    given::tenant(db).await.session(db, "h1").await;
    let seen = load(db, "h1", 59).await.unwrap();
    assert_eq!((seen.last_seen_at, seen.idle_expires_at), (at(0), at(8 * HOUR)));
    let seen = load(db, "h1", 60).await.unwrap();
    assert_eq!((seen.last_seen_at, seen.idle_expires_at), (at(60), at(8 * HOUR + 60)));
    assert_eq!(load(db, "h1", 119).await, Some(seen));
    assert_eq!(load(db, "h1", 120).await.unwrap().idle_expires_at, at(8 * HOUR + 120));
}

async fn peeking_does_not_count_as_activity(db: &Database) {
    let session = given::tenant(db).await.session(db, "h1").await;
    assert_eq!(db.peek_session("h1", at(8 * HOUR - 1)).await.unwrap(), Some(session));
    assert_eq!(db.peek_session("h1", at(8 * HOUR)).await.unwrap(), None);
}

async fn a_row_of_an_older_binary_has_a_name_and_an_old_proof(db: &Database) {
    let hash = "0123456789abcdef".repeat(4);
    given::tenant(db).await.session(db, &hash).await;
    db.run("UPDATE sessions SET id = NULL, authenticated_ms = 0").await.unwrap();
    let session = load(db, &hash, 1).await.unwrap();
    assert_eq!(session.id.to_string(), "01234567-89ab-cdef-0123-456789abcdef");
    assert_eq!(session.authenticated_at.as_millisecond(), 0);
}

async fn a_person_sees_their_own_live_sessions_newest_first(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let first = ada.session(db, "h1").await;
    let second = SessionRecord { id_hash: "h2".into(), created_at: at(5), ..first.clone() };
    let second = SessionRecord { id: SessionId::new(Uuid::now_v7()), ..second };
    assert!(db.create_session(&second).await.unwrap());
    bob.session(db, "h3").await;
    assert_eq!(given::sessions(db, ada.owner.id, at(10)).await, [second, first]);
    assert_eq!(given::sessions(db, ada.owner.id, at(8 * HOUR)).await, []);
}

async fn a_long_list_of_sessions_is_read_page_by_page(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let legacy = "0123456789abcdef".repeat(4);
    let first = ada.session(db, "h0").await;
    // Two within one millisecond, as replicas make them, and one that is named after its hash.
    for (id_hash, second) in [("h1", 3), ("h2", 3), (legacy.as_str(), 4), ("h3", 5), ("h4", 6)] {
        let id = SessionId::new(Uuid::now_v7());
        let session = SessionRecord { id_hash: id_hash.into(), id, created_at: at(second), ..first.clone() };
        assert!(db.create_session(&session).await.unwrap());
    }
    db.run(format!("UPDATE sessions SET id = NULL WHERE id_hash = '{legacy}'")).await.unwrap();
    bob.session(db, "h5").await;
    let whole = given::sessions(db, ada.owner.id, at(10)).await;
    assert_eq!(whole.iter().map(|session| session.created_at).collect::<Vec<_>>(), [6, 5, 4, 3, 3, 0].map(at));
    let (mut page, mut found) = (PageRequest { limit: 1, after: None }, Vec::new());
    loop {
        let rows = db.list_sessions(ada.owner.id, at(10), &page).await.unwrap();
        let next = Page::from_rows(rows, page.limit, SessionRecord::cursor);
        found.extend(next.items);
        match next.next_cursor {
            None => break,
            cursor => page.after = cursor,
        }
        // Ending the very session that a cursor names loses and repeats nothing.
        let last = found.last().unwrap();
        assert!(db.end_session(ada.owner.id, last.id, &ada.event(Action::SessionRevoked)).await.unwrap());
    }
    assert_eq!(found, whole);
}

async fn ending_a_session_is_for_its_own_person_and_audited_once(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let session = ada.session(db, "h1").await;
    let audit = bob.event(Action::SessionRevoked);
    assert!(!db.end_session(bob.owner.id, session.id, &audit).await.unwrap());
    assert!(load(db, "h1", 1).await.is_some());
    assert!(db.end_session(ada.owner.id, session.id, &ada.event(Action::SessionRevoked)).await.unwrap());
    assert!(!db.end_session(ada.owner.id, session.id, &ada.event(Action::SessionRevoked)).await.unwrap());
    assert_eq!(load(db, "h1", 1).await, None);
    assert_eq!(db.count("audit WHERE action = 'session.revoked'").await, 1);
}

async fn ending_all_sessions_keeps_the_one_named_and_those_of_others(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let kept = ada.session(db, "h1").await;
    let legacy = "0123456789abcdef".repeat(4);
    for id_hash in ["h2", legacy.as_str()] {
        ada.session(db, id_hash).await;
    }
    db.run(format!("UPDATE sessions SET id = NULL WHERE id_hash = '{legacy}'")).await.unwrap();
    bob.session(db, "h4").await;
    db.end_sessions(ada.owner.id, Some(kept.id), &ada.event(Action::SessionsEnded)).await.unwrap();
    assert_eq!(given::sessions(db, ada.owner.id, at(1)).await, [kept]);
    assert!(load(db, "h4", 1).await.is_some());
    db.end_sessions(ada.owner.id, None, &ada.event(Action::SessionsEnded)).await.unwrap();
    assert_eq!(given::sessions(db, ada.owner.id, at(1)).await, []);
}

async fn activity_never_moves_the_absolute_end(db: &Database) {
    given::tenant(db).await.session(db, "h1").await;
    let days = 7 * 24 * HOUR;
    for second in (0..days).step_by(4 * 3600) {
        assert!(load(db, "h1", second).await.is_some(), "second {second}");
    }
    assert_eq!(load(db, "h1", days).await, None);
}

async fn dead_rows_are_removed_in_batches_and_live_ones_stay(db: &Database) {
    let tenant = given::tenant(db).await;
    for id_hash in ["h1", "h2", "h3"] {
        tenant.session(db, id_hash).await;
    }
    assert!(load(db, "h3", 4 * HOUR).await.is_some());
    let now = at(0) + SignedDuration::from_hours(8);
    assert_eq!(db.delete_expired_sessions(now, 1).await.unwrap(), 1);
    assert_eq!(db.delete_expired_sessions(now, 10).await.unwrap(), 1);
    assert_eq!(db.delete_expired_sessions(now, 10).await.unwrap(), 0);
    assert!(load(db, "h3", 8 * HOUR).await.is_some());
}
