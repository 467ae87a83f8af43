//! Figures for the metrics.

use std::time::Duration;

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
    // A connection goes back to its pool a moment after its statement, also after those of opening.
    let idle = async {
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        loop {
            pace.tick().await;
            let pools = db.pools().await;
            if pools.iter().all(|pool| pool.in_use == 0) {
                return pools;
            }
        }
    };
    let pools = given::in_time("no connection is at work after a minute", idle).await;
    assert!(!pools.is_empty());
    for pool in pools {
        assert!(pool.open <= pool.limit && pool.limit > 0, "{pool:?}");
    }
}
