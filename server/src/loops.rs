//! What a console does without being asked: reconcile, meter usage, sweep, forget lost tokens, and stand for leader.
//! All of it begins and ends here, in an order that leaves no two leaders.

use std::sync::Arc;
use std::time::Duration;

use backend::Backend;
use backend::ports::{Clock, Sessions};
use cluster::Leader;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::session;

// Loops stop at their next await; a stuck one must not hold up the exit.
const LIMIT: Duration = Duration::from_secs(5);

/// The running loops of this process.
pub struct Loops {
    tasks: TaskTracker,
    campaign: JoinHandle<()>,
    resign: CancellationToken,
}

impl Loops {
    /// Starts them; those that change something work only while `leader` leads.
    pub fn start(
        backend: &Backend,
        leader: Arc<Leader>,
        sessions: Arc<dyn Sessions>,
        clock: Arc<dyn Clock>,
        shutdown: &CancellationToken,
    ) -> Self {
        let tasks = TaskTracker::new();
        let (reconciling, stop) = (backend.clone(), shutdown.clone());
        tasks.spawn(async move { reconciling.reconcile(stop).await });
        let (forgetting, stop) = (backend.clone(), shutdown.clone());
        tasks.spawn(async move { forgetting.forget_changed_identities(stop).await });
        let (noting, stop) = (backend.clone(), shutdown.clone());
        tasks.spawn(async move { noting.keep_refusals(stop).await });
        let (metering, stop) = (backend.clone(), shutdown.clone());
        tasks.spawn(async move { metering.meter_usage(stop).await });
        let (checking, stop) = (backend.clone(), shutdown.clone());
        tasks.spawn(async move { checking.keep_engines_checked(stop).await });
        let (renewing, stop) = (backend.clone(), shutdown.clone());
        tasks.spawn(async move { renewing.keep_engine_tokens(stop).await });
        let (asking, stop) = (backend.clone(), shutdown.clone());
        tasks.spawn(async move { asking.keep_metrics(stop).await });
        tasks.spawn(session::sweep((sessions, clock, backend.clone()), shutdown.clone()));
        let resign = CancellationToken::new();
        let end = resign.clone();
        let campaign = tokio::spawn(async move { leader.campaign(end).await });
        Self { tasks, campaign, resign }
    }

    /// Runs something else that ends with the loops.
    pub fn also(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Waits until the loops have stopped, and only then gives the Lease back: the next leader must find nobody at work.
    pub async fn end(self) {
        self.tasks.close();
        let _stuck = tokio::time::timeout(LIMIT, self.tasks.wait()).await;
        self.resign.cancel();
        let _panicked = self.campaign.await;
    }
}
