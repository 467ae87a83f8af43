//! Memberships: an account never loses its last owner, and keys end with the membership of their owner.

use backend::ports::*;
use domain::audit::Action;
use domain::page::PageRequest;
use domain::scope::Scope;
use domain::user::Role;
use domain::{Code, Error};
use futures::future::join_all;

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    members_are_listed_in_pages_and_only_those_of_the_account
    a_role_changes_only_from_what_it_was
    the_last_owner_stays_owner_and_stays
    of_two_owners_who_leave_at_once_one_stays
    an_heir_who_is_removed_while_they_inherit_leaves_an_owner
    a_removed_members_keys_are_revoked_in_the_same_breath
    an_operator_stays_in_one_account_at_least
    ownership_is_handed_over_whole
}

async fn members_are_listed_in_pages_and_only_those_of_the_account(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let second = given::member(db, &tenant.account, Role::Viewer).await;
    let page = |after: Option<String>| PageRequest { limit: 1, after };
    let first = db.list_members(tenant.account.id, &page(None)).await.unwrap();
    assert_eq!((first.len(), first[0].user_id), (2, tenant.owner.id), "one more row proves that more follow");
    let rest = db.list_members(tenant.account.id, &page(Some(tenant.owner.id.to_string()))).await.unwrap();
    assert_eq!((rest.len(), rest[0].user_id, rest[0].role), (1, second.id, Role::Viewer));
    assert_eq!(rest[0].email, second.email);
    assert_eq!(db.account_member(tenant.account.id, other.owner.id).await.unwrap(), None);
}

async fn a_role_changes_only_from_what_it_was(db: &Database) {
    let tenant = given::tenant(db).await;
    let user = given::member(db, &tenant.account, Role::Member).await;
    let audit = tenant.event(Action::MemberRoleChanged);
    let change = async |from, to| db.set_member_role(tenant.account.id, user.id, from, to, &audit).await.unwrap();
    assert!(!change(Role::Viewer, Role::Admin).await);
    assert!(change(Role::Member, Role::Admin).await);
    assert_eq!(db.account_member(tenant.account.id, user.id).await.unwrap().unwrap().role, Role::Admin);
    assert_eq!(tenant.audited(db).await.iter().filter(|a| **a == Action::MemberRoleChanged).count(), 1);
}

async fn the_last_owner_stays_owner_and_stays(db: &Database) {
    let tenant = given::tenant(db).await;
    let (account, owner) = (tenant.account.id, tenant.owner.id);
    let audit = tenant.event(Action::MemberRoleChanged);
    let demoted = db.set_member_role(account, owner, Role::Owner, Role::Admin, &audit).await;
    assert!(matches!(demoted, Err(Error::Conflict { code: Code::LastOwner, .. })));
    let removed = db.remove_member(account, owner, Role::Owner, at(1), &audit).await;
    assert!(matches!(removed, Err(Error::Conflict { code: Code::LastOwner, .. })));
    assert_eq!(db.account_member(account, owner).await.unwrap().unwrap().role, Role::Owner);
    assert!(!tenant.audited(db).await.contains(&Action::MemberRoleChanged));
}

async fn of_two_owners_who_leave_at_once_one_stays(db: &Database) {
    let tenant = given::tenant(db).await;
    let second = given::member(db, &tenant.account, Role::Owner).await;
    let leave = async |user| {
        let audit = tenant.event(Action::MemberRemoved);
        db.remove_member(tenant.account.id, user, Role::Owner, at(1), &audit).await.is_ok()
    };
    let left = join_all([leave(tenant.owner.id), leave(second.id)]).await;
    assert_eq!(left.iter().filter(|left| **left).count(), 1, "{left:?}");
}

async fn an_heir_who_is_removed_while_they_inherit_leaves_an_owner(db: &Database) {
    for _ in 0..10 {
        let tenant = given::tenant(db).await;
        let heir = given::member(db, &tenant.account, Role::Owner).await;
        let (handed, removed) = (tenant.event(Action::OwnershipTransferred), tenant.event(Action::MemberRemoved));
        let _one_of_them_is_refused = tokio::join!(
            db.transfer_ownership(tenant.account.id, tenant.owner.id, heir.id, &handed),
            db.remove_member(tenant.account.id, heir.id, Role::Owner, at(1), &removed),
        );
        let members = db.list_members(tenant.account.id, &PageRequest::default()).await.unwrap();
        assert!(members.iter().any(|member| member.role == Role::Owner), "{members:?}");
    }
}

async fn a_removed_members_keys_are_revoked_in_the_same_breath(db: &Database) {
    let tenant = given::tenant(db).await;
    let user = given::member(db, &tenant.account, Role::Member).await;
    let mut key = tenant.new_api_key(Scope::All);
    key.owner_id = user.id;
    let (key, kept) = (tenant.stored(db, key).await, tenant.api_key(db, Scope::All).await);
    let audit = tenant.event(Action::MemberRemoved);
    assert!(db.remove_member(tenant.account.id, user.id, Role::Member, at(7), &audit).await.unwrap());
    assert!(!db.remove_member(tenant.account.id, user.id, Role::Member, at(8), &audit).await.unwrap());
    let of = async |id| db.api_key(tenant.account.id, id).await.unwrap().unwrap().revoked_at;
    assert_eq!((of(key.id).await, of(kept.id).await), (Some(at(7)), None));
}

async fn an_operator_stays_in_one_account_at_least(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let mut operator = given::new_user("op@example.com");
    operator.operator = true;
    let audit = tenant.event(Action::UserCreated);
    db.create_user(&operator, None, tenant.account.id, Role::Member, &audit).await.unwrap();
    let remove = async || {
        let audit = tenant.event(Action::MemberRemoved);
        db.remove_member(tenant.account.id, operator.id, Role::Member, at(1), &audit).await
    };
    assert!(matches!(remove().await, Err(Error::Conflict { code: Code::Conflict, .. })));
    let text = "INSERT INTO members (account_id, user_id, role, joined_ms)";
    db.run(format!("{text} VALUES ('{}', '{}', 'viewer', 5)", other.account.id, operator.id)).await.unwrap();
    assert!(remove().await.unwrap());
}

async fn ownership_is_handed_over_whole(db: &Database) {
    let tenant = given::tenant(db).await;
    let heir = given::member(db, &tenant.account, Role::Viewer).await;
    let (account, owner) = (tenant.account.id, tenant.owner.id);
    let audit = tenant.event(Action::OwnershipTransferred);
    let stranger = given::tenant(db).await.owner;
    assert!(!db.transfer_ownership(account, owner, stranger.id, &audit).await.unwrap(), "nobody but a member");
    assert_eq!(db.account_member(account, owner).await.unwrap().unwrap().role, Role::Owner);
    assert!(db.transfer_ownership(account, owner, heir.id, &audit).await.unwrap());
    let role = async |user| db.account_member(account, user).await.unwrap().unwrap().role;
    assert_eq!((role(owner).await, role(heir.id).await), (Role::Admin, Role::Owner));
}
