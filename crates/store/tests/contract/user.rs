//! People: one per e-mail, found with account and role.

use backend::ports::*;
use domain::audit::Action;
use domain::id::UserId;
use domain::user::{Email, Role};
use domain::{Code, Error};
use uuid::Uuid;

use crate::database::Database;
use crate::given;

on_both_engines! {
    an_empty_database_has_no_users
    a_member_is_found_by_email_and_by_id
    a_taken_email_is_a_conflict_and_makes_no_member
    a_new_password_hash_replaces_the_old_one
    a_person_whose_sessions_were_ended_is_current_no_more
    the_chosen_account_counts_and_else_the_first_joined
    a_user_of_an_unknown_account_is_not_kept
}

async fn an_empty_database_has_no_users(db: &Database) {
    assert!(!db.has_users().await.unwrap());
    given::tenant(db).await;
    assert!(db.has_users().await.unwrap());
}

async fn a_member_is_found_by_email_and_by_id(db: &Database) {
    let account = given::account(db, "default").await;
    let mut user = given::new_user("Ada@Example.com ");
    user.operator = true;
    let audit = given::event(account.id, Action::UserCreated);
    db.create_user(&user, None, account.id, Role::Admin, &audit).await.unwrap();
    let member = Member { user: user.clone(), password_hash: None, account, role: Role::Admin, token_version: 0 };
    let email = Email::new("ada@example.com").unwrap();
    assert_eq!(db.member_by_email(&email).await.unwrap().as_ref(), Some(&member));
    assert_eq!(db.member(user.id, None).await.unwrap(), Some(member));
    assert_eq!(db.member(UserId::new(Uuid::now_v7()), None).await.unwrap(), None);
}

async fn a_taken_email_is_a_conflict_and_makes_no_member(db: &Database) {
    let tenant = given::tenant(db).await;
    let mut again = given::new_user("ada@example.com");
    again.email = tenant.owner.email.clone();
    let audit = tenant.event(Action::UserCreated);
    let answer = db.create_user(&again, None, tenant.account.id, Role::Member, &audit).await;
    assert!(matches!(answer, Err(Error::Conflict { code: Code::NameTaken, .. })));
    assert_eq!(db.member(again.id, None).await.unwrap(), None);
    assert_eq!(tenant.audited(db).await, [Action::UserCreated, Action::AccountCreated]);
}

async fn a_new_password_hash_replaces_the_old_one(db: &Database) {
    let tenant = given::tenant(db).await;
    db.set_password_hash(tenant.owner.id, "$argon2id$hash", "$argon2id$stronger").await.unwrap();
    db.set_password_hash(tenant.owner.id, "$argon2id$hash", "$argon2id$late").await.unwrap();
    let member = db.member(tenant.owner.id, None).await.unwrap().unwrap();
    assert_eq!(member.password_hash.as_deref(), Some("$argon2id$stronger"));
}

async fn a_person_whose_sessions_were_ended_is_current_no_more(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let before = db.member(ada.owner.id, None).await.unwrap().unwrap().token_version;
    assert!(db.is_current(ada.owner.id, before).await.unwrap());
    db.end_sessions(ada.owner.id, None, &ada.event(Action::SessionsEnded)).await.unwrap();
    assert!(!db.is_current(ada.owner.id, before).await.unwrap());
    assert!(db.is_current(ada.owner.id, before + 1).await.unwrap());
    assert!(db.is_current(bob.owner.id, before).await.unwrap(), "nobody else's");
}

async fn the_chosen_account_counts_and_else_the_first_joined(db: &Database) {
    let first = given::tenant(db).await;
    let second = given::tenant(db).await;
    let text = "INSERT INTO members (account_id, user_id, role, joined_ms)";
    let values = format!("VALUES ('{}', '{}', 'viewer', 9000000000000)", second.account.id, first.owner.id);
    db.run(format!("{text} {values}")).await.unwrap();
    let member = db.member(first.owner.id, None).await.unwrap().unwrap();
    assert_eq!((member.account, member.role), (first.account.clone(), Role::Owner));
    let member = db.member(first.owner.id, Some(second.account.id)).await.unwrap().unwrap();
    assert_eq!((member.account, member.role), (second.account, Role::Viewer));
    let elsewhere = given::tenant(db).await;
    let member = db.member(first.owner.id, Some(elsewhere.account.id)).await.unwrap().unwrap();
    assert_eq!((member.account, member.role), (first.account, Role::Owner));
}

async fn a_user_of_an_unknown_account_is_not_kept(db: &Database) {
    let nowhere = given::new_account("nowhere").id;
    let user = given::new_user("ada@example.com");
    let audit = given::event(nowhere, Action::UserCreated);
    assert!(db.create_user(&user, None, nowhere, Role::Owner, &audit).await.is_err());
    assert!(!db.has_users().await.unwrap());
    assert_eq!(db.count("audit").await, 0);
}
