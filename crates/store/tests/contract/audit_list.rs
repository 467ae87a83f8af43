//! Reading the audit log: filters, pages, scopes, and that no page needs a whole table.

use backend::ports::*;
use domain::Code;
use domain::audit::{Action, AuditEvent, AuditFilter, AuditQuery, AuditRecord, AuditScope};
use domain::id::AuditId;
use domain::page::{Page, PageRequest};
use uuid::{ContextV7, Uuid};

use crate::database::Database;
use crate::given::{self, Tenant};

on_both_engines! {
    each_filter_finds_its_rows_and_no_others
    the_platform_sees_every_account_and_the_rows_of_none
    a_time_range_is_exact
    a_log_is_read_from_its_beginning_too
    one_row_is_found_in_its_scope_only
    rows_newer_than_one_are_those_behind_it
    every_filter_of_the_pages_finds_an_index
}

/// An event whose id is as old as itself.
fn event(tenant: &Tenant, action: Action, second: i64) -> AuditEvent {
    let at = given::at(second);
    let time = uuid::Timestamp::from_unix(ContextV7::new(), u64::try_from(at.as_second()).unwrap(), 0);
    AuditEvent { id: AuditId::new(Uuid::new_v7(time)), at, ..tenant.event(action) }
}

fn filter(query: AuditQuery) -> AuditFilter {
    query.check().unwrap()
}

async fn found(db: &Database, scope: AuditScope, filter: &AuditFilter) -> Vec<AuditRecord> {
    db.list_audit(scope, filter, None, &PageRequest { limit: 100, after: None }).await.unwrap()
}

fn action(name: &str) -> AuditQuery {
    AuditQuery { action: Some(name.into()), ..AuditQuery::default() }
}

fn outcome(name: &str) -> AuditQuery {
    AuditQuery { outcome: Some(name.into()), ..AuditQuery::default() }
}

async fn each_filter_finds_its_rows_and_no_others(db: &Database) {
    let (mine, other) = (given::tenant(db).await, given::tenant(db).await);
    let scope = AuditScope::Account(mine.account.id);
    db.record(&event(&mine, Action::SignedOut, 1)).await.unwrap();
    db.record(&AuditEvent { actor: "user:bob".into(), ..event(&mine, Action::SignedOut, 2) }).await.unwrap();
    db.record(&AuditEvent { target: "thing:2".into(), ..event(&mine, Action::SignedIn, 3) }).await.unwrap();
    db.record(&event(&mine, Action::AdmissionDenied, 4).refused(Code::AdmissionDenied)).await.unwrap();
    db.record(&event(&other, Action::SignedOut, 5)).await.unwrap();
    let actor = AuditQuery { actor: Some("user:bob".into()), ..AuditQuery::default() };
    let target = AuditQuery { target: Some("thing:2".into()), ..AuditQuery::default() };
    let both = AuditQuery { actor: Some("user:bob".into()), ..action("session.ended") };
    let neither = AuditQuery { actor: Some("user:bob".into()), ..action("session.created") };
    for (query, count) in [
        (action("session.ended"), 2),
        (actor, 1),
        (target, 1),
        (outcome("refused"), 1),
        (outcome("failed"), 0),
        (outcome("success"), 5),
        (both, 1),
        (neither, 0),
    ] {
        let filter = filter(query.clone());
        let rows = found(db, scope, &filter).await;
        assert_eq!(rows.len(), count, "{query:?}");
        assert!(rows.iter().all(|row| filter.wants(scope, row)), "{query:?}");
    }
}

async fn the_platform_sees_every_account_and_the_rows_of_none(db: &Database) {
    let (one, other) = (given::tenant(db).await, given::tenant(db).await);
    db.record(&AuditEvent { account_id: None, ..one.event(Action::SignInFailed) }).await.unwrap();
    let all = found(db, AuditScope::Platform, &AuditFilter::default()).await;
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|a, b| a.id > b.id));
    assert_eq!(found(db, AuditScope::Platform, &filter(action("session.refused"))).await.len(), 1);
    assert_eq!(found(db, AuditScope::Account(other.account.id), &filter(action("session.refused"))).await, []);
}

async fn a_time_range_is_exact(db: &Database) {
    let tenant = given::tenant(db).await;
    for second in [100, 200, 300] {
        db.record(&event(&tenant, Action::SignedOut, second)).await.unwrap();
    }
    let seconds = async |since: Option<i64>, until: Option<i64>| {
        let time = |second: Option<i64>| second.map(given::at);
        let range = AuditFilter { since: time(since), until: time(until), ..filter(action("session.ended")) };
        let rows = found(db, AuditScope::Account(tenant.account.id), &range).await;
        rows.iter().map(|row| row.at.as_second() - given::at(0).as_second()).collect::<Vec<_>>()
    };
    assert_eq!(seconds(Some(200), None).await, [300, 200]);
    assert_eq!(seconds(Some(201), None).await, [300]);
    assert_eq!(seconds(None, Some(200)).await, [100]);
    assert_eq!(seconds(Some(100), Some(201)).await, [200, 100]);
}

async fn a_log_is_read_from_its_beginning_too(db: &Database) {
    let (mine, other) = (given::tenant(db).await, given::tenant(db).await);
    for second in 1..=4 {
        db.record(&event(&mine, Action::SignedOut, second)).await.unwrap();
        db.record(&event(&other, Action::SignedOut, second)).await.unwrap();
    }
    let scope = AuditScope::Account(mine.account.id);
    let ended_since = AuditQuery { since: Some("2020-01-01".into()), ..action("session.ended") };
    for query in [AuditQuery::default(), action("session.ended"), ended_since] {
        let newest = found(db, scope, &filter(query.clone())).await;
        let filter = AuditFilter { oldest_first: true, ..filter(query) };
        let (mut oldest, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit: 2, after };
            let rows = db.list_audit(scope, &filter, None, &page).await.unwrap();
            let page = Page::from_rows(rows, 2, |row| row.id.to_string());
            oldest.extend(page.items);
            after = page.next_cursor;
            if after.is_none() {
                break;
            }
        }
        oldest.reverse();
        assert_eq!(oldest, newest);
    }
}

async fn one_row_is_found_in_its_scope_only(db: &Database) {
    let (mine, other) = (given::tenant(db).await, given::tenant(db).await);
    let row = mine.log(db).await.remove(0);
    let look = async |scope| db.audit_row(scope, row.id).await.unwrap();
    assert_eq!(look(AuditScope::Account(mine.account.id)).await.as_ref(), Some(&row));
    assert_eq!(look(AuditScope::Platform).await.as_ref(), Some(&row));
    assert_eq!(look(AuditScope::Account(other.account.id)).await, None);
}

async fn rows_newer_than_one_are_those_behind_it(db: &Database) {
    let tenant = given::tenant(db).await;
    let newest = tenant.log(db).await[0].id;
    let added = tenant.event(Action::SignedOut);
    db.record(&added).await.unwrap();
    let scope = AuditScope::Account(tenant.account.id);
    let page = PageRequest::default();
    let rows = db.list_audit(scope, &AuditFilter::default(), Some(newest), &page).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [added.id]);
}

/// Plans and not times: a plan that searches an index costs the same at a million rows.
async fn every_filter_of_the_pages_finds_an_index(db: &Database) {
    let tenant = given::tenant(db).await;
    grow(db, &tenant).await;
    let own = AuditScope::Account(tenant.account.id);
    let actor = AuditQuery { actor: Some("user:7".into()), ..AuditQuery::default() };
    let target = AuditQuery { target: Some("thing:7".into()), ..AuditQuery::default() };
    let day =
        AuditQuery { since: Some("2020-01-02".into()), until: Some("2020-01-02".into()), ..AuditQuery::default() };
    for (scope, query, indexes) in [
        // Somebody with half of all rows may be read by the key just as well.
        (own, AuditQuery::default(), "audit"),
        (own, action("session.refused"), "audit_by_account_action"),
        (own, actor.clone(), "audit_by_account_actor"),
        (own, target.clone(), "audit_by_account_target"),
        (own, outcome("failed"), "audit_by_account_trouble"),
        (own, day.clone(), "audit"),
        (AuditScope::Platform, action("session.refused"), "audit_by_action"),
        (AuditScope::Platform, actor, "audit_by_actor"),
        (AuditScope::Platform, target, "audit_by_target"),
        (AuditScope::Platform, outcome("failed"), "audit_by_trouble"),
        // The key itself, whose name is the engine's.
        (AuditScope::Platform, AuditQuery::default(), "audit"),
        (AuditScope::Platform, day, "audit"),
    ] {
        let page = PageRequest { limit: 50, after: Some(Uuid::now_v7().to_string()) };
        let plan = db.explain_audit(scope, &filter(query.clone()), &page).await.unwrap();
        assert!(plan.contains(indexes), "{scope:?} {query:?}: {plan}");
        for whole in ["SCAN ", "Seq Scan", "TEMP B-TREE", "Sort"] {
            assert!(!plan.contains(whole), "{scope:?} {query:?} reads or sorts everything: {plan}");
        }
    }
}

/// Enough rows that PostgreSQL's planner has a choice, a tenth of them the tenant's: an account with half of all rows is
/// read as fast by the key alone. Behind the store's back, as only their number matters.
async fn grow(db: &Database, tenant: &Tenant) {
    let numbers = match db.file() {
        Some(_) => "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) ",
        None => "WITH s AS (SELECT generate_series(1, 20000) AS n) ",
    };
    let (prefix, number) = match db.file() {
        Some(_) => ("printf('019c1b2e-7f00-7000-8000-%012d', n)", "n % 50"),
        None => ("'019c1b2e-7f00-7000-8000-' || lpad(n::text, 12, '0')", "n % 50"),
    };
    db.run(format!(
        "{numbers}INSERT INTO audit (id, at_ms, account_id, actor, action, target, detail, address, request_id, outcome)
         SELECT {prefix}, 1700000000000 + n, CASE WHEN n % 10 = 0 THEN '{}' ELSE 'a' || ({number}) END,
             'user:' || ({number}), 'action.' || ({number}), 'thing:' || ({number}), '', '', '',
             CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'success' END FROM s",
        tenant.account.id
    ))
    .await
    .unwrap();
    db.run("ANALYZE").await.unwrap();
    assert!(db.count("audit").await > 20_000);
}
