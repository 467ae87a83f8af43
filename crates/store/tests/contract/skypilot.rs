//! SkyPilot access: the row is the order, a ticket says how far the cluster is, kubeconfigs end with the access.

use std::collections::BTreeSet;

use backend::ports::*;
use domain::audit::Action;
use domain::id::SkypilotKubeconfigId;
use domain::namespace::{Namespace, NamespaceStatus};
use domain::page::PageRequest;
use domain::skypilot::{Feature, SkypilotAccess, SkypilotKubeconfig};
use domain::user::{Role, User};
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    an_access_is_read_as_it_was_wished
    each_change_is_an_order_until_its_own_ticket_is_settled
    orders_are_of_active_namespaces_and_the_oldest_comes_first
    what_an_operator_allowed_stays_until_the_access_goes
    operators_see_only_what_reaches_beyond_a_namespace
    an_access_that_was_ordered_away_goes_when_the_cluster_holds_nothing
    a_kubeconfig_is_recorded_only_while_its_account_has_access
    kubeconfigs_end_with_the_access_and_with_another_account
    a_revoked_kubeconfig_is_an_order_once
    kubeconfigs_end_with_the_right_to_deploy_of_whoever_made_them
    kubeconfigs_that_an_older_console_wrote_end_with_their_makers_too
    kubeconfigs_end_with_a_role_that_a_provider_claims
    everything_goes_with_the_namespace
    whoever_ends_kubeconfigs_writes_the_accesses_first
}

async fn active(db: &Database, tenant: &Tenant) -> Namespace {
    tenant.namespace_in(db, "team", NamespaceStatus::Active).await
}

fn access(namespace: &Namespace, features: &[Feature]) -> SkypilotAccess {
    SkypilotAccess {
        namespace_id: namespace.id,
        service_account: "sky-sa".into(),
        features: features.iter().copied().collect(),
        approved: BTreeSet::new(),
        wanted: true,
        suspended: false,
        ticket: 1,
        applied: 0,
        changed_at: at(1),
    }
}

async fn set(db: &Database, tenant: &Tenant, access: &SkypilotAccess) {
    db.set_skypilot_access(access, &tenant.event(Action::SkypilotChanged)).await.unwrap();
}

fn kubeconfig(namespace: &Namespace, owner: &User) -> SkypilotKubeconfig {
    SkypilotKubeconfig {
        id: SkypilotKubeconfigId::new(Uuid::now_v7()),
        namespace_id: namespace.id,
        name: "ci".into(),
        service_account: "sky-sa".into(),
        owner_id: Some(owner.id),
        created_by: "ada@example.com".into(),
        created_at: at(2),
        expires_at: at(3600),
        revoked_at: None,
    }
}

async fn record(db: &Database, tenant: &Tenant, issued: &SkypilotKubeconfig) -> bool {
    db.record_skypilot_kubeconfig(issued, &tenant.event(Action::SkypilotKubeconfigIssued)).await.unwrap()
}

async fn an_access_is_read_as_it_was_wished(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    assert_eq!(db.skypilot_access(namespace.id).await.unwrap(), None);
    let wished = access(&namespace, &[Feature::Base, Feature::ObjectStore]);
    set(db, &tenant, &wished).await;
    assert_eq!(db.skypilot_access(namespace.id).await.unwrap(), Some(wished));
    assert_eq!(tenant.audited(db).await[0], Action::SkypilotChanged);
}

async fn each_change_is_an_order_until_its_own_ticket_is_settled(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    set(db, &tenant, &access(&namespace, &[Feature::Base])).await;
    set(db, &tenant, &access(&namespace, &[Feature::Base, Feature::Ssh])).await;
    db.skypilot_settled(namespace.id, 1).await.unwrap();
    assert!(db.skypilot_orders(100).await.unwrap().contains(&namespace.id), "the second change is not there yet");
    db.skypilot_settled(namespace.id, 2).await.unwrap();
    assert!(!db.skypilot_orders(100).await.unwrap().contains(&namespace.id));
    let stored = db.skypilot_access(namespace.id).await.unwrap().unwrap();
    assert_eq!((stored.ticket, stored.applied, stored.features.len()), (2, 2, 2));
}

async fn orders_are_of_active_namespaces_and_the_oldest_comes_first(db: &Database) {
    let tenant = given::tenant(db).await;
    let first = tenant.namespace_in(db, "first", NamespaceStatus::Active).await;
    let second = tenant.namespace_in(db, "second", NamespaceStatus::Active).await;
    let late = tenant.namespace_in(db, "late", NamespaceStatus::Deleting).await;
    let changed = |namespace: &Namespace, second: i64| SkypilotAccess {
        changed_at: at(second),
        ..access(namespace, &[Feature::Base])
    };
    set(db, &tenant, &changed(&second, 5)).await;
    set(db, &tenant, &changed(&first, 7)).await;
    set(db, &tenant, &changed(&late, 6)).await;
    let orders = db.skypilot_orders(1000).await.unwrap();
    let ours = [first.id, second.id, late.id];
    let waiting: Vec<_> = orders.into_iter().filter(|id| ours.contains(id)).collect();
    assert_eq!(waiting, [second.id, first.id], "what is being removed needs no turn and takes nobody's");
}

async fn what_an_operator_allowed_stays_until_the_access_goes(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    let mut wished = access(&namespace, &[Feature::Base, Feature::Gpus]);
    wished.approved = [Feature::Gpus].into();
    let allow = tenant.event(Action::SkypilotApproved);
    assert!(!db.approve_skypilot(&wished, &allow).await.unwrap(), "there is nothing to allow");
    set(db, &tenant, &wished).await;
    let approved = async || db.skypilot_access(namespace.id).await.unwrap().unwrap().approved;
    assert!(approved().await.is_empty(), "a wish allows nothing");
    assert!(db.approve_skypilot(&wished, &tenant.event(Action::SkypilotApproved)).await.unwrap());
    set(db, &tenant, &wished).await;
    assert_eq!(approved().await, wished.approved);
    let gone = tenant.event(Action::SkypilotRemoved);
    assert!(db.remove_skypilot_access(namespace.id, at(3), &gone).await.unwrap());
    set(db, &tenant, &wished).await;
    assert!(approved().await.is_empty(), "a new access asks anew");
}

async fn operators_see_only_what_reaches_beyond_a_namespace(db: &Database) {
    let tenant = given::tenant(db).await;
    let (inside, beyond) = (tenant.namespace(db, "inside").await, tenant.namespace(db, "beyond").await);
    set(db, &tenant, &access(&inside, &[Feature::Base, Feature::Secrets])).await;
    set(db, &tenant, &access(&beyond, &[Feature::Base, Feature::Gpus, Feature::Volumes])).await;
    let page = PageRequest { limit: 200, after: None };
    let all = db.list_skypilot_requests(&page).await.unwrap();
    assert!(all.iter().all(|request| request.id != inside.id.to_string()));
    let found = all.iter().find(|request| request.id == beyond.id.to_string()).unwrap();
    assert_eq!((&found.asked[..], &found.approved[..]), (&[Feature::Gpus][..], &[][..]));
    assert_eq!(found.account, tenant.account.name.as_str());
}

async fn an_access_that_was_ordered_away_goes_when_the_cluster_holds_nothing(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    set(db, &tenant, &access(&namespace, &[Feature::Base])).await;
    let removed = tenant.event(Action::SkypilotRemoved);
    assert!(db.remove_skypilot_access(namespace.id, at(3), &removed).await.unwrap());
    let again = tenant.event(Action::SkypilotRemoved);
    assert!(!db.remove_skypilot_access(namespace.id, at(4), &again).await.unwrap());
    assert!(!db.skypilot_access(namespace.id).await.unwrap().unwrap().wanted);
    db.skypilot_settled(namespace.id, 2).await.unwrap();
    assert_eq!(db.skypilot_access(namespace.id).await.unwrap(), None);
    let removals = tenant.audited(db).await.into_iter().filter(|action| *action == Action::SkypilotRemoved).count();
    assert_eq!(removals, 1, "what changed nothing is not audited");
}

async fn a_kubeconfig_is_recorded_only_while_its_account_has_access(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    assert!(!record(db, &tenant, &kubeconfig(&namespace, &tenant.owner)).await);
    set(db, &tenant, &access(&namespace, &[Feature::Base])).await;
    let other = SkypilotKubeconfig { service_account: "other".into(), ..kubeconfig(&namespace, &tenant.owner) };
    assert!(!record(db, &tenant, &other).await);
    let issued = kubeconfig(&namespace, &tenant.owner);
    assert!(record(db, &tenant, &issued).await);
    assert_eq!(db.skypilot_kubeconfig(namespace.id, issued.id).await.unwrap(), Some(issued.clone()));
    let elsewhere = tenant.namespace(db, "elsewhere").await;
    assert_eq!(db.skypilot_kubeconfig(elsewhere.id, issued.id).await.unwrap(), None);
    let page = PageRequest::default();
    assert_eq!(db.list_skypilot_kubeconfigs(namespace.id, &page).await.unwrap(), [issued]);
}

async fn kubeconfigs_end_with_the_access_and_with_another_account(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    set(db, &tenant, &access(&namespace, &[Feature::Base])).await;
    let first = kubeconfig(&namespace, &tenant.owner);
    assert!(record(db, &tenant, &first).await);
    let renamed = SkypilotAccess { service_account: "sky-two".into(), ..access(&namespace, &[Feature::Base]) };
    set(db, &tenant, &renamed).await;
    let second = SkypilotKubeconfig { service_account: "sky-two".into(), ..kubeconfig(&namespace, &tenant.owner) };
    assert!(record(db, &tenant, &second).await);
    assert_eq!(db.skypilot_kubeconfigs_to_end(namespace.id).await.unwrap(), [first.id]);
    db.skypilot_kubeconfig_ended(first.id).await.unwrap();
    db.remove_skypilot_access(namespace.id, at(9), &tenant.event(Action::SkypilotRemoved)).await.unwrap();
    assert_eq!(db.skypilot_kubeconfigs_to_end(namespace.id).await.unwrap(), [second.id]);
    let stored = db.skypilot_kubeconfig(namespace.id, second.id).await.unwrap().unwrap();
    assert_eq!(stored.revoked_at, Some(at(9)));
}

async fn a_revoked_kubeconfig_is_an_order_once(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    set(db, &tenant, &access(&namespace, &[Feature::Base])).await;
    let issued = kubeconfig(&namespace, &tenant.owner);
    assert!(record(db, &tenant, &issued).await);
    db.skypilot_settled(namespace.id, 1).await.unwrap();
    let revoke = async || {
        let audit = tenant.event(Action::SkypilotKubeconfigRevoked);
        db.revoke_skypilot_kubeconfig(&issued, at(5), &audit).await.unwrap()
    };
    assert!(revoke().await);
    assert!(db.skypilot_orders(100).await.unwrap().contains(&namespace.id));
    assert!(!revoke().await);
    assert_eq!(db.skypilot_access(namespace.id).await.unwrap().unwrap().ticket, 2, "once is enough");
}

async fn kubeconfigs_end_with_the_right_to_deploy_of_whoever_made_them(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    set(db, &tenant, &access(&namespace, &[Feature::Base])).await;
    let (account, event) = (tenant.account.id, || tenant.event(Action::MemberRemoved));
    let demoted = given::member(db, &tenant.account, Role::Member).await;
    let removed = given::member(db, &tenant.account, Role::Member).await;
    let [kept, first, second] = [&tenant.owner, &demoted, &removed].map(|owner| kubeconfig(&namespace, owner));
    for issued in [&kept, &first, &second] {
        assert!(record(db, &tenant, issued).await);
    }
    db.skypilot_settled(namespace.id, 1).await.unwrap();
    assert!(db.set_member_role(account, demoted.id, Role::Member, Role::Admin, &event()).await.unwrap());
    assert_eq!(db.skypilot_kubeconfigs_to_end(namespace.id).await.unwrap(), []);
    assert!(db.set_member_role(account, demoted.id, Role::Admin, Role::Viewer, &event()).await.unwrap());
    assert_eq!(db.skypilot_kubeconfigs_to_end(namespace.id).await.unwrap(), [first.id]);
    assert!(db.skypilot_orders(100).await.unwrap().contains(&namespace.id));
    assert!(!record(db, &tenant, &kubeconfig(&namespace, &demoted)).await, "a viewer gets none");
    db.skypilot_kubeconfig_ended(first.id).await.unwrap();
    assert!(db.remove_member(account, removed.id, Role::Member, at(7), &event()).await.unwrap());
    assert_eq!(db.skypilot_kubeconfigs_to_end(namespace.id).await.unwrap(), [second.id]);
    assert!(!record(db, &tenant, &kubeconfig(&namespace, &removed)).await, "whoever is gone gets none");
}

async fn kubeconfigs_that_an_older_console_wrote_end_with_their_makers_too(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    set(db, &tenant, &access(&namespace, &[Feature::Base])).await;
    let [maker, other] = [
        given::member(db, &tenant.account, Role::Member).await,
        given::member(db, &tenant.account, Role::Member).await,
    ];
    let id = SkypilotKubeconfigId::new(Uuid::now_v7());
    let row = format!("'{id}', '{}', 'ci', 'sky-sa', '{}'", namespace.id, maker.email.as_str());
    let columns = "id, namespace_id, name, service_account, created_by, created_ms, expires_ms, ended";
    db.run(format!("INSERT INTO skypilot_kubeconfigs ({columns}) VALUES ({row}, 0, 3600000, FALSE)")).await.unwrap();
    let (account, event) = (tenant.account.id, || tenant.event(Action::MemberRemoved));
    assert!(db.remove_member(account, other.id, Role::Member, at(7), &event()).await.unwrap());
    assert_eq!(db.skypilot_kubeconfigs_to_end(namespace.id).await.unwrap(), []);
    assert!(db.remove_member(account, maker.id, Role::Member, at(8), &event()).await.unwrap());
    assert_eq!(db.skypilot_kubeconfigs_to_end(namespace.id).await.unwrap(), [id]);
}

async fn kubeconfigs_end_with_a_role_that_a_provider_claims(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = active(db, &tenant).await;
    set(db, &tenant, &access(&namespace, &[Feature::Base])).await;
    let (account, event) = (tenant.account.id, || tenant.event(Action::MemberRoleChanged));
    let maker = given::member(db, &tenant.account, Role::Member).await;
    let issued = kubeconfig(&namespace, &maker);
    assert!(record(db, &tenant, &issued).await);
    assert!(db.set_claimed_role(account, maker.id, Role::Admin, &event()).await.unwrap());
    assert_eq!(db.skypilot_kubeconfigs_to_end(namespace.id).await.unwrap(), []);
    assert!(db.set_claimed_role(account, maker.id, Role::Viewer, &event()).await.unwrap());
    assert_eq!(db.skypilot_kubeconfigs_to_end(namespace.id).await.unwrap(), [issued.id]);
}

async fn everything_goes_with_the_namespace(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace_in(db, "team", NamespaceStatus::Deleting).await;
    set(db, &tenant, &access(&namespace, &[Feature::Base])).await;
    assert!(record(db, &tenant, &kubeconfig(&namespace, &tenant.owner)).await);
    db.remove_namespace(namespace.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    assert_eq!(db.skypilot_access(namespace.id).await.unwrap(), None);
    assert_eq!(db.list_skypilot_kubeconfigs(namespace.id, &PageRequest::default()).await.unwrap(), []);
}

async fn whoever_ends_kubeconfigs_writes_the_accesses_first(db: &Database) {
    // SQLite has one writer at a time.
    if db.schema().is_none() {
        return;
    }
    let tenant = given::tenant(db).await;
    let maker = given::member(db, &tenant.account, Role::Member).await;
    let namespace = active(db, &tenant).await;
    let other = tenant.namespace_in(db, "other", NamespaceStatus::Active).await;
    for namespace in [&namespace, &other] {
        set(db, &tenant, &access(namespace, &[Feature::Base])).await;
        assert!(record(db, &tenant, &kubeconfig(namespace, &maker)).await);
    }
    let [first, second] = [&namespace, &namespace].map(|namespace| kubeconfig(namespace, &tenant.owner));
    for issued in [&first, &second] {
        assert!(record(db, &tenant, issued).await);
    }
    db.note_writes(&["skypilot_access", "skypilot_kubeconfigs"]).await;
    let event = || tenant.event(Action::SkypilotKubeconfigRevoked);
    assert!(db.remove_member(tenant.account.id, maker.id, Role::Member, at(7), &event()).await.unwrap());
    assert!(db.revoke_skypilot_kubeconfig(&first, at(8), &event()).await.unwrap());
    assert!(db.remove_skypilot_access(namespace.id, at(9), &event()).await.unwrap());
    let (access, kubeconfig) = ("skypilot_access", "skypilot_kubeconfigs");
    let once = format!("{access} {kubeconfig}");
    assert!(db.wrote(&format!("{access} {access} {kubeconfig} {kubeconfig} {once} {once}")).await);
}
