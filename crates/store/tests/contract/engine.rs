//! Engines: names are unique where they belong, a slow check overwrites nothing, history is short, secrets stay sealed.

use backend::ports::*;
use domain::audit::{Action, AuditEvent};
use domain::engine::{Check, Credentials, Depth, Engine, EngineForm, EngineStatus, Facts, MOST, Report, Row};
use domain::id::{AccountId, EngineId};
use domain::page::PageRequest;
use domain::{Code, Error};
use futures::future::join_all;
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    an_engine_is_read_as_it_was_written
    a_name_is_taken_once_in_an_account_and_once_on_the_platform
    an_account_has_so_many_engines_and_no_more
    of_many_who_take_the_last_place_of_an_account_at_once_one_gets_it
    an_account_sees_its_own_engines_and_operators_the_platforms_too
    of_two_changes_at_the_same_moment_one_is_kept
    a_check_that_took_long_does_not_overwrite_a_change
    history_keeps_the_last_checks
    what_is_due_is_found_the_longest_due_first
    an_engine_that_refused_somebody_is_checked_at_once_but_not_again_and_again
    a_cluster_is_found_again_by_its_uid
    an_engine_goes_with_its_credentials_and_its_history
    a_secret_is_wrapped_anew_unless_it_changed_meanwhile
    an_engine_of_which_something_may_run_is_not_forgotten_before_nothing_is_left
    an_account_stays_while_something_may_run_on_an_engine_of_it
}

fn new(account: Option<AccountId>, name: &str) -> Engine {
    let form = EngineForm {
        name: name.into(),
        ecosystem: "prod".into(),
        api_url: "https://k8s.example.com:6443".into(),
        load_balancer_ip: "203.0.113.10".into(),
        bearer_token: "t".into(),
        namespaces: vec!["jobs".into()],
        ..EngineForm::default()
    };
    let checked = form.check(at(0), false).unwrap();
    Engine {
        id: EngineId::new(Uuid::now_v7()),
        account_id: account,
        name: checked.name,
        ecosystem: checked.ecosystem,
        settings: checked.settings,
        auth: Credentials::None.facts(at(0)),
        status: EngineStatus::Ready,
        status_reason: String::new(),
        failures: 0,
        facts: Facts { cluster_uid: "uid-1".into(), version: "v1.36.3".into(), ..Facts::default() },
        last_check_at: Some(at(1)),
        last_full_at: None,
        next_check_at: at(300),
        created_at: at(0),
        revision: 0,
    }
}

async fn made(db: &Database, tenant: &Tenant, engine: Engine) -> Engine {
    db.create_engine(&engine, "v1.k.w.c", &tenant.event(Action::EngineCreated)).await.unwrap();
    engine
}

fn check(engine: &Engine, second: i64) -> Check {
    let report = Report { rows: vec![Row::pass("tcp", "Something listens there")] };
    Check { engine_id: engine.id, at: at(second), depth: Depth::Light, report }
}

async fn an_engine_is_read_as_it_was_written(db: &Database) {
    let tenant = given::tenant(db).await;
    let engine = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    assert_eq!(db.engine(engine.id).await.unwrap(), Some(engine.clone()));
    assert_eq!(db.engine_credentials(engine.id).await.unwrap().as_deref(), Some("v1.k.w.c"));
    assert_eq!(db.engine(EngineId::new(Uuid::now_v7())).await.unwrap(), None);
    assert!(db.every_engine().await.unwrap().contains(&engine));
    assert!(db.every_engine_credentials().await.unwrap().contains(&(engine.id, "v1.k.w.c".to_owned())));
    assert_eq!(tenant.audited(db).await[0], Action::EngineCreated);
}

async fn a_name_is_taken_once_in_an_account_and_once_on_the_platform(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let one = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    made(db, &tenant, new(Some(other.account.id), "one")).await;
    made(db, &tenant, new(None, "one")).await;
    for owner in [Some(tenant.account.id), None] {
        let again = db.create_engine(&new(owner, "one"), "x", &tenant.event(Action::EngineCreated)).await;
        assert!(matches!(again, Err(Error::Conflict { code: Code::NameTaken, .. })), "{again:?}");
    }
    let two = made(db, &tenant, new(Some(tenant.account.id), "two")).await;
    let renamed = Engine { name: "one".into(), ..two };
    let taken = db.change_engine(&renamed, None, &tenant.event(Action::EngineChanged)).await;
    assert!(matches!(taken, Err(Error::Conflict { code: Code::NameTaken, .. })), "{taken:?}");
    let same = Engine { ecosystem: "test".into(), ..one };
    assert!(db.change_engine(&same, None, &tenant.event(Action::EngineChanged)).await.unwrap());
}

async fn an_account_has_so_many_engines_and_no_more(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let before = tenant.audited(db).await.len();
    for count in 1..=MOST {
        made(db, &tenant, new(Some(tenant.account.id), &format!("e-{count}"))).await;
    }
    let more = db.create_engine(&new(Some(tenant.account.id), "more"), "x", &tenant.event(Action::EngineCreated)).await;
    assert_eq!(more.unwrap_err().code(), Code::QuotaExceeded);
    made(db, &tenant, new(Some(other.account.id), "more")).await;
    made(db, &tenant, new(None, "more")).await;
    let rows = tenant.audited(db).await.len() - before;
    assert_eq!(rows, usize::try_from(MOST).unwrap() + 2, "the refused one left no row");
}

async fn of_many_who_take_the_last_place_of_an_account_at_once_one_gets_it(db: &Database) {
    let tenant = given::tenant(db).await;
    for count in 1..MOST {
        made(db, &tenant, new(Some(tenant.account.id), &format!("e-{count}"))).await;
    }
    let tries = (0..8).map(|n| {
        let (engine, audit) = (new(Some(tenant.account.id), &format!("last-{n}")), tenant.event(Action::EngineCreated));
        async move { db.create_engine(&engine, "x", &audit).await }
    });
    let (made, refused): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(Result::is_ok);
    assert!(made.len() == 1 && refused.into_iter().all(|full| full.unwrap_err().code() == Code::QuotaExceeded));
    assert_eq!(db.count("engines").await, MOST);
}

async fn an_account_sees_its_own_engines_and_operators_the_platforms_too(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let own = made(db, &tenant, new(Some(tenant.account.id), "own")).await;
    let platform = made(db, &tenant, new(None, "platform")).await;
    made(db, &tenant, new(Some(other.account.id), "foreign")).await;
    let page = PageRequest::default();
    assert_eq!(db.list_engines(tenant.account.id, false, &page).await.unwrap(), std::slice::from_ref(&own));
    assert_eq!(db.list_engines(tenant.account.id, true, &page).await.unwrap(), [own.clone(), platform.clone()]);
    let second = PageRequest { limit: 1, after: Some(own.id.to_string()) };
    assert_eq!(db.list_engines(tenant.account.id, true, &second).await.unwrap(), [platform]);
}

async fn of_two_changes_at_the_same_moment_one_is_kept(db: &Database) {
    let tenant = given::tenant(db).await;
    let engine = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    let change = async |tag: &str| {
        let changed = Engine { ecosystem: tag.into(), ..engine.clone() };
        db.change_engine(&changed, Some("v1.k.w.new"), &tenant.event(Action::EngineChanged)).await.unwrap()
    };
    let kept = join_all([change("a"), change("b")]).await;
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 1, "{kept:?}");
    assert_eq!(db.engine(engine.id).await.unwrap().unwrap().revision, 1);
    assert_eq!(db.engine_credentials(engine.id).await.unwrap().as_deref(), Some("v1.k.w.new"));
}

async fn a_check_that_took_long_does_not_overwrite_a_change(db: &Database) {
    let tenant = given::tenant(db).await;
    let engine = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    let disabled = Engine { status: EngineStatus::Disabled, ..engine.clone() };
    assert!(db.change_engine(&disabled, None, &tenant.event(Action::EngineDisabled)).await.unwrap());
    let audit = tenant.event(Action::EngineStatusChanged);
    for audit in [Some(&audit), None] {
        assert!(!db.record_check(&engine, &check(&engine, 5), audit).await.unwrap());
    }
    assert_eq!(db.engine(engine.id).await.unwrap().unwrap().status, EngineStatus::Disabled);
    assert_eq!(db.engine_checks(engine.id, 9).await.unwrap(), []);
    assert_eq!(tenant.audited(db).await[0], Action::EngineDisabled, "what was not kept is not in the log either");
}

async fn history_keeps_the_last_checks(db: &Database) {
    let tenant = given::tenant(db).await;
    let mut engine = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    for second in 0..60 {
        assert!(db.record_check(&engine, &check(&engine, second), None).await.unwrap());
        engine.revision += 1;
    }
    let kept = db.engine_checks(engine.id, 100).await.unwrap();
    assert_eq!(kept.len(), 50);
    assert_eq!(kept[0], check(&engine, 59), "the newest first");
    assert_eq!(db.engine_checks(engine.id, 2).await.unwrap().len(), 2);
}

async fn an_engine_that_refused_somebody_is_checked_at_once_but_not_again_and_again(db: &Database) {
    let tenant = given::tenant(db).await;
    let full = Engine { last_full_at: Some(at(1)), last_check_at: Some(at(19)), ..new(Some(tenant.account.id), "one") };
    let engine = made(db, &tenant, full).await;
    let soon = async |now: i64, calm: i64| db.check_engine_soon(engine.id, at(now), at(calm)).await.unwrap();
    assert!(!soon(20, 0).await, "everything was looked at a moment ago");
    assert!(soon(20, 5).await && !soon(21, 5).await, "it is asked for already");
    let due = db.due_engines(at(20), 10).await.unwrap();
    assert_eq!(due.iter().map(|due| (due.id, due.due_depth(at(20)))).collect::<Vec<_>>(), [(engine.id, Depth::Full)]);
}

async fn what_is_due_is_found_the_longest_due_first(db: &Database) {
    let tenant = given::tenant(db).await;
    let due = |name: &str, second: i64, status: EngineStatus| Engine {
        next_check_at: at(second),
        status,
        ..new(Some(tenant.account.id), name)
    };
    let later = made(db, &tenant, due("later", 20, EngineStatus::Ready)).await;
    let first = made(db, &tenant, due("first", 10, EngineStatus::Unreachable)).await;
    made(db, &tenant, due("not-yet", 99, EngineStatus::Ready)).await;
    made(db, &tenant, due("off", 1, EngineStatus::Disabled)).await;
    let found = db.due_engines(at(50), 100).await.unwrap();
    let ours: Vec<_> = found.into_iter().filter(|one| one.account_id == Some(tenant.account.id)).collect();
    assert_eq!(ours, [first, later]);
}

async fn a_cluster_is_found_again_by_its_uid(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let engine = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    assert_eq!(db.engine_of_cluster(Some(tenant.account.id), "uid-1").await.unwrap(), Some(engine));
    assert_eq!(db.engine_of_cluster(Some(other.account.id), "uid-1").await.unwrap(), None);
    assert_eq!(db.engine_of_cluster(Some(tenant.account.id), "uid-2").await.unwrap(), None);
    let unknown = new(Some(other.account.id), "unknown");
    made(db, &tenant, Engine { facts: Facts::default(), ..unknown }).await;
    assert_eq!(db.engine_of_cluster(Some(other.account.id), "").await.unwrap(), None, "not known is not the same");
}

async fn an_engine_goes_with_its_credentials_and_its_history(db: &Database) {
    let tenant = given::tenant(db).await;
    let engine = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    assert!(db.record_check(&engine, &check(&engine, 5), None).await.unwrap());
    assert!(db.delete_engine(engine.id, &tenant.event(Action::EngineDeleted)).await.unwrap());
    assert!(!db.delete_engine(engine.id, &tenant.event(Action::EngineDeleted)).await.unwrap());
    assert_eq!(db.engine_credentials(engine.id).await.unwrap(), None);
    assert_eq!(db.engine_checks(engine.id, 9).await.unwrap(), []);
}

async fn a_secret_is_wrapped_anew_unless_it_changed_meanwhile(db: &Database) {
    let tenant = given::tenant(db).await;
    let engine = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    let id = engine.id.to_string();
    let row = db.sealed_rows().await.unwrap().into_iter().find(|row| row.row == id).unwrap();
    assert_eq!((row.table, row.field, row.sealed.as_str()), ("engines", "credentials", "v1.k.w.c"));
    let audit = || AuditEvent { account_id: None, ..tenant.event(Action::SecretRewrapped) };
    assert!(db.rewrap(&row, "v1.new.w.c", &audit()).await.unwrap());
    assert!(!db.rewrap(&row, "v1.newer.w.c", &audit()).await.unwrap(), "it is another one by now");
    assert_eq!(db.engine_credentials(engine.id).await.unwrap().as_deref(), Some("v1.new.w.c"));
}

async fn an_engine_of_which_something_may_run_is_not_forgotten_before_nothing_is_left(db: &Database) {
    let tenant = given::tenant(db).await;
    let engine = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    let forget = async |id| db.forget_engine(id, &tenant.event(Action::EngineDeleted)).await.unwrap();
    assert!(!db.engine_is_held(engine.id).await.unwrap());
    assert!(db.hold_engine(engine.id).await.unwrap());
    assert!(db.engine_is_held(engine.id).await.unwrap());
    db.release_engine(engine.id).await.unwrap();
    assert!(!forget(engine.id).await, "it is not on its way out");
    let leaving = Engine { status: EngineStatus::Deleting, ..engine.clone() };
    assert!(db.change_engine(&leaving, None, &tenant.event(Action::EngineDeleted)).await.unwrap());
    assert!(!forget(engine.id).await);
    assert!(db.engine_credentials(engine.id).await.unwrap().is_some(), "nobody else could end what runs there");
    db.release_engine(engine.id).await.unwrap();
    assert!(forget(engine.id).await);
    assert!(!forget(engine.id).await && !db.hold_engine(engine.id).await.unwrap(), "it is gone");
    let never_run = made(db, &tenant, new(Some(tenant.account.id), "two")).await;
    assert!(forget(never_run.id).await);
    let abandoned = made(db, &tenant, new(Some(tenant.account.id), "three")).await;
    assert!(db.hold_engine(abandoned.id).await.unwrap());
    assert!(db.delete_engine(abandoned.id, &tenant.event(Action::EngineDeleted)).await.unwrap());
}

async fn an_account_stays_while_something_may_run_on_an_engine_of_it(db: &Database) {
    let tenant = given::tenant(db).await;
    let held = made(db, &tenant, new(Some(tenant.account.id), "one")).await;
    let free = made(db, &tenant, new(Some(tenant.account.id), "two")).await;
    assert!(db.hold_engine(held.id).await.unwrap());
    let delete = async || db.delete_account(tenant.account.id, &tenant.event(Action::AccountDeleted)).await;
    let refused = delete().await.unwrap_err();
    assert_eq!(refused.to_string(), "The account has 1 engine on which something may still run: delete it first");
    assert!(db.engine_credentials(held.id).await.unwrap().is_some(), "nobody else could end what runs there");
    assert!(db.engine_credentials(free.id).await.unwrap().is_some(), "nothing happened");
    assert!(db.delete_engine(held.id, &tenant.event(Action::EngineDeleted)).await.unwrap());
    assert!(delete().await.unwrap());
    assert!(!db.hold_engine(free.id).await.unwrap(), "it went with the account");
}
