//! How the installation is, for operators: what `/readyz` tells a load balancer, with what the loops, the engines and the
//! nodes say of themselves.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::Result;
use domain::health::{HealthFacts, HealthView};
use domain::namespace::NamespaceStatus;
use domain::permission::Permission;

use crate::{Backend, Caller};

// As long as a probe waits: what is slower does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
// More orders than that are as many as anybody wants to know of.
const MOST: u32 = 1000;

impl Backend {
    /// The installation as this console sees it now.
    ///
    /// # Errors
    /// `forbidden` for everybody but operators; what does not answer is said, never an error.
    pub async fn health(&self, caller: &Caller) -> Result<HealthView> {
        caller.require(Permission::ManagePlatform)?;
        let (database, cluster) = tokio::join!(answer(self.ready()), answer(self.cluster_ready()));
        let leadership = &self.inner.leadership;
        let nodes = self.inner.cluster.nodes().ok();
        let mut facts = HealthFacts {
            database,
            cluster,
            leads: leadership.leads(),
            leader: leadership.holder(),
            failures: self.inner.failures.load(Ordering::Relaxed),
            nodes: nodes.map(|nodes| nodes.iter().map(|node| (node.name.clone(), node.view().status)).collect()),
            ..HealthFacts::default()
        };
        if database.is_some() {
            self.count_stored(&mut facts).await;
        }
        Ok(HealthView::of(&facts, env!("CARGO_PKG_VERSION")))
    }

    /// What only the database knows. Of engines those of the platform: an account's own are nobody else's business.
    async fn count_stored(&self, facts: &mut HealthFacts) {
        let pending = [NamespaceStatus::Creating, NamespaceStatus::Deleting];
        let waiting = self.inner.store.namespaces_in(&pending, None, MOST).await;
        facts.waiting = waiting.ok().map(|orders| orders.len());
        let (now, nodes) = (self.inner.clock.now(), self.inner.cluster.nodes().unwrap_or_default());
        let engines = self.inner.store.every_engine().await.ok();
        facts.engines = engines.map(|engines| {
            let own = engines.iter().filter(|engine| engine.account_id.is_none());
            own.map(|engine| engine.view(now, &nodes)).map(|engine| (engine.name, engine.status)).collect()
        });
    }
}

/// Milliseconds until an answer, if there was one in time.
async fn answer(asked: impl Future<Output = Result<()>>) -> Option<u64> {
    let begun = Instant::now();
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    matches!(answered, Ok(Ok(()))).then(|| u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX))
}
