//! Identities at providers: one per (issuer, subject), never found or made by e-mail address.

use backend::ports::*;
use domain::audit::Action;
use domain::id::{IdentityId, UserId};
use domain::identity::Identity;
use domain::user::Role;
use domain::{Code, Error};
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    an_identity_is_found_by_issuer_and_subject_only
    an_identity_is_linked_once_whoever_asks
    linking_and_unlinking_end_the_other_sessions
    of_two_ways_in_that_go_at_once_one_stays
    a_new_user_comes_with_identity_and_membership_and_no_password
    a_taken_address_makes_no_user_and_links_nothing
    an_account_that_is_full_gets_no_user_by_a_provider
    claims_change_a_role_once_and_never_an_owners
}

fn identity(user_id: UserId, issuer: &str, subject: &str) -> Identity {
    Identity {
        id: IdentityId::new(Uuid::now_v7()),
        user_id,
        issuer: issuer.into(),
        subject: subject.into(),
        provider: "corp".into(),
        label: "ada@example.com".into(),
        created_at: at(0),
        last_used_at: at(0),
    }
}

async fn linked(db: &Database, tenant: &Tenant, subject: &str) -> Identity {
    let identity = identity(tenant.owner.id, "https://one", subject);
    db.link_identity(&identity, None, &tenant.event(Action::IdentityLinked)).await.unwrap();
    identity
}

async fn an_identity_is_found_by_issuer_and_subject_only(db: &Database) {
    let ada = given::tenant(db).await;
    let identity = linked(db, &ada, "ada").await;
    assert_eq!(db.identity("https://one", "ada").await.unwrap(), Some(identity.clone()));
    assert_eq!(db.identity("https://two", "ada").await.unwrap(), None);
    assert_eq!(db.identity("https://one", "Ada").await.unwrap(), None);
    db.record_identity_login(identity.id, at(9), &ada.event(Action::SignedIn)).await.unwrap();
    assert_eq!(db.list_identities(ada.owner.id).await.unwrap()[0].last_used_at, at(9));
}

async fn an_identity_is_linked_once_whoever_asks(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    linked(db, &ada, "ada").await;
    let again = identity(bob.owner.id, "https://one", "ada");
    let answer = db.link_identity(&again, None, &bob.event(Action::IdentityLinked)).await;
    assert!(matches!(answer, Err(Error::Conflict { code: Code::Conflict, .. })));
    assert_eq!(db.list_identities(bob.owner.id).await.unwrap(), []);
    assert_eq!(bob.audited(db).await.iter().filter(|a| **a == Action::IdentityLinked).count(), 0);
}

async fn linking_and_unlinking_end_the_other_sessions(db: &Database) {
    let (ada, bob) = (given::tenant(db).await, given::tenant(db).await);
    let kept = ada.session(db, "h1").await;
    ada.session(db, "h2").await;
    let identity = identity(ada.owner.id, "https://one", "ada");
    db.link_identity(&identity, Some(kept.id), &ada.event(Action::IdentityLinked)).await.unwrap();
    assert_eq!(given::sessions(db, ada.owner.id, at(1)).await, std::slice::from_ref(&kept));
    ada.session(db, "h3").await;
    let foreign = bob.event(Action::IdentityUnlinked);
    assert!(!db.unlink_identity(bob.owner.id, identity.id, None, &foreign).await.unwrap());
    let audit = ada.event(Action::IdentityUnlinked);
    assert!(db.unlink_identity(ada.owner.id, identity.id, Some(kept.id), &audit).await.unwrap());
    assert_eq!(given::sessions(db, ada.owner.id, at(1)).await, [kept]);
    assert_eq!(db.identity("https://one", "ada").await.unwrap(), None);
}

async fn of_two_ways_in_that_go_at_once_one_stays(db: &Database) {
    let ada = given::tenant(db).await;
    let user = given::new_user("new@example.com");
    let (one, other) = (identity(user.id, "https://one", "new"), identity(user.id, "https://two", "new"));
    let audit = ada.event(Action::UserCreated);
    db.create_identity_user(&user, ada.account.id, Role::Member, &one, &audit).await.unwrap();
    db.link_identity(&other, None, &ada.event(Action::IdentityLinked)).await.unwrap();
    let unlink = async |id| {
        let audit = ada.event(Action::IdentityUnlinked);
        db.unlink_identity(user.id, id, None, &audit).await
    };
    let (first, second) = tokio::join!(unlink(one.id), unlink(other.id));
    let refused = [&first, &second].into_iter().filter(|r| matches!(r, Err(Error::Conflict { .. }))).count();
    assert_eq!((refused, db.list_identities(user.id).await.unwrap().len()), (1, 1), "{first:?} {second:?}");
}

async fn a_new_user_comes_with_identity_and_membership_and_no_password(db: &Database) {
    let ada = given::tenant(db).await;
    let user = given::new_user("new@example.com");
    let (identity, audit) = (identity(user.id, "https://one", "new"), ada.event(Action::UserCreated));
    db.create_identity_user(&user, ada.account.id, Role::Member, &identity, &audit).await.unwrap();
    let member = db.member(user.id, None).await.unwrap().unwrap();
    assert_eq!((member.user, member.password_hash, member.role), (user, None, Role::Member));
    assert_eq!(db.identity("https://one", "new").await.unwrap(), Some(identity));
}

async fn a_taken_address_makes_no_user_and_links_nothing(db: &Database) {
    let ada = given::tenant(db).await;
    let mut user = given::new_user("new@example.com");
    user.email = ada.owner.email.clone();
    let (identity, audit) = (identity(user.id, "https://one", "thief"), ada.event(Action::UserCreated));
    let answer = db.create_identity_user(&user, ada.account.id, Role::Member, &identity, &audit).await;
    assert!(matches!(answer, Err(Error::Conflict { code: Code::NameTaken, .. })));
    assert_eq!(db.identity("https://one", "thief").await.unwrap(), None);
    assert_eq!(db.member(user.id, None).await.unwrap(), None);
}

async fn an_account_that_is_full_gets_no_user_by_a_provider(db: &Database) {
    let ada = given::tenant(db).await;
    let quota = domain::account::Quota { members: 1, ..Default::default() };
    let audit = ada.event(Action::AccountQuotaChanged);
    assert!(db.set_account_quota(&ada.account, &quota, None, &audit).await.unwrap());
    let user = given::new_user("new@example.com");
    let (identity, audit) = (identity(user.id, "https://one", "new"), ada.event(Action::UserCreated));
    let answer = db.create_identity_user(&user, ada.account.id, Role::Member, &identity, &audit).await;
    assert_eq!(answer.unwrap_err().code(), Code::QuotaExceeded);
    assert_eq!(db.identity("https://one", "new").await.unwrap(), None);
    assert_eq!(db.person_by_email(&user.email).await.unwrap(), None);
}

async fn claims_change_a_role_once_and_never_an_owners(db: &Database) {
    let ada = given::tenant(db).await;
    let member = given::member(db, &ada.account, Role::Member).await;
    let set = async |user, role| {
        let audit = ada.event(Action::MemberRoleChanged);
        db.set_claimed_role(ada.account.id, user, role, &audit).await.unwrap()
    };
    assert!(set(member.id, Role::Viewer).await);
    assert!(!set(member.id, Role::Viewer).await);
    assert!(!set(ada.owner.id, Role::Viewer).await);
    assert_eq!(db.member(member.id, None).await.unwrap().unwrap().role, Role::Viewer);
    assert_eq!(db.member(ada.owner.id, None).await.unwrap().unwrap().role, Role::Owner);
    assert_eq!(db.count("audit WHERE action = 'member.role_changed'").await, 1);
}
