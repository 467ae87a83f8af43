//! Deleting, and the proof that it is done: asked of the API server itself, then awaited from the watch.
//! An answer that does not come leaves everything as it was; the node calls again.
use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Preconditions},
    core::PartialObjectMeta,
};
use kubelet::{Instance, ProviderError};

use super::{
    CLUSTER, Kubernetes, NODE,
    error::{Right, code, explain, in_time},
    instances::instance,
    label_value,
};

/// What the other cluster gets on top of the grace period before the node asks again.
const SLACK: Duration = Duration::from_secs(30);
/// Pause before asking for what is still there.
const AGAIN: Duration = Duration::from_millis(200);
/// What a pod gets to end whose own grace period nobody knows any more.
const LEFT: Duration = Duration::from_secs(10);

/// Ends whatever is there for these nodes of the home `cluster`; true if nothing was. For when no pod at home stands for any
/// of it.
///
/// # Errors
/// [`ProviderError`] if the cluster does not answer, or refuses; nothing is concluded from that.
pub async fn end_pods(
    client: &Client,
    namespace: &str,
    cluster: &str,
    nodes: &[String],
) -> Result<bool, ProviderError> {
    if nodes.is_empty() {
        return Ok(true);
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let found = in_time(pods.list_metadata(&ListParams::default().labels(&of_nodes(cluster, nodes)))).await;
    let found = found.map_err(|error| explain(namespace, Right("list", "pods"), &error))?.items;
    for pod in found.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
        delete_one(&pods, namespace, pod, LEFT).await?;
    }
    Ok(found.is_empty())
}

/// Label selector of everything of these nodes, of which there must be one.
pub(super) fn of_nodes(cluster: &str, nodes: &[String]) -> String {
    let values = nodes.iter().map(|node| label_value(node)).collect::<Vec<_>>().join(",");
    format!("{CLUSTER}={},{NODE} in ({values})", label_value(cluster))
}

// === impl Kubernetes ===

impl Kubernetes {
    pub(super) async fn delete_pod(&self, uid: &str, grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError> {
        let before = self.cache.get(uid)?;
        let selected = ListParams::default().labels(&self.config.selector(Some(uid)));
        let list = || self.marked(&selected);
        let end = |found: Vec<PartialObjectMeta<Pod>>| async move {
            for pod in &found {
                delete_one(&self.pods, &self.config.namespace, pod, grace).await?;
            }
            self.gone(uid).await
        };
        let late = |_| ProviderError::Unavailable("The pod is still ending on the engine".into());
        let last = tokio::time::timeout(grace + SLACK, until_none(list, end)).await.map_err(late)??;
        self.delete_secrets(&selected).await?;
        Ok(last.or(before).map(|pod| Arc::new(instance(&pod))))
    }

    async fn marked(&self, selected: &ListParams) -> Result<Vec<PartialObjectMeta<Pod>>, ProviderError> {
        let found = in_time(self.pods.list_metadata(selected)).await;
        Ok(found.map_err(|error| self.explain(Right("list", "pods"), &error))?.items)
    }

    /// Waits until the watch shows the pod no more; gives its last state.
    async fn gone(&self, uid: &str) -> Result<Option<Arc<Pod>>, ProviderError> {
        let (mut changes, mut last) = (self.cache.subscribe(), None);
        loop {
            changes.borrow_and_update();
            match self.cache.get(uid)? {
                Some(pod) => last = Some(pod),
                None => return Ok(last),
            }
            if changes.changed().await.is_err() {
                return Err(ProviderError::Unavailable("The engine is stopping".into()));
            }
        }
    }

    /// Those of a pod go with it; those of a pod that was never made are still there.
    async fn delete_secrets(&self, selected: &ListParams) -> Result<(), ProviderError> {
        let found = in_time(self.secrets.list_metadata(selected)).await;
        let found = found.map_err(|error| self.explain(Right("list", "secrets"), &error))?;
        for secret in found.items {
            let name = secret.metadata.name.as_deref().unwrap_or_default();
            match in_time(self.secrets.delete(name, &DeleteParams::default())).await {
                Ok(_) => {}
                Err(error) if code(&error) == Some(404) => {}
                Err(error) => return Err(self.explain(Right("delete", "secrets"), &error)),
            }
        }
        Ok(())
    }
}

async fn delete_one(
    pods: &Api<Pod>,
    namespace: &str,
    pod: &PartialObjectMeta<Pod>,
    grace: Duration,
) -> Result<(), ProviderError> {
    let params = DeleteParams {
        // Zero would only remove the object; its containers would still run.
        grace_period_seconds: Some(u32::try_from(grace.as_secs()).unwrap_or(u32::MAX).max(1)),
        preconditions: Some(Preconditions { uid: pod.metadata.uid.clone(), resource_version: None }),
        ..DeleteParams::default()
    };
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    match in_time(pods.delete(name, &params)).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(()),
        Err(error) => Err(explain(namespace, Right("delete", "pods"), &error)),
    }
}

/// Ends what is listed until a list is empty; gives what was seen of it last. A watch alone may say "gone" too early: it
/// may not have shown yet what a create has just made.
async fn until_none<T, S, L, E>(
    mut list: impl FnMut() -> L,
    mut end: impl FnMut(Vec<T>) -> E,
) -> Result<Option<S>, ProviderError>
where
    L: Future<Output = Result<Vec<T>, ProviderError>>,
    E: Future<Output = Result<Option<S>, ProviderError>>,
{
    let (mut found, mut last) = (list().await?, None);
    loop {
        last = end(found).await?.or(last);
        found = list().await?;
        if found.is_empty() {
            return Ok(last);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_the_watch_has_not_shown_yet_is_not_gone() {
        // What the API server lists, and what the watch says when it is asked after each.
        let lists = RefCell::new(vec![vec![], vec!["pod"], vec!["pod"]]);
        let seen = RefCell::new(vec![None, Some("terminating"), None]);
        let ended = RefCell::new(0);
        let list = || {
            let found = lists.borrow_mut().pop().unwrap();
            async move { Ok(found) }
        };
        let end = |found: Vec<&str>| {
            *ended.borrow_mut() += found.len();
            let last = seen.borrow_mut().pop().unwrap();
            async move { Ok(last) }
        };
        assert_eq!(until_none(list, end).await.unwrap(), Some("terminating"));
        assert_eq!((ended.take(), lists.take().len()), (2, 0), "it was asked until nothing was left");
    }
}
