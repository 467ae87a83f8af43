//! The deletion protocol: terminate, confirm, show how it ended, then let the pod go.
//! The object is removed only after the engine has confirmed that the instance is gone.
use std::{sync::Arc, time::Duration};

use super::{Outcome, PATIENCE, report, seconds, write};
use crate::{
    Instance, ProviderError,
    events::about,
    hooks::before_removal,
    kubelet::Shared,
    queue::Uid,
    records::View,
    status::{End, final_status},
};

/// Pause after the engine refused to delete.
const PAUSE: Duration = Duration::from_secs(5);

/// The pod has a deletion timestamp.
pub(super) async fn remove(shared: &Arc<Shared>, uid: &Uid, view: View) -> Result<Outcome, kube::Error> {
    let grace = seconds(view.pod.metadata.deletion_grace_period_seconds.unwrap_or(0));
    shared.records.start_change(uid);
    let deleted = delete(shared, uid, &view, grace).await;
    shared.records.settle(uid, None);
    let last = match deleted {
        None => return Ok(Outcome::Again),
        Some(Ok(last)) => last,
        Some(Err(error)) => return Ok(failed(shared, &view, &error)),
    };
    let last = last.or_else(|| view.instance.clone());
    if last.is_some() {
        say_ended(shared, &view);
    }
    let status = final_status(&view.pod, last.as_deref(), End::Deleted, &shared.host_ip, shared.now());
    write(shared, &view, &status).await?;
    let_go(shared, &view).await?;
    shared.records.set_terminated(uid);
    Ok(Outcome::Done)
}

/// The pod is gone from the API server: forced, or deleted while nobody watched.
pub(super) async fn without_pod(shared: &Arc<Shared>, uid: &Uid, view: &View) -> Outcome {
    if !view.terminated {
        let grace = seconds(view.pod.metadata.deletion_grace_period_seconds.unwrap_or(0));
        match shared.metrics.deletes.count(shared.provider.delete(uid, grace).await) {
            Ok(None) if view.instance.is_none() => {}
            Ok(_) => say_ended(shared, view),
            Err(error) => return failed(shared, view, &error),
        }
    }
    shared.hooks.forget(uid);
    shared.records.forget(uid);
    Outcome::Done
}

fn say_ended(shared: &Arc<Shared>, view: &View) {
    let message = format!("Ended on engine {}", shared.config.engine);
    shared.events.normal(about(&view.pod), "ProviderDeleteSuccess", message);
}

pub(super) fn failed(shared: &Arc<Shared>, view: &View, error: &ProviderError) -> Outcome {
    tracing::warn!(pod.uid = view.pod.metadata.uid, %error, "Terminating an instance failed; trying again");
    shared.events.warning(about(&view.pod), "ProviderDeleteFailed", error.to_string());
    Outcome::After(PAUSE)
}

/// `None` if the grace period changed meanwhile.
pub(super) async fn delete(
    shared: &Arc<Shared>,
    uid: &Uid,
    view: &View,
    grace: Duration,
) -> Option<Result<Option<Arc<Instance>>, ProviderError>> {
    let delete = async {
        let left = before_removal(shared, uid, view, grace).await;
        shared.metrics.deletes.count(shared.provider.delete(uid, left).await)
    };
    tokio::pin!(delete);
    tokio::select! {
        deleted = &mut delete => return Some(deleted),
        () = view.interrupt.cancelled() => return None,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    // It takes its time: traffic must stop now.
    if let Err(error) = report(shared, view, None).await {
        tracing::debug!(%error, "The status could not be written while an instance is being deleted");
    }
    tokio::select! {
        deleted = delete => Some(deleted),
        () = view.interrupt.cancelled() => None,
    }
}

pub(super) async fn let_go(shared: &Arc<Shared>, view: &View) -> Result<(), kube::Error> {
    match shared.pods.remove(&view.pod).await {
        Err(kube::Error::Api(error)) if error.code == 404 || error.code == 409 => Ok(()),
        removed => removed,
    }
}
