//! Deployments as the shared watches see them: at once, then after each change that people can see.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::deployment::DeploymentState;
use domain::namespace::KubernetesName;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::watch::Receiver;

use crate::views::Views;
use crate::workload::state::with_pods;

/// One listener's view of a namespace.
struct View {
    views: Arc<Views>,
    tenant: String,
    /// Only this Deployment.
    only: Option<String>,
    wake: Receiver<()>,
    /// What was told last; none before the first time.
    told: Option<BTreeMap<String, DeploymentState>>,
}

/// All Deployments of a namespace, by name; endless.
pub(crate) fn all(views: &Arc<Views>, tenant: &KubernetesName) -> BoxStream<'static, Vec<DeploymentState>> {
    View::new(views, tenant, None).changes().map(|states| states.into_values().collect()).boxed()
}

/// One Deployment; `None` once it and its pods are gone; endless.
pub(crate) fn one(
    views: &Arc<Views>,
    tenant: &KubernetesName,
    name: &str,
) -> BoxStream<'static, Option<DeploymentState>> {
    View::new(views, tenant, Some(name)).changes().map(|states| states.into_values().next()).boxed()
}

// === impl View ===

impl View {
    fn new(views: &Arc<Views>, tenant: &KubernetesName, only: Option<&str>) -> Self {
        let tenant = tenant.as_str().to_owned();
        let wake = views.workloads.listen(&tenant);
        Self { views: views.clone(), tenant, only: only.map(ToOwned::to_owned), wake, told: None }
    }

    fn changes(self) -> BoxStream<'static, BTreeMap<String, DeploymentState>> {
        stream::unfold(self, |mut view| async {
            loop {
                view.wake.borrow_and_update();
                match view.now() {
                    Some(now) if view.told.as_ref() != Some(&now) => {
                        view.told = Some(now.clone());
                        return Some((now, view));
                    }
                    _ if view.wake.changed().await.is_err() => return None,
                    _ => {}
                }
            }
        })
        .boxed()
    }

    /// None until the first lists are complete.
    fn now(&self) -> Option<BTreeMap<String, DeploymentState>> {
        let pods = self.views.pods.in_namespace(&self.tenant)?;
        let deployments = self.views.deployments.in_namespace(&self.tenant)?;
        let wanted = |name: &&String| self.only.as_ref().is_none_or(|only| only == *name);
        let mut states: BTreeMap<String, DeploymentState> = BTreeMap::new();
        for (name, row) in deployments.iter().filter(|(name, _)| wanted(name)) {
            states.insert(name.clone(), with_pods((**row).clone(), pods.values()));
        }
        // Kubernetes removes a Deployment first and its pods after it: it is gone when they are.
        for (name, last) in self.told.iter().flatten().filter(|(name, _)| !deployments.contains_key(*name)) {
            let rest = with_pods(DeploymentState { deleting: true, ..last.clone() }, pods.values());
            if !rest.pods.is_empty() {
                states.insert(name.clone(), rest);
            }
        }
        Some(states)
    }
}
