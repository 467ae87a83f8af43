//! Rules about idle GPUs: one for each namespace, each change with its row, gone with the namespace.

use backend::ports::*;
use domain::Error;
use domain::audit::Action;
use domain::id::NamespaceId;
use domain::idle_gpu::{IdleGpuAction, IdleGpuRule};
use uuid::Uuid;

use crate::database::Database;
use crate::given;

on_both_engines! {
    a_rule_is_set_and_set_again_each_time_with_its_row
    a_namespace_that_is_gone_keeps_no_rule
    rules_of_many_namespaces_are_read_at_once_and_of_foreign_ones_never
}

async fn a_rule_is_set_and_set_again_each_time_with_its_row(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team").await;
    assert_eq!(db.idle_gpu(namespace.id).await.unwrap(), None);
    for action in [IdleGpuAction::Stop, IdleGpuAction::Off] {
        let rule = IdleGpuRule { action, warn_after_minutes: 7, stop_after_minutes: 90 };
        db.set_idle_gpu(namespace.id, &rule, &tenant.event(Action::IdleGpuChanged)).await.unwrap();
        assert_eq!(db.idle_gpu(namespace.id).await.unwrap(), Some(rule));
    }
    let rows = tenant.audited(db).await;
    assert_eq!(rows.iter().filter(|action| **action == Action::IdleGpuChanged).count(), 2);
}

async fn a_namespace_that_is_gone_keeps_no_rule(db: &Database) {
    let tenant = given::tenant(db).await;
    let gone = NamespaceId::new(Uuid::now_v7());
    let set = db.set_idle_gpu(gone, &IdleGpuRule::default(), &tenant.event(Action::IdleGpuChanged)).await;
    assert!(matches!(set, Err(Error::NotFound)), "{set:?}");
    assert!(!tenant.audited(db).await.contains(&Action::IdleGpuChanged));
}

async fn rules_of_many_namespaces_are_read_at_once_and_of_foreign_ones_never(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let (ruled, plain) = (tenant.namespace(db, "ruled").await, tenant.namespace(db, "plain").await);
    let foreign = other.namespace(db, "foreign").await;
    let rule = IdleGpuRule { action: IdleGpuAction::Stop, warn_after_minutes: 7, stop_after_minutes: 90 };
    for namespace in [ruled.id, foreign.id] {
        db.set_idle_gpu(namespace, &rule, &tenant.event(Action::IdleGpuChanged)).await.unwrap();
    }
    // More than one statement takes.
    let unknown = (0..600).map(|_| NamespaceId::new(Uuid::now_v7()));
    let ids: Vec<NamespaceId> = [ruled.id, foreign.id].into_iter().chain(unknown).chain([plain.id]).collect();
    let mut found = db.idle_gpus(tenant.account.id, &ids).await.unwrap();
    found.sort_by_key(|(id, ..)| *id);
    assert_eq!(found, [(ruled.id, ruled.name, Some(rule)), (plain.id, plain.name, None)]);
    assert!(db.idle_gpus(tenant.account.id, &[]).await.unwrap().is_empty());
}
