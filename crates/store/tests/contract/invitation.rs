//! Invitations: a link works once, until it ends, is replaced or withdrawn.

use backend::ports::*;
use domain::audit::Action;
use domain::id::InvitationId;
use domain::invitation::{Invitation, LIFE};
use domain::page::PageRequest;
use domain::user::{Email, Role, User};
use domain::{Code, Error};
use futures::future::join_all;
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    a_link_makes_somebody_new_a_user_and_a_member
    a_link_works_once_even_for_two_at_the_same_moment
    a_link_that_ended_was_replaced_or_withdrawn_opens_nothing
    members_and_people_invited_already_are_not_invited_again
    an_account_that_is_full_invites_and_takes_nobody
    invitations_end_with_the_right_of_whoever_made_them
    invitations_are_seen_by_their_own_account_only
}

const DAY: i64 = 86_400;

fn new(tenant: &Tenant, email: &str) -> Invitation {
    Invitation {
        id: InvitationId::new(Uuid::now_v7()),
        account_id: tenant.account.id,
        email: Email::new(email).unwrap(),
        role: Role::Member,
        invited_by: tenant.owner.id,
        created_at: at(0),
        expires_at: at(0) + LIFE,
        accepted_at: None,
        revoked_at: None,
    }
}

async fn invited(db: &Database, tenant: &Tenant, email: &str, token: &str) -> Invitation {
    let invitation = new(tenant, email);
    db.create_invitation(&invitation, token, &tenant.event(Action::InvitationCreated)).await.unwrap();
    invitation
}

async fn accept(db: &Database, tenant: &Tenant, token: &str, email: &str, second: i64) -> domain::Result<bool> {
    let user = given::new_user(email);
    let audit = tenant.event(Action::InvitationAccepted);
    db.accept_invitation(token, Joining::New(&user, "$argon2id$hash"), at(second), &audit).await
}

async fn a_link_makes_somebody_new_a_user_and_a_member(db: &Database) {
    let tenant = given::tenant(db).await;
    let invitation = invited(db, &tenant, "new@example.com", "t1").await;
    let (found, account) = db.open_invitation("t1", at(1)).await.unwrap().unwrap();
    assert_eq!((found, account.id), (invitation.clone(), tenant.account.id));
    assert!(accept(db, &tenant, "t1", "new@example.com", 9).await.unwrap());
    let member = db.member_by_email(&invitation.email).await.unwrap().unwrap();
    assert_eq!((member.account.id, member.role, member.user.operator), (tenant.account.id, Role::Member, false));
    let stored = db.invitation(tenant.account.id, invitation.id).await.unwrap().unwrap();
    assert_eq!(stored.accepted_at, Some(at(9)));
    assert_eq!(tenant.audited(db).await[0], Action::InvitationAccepted);
}

async fn a_link_works_once_even_for_two_at_the_same_moment(db: &Database) {
    let tenant = given::tenant(db).await;
    invited(db, &tenant, "new@example.com", "t1").await;
    let other = given::tenant(db).await;
    let audit = tenant.event(Action::InvitationAccepted);
    let take = async || db.accept_invitation("t1", Joining::Known(other.owner.id), at(1), &audit).await;
    let second = tenant.event(Action::InvitationAccepted);
    let again = async || db.accept_invitation("t1", Joining::Known(other.owner.id), at(1), &second).await;
    let taken = [take().await, again().await];
    assert_eq!(taken.iter().filter(|t| matches!(t, Ok(true))).count(), 1, "{taken:?}");
    invited(db, &tenant, "two@example.com", "t2").await;
    let both = join_all((0..2).map(|_| accept(db, &tenant, "t2", "two@example.com", 2))).await;
    assert_eq!(both.iter().filter(|t| matches!(t, Ok(true))).count(), 1, "{both:?}");
}

async fn a_link_that_ended_was_replaced_or_withdrawn_opens_nothing(db: &Database) {
    let tenant = given::tenant(db).await;
    let invitation = invited(db, &tenant, "new@example.com", "t1").await;
    assert!(db.open_invitation("t1", at(5 * DAY)).await.unwrap().is_none());
    assert!(!accept(db, &tenant, "t1", "new@example.com", 5 * DAY).await.unwrap());
    let audit = tenant.event(Action::InvitationResent);
    assert!(db.resend_invitation(invitation.id, tenant.owner.id, "t2", at(6 * DAY), &audit).await.unwrap());
    assert!(db.open_invitation("t1", at(1)).await.unwrap().is_none());
    assert!(db.open_invitation("t2", at(5 * DAY)).await.unwrap().is_some());
    let audit = tenant.event(Action::InvitationRevoked);
    assert!(db.revoke_invitation(invitation.id, at(2), &audit).await.unwrap());
    assert!(!db.revoke_invitation(invitation.id, at(3), &audit).await.unwrap());
    assert!(!accept(db, &tenant, "t2", "new@example.com", 3).await.unwrap());
    let audit = tenant.event(Action::InvitationResent);
    assert!(!db.resend_invitation(invitation.id, tenant.owner.id, "t3", at(9 * DAY), &audit).await.unwrap());
    assert_eq!(db.person_by_email(&invitation.email).await.unwrap(), None, "nobody was made");
}

async fn members_and_people_invited_already_are_not_invited_again(db: &Database) {
    let tenant = given::tenant(db).await;
    let invitation = invited(db, &tenant, "new@example.com", "t1").await;
    let again = async |email: &str, token: &str| {
        let audit = tenant.event(Action::InvitationCreated);
        db.create_invitation(&new(&tenant, email), token, &audit).await
    };
    assert!(matches!(again("new@example.com", "t2").await, Err(Error::Conflict { code: Code::Conflict, .. })));
    let member = again(tenant.owner.email.as_str(), "t3").await;
    assert!(matches!(member, Err(Error::Conflict { code: Code::Conflict, .. })));
    let audit = tenant.event(Action::InvitationRevoked);
    assert!(db.revoke_invitation(invitation.id, at(1), &audit).await.unwrap());
    again("new@example.com", "t4").await.unwrap();
}

async fn an_account_that_is_full_invites_and_takes_nobody(db: &Database) {
    let tenant = given::tenant(db).await;
    invited(db, &tenant, "one@example.com", "t1").await;
    let quota = domain::account::Quota { members: 2, ..Default::default() };
    let audit = tenant.event(Action::AccountQuotaChanged);
    assert!(db.set_account_quota(&tenant.account, &quota, None, &audit).await.unwrap());
    let audit = tenant.event(Action::InvitationCreated);
    let full = db.create_invitation(&new(&tenant, "two@example.com"), "t2", &audit).await.unwrap_err();
    assert_eq!(full.code(), Code::QuotaExceeded);
    assert!(full.to_string().starts_with("The account has 2 of 2 members"), "{full}");
    given::member(db, &tenant.account, Role::Viewer).await;
    let late = accept(db, &tenant, "t1", "one@example.com", 1).await.unwrap_err();
    assert_eq!(late.code(), Code::QuotaExceeded);
    assert!(db.open_invitation("t1", at(2)).await.unwrap().is_some(), "the link is not used up by that");
}

async fn invitations_end_with_the_right_of_whoever_made_them(db: &Database) {
    let tenant = given::tenant(db).await;
    let account = tenant.account.id;
    invited(db, &tenant, "kept@example.com", "kept").await;
    let invited_by = async |admin: &User, token: &str, role| {
        let email = format!("{token}@example.com");
        let invitation = Invitation { invited_by: admin.id, role, ..new(&tenant, &email) };
        db.create_invitation(&invitation, token, &tenant.event(Action::InvitationCreated)).await.unwrap();
    };
    let open = async |token: &str| db.open_invitation(token, at(1)).await.unwrap().is_some();

    let demoted = given::member(db, &tenant.account, Role::Owner).await;
    invited_by(&demoted, "t1", Role::Admin).await;
    invited_by(&demoted, "t0", Role::Owner).await;
    let role = async |from, to| {
        let audit = tenant.event(Action::MemberRoleChanged);
        assert!(db.set_member_role(account, demoted.id, from, to, &audit).await.unwrap());
    };
    role(Role::Owner, Role::Admin).await;
    assert!(!open("t0").await);
    assert!(open("t1").await, "admins invite admins");
    role(Role::Admin, Role::Member).await;
    assert!(!open("t1").await);

    let claimed = given::member(db, &tenant.account, Role::Admin).await;
    invited_by(&claimed, "t2", Role::Viewer).await;
    let audit = tenant.event(Action::MemberRoleChanged);
    assert!(db.set_claimed_role(account, claimed.id, Role::Viewer, &audit).await.unwrap());
    assert!(!open("t2").await);

    let removed = given::member(db, &tenant.account, Role::Admin).await;
    invited_by(&removed, "t3", Role::Admin).await;
    let audit = tenant.event(Action::MemberRemoved);
    assert!(db.remove_member(account, removed.id, Role::Admin, at(1), &audit).await.unwrap());
    assert!(!open("t3").await);
    assert!(open("kept").await);

    let resender = given::member(db, &tenant.account, Role::Admin).await;
    let resent = invited(db, &tenant, "resent@example.com", "t5").await;
    let audit = tenant.event(Action::InvitationResent);
    assert!(db.resend_invitation(resent.id, resender.id, "t6", at(DAY), &audit).await.unwrap());
    assert!(open("t6").await);
    let audit = tenant.event(Action::MemberRemoved);
    assert!(db.remove_member(account, resender.id, Role::Admin, at(1), &audit).await.unwrap());
    assert!(!open("t6").await, "who has the newest link is gone");

    let heir = given::member(db, &tenant.account, Role::Admin).await;
    invited_by(&tenant.owner, "t4", Role::Owner).await;
    let audit = tenant.event(Action::OwnershipTransferred);
    assert!(db.transfer_ownership(account, tenant.owner.id, heir.id, &audit).await.unwrap());
    assert!(!open("t4").await);
    assert!(open("kept").await);
}

async fn invitations_are_seen_by_their_own_account_only(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let invitation = invited(db, &tenant, "new@example.com", "t1").await;
    assert_eq!(db.invitation(other.account.id, invitation.id).await.unwrap(), None);
    let page = PageRequest::default();
    assert_eq!(db.list_invitations(other.account.id, &page).await.unwrap(), []);
    assert_eq!(db.list_invitations(tenant.account.id, &page).await.unwrap(), [invitation]);
}
