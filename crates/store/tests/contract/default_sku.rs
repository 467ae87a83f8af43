//! The chosen SKU of a namespace: kept with its audit row, and an order to the reconciler.

use backend::ports::*;
use domain::audit::Action;
use domain::namespace::NamespaceStatus;

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    it_is_none_until_chosen_and_marks_its_namespace_alone
    choosing_in_what_is_gone_answers_false
}

async fn it_is_none_until_chosen_and_marks_its_namespace_alone(db: &Database) {
    let tenant = given::tenant(db).await;
    let (one, other) = (
        tenant.namespace_in(db, "one", NamespaceStatus::Active).await,
        tenant.namespace_in(db, "other", NamespaceStatus::Active).await,
    );
    assert_eq!(db.default_sku(one.id).await.unwrap(), None);
    let event = || tenant.event(Action::NamespaceDefaultSkuChanged);
    assert!(db.set_default_sku(one.id, Some("cpu-shared-8g"), at(1), &event()).await.unwrap());
    assert_eq!(db.default_sku(one.id).await.unwrap().as_deref(), Some("cpu-shared-8g"));
    assert_eq!(db.default_sku(other.id).await.unwrap(), None);
    let outdated = db.outdated_namespaces(10).await.unwrap();
    assert_eq!(outdated.iter().map(|(namespace, since)| (namespace.id, *since)).collect::<Vec<_>>(), [(one.id, at(1))]);
    db.namespace_applied(one.id, at(1)).await.unwrap();
    assert!(db.set_default_sku(one.id, None, at(2), &event()).await.unwrap());
    assert_eq!(db.default_sku(one.id).await.unwrap(), None);
    assert_eq!(db.outdated_namespaces(10).await.unwrap().len(), 1);
    assert_eq!(db.count("audit WHERE action = 'namespace.default_sku_changed'").await, 2);
}

async fn choosing_in_what_is_gone_answers_false(db: &Database) {
    let tenant = given::tenant(db).await;
    let gone = tenant.new_namespace("gone").id;
    let event = tenant.event(Action::NamespaceDefaultSkuChanged);
    assert!(!db.set_default_sku(gone, Some("cpu-shared-8g"), at(1), &event).await.unwrap());
    assert_eq!(db.default_sku(gone).await.unwrap(), None);
    assert_eq!(db.count("audit WHERE action = 'namespace.default_sku_changed'").await, 0);
}
