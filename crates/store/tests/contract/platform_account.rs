//! Accounts as operators manage them: counts, limits that hold, suspension, deletion.

use backend::ports::*;
use domain::account::{Account, AccountStatus, Quota, Share};
use domain::audit::Action;
use domain::id::NamespaceId;
use domain::namespace::NamespaceStatus;
use domain::page::PageRequest;
use domain::scope::Scope;
use domain::sku::{SkuGrants, SkuGrantsView};
use domain::skypilot::{Feature, SkypilotAccess};
use domain::user::Role;
use domain::{Code, Error};
use futures::future::join_all;

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    accounts_are_listed_with_what_they_have
    an_account_has_no_more_namespaces_than_it_may
    changed_limits_mark_the_namespaces_until_they_are_applied
    a_total_that_the_namespaces_exceed_is_refused
    granted_skus_are_kept_and_mark_the_namespaces
    of_two_operators_who_change_the_account_both_saw_one_does
    a_suspended_accounts_keys_have_no_owner_any_more
    a_suspension_and_its_end_are_orders_about_connectors_and_skypilot
    an_account_is_deleted_with_all_that_is_its_own_but_not_with_namespaces
    an_account_to_which_an_operator_belongs_alone_stays
    a_taken_name_is_a_conflict_on_rename
}

async fn now(db: &Database, tenant: &given::Tenant) -> Account {
    db.account(tenant.account.id).await.unwrap().unwrap()
}

async fn set_quota(db: &Database, tenant: &given::Tenant, quota: &Quota, second: Option<i64>) {
    let audit = tenant.event(Action::AccountQuotaChanged);
    assert!(db.set_account_quota(&now(db, tenant).await, quota, second.map(at), &audit).await.unwrap());
}

async fn accounts_are_listed_with_what_they_have(db: &Database) {
    let tenant = given::tenant(db).await;
    given::member(db, &tenant.account, Role::Viewer).await;
    tenant.namespace(db, "team-ml").await;
    tenant.api_key(db, Scope::All).await;
    given::tenant(db).await;
    let all = db.list_accounts(&PageRequest { limit: 1, after: None }.into()).await.unwrap();
    assert_eq!((all.len(), all[0].namespaces, all[0].members, all[0].api_keys), (2, 1, 2, 1));
    let one = db.account_use(tenant.account.id).await.unwrap().unwrap();
    assert_eq!((one, all[0].account.quota.clone()), (all[0].clone(), Quota::default()));
}

async fn an_account_has_no_more_namespaces_than_it_may(db: &Database) {
    let tenant = given::tenant(db).await;
    set_quota(db, &tenant, &Quota { namespaces: 2, ..Quota::default() }, None).await;
    let make = async |name: &str| {
        let audit = tenant.event(Action::NamespaceCreated);
        db.create_namespace(&tenant.new_namespace(name), &audit).await
    };
    let made = join_all([make("one"), make("two"), make("three")]).await;
    assert_eq!(made.iter().filter(|m| m.is_ok()).count(), 2, "{made:?}");
    let full = make("four").await.unwrap_err();
    assert_eq!(full.code(), Code::QuotaExceeded);
    assert!(full.to_string().starts_with("The account has 2 of 2 namespaces"), "{full}");
    let checked = db.check_namespace(tenant.account.id, None).await.unwrap_err();
    assert_eq!(checked.to_string(), full.to_string(), "it can be known before");
}

async fn changed_limits_mark_the_namespaces_until_they_are_applied(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let namespace = tenant.namespace_in(db, "team-ml", NamespaceStatus::Active).await;
    other.namespace_in(db, "theirs", NamespaceStatus::Active).await;
    set_quota(db, &tenant, &Quota { gpus: 4, ..Quota::default() }, Some(5)).await;
    let outdated = async || {
        let found = db.outdated_namespaces(10).await.unwrap();
        found.into_iter().map(|(n, since)| (n.id, since)).collect::<Vec<(NamespaceId, _)>>()
    };
    assert_eq!(outdated().await, [(namespace.id, at(5))]);
    let newer = Quota { gpus: 5, gpu_classes: [("h100".to_owned(), 2)].into(), ..Quota::default() };
    set_quota(db, &tenant, &newer, Some(6)).await;
    db.namespace_applied(namespace.id, at(5)).await.unwrap();
    assert_eq!(outdated().await, [(namespace.id, at(6))], "what was applied is not the last change");
    db.namespace_applied(namespace.id, at(6)).await.unwrap();
    assert_eq!(outdated().await, []);
    assert_eq!(now(db, &tenant).await.quota, newer);
}

async fn a_total_that_the_namespaces_exceed_is_refused(db: &Database) {
    let tenant = given::tenant(db).await;
    tenant.namespace(db, "one").await;
    tenant.namespace(db, "two").await;
    let total = Share { gpus: Some(8), ..Share::default() };
    let audit = || tenant.event(Action::AccountQuotaChanged);
    let high = Quota { total: total.clone(), ..Quota::default() };
    let refused = db.set_account_quota(&now(db, &tenant).await, &high, None, &audit()).await.unwrap_err();
    assert_eq!(refused.code(), Code::QuotaExceeded);
    assert!(refused.to_string().contains("have 16 GPUs together, more than 8 in all"), "{refused}");
    assert_eq!(now(db, &tenant).await.quota, Quota::default());
    let fits = Quota { gpus: 4, total, ..Quota::default() };
    set_quota(db, &tenant, &fits, None).await;
    assert_eq!(now(db, &tenant).await.quota, fits);
}

async fn granted_skus_are_kept_and_mark_the_namespaces(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let namespace = tenant.namespace_in(db, "team-ml", NamespaceStatus::Active).await;
    other.namespace_in(db, "theirs", NamespaceStatus::Active).await;
    assert_eq!(now(db, &tenant).await.skus, SkuGrants::default());
    let audit = || tenant.event(Action::AccountSkusChanged);
    for codes in [vec!["gpu-h100-1x".to_owned(), "cpu".to_owned()], Vec::new()] {
        let some = SkuGrants::new(&SkuGrantsView { all: false, codes }).unwrap();
        assert!(db.set_account_skus(&now(db, &tenant).await, &some, at(5), &audit()).await.unwrap());
        assert_eq!(now(db, &tenant).await.skus, some);
    }
    let outdated: Vec<NamespaceId> =
        db.outdated_namespaces(10).await.unwrap().into_iter().map(|(namespace, _)| namespace.id).collect();
    assert_eq!(outdated, [namespace.id]);
    let all = SkuGrants::default();
    assert!(db.set_account_skus(&now(db, &tenant).await, &all, at(6), &audit()).await.unwrap());
    assert_eq!(db.account_use(tenant.account.id).await.unwrap().unwrap().account.skus, SkuGrants::default());
    let nobody = given::new_account("nobody");
    assert!(!db.set_account_skus(&nobody, &all, at(7), &audit()).await.unwrap());
}

async fn of_two_operators_who_change_the_account_both_saw_one_does(db: &Database) {
    let (tenant, granted) = (given::tenant(db).await, SkuGrantsView { all: false, codes: vec!["cpu".to_owned()] });
    let seen = now(db, &tenant).await;
    let limit = async |gpus: u32| {
        let audit = tenant.event(Action::AccountQuotaChanged);
        db.set_account_quota(&seen, &Quota { gpus, ..Quota::default() }, None, &audit).await.unwrap()
    };
    let suspend = async || {
        let audit = tenant.event(Action::AccountSuspended);
        db.suspend_account(&seen, Some(at(3)), &audit).await.unwrap()
    };
    let grant = async || {
        let audit = tenant.event(Action::AccountSkusChanged);
        db.set_account_skus(&seen, &SkuGrants::new(&granted).unwrap(), at(3), &audit).await.unwrap()
    };
    let done = tokio::join!(limit(4), limit(5), suspend(), grant());
    assert_eq!([done.0, done.1, done.2, done.3].into_iter().filter(|done| *done).count(), 1, "{done:?}");
    let changed = "audit WHERE action IN ('account.quota_changed', 'account.suspended', 'account.skus_changed')";
    assert_eq!(db.count(changed).await, 1);
}

async fn a_suspended_accounts_keys_have_no_owner_any_more(db: &Database) {
    let tenant = given::tenant(db).await;
    let key = tenant.api_key(db, Scope::All).await;
    let role = async || db.key_access(&key.public_id, None).await.unwrap().unwrap().owner_role;
    let suspend = async |at| {
        let audit = tenant.event(Action::AccountSuspended);
        db.suspend_account(&now(db, &tenant).await, at, &audit).await.unwrap()
    };
    assert_eq!(role().await, Some(Role::Owner));
    assert!(suspend(Some(at(3))).await);
    assert!(!suspend(Some(at(4))).await, "it is already");
    assert_eq!(role().await, None);
    assert_eq!(now(db, &tenant).await.status(), AccountStatus::Suspended);
    assert!(suspend(None).await);
    assert!(!suspend(None).await);
    assert_eq!(role().await, Some(Role::Owner));
}

async fn a_suspension_and_its_end_are_orders_about_connectors_and_skypilot(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let namespace = tenant.namespace_in(db, "team-ml", NamespaceStatus::Active).await;
    other.namespace_in(db, "theirs", NamespaceStatus::Active).await;
    let access = SkypilotAccess {
        namespace_id: namespace.id,
        service_account: "sky-sa".into(),
        features: [Feature::Base].into(),
        approved: [].into(),
        wanted: true,
        suspended: false,
        ticket: 1,
        applied: 0,
        changed_at: at(1),
    };
    db.set_skypilot_access(&access, &tenant.event(Action::SkypilotChanged)).await.unwrap();
    db.skypilot_settled(namespace.id, 1).await.unwrap();
    let mut marks = Vec::new();
    for (ticket, when) in [(2, Some(at(3))), (3, None)] {
        let audit = tenant.event(Action::AccountSuspended);
        assert!(db.suspend_account(&now(db, &tenant).await, when, &audit).await.unwrap());
        let marked = db.outdated_namespaces(10).await.unwrap();
        assert_eq!(marked.iter().map(|(namespace, _)| namespace.id).collect::<Vec<_>>(), [namespace.id]);
        marks.push(marked[0].1);
        assert_eq!(db.skypilot_orders(10).await.unwrap(), [namespace.id]);
        let access = db.skypilot_access(namespace.id).await.unwrap().unwrap();
        assert_eq!((access.ticket, access.suspended, access.features.len()), (ticket, when.is_some(), 1));
        db.skypilot_settled(namespace.id, ticket).await.unwrap();
    }
    assert_ne!(marks[0], marks[1], "both were at the same moment");
    db.namespace_applied(namespace.id, marks[0]).await.unwrap();
    assert_eq!(db.outdated_namespaces(10).await.unwrap().len(), 1, "what was applied is not the last change");
    db.namespace_applied(namespace.id, marks[1]).await.unwrap();
    assert_eq!(db.outdated_namespaces(10).await.unwrap().len(), 0);
}

async fn an_account_is_deleted_with_all_that_is_its_own_but_not_with_namespaces(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    tenant.api_key(db, Scope::All).await;
    let namespace = tenant.namespace_in(db, "team-ml", NamespaceStatus::Deleting).await;
    let delete = async || {
        let audit = tenant.event(Action::AccountDeleted);
        db.delete_account(tenant.account.id, &audit).await
    };
    let refused = delete().await.unwrap_err();
    assert_eq!(refused.to_string(), "The account has 1 namespace: delete it first");
    db.remove_namespace(namespace.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    assert!(delete().await.unwrap());
    assert!(!delete().await.unwrap());
    assert_eq!(db.account(tenant.account.id).await.unwrap(), None);
    assert_eq!((db.count("api_keys").await, db.count("members").await), (0, 1));
    assert_eq!(db.member(tenant.owner.id, None).await.unwrap(), None);
    assert!(db.member(other.owner.id, None).await.unwrap().is_some());
    assert_eq!(tenant.audited(db).await[0], Action::AccountDeleted, "its log outlives it");
}

async fn an_account_to_which_an_operator_belongs_alone_stays(db: &Database) {
    let tenant = given::tenant(db).await;
    db.run(format!("UPDATE users SET operator = TRUE WHERE id = '{}'", tenant.owner.id)).await.unwrap();
    let audit = tenant.event(Action::AccountDeleted);
    let refused = db.delete_account(tenant.account.id, &audit).await;
    assert!(matches!(refused, Err(Error::Conflict { code: Code::Conflict, .. })), "{refused:?}");
    assert!(db.account(tenant.account.id).await.unwrap().is_some());
}

async fn a_taken_name_is_a_conflict_on_rename(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let audit = tenant.event(Action::AccountRenamed);
    let called = |name| Account { name, ..tenant.account.clone() };
    let taken = db.change_account(&tenant.account, &called(other.account.name.clone()), &audit).await;
    assert!(matches!(taken, Err(Error::Conflict { code: Code::NameTaken, .. })));
    let free = domain::account::AccountName::new("Fresh").unwrap();
    assert!(db.change_account(&tenant.account, &called(free.clone()), &audit).await.unwrap());
    assert!(!db.change_account(&tenant.account, &called(free), &audit).await.unwrap(), "it has another name by now");
    assert_eq!(db.account_by_name("Fresh").await.unwrap().unwrap().id, tenant.account.id);
}
