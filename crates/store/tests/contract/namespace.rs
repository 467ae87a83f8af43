//! Namespaces: unique names, compare and set of the state, nothing of another account.

use backend::ports::*;
use domain::account::{Quota, Share};
use domain::audit::Action;
use domain::namespace::{Namespace, NamespaceName, NamespaceStatus};
use domain::page::PageRequest;
use domain::{Code, Error};
use futures::future::join_all;

use crate::database::Database;
use crate::given;

on_both_engines! {
    a_namespace_is_read_as_it_was_made
    a_second_namespace_of_the_same_name_is_a_conflict
    two_accounts_may_use_the_same_name
    a_taken_kubernetes_name_asks_for_another_try
    a_namespace_of_another_account_is_invisible
    only_owned_namespaces_that_stay_are_owned
    renaming_keeps_the_kubernetes_name
    renaming_to_a_taken_name_is_a_conflict
    of_two_who_rename_what_both_saw_one_does
    renaming_what_is_gone_answers_false
    what_a_total_has_left_is_the_share_of_a_new_namespace
    of_two_namespaces_made_at_once_the_second_gets_the_rest
    a_share_is_written_where_it_was_seen_and_left_and_marks_the_namespace
    of_two_shares_asked_for_at_once_both_never_pass_the_total
    a_name_and_a_share_change_together_or_not_at_all
    the_state_moves_only_from_where_it_is_thought_to_be
    of_two_who_move_the_state_at_once_one_wins
    the_name_stays_taken_until_the_row_is_removed
    only_a_deleting_namespace_is_removed
    the_reconciler_reads_by_state_and_id
    pages_are_stable_while_rows_come_and_go
}

fn name(text: &str) -> NamespaceName {
    NamespaceName::new(text).unwrap()
}

fn is_name_taken<T>(answer: &domain::Result<T>) -> bool {
    matches!(answer, Err(Error::Conflict { code: Code::NameTaken, detail })
        if detail == "You already have a namespace with this name")
}

async fn a_namespace_is_read_as_it_was_made(db: &Database) {
    let tenant = given::tenant(db).await;
    let made = tenant.namespace(db, "team-ml").await;
    assert_eq!(db.namespace(tenant.account.id, made.id).await.unwrap().as_ref(), Some(&made));
    assert_eq!(db.namespace_by_id(made.id).await.unwrap(), Some(made));
}

async fn a_second_namespace_of_the_same_name_is_a_conflict(db: &Database) {
    let tenant = given::tenant(db).await;
    tenant.namespace(db, "team-ml").await;
    let again = tenant.new_namespace("team-ml");
    let answer = db.create_namespace(&again, &tenant.event(Action::NamespaceCreated)).await;
    assert!(is_name_taken(&answer), "{answer:?}");
    assert_eq!(db.namespace_by_id(again.id).await.unwrap(), None);
}

async fn two_accounts_may_use_the_same_name(db: &Database) {
    given::tenant(db).await.namespace(db, "team-ml").await;
    given::tenant(db).await.namespace(db, "team-ml").await;
}

async fn a_taken_kubernetes_name_asks_for_another_try(db: &Database) {
    let (first, second) = (given::tenant(db).await, given::tenant(db).await);
    let taken = first.namespace(db, "team-ml").await;
    let namespace = Namespace { kubernetes_name: taken.kubernetes_name, ..second.new_namespace("team-ml") };
    let answer = db.create_namespace(&namespace, &second.event(Action::NamespaceCreated)).await;
    assert!(matches!(answer, Err(Error::Conflict { code: Code::Conflict, .. })), "{answer:?}");
}

async fn a_namespace_of_another_account_is_invisible(db: &Database) {
    let (mine, other) = (given::tenant(db).await, given::tenant(db).await);
    let foreign = other.namespace(db, "team-ml").await;
    assert_eq!(db.namespace(mine.account.id, foreign.id).await.unwrap(), None);
    assert_eq!(db.list_namespaces(mine.account.id, &PageRequest::default()).await.unwrap(), []);
}

async fn only_owned_namespaces_that_stay_are_owned(db: &Database) {
    let (mine, other) = (given::tenant(db).await, given::tenant(db).await);
    let (own, foreign) = (mine.namespace(db, "a").await.id, other.namespace(db, "b").await.id);
    let going = mine.namespace_in(db, "c", NamespaceStatus::Deleting).await.id;
    let unknown = mine.new_namespace("d").id;
    let asked = [own, foreign, going, unknown];
    assert_eq!(db.owned_namespaces(mine.account.id, &asked).await.unwrap(), [own]);
    assert_eq!(db.owned_namespaces(mine.account.id, &[]).await.unwrap(), []);
}

async fn renaming_keeps_the_kubernetes_name(db: &Database) {
    let tenant = given::tenant(db).await;
    let made = tenant.namespace(db, "team-ml").await;
    assert!(tenant.rename(db, &made, "team-x").await.unwrap());
    let renamed = db.namespace_by_id(made.id).await.unwrap().unwrap();
    assert_eq!(renamed, Namespace { name: name("team-x"), ..made });
}

async fn renaming_to_a_taken_name_is_a_conflict(db: &Database) {
    let tenant = given::tenant(db).await;
    tenant.namespace(db, "taken").await;
    let made = tenant.namespace(db, "team-ml").await;
    let answer = tenant.rename(db, &made, "taken").await;
    assert!(is_name_taken(&answer), "{answer:?}");
    assert_eq!(tenant.audited(db).await[0], Action::NamespaceCreated);
}

async fn of_two_who_rename_what_both_saw_one_does(db: &Database) {
    let tenant = given::tenant(db).await;
    let seen = tenant.namespace(db, "team-ml").await;
    let rename = async |to: &str| tenant.rename(db, &seen, to).await.unwrap();
    let (one, other) = tokio::join!(rename("team-x"), rename("team-y"));
    assert!(one != other, "{one} {other}");
    let now = db.namespace_by_id(seen.id).await.unwrap().unwrap().name;
    assert_eq!(now, name(if one { "team-x" } else { "team-y" }));
    assert_eq!(db.count("audit WHERE action = 'namespace.renamed'").await, 1);
}

async fn renaming_what_is_gone_answers_false(db: &Database) {
    let tenant = given::tenant(db).await;
    let unknown = tenant.new_namespace("gone");
    assert!(!tenant.rename(db, &unknown, "team-x").await.unwrap());
    assert_eq!(db.count("audit WHERE action = 'namespace.renamed'").await, 0);
}

fn of_gpus(gpus: u32) -> Share {
    Share { gpus: Some(gpus), ..Share::default() }
}

/// Eight GPUs in all.
async fn with_total(db: &Database) -> given::Tenant {
    let tenant = given::tenant(db).await;
    let (quota, audit) = (Quota { total: of_gpus(8), ..Quota::default() }, tenant.event(Action::AccountQuotaChanged));
    let account = db.account(tenant.account.id).await.unwrap().unwrap();
    assert!(db.set_account_quota(&account, &quota, None, &audit).await.unwrap());
    tenant
}

async fn set_share(
    db: &Database,
    tenant: &given::Tenant,
    from: &Namespace,
    share: &Share,
    second: i64,
) -> domain::Result<bool> {
    let to = Namespace { share: share.clone(), ..from.clone() };
    db.change_namespace(from, &to, given::at(second), &[tenant.event(Action::NamespaceShareChanged)]).await
}

async fn a_name_and_a_share_change_together_or_not_at_all(db: &Database) {
    let tenant = with_total(db).await;
    let all = tenant.namespace(db, "team-ml").await;
    assert!(set_share(db, &tenant, &all, &of_gpus(5), 1).await.unwrap());
    let seen = db.namespace_by_id(all.id).await.unwrap().unwrap();
    tenant.namespace(db, "taken").await;
    let both = async |to: &str, share: u32| {
        let to = Namespace { name: name(to), share: of_gpus(share), ..seen.clone() };
        let audit = [tenant.event(Action::NamespaceShareChanged), tenant.event(Action::NamespaceRenamed)];
        db.change_namespace(&seen, &to, given::at(1), &audit).await
    };
    let now = async || db.namespace_by_id(seen.id).await.unwrap().unwrap();
    let before = now().await;
    assert!(is_name_taken(&both("taken", 4).await));
    assert_eq!(both("team-x", 6).await.unwrap_err().code(), Code::QuotaExceeded);
    assert_eq!(now().await, before);
    assert_eq!(tenant.audited(db).await[0], Action::NamespaceCreated);
    assert!(both("team-x", 4).await.unwrap());
    let changed = now().await;
    assert_eq!((changed.name, changed.share), (name("team-x"), of_gpus(4)));
    assert_eq!(tenant.audited(db).await[..2], [Action::NamespaceRenamed, Action::NamespaceShareChanged]);
}

async fn what_a_total_has_left_is_the_share_of_a_new_namespace(db: &Database) {
    let tenant = with_total(db).await;
    let first = tenant.namespace_in(db, "one", NamespaceStatus::Active).await;
    assert_eq!(db.namespace_by_id(first.id).await.unwrap().unwrap().share, Share::default(), "all of it");
    assert!(set_share(db, &tenant, &first, &of_gpus(5), 1).await.unwrap());
    let (second, audit) = (tenant.new_namespace("two"), tenant.event(Action::NamespaceCreated));
    assert_eq!(db.create_namespace(&second, &audit).await.unwrap(), of_gpus(3));
    assert_eq!(db.namespace_by_id(second.id).await.unwrap().unwrap().share, of_gpus(3));
    let (third, audit) = (tenant.new_namespace("three"), tenant.event(Action::NamespaceCreated));
    assert_eq!(db.create_namespace(&third, &audit).await.unwrap(), of_gpus(0));
    let seen = db.namespace(tenant.account.id, first.id).await.unwrap().unwrap();
    let going = tenant.event(Action::NamespaceDeletionRequested);
    let (from, to) = (NamespaceStatus::Active, NamespaceStatus::Deleting);
    assert!(db.set_namespace_status(seen.id, from, to, None, &going).await.unwrap());
    let (fourth, audit) = (tenant.new_namespace("four"), tenant.event(Action::NamespaceCreated));
    assert_eq!(db.create_namespace(&fourth, &audit).await.unwrap(), of_gpus(0), "what is not gone yet may still run");
    db.remove_namespace(seen.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    let (fifth, audit) = (tenant.new_namespace("five"), tenant.event(Action::NamespaceCreated));
    assert_eq!(db.create_namespace(&fifth, &audit).await.unwrap(), of_gpus(5));
}

async fn of_two_namespaces_made_at_once_the_second_gets_the_rest(db: &Database) {
    let tenant = with_total(db).await;
    let make = async |name: &str| {
        let audit = tenant.event(Action::NamespaceCreated);
        db.create_namespace(&tenant.new_namespace(name), &audit).await.unwrap()
    };
    let made = join_all([make("one"), make("two"), make("three")]).await;
    assert_eq!(made.iter().filter(|share| **share == Share::default()).count(), 1, "{made:?}");
    assert_eq!(made.iter().filter(|share| **share == of_gpus(0)).count(), 2, "{made:?}");
}

async fn a_share_is_written_where_it_was_seen_and_left_and_marks_the_namespace(db: &Database) {
    let tenant = with_total(db).await;
    let one = tenant.namespace_in(db, "one", NamespaceStatus::Active).await;
    assert!(set_share(db, &tenant, &one, &of_gpus(6), 5).await.unwrap());
    assert!(!set_share(db, &tenant, &one, &of_gpus(7), 5).await.unwrap(), "it has another share by now");
    let marked = db.outdated_namespaces(10).await.unwrap();
    let marked: Vec<_> = marked.into_iter().map(|(row, since)| (row.id, row.share, since)).collect();
    assert_eq!(marked, [(one.id, of_gpus(6), given::at(5))]);
    let seen = db.namespace_by_id(one.id).await.unwrap().unwrap();
    assert!(set_share(db, &tenant, &seen, &of_gpus(5), 5).await.unwrap());
    let mark = db.outdated_namespaces(10).await.unwrap()[0].1;
    assert_ne!(mark, given::at(5), "the mark was moved");
    db.namespace_applied(one.id, given::at(5)).await.unwrap();
    assert!(db.is_outdated(one.id).await.unwrap(), "what was applied before is not what is ordered");
    db.namespace_applied(one.id, mark).await.unwrap();
    assert!(!db.is_outdated(one.id).await.unwrap());
    let mut two = tenant.namespace(db, "two").await;
    two.share = of_gpus(3);
    let refused = set_share(db, &tenant, &two, &of_gpus(4), 6).await.unwrap_err();
    assert_eq!(refused.code(), Code::QuotaExceeded);
    let said = "The account may have 8 GPUs in all; its other namespaces have 5, so 3 are left";
    assert_eq!(refused.to_string(), said);
    assert_eq!(db.count("audit WHERE action = 'namespace.share_changed'").await, 2);
}

async fn of_two_shares_asked_for_at_once_both_never_pass_the_total(db: &Database) {
    let tenant = with_total(db).await;
    let mut both = Vec::new();
    for name in ["one", "two"] {
        let made = tenant.new_namespace(name);
        db.create_namespace(&made, &tenant.event(Action::NamespaceCreated)).await.unwrap();
        let seen = db.namespace_by_id(made.id).await.unwrap().unwrap();
        assert!(seen.share == of_gpus(0) || set_share(db, &tenant, &seen, &of_gpus(0), 1).await.unwrap());
        both.push(db.namespace_by_id(made.id).await.unwrap().unwrap());
    }
    let wanted = of_gpus(5);
    let tries = join_all(both.iter().map(|seen| set_share(db, &tenant, seen, &wanted, 2))).await;
    assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1, "{tries:?}");
}

async fn the_state_moves_only_from_where_it_is_thought_to_be(db: &Database) {
    use NamespaceStatus::{Active, Creating, Deleting, Failed};
    let tenant = given::tenant(db).await;
    let made = tenant.namespace(db, "team-ml").await;
    let event = || tenant.event(Action::NamespaceFailed);
    assert!(!db.set_namespace_status(made.id, Active, Deleting, None, &event()).await.unwrap());
    assert!(db.set_namespace_status(made.id, Creating, Failed, Some("No quota"), &event()).await.unwrap());
    assert!(!db.set_namespace_status(made.id, Creating, Active, None, &event()).await.unwrap());
    let failed = db.namespace_by_id(made.id).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.status_message.as_deref()), (Failed, Some("No quota")));
    assert!(db.set_namespace_status(made.id, Failed, Deleting, None, &event()).await.unwrap());
    assert_eq!(db.namespace_by_id(made.id).await.unwrap().unwrap().status_message, None);
    assert_eq!(tenant.audited(db).await.iter().filter(|action| **action == Action::NamespaceFailed).count(), 2);
}

async fn of_two_who_move_the_state_at_once_one_wins(db: &Database) {
    let tenant = given::tenant(db).await;
    let id = tenant.namespace(db, "team-ml").await.id;
    let (from, to) = (NamespaceStatus::Creating, NamespaceStatus::Active);
    let tries = (0..8).map(|_| {
        let audit = tenant.event(Action::NamespaceActivated);
        async move { db.set_namespace_status(id, from, to, None, &audit).await.unwrap() }
    });
    let won = join_all(tries).await.into_iter().filter(|won| *won).count();
    assert_eq!((won, db.count("audit WHERE action = 'namespace.activated'").await), (1, 1));
}

async fn the_name_stays_taken_until_the_row_is_removed(db: &Database) {
    let tenant = given::tenant(db).await;
    let going = tenant.namespace_in(db, "team-ml", NamespaceStatus::Deleting).await;
    let again = tenant.new_namespace("team-ml");
    assert!(is_name_taken(&db.create_namespace(&again, &tenant.event(Action::NamespaceCreated)).await));
    db.remove_namespace(going.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    db.create_namespace(&again, &tenant.event(Action::NamespaceCreated)).await.unwrap();
}

async fn only_a_deleting_namespace_is_removed(db: &Database) {
    let tenant = given::tenant(db).await;
    let stays = tenant.namespace_in(db, "stays", NamespaceStatus::Active).await;
    let goes = tenant.namespace_in(db, "goes", NamespaceStatus::Deleting).await;
    for namespace in [&stays, &goes, &goes] {
        db.remove_namespace(namespace.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    }
    assert!(db.namespace_by_id(stays.id).await.unwrap().is_some());
    assert_eq!(db.namespace_by_id(goes.id).await.unwrap(), None);
    assert_eq!(db.count("audit WHERE action = 'namespace.deleted'").await, 1);
}

async fn the_reconciler_reads_by_state_and_id(db: &Database) {
    use NamespaceStatus::{Active, Creating, Deleting};
    let (one, two) = (given::tenant(db).await, given::tenant(db).await);
    let a = one.namespace(db, "a").await;
    one.namespace_in(db, "b", Active).await;
    let c = two.namespace_in(db, "c", Deleting).await;
    let d = two.namespace(db, "d").await;
    let orders = [Creating, Deleting];
    let read = async |after, limit| db.namespaces_in(&orders, after, limit).await.unwrap();
    assert_eq!(read(None, 10).await, [a.clone(), c.clone(), d.clone()]);
    assert_eq!(read(None, 2).await, [a, c.clone()]);
    assert_eq!(read(Some(c.id), 10).await, [d]);
    assert_eq!(db.namespaces_in(&[], None, 10).await.unwrap(), []);
}

async fn pages_are_stable_while_rows_come_and_go(db: &Database) {
    let tenant = given::tenant(db).await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(tenant.namespace(db, &format!("n{n}")).await.id.to_string());
    }
    let page = async |after: Option<&str>| {
        let page = PageRequest { limit: 2, after: after.map(str::to_owned) };
        let rows = db.list_namespaces(tenant.account.id, &page).await.unwrap();
        rows.into_iter().map(|n| n.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, made[..3], "the surplus row proves that more follow");
    let gone = tenant.namespace_in(db, "late", NamespaceStatus::Deleting).await;
    assert_eq!(page(Some(&made[1])).await, made[2..5]);
    db.remove_namespace(gone.id, &tenant.event(Action::NamespaceDeleted)).await.unwrap();
    assert_eq!(page(Some(&made[3])).await, made[4..]);
    assert_eq!(page(Some(&made[4])).await, Vec::<String>::new());
}
