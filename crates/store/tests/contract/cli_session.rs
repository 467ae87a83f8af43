//! Sessions of the command line: a code works once, an ended session never loads.

use backend::ports::*;
use domain::audit::Action;
use domain::cli_session::{ABSOLUTE_LIFE, CODE_LIFE, CliCode, CliSession, IDLE_LIFE};
use domain::id::CliSessionId;
use domain::page::PageRequest;
use domain::user::Role;
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    a_code_is_taken_once
    codes_that_ended_go_when_the_next_is_made
    a_session_is_found_by_its_token_as_it_was_made
    an_idle_and_an_old_session_are_not_found
    use_moves_the_idle_end_and_never_the_absolute_one
    a_revoked_session_is_gone_at_once_and_only_once
    a_session_belongs_to_its_user
    signing_out_everywhere_ends_the_command_line_too
    what_begins_while_all_sessions_are_ended_does_not_outlive_them
    a_removed_members_command_line_ends_in_that_account_for_good
    sessions_that_ended_go_when_the_next_is_made
    pages_follow_the_id
}

const DAY: i64 = 24 * 3600;

fn code(tenant: &Tenant, code_hash: &str, second: i64) -> CliCode {
    CliCode {
        code_hash: code_hash.into(),
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        user_id: tenant.owner.id,
        account_id: tenant.account.id,
        name: "laptop".into(),
        expires_at: at(second) + CODE_LIFE,
    }
}

/// Signed in at `second`.
async fn session(db: &Database, tenant: &Tenant, token_hash: &str, second: i64) -> CliSession {
    let session = CliSession {
        id: CliSessionId::new(Uuid::now_v7()),
        user_id: tenant.owner.id,
        account_id: tenant.account.id,
        account_name: tenant.account.name.as_str().to_owned(),
        name: "laptop".into(),
        created_at: at(second),
        last_seen_at: at(second),
        idle_expires_at: at(second) + IDLE_LIFE,
        absolute_expires_at: at(second) + ABSOLUTE_LIFE,
        address: "192.0.2.7".into(),
        user_agent: "kubectl-remotegpu".into(),
    };
    let (version, audit) = (version(db, tenant).await, tenant.event(Action::CliSessionCreated));
    assert!(db.create_cli_session(&session, token_hash, version, &audit).await.unwrap());
    session
}

async fn version(db: &Database, tenant: &Tenant) -> i64 {
    db.member(tenant.owner.id, None).await.unwrap().unwrap().token_version
}

/// Allowed in a browser that is signed in.
async fn keep(db: &Database, tenant: &Tenant, code: &CliCode, second: i64) {
    let browser = tenant.session(db, &code.code_hash).await;
    assert!(db.create_cli_code(code, browser.id, at(second)).await.unwrap());
}

async fn find(db: &Database, token_hash: &str, second: i64) -> Option<CliSession> {
    db.cli_session_by_token(token_hash, at(second)).await.unwrap()
}

async fn a_code_is_taken_once(db: &Database) {
    let tenant = given::tenant(db).await;
    let made = code(&tenant, "c1", 0);
    keep(db, &tenant, &made, 0).await;
    assert_eq!(db.take_cli_code("c2").await.unwrap(), None);
    let (one, other) = tokio::join!(db.take_cli_code("c1"), db.take_cli_code("c1"));
    let got: Vec<CliCode> = [one.unwrap(), other.unwrap()].into_iter().flatten().map(|(code, _)| code).collect();
    assert_eq!(got, [made]);
    assert_eq!(db.take_cli_code("c1").await.unwrap(), None);
}

async fn codes_that_ended_go_when_the_next_is_made(db: &Database) {
    let tenant = given::tenant(db).await;
    keep(db, &tenant, &code(&tenant, "c1", 0), 0).await;
    keep(db, &tenant, &code(&tenant, "c2", 30), 30).await;
    assert_eq!(db.count("cli_codes").await, 2);
    keep(db, &tenant, &code(&tenant, "c3", 60), 60).await;
    assert_eq!(db.count("cli_codes").await, 2, "dead at the very second");
    assert_eq!(db.take_cli_code("c1").await.unwrap(), None);
}

async fn a_session_is_found_by_its_token_as_it_was_made(db: &Database) {
    let tenant = given::tenant(db).await;
    let made = session(db, &tenant, "t1", 0).await;
    assert_eq!(find(db, "t1", 1).await, Some(made));
    assert_eq!(find(db, "t2", 1).await, None);
    assert_eq!(tenant.audited(db).await[0], Action::CliSessionCreated);
}

async fn an_idle_and_an_old_session_are_not_found(db: &Database) {
    let tenant = given::tenant(db).await;
    session(db, &tenant, "t1", 0).await;
    assert_eq!(find(db, "t1", 30 * DAY).await, None, "dead at the very second");
    assert!(find(db, "t1", 30 * DAY - 1).await.is_some());
    for day in [40, 60, 80] {
        assert!(find(db, "t1", day * DAY).await.is_some(), "day {day}");
    }
    assert!(find(db, "t1", 90 * DAY - 1).await.is_some());
    assert_eq!(find(db, "t1", 90 * DAY).await, None);
}

async fn use_moves_the_idle_end_and_never_the_absolute_one(db: &Database) {
    let tenant = given::tenant(db).await;
    let made = session(db, &tenant, "t1", 0).await;
    assert_eq!(find(db, "t1", 59).await.unwrap().last_seen_at, at(0), "at most once a minute");
    let seen = find(db, "t1", 60).await.unwrap();
    assert_eq!((seen.last_seen_at, seen.idle_expires_at), (at(60), at(60) + IDLE_LIFE));
    assert_eq!(seen.absolute_expires_at, made.absolute_expires_at);
    assert_eq!(find(db, "t1", 61).await, Some(seen));
}

async fn a_revoked_session_is_gone_at_once_and_only_once(db: &Database) {
    let tenant = given::tenant(db).await;
    let made = session(db, &tenant, "t1", 0).await;
    let audit = tenant.event(Action::CliSessionRevoked);
    assert!(db.revoke_cli_session(made.id, at(1), &audit).await.unwrap());
    assert_eq!(find(db, "t1", 2).await, None);
    assert_eq!(find(db, "t1", 100).await, None);
    let again = tenant.event(Action::CliSessionRevoked);
    assert!(!db.revoke_cli_session(made.id, at(3), &again).await.unwrap());
    let revoked = tenant.audited(db).await.into_iter().filter(|a| *a == Action::CliSessionRevoked).count();
    assert_eq!(revoked, 1, "what changed nothing is not audited");
    assert!(db.cli_session(tenant.owner.id, made.id).await.unwrap().is_some(), "known, so ending it again is no 404");
}

async fn a_removed_members_command_line_ends_in_that_account_for_good(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let user = given::member(db, &tenant.account, Role::Member).await;
    let here = Tenant { account: tenant.account.clone(), owner: user.clone() };
    let there = Tenant { account: other.account.clone(), owner: user.clone() };
    for (of, token_hash) in [(&here, "t1"), (&there, "t2"), (&tenant, "t3")] {
        session(db, of, token_hash, 0).await;
    }
    keep(db, &here, &code(&here, "c1", 0), 0).await;
    let audit = tenant.event(Action::MemberRemoved);
    assert!(db.remove_member(tenant.account.id, user.id, Role::Member, at(1), &audit).await.unwrap());
    assert_eq!(find(db, "t1", 2).await, None);
    assert_eq!(db.take_cli_code("c1").await.unwrap(), None);
    assert!(find(db, "t2", 2).await.is_some(), "another account's");
    assert!(find(db, "t3", 2).await.is_some(), "a colleague's");
}

async fn a_session_belongs_to_its_user(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let made = session(db, &tenant, "t1", 0).await;
    assert_eq!(db.cli_session(other.owner.id, made.id).await.unwrap(), None);
    let page = PageRequest::default();
    assert_eq!(db.list_cli_sessions(other.owner.id, at(1), &page).await.unwrap(), []);
    assert_eq!(db.list_cli_sessions(tenant.owner.id, at(1), &page).await.unwrap(), [made]);
}

async fn signing_out_everywhere_ends_the_command_line_too(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    session(db, &tenant, "t1", 0).await;
    session(db, &tenant, "t2", 0).await;
    session(db, &other, "t3", 0).await;
    keep(db, &tenant, &code(&tenant, "c1", 0), 0).await;
    db.end_sessions(tenant.owner.id, None, &tenant.event(Action::SessionsEnded)).await.unwrap();
    assert_eq!(db.take_cli_code("c1").await.unwrap(), None, "nor may a code make a new one");
    let live = (find(db, "t1", 2).await, find(db, "t2", 2).await);
    assert_eq!(live, (None, None));
    assert!(find(db, "t3", 2).await.is_some());
}

async fn what_begins_while_all_sessions_are_ended_does_not_outlive_them(db: &Database) {
    let tenant = given::tenant(db).await;
    let end = async || db.end_sessions(tenant.owner.id, None, &tenant.event(Action::SessionsEnded)).await.unwrap();
    let (browser, late) = (tenant.session(db, "h1").await, code(&tenant, "c1", 0));
    keep(db, &tenant, &code(&tenant, "c2", 0), 0).await;
    let (_, token_version) = db.take_cli_code("c2").await.unwrap().unwrap();
    let one = session(db, &tenant, "t1", 0).await;
    end().await;
    assert!(!db.create_cli_code(&late, browser.id, at(0)).await.unwrap(), "of a session that was ended");
    let next = CliSession { id: CliSessionId::new(Uuid::now_v7()), ..one };
    let audit = tenant.event(Action::CliSessionCreated);
    assert!(!db.create_cli_session(&next, "t2", token_version, &audit).await.unwrap(), "of a code from before");
    for round in 0..10 {
        let browser = tenant.session(db, &format!("r{round}")).await;
        let (code, version) = (code(&tenant, &format!("r{round}"), 0), version(db, &tenant).await);
        let next = CliSession { id: CliSessionId::new(Uuid::now_v7()), ..next.clone() };
        let (hash, audit) = (format!("r{round}"), tenant.event(Action::CliSessionCreated));
        let codes = db.create_cli_code(&code, browser.id, at(0));
        let sessions = db.create_cli_session(&next, &hash, version, &audit);
        let (made, begun, ()) = tokio::join!(codes, sessions, end());
        assert!(made.is_ok() && begun.is_ok(), "{made:?} {begun:?}");
        assert_eq!((db.count("cli_codes").await, db.count("cli_sessions").await), (0, 0), "round {round}");
    }
}

async fn sessions_that_ended_go_when_the_next_is_made(db: &Database) {
    let tenant = given::tenant(db).await;
    session(db, &tenant, "t1", 0).await;
    session(db, &tenant, "t2", 90 * DAY - 1).await;
    assert_eq!(db.count("cli_sessions").await, 2);
    session(db, &tenant, "t3", 90 * DAY).await;
    assert_eq!(db.count("cli_sessions").await, 2);
}

async fn pages_follow_the_id(db: &Database) {
    let tenant = given::tenant(db).await;
    let mut made = Vec::new();
    for n in 0..3 {
        made.push(session(db, &tenant, &format!("t{n}"), 0).await);
    }
    let first = PageRequest { limit: 1, after: None };
    let rows = db.list_cli_sessions(tenant.owner.id, at(1), &first).await.unwrap();
    assert_eq!(rows, made[..2], "one more than asked proves that more follow");
    let rest = PageRequest { limit: 2, after: Some(made[0].id.to_string()) };
    assert_eq!(db.list_cli_sessions(tenant.owner.id, at(1), &rest).await.unwrap(), made[1..]);
}
