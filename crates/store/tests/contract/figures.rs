//! Figures for the metrics.

use backend::ports::Sessions as _;

use crate::database::Database;
use crate::given::{self, at};

on_both_engines! {
    sessions_that_ended_are_not_counted
    an_idle_pool_has_nothing_at_work
}

async fn sessions_that_ended_are_not_counted(db: &Database) {
    let tenant = given::tenant(db).await;
    let session = tenant.session(db, "h1").await;
    tenant.session(db, "h2").await;
    assert_eq!(db.live_sessions(at(1)).await.unwrap(), 2);
    db.delete_session("h2").await.unwrap();
    assert_eq!(db.live_sessions(at(1)).await.unwrap(), 1);
    assert_eq!(db.live_sessions(session.absolute_expires_at).await.unwrap(), 0);
}

async fn an_idle_pool_has_nothing_at_work(db: &Database) {
    // A connection comes back a moment after the statement before it ended.
    let idle = async {
        loop {
            let pools = db.pools().await;
            assert!(
                !pools.is_empty() && pools.iter().all(|pool| pool.open <= pool.limit && pool.limit > 0),
                "{pools:?}"
            );
            if pools.iter().all(|pool| pool.in_use == 0) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), idle).await.unwrap();
}
