//! The seals of the audit log: an attacker with the whole database, but without the key, changes nothing unnoticed.

use std::sync::Arc;

use backend::AuditKeys;
use backend::ports::*;
use domain::audit::record::PLATFORM_CHAIN;
use domain::audit::{Action, AuditRecord, BrokenKind, ChainReport};
use domain::id::AccountId;
use futures::StreamExt as _;
use futures::future::join_all;
use store::SqlStore;

use crate::database::{Database, sealer};
use crate::given::{self, Tenant, at};

on_both_engines! {
    an_untouched_log_is_whole
    many_writers_at_once_make_one_chain_without_gaps
    an_edited_row_is_found_and_named
    a_deleted_row_is_found_by_its_place
    two_rows_that_changed_places_are_found
    rows_cut_off_at_the_end_are_found_with_and_without_their_head
    a_row_that_nobody_sealed_is_found
    another_key_cannot_forge_a_row
    a_new_key_goes_on_where_the_old_one_ended
    rows_from_before_sealing_are_vouched_for_as_one
    old_rows_go_by_whole_segments_and_the_rest_still_verifies
    a_broken_chain_is_not_pruned
    rows_are_announced_once_here_and_in_another_process
    committed_rows_are_appended_to_the_log_file
}

/// The attacker may change the schema: no trigger stands in the way.
async fn without_triggers(db: &Database) {
    if db.file().is_some() {
        db.run("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete").await.unwrap();
    } else {
        db.run("DROP TRIGGER audit_no_change ON audit; DROP TRIGGER audit_no_delete ON audit").await.unwrap();
    }
}

async fn five_rows(db: &Database) -> (Tenant, Vec<AuditRecord>) {
    let tenant = given::tenant(db).await;
    for name in ["a", "b", "c"] {
        tenant.namespace(db, name).await;
    }
    let mut log = tenant.log(db).await;
    log.reverse();
    assert_eq!(log.iter().map(|row| row.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    without_triggers(db).await;
    (tenant, log)
}

async fn report(store: &SqlStore, account: AccountId) -> ChainReport {
    store.verify_audit(Some(account)).await.unwrap().remove(0)
}

async fn broken(db: &Database, tenant: &Tenant) -> (BrokenKind, i64, Option<String>) {
    let broken = report(db, tenant.account.id).await.broken.expect("the chain is broken");
    (broken.kind, broken.sequence, broken.row)
}

async fn an_untouched_log_is_whole(db: &Database) {
    let (one, other) = (given::tenant(db).await, given::tenant(db).await);
    other.namespace(db, "a").await;
    db.record(&domain::audit::AuditEvent { account_id: None, ..one.event(Action::SignInFailed) }).await.unwrap();
    let reports = db.verify_audit(None).await.unwrap();
    assert!(reports.iter().all(|report| report.broken.is_none()), "{reports:?}");
    let rows = |chain: String| reports.iter().find(|r| r.chain == chain).map(|r| (r.rows, r.head.0));
    assert_eq!(rows(one.account.id.to_string()), Some((2, 2)));
    assert_eq!(rows(other.account.id.to_string()), Some((3, 3)));
    assert_eq!(rows(PLATFORM_CHAIN.to_owned()), Some((1, 1)));
}

async fn many_writers_at_once_make_one_chain_without_gaps(db: &Database) {
    let tenant = given::tenant(db).await;
    let (tenant, other) = (&tenant, &db.opened_again().await);
    join_all((0..40).map(|n| async move {
        let store: &SqlStore = if n % 2 == 0 { db } else { other };
        tenant.namespace(store, &format!("n{n}")).await;
    }))
    .await;
    let found = report(db, tenant.account.id).await;
    assert_eq!((found.rows, found.head.0, found.broken), (42, 42, None));
}

async fn an_edited_row_is_found_and_named(db: &Database) {
    let (tenant, log) = five_rows(db).await;
    db.run(format!("UPDATE audit SET actor = 'user:eve' WHERE id = '{}'", log[2].id)).await.unwrap();
    assert_eq!(broken(db, &tenant).await, (BrokenKind::Edited, 3, Some(log[2].id.to_string())));
}

async fn a_deleted_row_is_found_by_its_place(db: &Database) {
    let (tenant, log) = five_rows(db).await;
    db.run(format!("DELETE FROM audit WHERE id = '{}'", log[1].id)).await.unwrap();
    assert_eq!(broken(db, &tenant).await, (BrokenKind::Deleted, 2, None));
}

async fn two_rows_that_changed_places_are_found(db: &Database) {
    let (tenant, log) = five_rows(db).await;
    let (one, other) = (log[1].id, log[2].id);
    db.run(format!("UPDATE audit SET sequence = 99 WHERE id = '{one}'")).await.unwrap();
    db.run(format!("UPDATE audit SET sequence = 2 WHERE id = '{other}'")).await.unwrap();
    db.run(format!("UPDATE audit SET sequence = 3 WHERE id = '{one}'")).await.unwrap();
    assert_eq!(broken(db, &tenant).await, (BrokenKind::Reordered, 2, Some(other.to_string())));
}

async fn rows_cut_off_at_the_end_are_found_with_and_without_their_head(db: &Database) {
    let (tenant, log) = five_rows(db).await;
    db.run(format!("DELETE FROM audit WHERE id = '{}'", log[4].id)).await.unwrap();
    assert_eq!(broken(db, &tenant).await, (BrokenKind::Truncated, 5, None));
    let head =
        format!("UPDATE audit_heads SET sequence = 4, hash = '{}' WHERE chain = '{}'", log[3].hash, tenant.account.id);
    db.run(head).await.unwrap();
    assert_eq!(broken(db, &tenant).await, (BrokenKind::Head, 4, None), "the head is sealed too");
}

async fn a_row_that_nobody_sealed_is_found(db: &Database) {
    let tenant = given::tenant(db).await;
    let id = uuid::Uuid::now_v7();
    db.run(format!(
        "INSERT INTO audit (id, at_ms, account_id, actor, action, target, detail, address, request_id)
         VALUES ('{id}', 1, '{}', 'user:eve', 'session.created', '', '', '', '')",
        tenant.account.id
    ))
    .await
    .unwrap();
    assert_eq!(broken(db, &tenant).await, (BrokenKind::Unsealed, 0, Some(id.to_string())));
}

async fn another_key_cannot_forge_a_row(db: &Database) {
    let tenant = given::tenant(db).await;
    let other = Arc::new(AuditKeys::from_hex_lines(&"0f".repeat(32)).unwrap());
    let forger = SqlStore::connect(db.url(), other).await.unwrap();
    forger.record(&tenant.event(Action::SignedOut)).await.unwrap();
    let found = broken(db, &tenant).await;
    assert_eq!((found.0, found.1), (BrokenKind::UnknownKey, 3));
}

async fn a_new_key_goes_on_where_the_old_one_ended(db: &Database) {
    let tenant = given::tenant(db).await;
    let both = format!("{}\n{}", "0f".repeat(32), "a5".repeat(32));
    let both = Arc::new(AuditKeys::from_hex_lines(&both).unwrap());
    let rotated = SqlStore::connect(db.url(), both).await.unwrap();
    rotated.record(&tenant.event(Action::SignedOut)).await.unwrap();
    let found = report(&rotated, tenant.account.id).await;
    assert_eq!((found.rows, found.broken), (3, None));
    let log = tenant.log(db).await;
    assert_ne!(log[0].key_id, log[1].key_id);
}

/// As a database looks that the first release wrote and this one opens.
async fn rows_from_before_sealing_are_vouched_for_as_one(db: &Database) {
    let empty = db.empty_beside().await;
    empty.migrate_to(1).await;
    let account = "019c1b2e-7f00-7aaa-8def-000000000001";
    let old = |n: u32, owner: &str| {
        format!(
            "INSERT INTO audit (id, at_ms, account_id, actor, action, target, detail, address, request_id)
             VALUES ('019c1b2e-7f00-7fff-8def-00000000000{n}', 170000000000{n}, {owner}, 'user:ada', 'session.created', '',
                 '', '', '')"
        )
    };
    let mine = format!("'{account}'");
    for text in [old(1, &mine), old(2, "NULL"), old(3, &mine)] {
        empty.run(text).await;
    }
    let db = &empty.open().await;
    let id = AccountId::parse(account).unwrap();
    db.record(&given::event(id, Action::SignedOut)).await.unwrap();
    let found = report(db, id).await;
    assert_eq!((found.unsealed, found.rows, found.broken), (2, 1, None));
    assert_eq!(found.unsealed_before_ms, Some(1_700_000_000_003));
    assert!(db.verify_audit(None).await.unwrap().iter().all(|report| report.broken.is_none()));
    without_triggers(db).await;
    // By its whole id: that of the sealed row, which nobody chose, may end alike.
    let first = "id = '019c1b2e-7f00-7fff-8def-000000000001'";
    db.run(format!("UPDATE audit SET actor = 'user:eve' WHERE {first}")).await.unwrap();
    assert_eq!(report(db, id).await.broken.map(|b| b.kind), Some(BrokenKind::Edited));
    db.run(format!("DELETE FROM audit WHERE {first}")).await.unwrap();
    assert_eq!(report(db, id).await.broken.map(|b| b.kind), Some(BrokenKind::Deleted));
    db.drop_schema().await;
}

async fn old_rows_go_by_whole_segments_and_the_rest_still_verifies(db: &Database) {
    let tenant = given::tenant(db).await;
    for second in [10, 20, 30, 40] {
        let mut event = tenant.event(Action::SignedOut);
        event.at = at(second);
        db.record(&event).await.unwrap();
    }
    assert_eq!(db.prune_audit(at(25), at(50)).await.unwrap(), 4);
    let left: Vec<_> = tenant.log(db).await.iter().map(|row| row.sequence).collect();
    assert_eq!(left, [6, 5]);
    let found = report(db, tenant.account.id).await;
    assert_eq!((found.pruned, found.rows, found.broken), (4, 2, None));
    assert_eq!(db.prune_audit(at(25), at(50)).await.unwrap(), 0, "nothing more is old");
    db.record(&tenant.event(Action::SignedOut)).await.unwrap();
    assert_eq!(db.prune_audit(at(100), at(101)).await.unwrap(), 3);
    assert_eq!(report(db, tenant.account.id).await.broken, None);
    without_triggers(db).await;
    db.run("UPDATE audit_segments SET row_count = 5 WHERE last = 4").await.unwrap();
    assert_eq!(report(db, tenant.account.id).await.broken.map(|b| b.kind), Some(BrokenKind::Head));
}

async fn a_broken_chain_is_not_pruned(db: &Database) {
    let (tenant, log) = five_rows(db).await;
    db.run(format!("UPDATE audit SET detail = 'x' WHERE id = '{}'", log[0].id)).await.unwrap();
    assert!(db.prune_audit(at(1000), at(1001)).await.unwrap_err().to_string().contains("is broken at 1"));
    assert_eq!(tenant.log(db).await.len(), 5);
}

async fn rows_are_announced_once_here_and_in_another_process(db: &Database) {
    let tenant = given::tenant(db).await;
    let other = db.opened_again().await;
    // Each feed begins by looking where "now" is: the newest row, which a page has already.
    let (here, there) = (db.follow_audit(), other.follow_audit());
    let mut written = Vec::new();
    for store in [&**db, &other] {
        let event = tenant.event(Action::SignedOut);
        store.record(&event).await.unwrap();
        written.push(event.id);
    }
    for mut feed in [here, there] {
        let (mut seen, mut wanted) = (Vec::new(), written.clone());
        while !wanted.is_empty() {
            let what = format!("{wanted:?} are announced within a minute, after {seen:?}");
            let row = given::in_time(&what, feed.next()).await;
            let row = row.unwrap().expect("nothing was missed");
            assert!(!seen.contains(&row.id), "announced twice");
            seen.push(row.id);
            wanted.retain(|id| *id != row.id);
        }
    }
}

async fn committed_rows_are_appended_to_the_log_file(db: &Database) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let store = SqlStore::connect(db.url(), sealer()).await.unwrap();
    store.log_audit_to(std::fs::File::create(&path).unwrap());
    let tenant = given::tenant(&store).await;
    // Refused: nothing is committed, nothing is written.
    let taken = given::new_account(tenant.account.name.as_str());
    assert!(store.create_account(&taken, &given::event(taken.id, Action::AccountCreated)).await.is_err());
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<&str> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["account.created", "user.created"]);
    assert_eq!(lines[1]["hash"].as_str().unwrap(), tenant.log(db).await[0].hash);
}
