//! Generated engine manifests: found by their id for an hour, then gone by themselves.

use backend::ports::*;
use domain::engine_manifest::{KeptManifest, NewEngineManifest};

use crate::database::Database;
use crate::given::at;

on_both_engines! {
    a_file_is_found_until_it_expires
    files_that_expired_are_cleared_away
}

fn kept(id: &str) -> KeptManifest {
    let input = NewEngineManifest { namespaces: vec!["train".into()], ..NewEngineManifest::for_engine("onprem-1") };
    KeptManifest { id: id.into(), input }
}

async fn a_file_is_found_until_it_expires(db: &Database) {
    let one = kept("one");
    db.keep_engine_manifest(&one, at(1), at(3601)).await.unwrap();
    assert_eq!(db.find_engine_manifest("one", at(3600)).await.unwrap(), Some(one.input));
    assert_eq!(db.find_engine_manifest("one", at(3601)).await.unwrap(), None);
    assert_eq!(db.find_engine_manifest("other", at(1)).await.unwrap(), None);
}

async fn files_that_expired_are_cleared_away(db: &Database) {
    for number in 0..30 {
        db.keep_engine_manifest(&kept(&format!("old-{number}")), at(1), at(60)).await.unwrap();
    }
    for number in 0..2 {
        db.keep_engine_manifest(&kept(&format!("new-{number}")), at(100), at(160)).await.unwrap();
    }
    assert_eq!(db.count("engine_manifests").await, 2);
}
