//! Passwords: a change and a reset end sessions, a link works once and until its end.

use backend::ports::*;
use domain::audit::Action;
use domain::id::InvitationId;
use domain::invitation::{Invitation, LIFE};
use domain::password::{PasswordReset, ResetMaker, ResetTarget};
use domain::user::Role;
use futures::future::{join, join_all};
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    a_new_password_ends_every_other_session_and_the_open_link
    a_proof_from_before_another_change_replaces_no_password
    a_link_works_once_and_ends_everything
    a_link_works_once_even_for_two_at_the_same_moment
    a_link_is_not_made_for_who_somebody_was_when_it_was_judged
    a_link_is_dead_at_its_very_end
    a_second_link_replaces_the_first
    a_link_ends_when_its_person_gets_another_role_or_joins_an_account
    a_link_ends_when_its_person_leaves_the_account
    a_link_ends_with_the_role_of_the_member_who_made_it
    a_target_is_seen_with_its_role_here_and_its_number_of_accounts
}

fn link(tenant: &Tenant, token_hash: &str) -> PasswordReset {
    let user_id = tenant.owner.id;
    PasswordReset { token_hash: token_hash.into(), user_id, created_at: at(0), expires_at: at(3600) }
}

async fn given_link(db: &Database, tenant: &Tenant, token_hash: &str) {
    let audit = tenant.event(Action::PasswordResetRequested);
    assert!(db.create_password_reset(&link(tenant, token_hash), None, &audit).await.unwrap());
}

async fn reset(db: &Database, tenant: &Tenant, hash: &str) -> bool {
    let audit = tenant.event(Action::PasswordReset);
    db.use_password_reset("t1", at(1), hash, "email:ada", &audit).await.unwrap()
}

async fn hash_of(db: &Database, tenant: &Tenant) -> Option<String> {
    db.member(tenant.owner.id, None).await.unwrap().unwrap().password_hash
}

async fn a_new_password_ends_every_other_session_and_the_open_link(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let (kept, other) = (ada.session(db, "h1").await, bob.session(db, "h3").await);
    ada.session(db, "h2").await;
    given_link(db, &ada, "t1").await;
    let audit = ada.event(Action::PasswordChanged);
    assert!(db.change_password((ada.owner.id, 0), "$new", Some(kept.id), &audit).await.unwrap());
    assert_eq!(hash_of(db, &ada).await.as_deref(), Some("$new"));
    assert_eq!(given::sessions(db, ada.owner.id, at(1)).await, [kept]);
    assert_eq!(given::sessions(db, bob.owner.id, at(1)).await, [other]);
    assert_eq!(db.password_reset("t1", at(1)).await.unwrap(), None);
}

async fn a_proof_from_before_another_change_replaces_no_password(db: &Database) {
    let ada = given::tenant(db).await;
    let version = db.member(ada.owner.id, None).await.unwrap().unwrap().token_version;
    let change = async |hash: &str| {
        let audit = ada.event(Action::PasswordChanged);
        db.change_password((ada.owner.id, version), hash, None, &audit).await.unwrap()
    };
    assert!(change("$new").await);
    let stays = ada.session(db, "h1").await;
    assert!(!change("$late").await);
    assert_eq!(hash_of(db, &ada).await.as_deref(), Some("$new"));
    assert_eq!(given::sessions(db, ada.owner.id, at(1)).await, [stays]);
    assert_eq!(db.count("audit WHERE action = 'password.changed'").await, 1);
}

async fn a_link_works_once_and_ends_everything(db: &Database) {
    let ada = given::tenant(db).await;
    ada.session(db, "h1").await;
    given_link(db, &ada, "t1").await;
    let lock = ["email:ada".to_owned()];
    db.record_login_failure(&lock, at(0), &ada.event(Action::SignInFailed)).await.unwrap();
    let owner = (ada.owner.id, ada.owner.email.clone());
    assert_eq!(db.password_reset("t1", at(1)).await.unwrap(), Some(owner));
    assert!(reset(db, &ada, "$new").await);
    assert!(!reset(db, &ada, "$other").await);
    assert_eq!(hash_of(db, &ada).await.as_deref(), Some("$new"));
    assert_eq!(given::sessions(db, ada.owner.id, at(1)).await, []);
    assert_eq!(db.login_counters(&lock).await.unwrap()[0].failures, 0);
    assert_eq!(db.count("audit WHERE action = 'password.reset'").await, 1);
}

async fn a_link_works_once_even_for_two_at_the_same_moment(db: &Database) {
    let ada = given::tenant(db).await;
    given_link(db, &ada, "t1").await;
    let hashes = ["$0", "$1", "$2", "$3"];
    let used = join_all(hashes.map(|hash| reset(db, &ada, hash))).await;
    let won: Vec<&str> = hashes.into_iter().zip(used).filter(|(_, used)| *used).map(|(hash, _)| hash).collect();
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(hash_of(db, &ada).await.as_deref(), Some(won[0]));
    assert_eq!(db.count("audit WHERE action = 'password.reset'").await, 1);
}

async fn a_link_is_not_made_for_who_somebody_was_when_it_was_judged(db: &Database) {
    let ada = given::tenant(db).await;
    let (account, user) = (ada.account.id, given::member(db, &ada.account, Role::Member).await);
    let maker = ResetMaker { account_id: account, user_id: ada.owner.id, role: Role::Owner };
    let judge = async || db.reset_target(account, user.id).await.unwrap().unwrap();
    let create = async |token: &str, judged: &ResetTarget| {
        let link = PasswordReset { user_id: user.id, ..link(&ada, token) };
        let audit = ada.event(Action::PasswordResetRequested);
        db.create_password_reset(&link, Some((maker, judged)), &audit).await.unwrap()
    };
    let role = async |from: Role, to: Role| {
        let audit = ada.event(Action::MemberRoleChanged);
        db.set_member_role(account, user.id, from, to, &audit).await.unwrap()
    };
    let member = judge().await;
    assert!(role(Role::Member, Role::Owner).await);
    assert!(!create("t1", &member).await);
    assert_eq!(db.password_reset("t1", at(1)).await.unwrap(), None);
    assert_eq!(db.count("audit WHERE action = 'password.reset_requested'").await, 0);
    assert!(create("t2", &judge().await).await);
    // At the same moment: it was made before the change, which ended it, or it is not made.
    for (from, to) in [(Role::Owner, Role::Admin), (Role::Admin, Role::Owner), (Role::Owner, Role::Member)] {
        let before = judge().await;
        let (_made_or_not, changed) = join(create("t3", &before), role(from, to)).await;
        assert!(changed);
        assert_eq!(db.password_reset("t3", at(1)).await.unwrap(), None, "{from:?} to {to:?}");
    }
}

async fn a_link_is_dead_at_its_very_end(db: &Database) {
    let ada = given::tenant(db).await;
    given_link(db, &ada, "t1").await;
    assert!(db.password_reset("t1", at(3599)).await.unwrap().is_some());
    assert_eq!(db.password_reset("t1", at(3600)).await.unwrap(), None);
    let audit = ada.event(Action::PasswordReset);
    assert!(!db.use_password_reset("t1", at(3600), "$new", "email:x", &audit).await.unwrap());
    assert_eq!(db.delete_dead_password_resets(at(3599)).await.unwrap(), 0);
    assert_eq!(db.delete_dead_password_resets(at(3600)).await.unwrap(), 1);
}

async fn a_second_link_replaces_the_first(db: &Database) {
    let ada = given::tenant(db).await;
    given_link(db, &ada, "t1").await;
    given_link(db, &ada, "t2").await;
    assert_eq!(db.password_reset("t1", at(1)).await.unwrap(), None);
    assert!(db.password_reset("t2", at(1)).await.unwrap().is_some());
}

async fn a_link_ends_when_its_person_gets_another_role_or_joins_an_account(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let (account, user) = (ada.account.id, given::member(db, &ada.account, Role::Member).await);
    let given_link = async |token: &str| {
        let link = PasswordReset { user_id: user.id, ..link(&ada, token) };
        let audit = ada.event(Action::PasswordResetRequested);
        assert!(db.create_password_reset(&link, None, &audit).await.unwrap());
    };
    let dead = async |token: &str| db.password_reset(token, at(1)).await.unwrap().is_none();
    given_link("t1").await;
    let audit = ada.event(Action::MemberRoleChanged);
    assert!(db.set_member_role(account, user.id, Role::Member, Role::Admin, &audit).await.unwrap());
    assert!(dead("t1").await);
    given_link("t2").await;
    let audit = ada.event(Action::MemberRoleChanged);
    assert!(db.set_claimed_role(account, user.id, Role::Member, &audit).await.unwrap());
    assert!(dead("t2").await);
    given_link("t3").await;
    let audit = ada.event(Action::OwnershipTransferred);
    assert!(db.transfer_ownership(account, ada.owner.id, user.id, &audit).await.unwrap());
    assert!(dead("t3").await);
    given_link("t4").await;
    let invitation = Invitation {
        id: InvitationId::new(Uuid::now_v7()),
        account_id: bob.account.id,
        email: user.email.clone(),
        role: Role::Viewer,
        invited_by: bob.owner.id,
        created_at: at(0),
        expires_at: at(0) + LIFE,
        accepted_at: None,
        revoked_at: None,
    };
    db.create_invitation(&invitation, "i1", &bob.event(Action::InvitationCreated)).await.unwrap();
    let audit = bob.event(Action::InvitationAccepted);
    assert!(db.accept_invitation("i1", Joining::Known(user.id), at(1), &audit).await.unwrap());
    assert!(dead("t4").await);
}

async fn a_link_ends_when_its_person_leaves_the_account(db: &Database) {
    let ada = given::tenant(db).await;
    let (account, user) = (ada.account.id, given::member(db, &ada.account, Role::Member).await);
    let link = PasswordReset { user_id: user.id, ..link(&ada, "t1") };
    assert!(db.create_password_reset(&link, None, &ada.event(Action::PasswordResetRequested)).await.unwrap());
    let audit = ada.event(Action::MemberRemoved);
    assert!(db.remove_member(account, user.id, Role::Member, at(1), &audit).await.unwrap());
    assert_eq!(db.password_reset("t1", at(1)).await.unwrap(), None);
}

async fn a_link_ends_with_the_role_of_the_member_who_made_it(db: &Database) {
    let ada = given::tenant(db).await;
    let account = ada.account.id;
    let admin = given::member(db, &ada.account, Role::Admin).await.id;
    let member = given::member(db, &ada.account, Role::Member).await.id;
    let given_link = async |token: &str| {
        let target = db.reset_target(account, member).await.unwrap().unwrap();
        let maker = ResetMaker { account_id: account, user_id: admin, role: Role::Admin };
        let link = PasswordReset { user_id: member, ..link(&ada, token) };
        let audit = ada.event(Action::PasswordResetRequested);
        assert!(db.create_password_reset(&link, Some((maker, &target)), &audit).await.unwrap());
    };
    let live = async |token: &str| db.password_reset(token, at(1)).await.unwrap().is_some();
    let used = async |token: &str| {
        db.use_password_reset(token, at(1), "$new", "email:x", &ada.event(Action::PasswordReset)).await.unwrap()
    };
    given_link("t1").await;
    assert!(live("t1").await);
    let change = async |from, to| {
        db.set_member_role(account, admin, from, to, &ada.event(Action::MemberRoleChanged)).await.unwrap()
    };
    assert!(change(Role::Admin, Role::Viewer).await);
    assert!(!live("t1").await);
    assert!(!used("t1").await);
    assert!(change(Role::Viewer, Role::Admin).await);
    given_link("t2").await;
    assert!(db.remove_member(account, admin, Role::Admin, at(1), &ada.event(Action::MemberRemoved)).await.unwrap());
    assert!(!live("t2").await);
    assert!(!used("t2").await);
    assert_eq!(db.count("audit WHERE action = 'password.reset'").await, 0);
    // One that nobody's role gave stays: an operator made it.
    let (link, audit) =
        (PasswordReset { user_id: member, ..link(&ada, "t3") }, ada.event(Action::PasswordResetRequested));
    assert!(db.create_password_reset(&link, None, &audit).await.unwrap());
    assert!(used("t3").await);
}

async fn a_target_is_seen_with_its_role_here_and_its_number_of_accounts(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let member = given::member(db, &ada.account, Role::Member).await;
    let seen = db.reset_target(ada.account.id, member.id).await.unwrap().unwrap();
    assert_eq!((seen.role, seen.accounts, seen.operator), (Some(Role::Member), 1, false));
    let foreign = db.reset_target(bob.account.id, member.id).await.unwrap().unwrap();
    assert_eq!((foreign.role, foreign.accounts), (None, 1));
}
