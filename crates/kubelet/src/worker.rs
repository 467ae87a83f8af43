//! Carries out what `decide` says for one pod: at most one worker per pod, many pods at a time.
//! Nothing here is lost by a crash: every step can be taken again.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::{
    decide::{Decision, decide},
    events::about,
    kubelet::Shared,
    metrics::until_running,
    queue::Uid,
    records::View,
    refuse::Refusal,
    status::{End, Situation, Waiting, final_status, status},
};

mod remove;
mod start;

/// A step that takes longer than this is shown in the pod's status while it runs.
const PATIENCE: Duration = Duration::from_millis(400);
/// Pause after an error of the API server.
const API_PAUSE: Duration = Duration::from_secs(2);

/// What follows after a step.
enum Outcome {
    Done,
    Again,
    After(Duration),
}

pub(crate) async fn run(shared: Arc<Shared>) {
    // Nothing is created or terminated before both sides are known.
    tokio::select! {
        () = shared.engine_known.cancelled() => {}
        () = shared.shutdown.cancelled() => return,
    }
    let permits = Arc::new(Semaphore::new(shared.config.workers.max(1)));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let uid = tokio::select! {
            uid = shared.queue.next() => uid,
            () = shared.shutdown.cancelled() => return,
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            let _permit = permit;
            work(&shared, &uid).await;
        });
    }
}

async fn work(shared: &Arc<Shared>, uid: &Uid) {
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = sync(shared, uid) => outcome,
        () = shared.shutdown.cancelled() => Ok(Outcome::Done),
    };
    tracing::trace!(pod.uid = %uid, duration_ms = started.elapsed().as_secs_f64() * 1e3, "Worked on a pod");
    match outcome {
        Ok(Outcome::Done) => {}
        Ok(Outcome::Again) => shared.queue.add(uid.clone()),
        Ok(Outcome::After(pause)) => shared.queue.add_after(uid.clone(), pause),
        Err(error) => {
            tracing::warn!(pod.uid = %uid, %error, "Writing to the API server failed; trying again");
            shared.queue.add_after(uid.clone(), API_PAUSE);
        }
    }
    shared.queue.done(uid);
}

async fn sync(shared: &Arc<Shared>, uid: &Uid) -> Result<Outcome, kube::Error> {
    let Some(view) = shared.records.view(uid) else { return Ok(Outcome::Done) };
    if view.removed {
        shared.prober.forget(uid);
        return Ok(remove::without_pod(shared, uid, &view).await);
    }
    // Nothing is made or ended for a pod that may be gone: it comes again when that is known.
    if view.terminated || shared.records.is_unlisted(uid) {
        return Ok(Outcome::Done);
    }
    shared.prober.keep(shared, uid, &view);
    let now = shared.now();
    match decide(&view, &shared.rules, now) {
        Decision::Rest { wake_at } => {
            let released = release(shared, uid, &view).await;
            Ok(match (released, wake_at) {
                (Outcome::Done, Some(at)) => Outcome::After(until(at, now)),
                (released, _) => released,
            })
        }
        Decision::Discard => remove::let_go(shared, &view).await.map(|()| Outcome::Done),
        Decision::Remove => remove::remove(shared, uid, view).await,
        Decision::Refuse(refusal) => match release(shared, uid, &view).await {
            Outcome::Done => refuse(shared, &view, &refusal).await,
            later => Ok(later),
        },
        Decision::Expire => end(shared, uid, &view, End::DeadlineExceeded).await,
        Decision::Lose => end(shared, uid, &view, End::InstanceLost).await,
        Decision::Start(containers) => start::start(shared, uid, view, &containers).await,
        Decision::Report { wake_at } => {
            let waiting = view
                .failure
                .as_ref()
                .map(|failure| Waiting { reason: failure.reason.clone(), message: failure.message.clone() });
            report(shared, &view, waiting.as_ref()).await?;
            let Some(pause) = wake_at.map(|at| until(at, now)) else { return Ok(Outcome::Done) };
            if !start::is_given_back_meanwhile(&view, pause) {
                return Ok(Outcome::After(pause));
            }
            // Its status says by now that it waits to start again: also a process that begins later misses nothing.
            Ok(match release(shared, uid, &view).await {
                Outcome::Done => Outcome::After(pause),
                later => later,
            })
        }
    }
}

/// The pod is over and says so, or cannot start again: its instance need not cost anything any more.
async fn release(shared: &Arc<Shared>, uid: &Uid, view: &View) -> Outcome {
    if view.instance.is_none() {
        return Outcome::Done;
    }
    match shared.provider.release(uid).await {
        Ok(()) => Outcome::Done,
        Err(error) => remove::failed(shared, view, &error),
    }
}

/// The engine has tried for long enough.
async fn give_up(shared: &Arc<Shared>, view: &View, reason: &str, message: String) -> Result<Outcome, kube::Error> {
    shared.events.warning(about(&view.pod), reason, &message);
    let mut last = final_status(&view.pod, None, End::Deleted, &shared.host_ip, shared.now());
    last.reason = Some(reason.to_owned());
    last.message = Some(message);
    write(shared, view, &last).await?;
    Ok(Outcome::Done)
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

/// Shows the present state of a pod, if it is not shown already.
async fn report(shared: &Arc<Shared>, view: &View, waiting: Option<&Waiting>) -> Result<(), kube::Error> {
    let probes = shared.records.probes(view.pod.metadata.uid.as_deref().unwrap_or_default());
    let situation = Situation {
        pod: &view.pod,
        instance: view.instance.as_deref(),
        waiting,
        calm: &view.calm,
        probes: &probes,
        probed: shared.rules.capabilities.probes,
        host_ip: &shared.host_ip,
        now: shared.now(),
    };
    write(shared, view, &status(&situation)).await
}

async fn write(
    shared: &Arc<Shared>,
    view: &View,
    status: &k8s_openapi::api::core::v1::PodStatus,
) -> Result<(), kube::Error> {
    match shared.pods.write_status(&view.pod, status).await {
        Ok(Some(mut written)) => {
            shared.metrics.status_writes.add();
            if let Some(took) = until_running(&view.pod, &written, shared.now()) {
                shared.metrics.create_to_running.add(took);
            }
            written.metadata.managed_fields = None;
            shared.records.put_pod(&written);
            Ok(())
        }
        Ok(None) => Ok(()),
        // The pod is gone, or another one has its name: the watch says the rest.
        Err(kube::Error::Api(error)) if error.code == 404 || error.code == 409 => Ok(()),
        Err(error) => Err(error),
    }
}

async fn refuse(shared: &Arc<Shared>, view: &View, refusal: &Refusal) -> Result<Outcome, kube::Error> {
    shared.events.warning(about(&view.pod), refusal.reason, &refusal.message);
    shared.metrics.refusals.add();
    let waiting = Waiting { reason: refusal.reason.to_owned(), message: refusal.message.clone() };
    let always = crate::decide::restart_policy(&view.pod) == "Always";
    if always || refusal.stays_pending {
        report(shared, view, Some(&waiting)).await?;
        return Ok(Outcome::Done);
    }
    let mut last = final_status(&view.pod, None, End::Deleted, &shared.host_ip, shared.now());
    last.reason = Some(waiting.reason);
    last.message = Some(waiting.message);
    write(shared, view, &last).await?;
    Ok(Outcome::Done)
}

/// Ends a pod whose end is not its own.
async fn end(shared: &Arc<Shared>, uid: &Uid, view: &View, end: End) -> Result<Outcome, kube::Error> {
    let grace = crate::decide::grace(&view.pod);
    shared.records.start_change(uid);
    let deleted = match end {
        // What runs may end in order, and less time counts from when somebody gives less.
        End::DeadlineExceeded => remove::delete(shared, uid, view, grace).await,
        _ => Some(shared.metrics.deletes.count(shared.provider.delete(uid, grace).await)),
    };
    shared.records.settle(uid, None);
    let last = match deleted {
        None => return Ok(Outcome::Again),
        Some(Ok(last)) => last,
        Some(Err(error)) => return Ok(remove::failed(shared, view, &error)),
    };
    let (reason, message) = match end {
        End::InstanceLost => ("InstanceLost", "The engine no longer has the instance of this pod"),
        _ => ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline"),
    };
    shared.events.warning(about(&view.pod), reason, message);
    let last = final_status(&view.pod, last.as_deref(), end, &shared.host_ip, shared.now());
    write(shared, view, &last).await?;
    Ok(Outcome::Done)
}

fn seconds(grace: i64) -> Duration {
    Duration::from_secs(u64::try_from(grace).unwrap_or(0))
}
