//! From Kubernetes objects to what people see of workloads. Pure; the same for lists and for watches.

mod pod;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::sku::SKU_LABEL;
use domain::workload::{EventView, Owner, Schedule, WorkloadKind, WorkloadState};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Event, PodTemplateSpec};
use kube::core::ObjectMeta;

use crate::error::denial;
use crate::tenant::quota;
pub(crate) use pod::{PodRow, pod};

/// Kind and name: what a workload is known by in its namespace.
pub(crate) type Key = (WorkloadKind, String);

// Kubernetes cuts messages at 1 KiB; a page shows a sentence.
const MESSAGE_LIMIT: usize = 600;
/// Most events of one workload that are shown.
const MOST_EVENTS: usize = 100;

/// A Deployment without its pods.
pub(crate) fn deployment(deployment: &Deployment) -> WorkloadState {
    let spec = deployment.spec.as_ref();
    WorkloadState {
        wanted: replicas(spec.and_then(|spec| spec.replicas)),
        problem: deployment_problem(deployment),
        ..bare(WorkloadKind::Deployment, &deployment.metadata, spec.map(|spec| &spec.template))
    }
}

/// A StatefulSet without its pods.
pub(crate) fn stateful_set(set: &StatefulSet) -> WorkloadState {
    let spec = set.spec.as_ref();
    WorkloadState {
        wanted: replicas(spec.and_then(|spec| spec.replicas)),
        ..bare(WorkloadKind::StatefulSet, &set.metadata, spec.map(|spec| &spec.template))
    }
}

/// A Job without its pods.
pub(crate) fn job(job: &Job) -> WorkloadState {
    let (spec, status) = (job.spec.as_ref(), job.status.as_ref());
    let parallel = replicas(spec.and_then(|spec| spec.parallelism));
    let completions = spec.and_then(|spec| spec.completions);
    let succeeded = status.and_then(|status| status.succeeded).unwrap_or(0);
    let left = completions.map_or(parallel, |all| u32::try_from(all - succeeded).unwrap_or(0));
    let suspended = spec.and_then(|spec| spec.suspend).unwrap_or(false);
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let met = |kind: &str| conditions.iter().find(|c| c.type_ == kind && c.status == "True");
    let failed = met("Failed");
    WorkloadState {
        wanted: if suspended { 0 } else { parallel.min(left) },
        ended: if failed.is_some() { Some(false) } else { met("Complete").map(|_| true) },
        problem: failed.and_then(|c| c.message.clone().or_else(|| c.reason.clone())),
        ..bare(WorkloadKind::Job, &job.metadata, spec.map(|spec| &spec.template))
    }
}

/// A CronJob; what it starts are workloads of their own.
pub(crate) fn cron_job(cron_job: &CronJob) -> WorkloadState {
    let (spec, status) = (&cron_job.spec, cron_job.status.as_ref());
    let template = spec.job_template.spec.as_ref().map(|job| &job.template);
    let schedule = Schedule {
        cron: spec.schedule.clone(),
        time_zone: spec.time_zone.clone(),
        suspended: spec.suspend.unwrap_or(false),
        last_run_at: status.and_then(|status| status.last_schedule_time.as_ref()).map(|time| time.0.to_string()),
        running: status.and_then(|status| status.active.as_ref()).map_or(0, |jobs| jobs.len() as u32),
    };
    WorkloadState { schedule: Some(schedule), ..bare(WorkloadKind::CronJob, &cron_job.metadata, template) }
}

/// A pod as a workload of its own.
pub(crate) fn alone(row: &Arc<PodRow>) -> WorkloadState {
    let pod = &row.state;
    WorkloadState {
        kind: WorkloadKind::Pod,
        name: pod.name.clone(),
        sku_code: pod.sku_code.clone(),
        image: pod.containers.iter().find(|c| !c.init).map(|c| c.image.clone()).unwrap_or_default(),
        wanted: 1,
        ended: pod.over().then(|| pod.phase == "Succeeded"),
        problem: None,
        created_at: pod.created_at,
        deleting: pod.deleting,
        schedule: None,
        owners: pod.owners.clone(),
        pods: vec![pod.clone()],
    }
}

/// Joins workloads with those of `pods` that are their own, sorted by name; with `bare` also pods that none of the
/// known kinds made.
pub(crate) fn join<'a>(
    tops: impl IntoIterator<Item = WorkloadState>,
    pods: impl IntoIterator<Item = &'a Arc<PodRow>>,
    bare: bool,
) -> BTreeMap<Key, WorkloadState> {
    let mut joined: BTreeMap<Key, WorkloadState> =
        tops.into_iter().map(|top| ((top.kind, top.name.clone()), top)).collect();
    for row in pods {
        match &row.owner {
            Some(owner) => {
                if let Some(top) = joined.get_mut(owner) {
                    top.pods.push(row.state.clone());
                }
            }
            None if bare => {
                joined.insert((WorkloadKind::Pod, row.state.name.clone()), alone(row));
            }
            None => {}
        }
    }
    for top in joined.values_mut() {
        top.pods.sort_by(|a, b| a.name.cmp(&b.name));
    }
    joined
}

/// Something that was reported.
pub(crate) fn event(event: &Event) -> EventView {
    let about = &event.involved_object;
    let series = event.series.as_ref();
    let last = series.and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last = last.or_else(|| event.last_timestamp.as_ref().map(|time| time.0));
    let last = last.or_else(|| event.event_time.as_ref().map(|time| time.0));
    let made = || event.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let count = series.and_then(|series| series.count).or(event.count).unwrap_or(1);
    EventView {
        about: Owner { kind: about.kind.clone().unwrap_or_default(), name: about.name.clone().unwrap_or_default() },
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.clone().unwrap_or_default(),
        message: event.message.as_deref().unwrap_or_default().chars().take(MESSAGE_LIMIT).collect(),
        count: u32::try_from(count).unwrap_or(1),
        at: whole_seconds(last.or_else(made).unwrap_or(Timestamp::UNIX_EPOCH)).to_string(),
    }
}

/// Some reports have fractions of a second and some have none: as text they would not sort.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// The newest of some events.
pub(crate) fn newest_first(events: impl Iterator<Item = EventView>) -> Vec<EventView> {
    let mut events: Vec<EventView> = events.collect();
    events.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.about.name.cmp(&b.about.name)));
    events.truncate(MOST_EVENTS);
    events
}

fn bare(kind: WorkloadKind, metadata: &ObjectMeta, template: Option<&PodTemplateSpec>) -> WorkloadState {
    let labels = template.and_then(|t| t.metadata.as_ref()).and_then(|meta| meta.labels.as_ref());
    let container = template.and_then(|t| t.spec.as_ref()).and_then(|pod| pod.containers.first());
    WorkloadState {
        kind,
        name: metadata.name.clone().unwrap_or_default(),
        sku_code: labels.and_then(|labels| labels.get(SKU_LABEL)).cloned().unwrap_or_default(),
        image: container.and_then(|c| c.image.clone()).unwrap_or_default(),
        wanted: 0,
        ended: None,
        problem: None,
        created_at: metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        deleting: metadata.deletion_timestamp.is_some(),
        schedule: None,
        owners: controller(metadata).into_iter().collect(),
        pods: Vec::new(),
    }
}

/// Who made an object and looks after it.
fn controller(metadata: &ObjectMeta) -> Option<Owner> {
    let owner = metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
    Some(Owner { kind: owner.kind.clone(), name: owner.name.clone() })
}

fn replicas(asked: Option<i32>) -> u32 {
    asked.map_or(1, |n| u32::try_from(n).unwrap_or(0))
}

fn deployment_problem(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failed = |kind: &str, status: &str| conditions.iter().find(|c| c.type_ == kind && c.status == status);
    let condition = failed("ReplicaFailure", "True").or_else(|| failed("Progressing", "False"))?;
    let message = condition.message.clone().or_else(|| condition.reason.clone())?;
    let sentence = denial(&message).unwrap_or(message);
    Some(quota::refusal(&sentence).unwrap_or(sentence))
}

#[cfg(test)]
mod tests;
