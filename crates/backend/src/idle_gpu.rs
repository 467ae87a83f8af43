//! GPUs that are paid for and do nothing: the rule of each namespace, what the pages say, and the stop by the leader.
//! A stop scales what made the pods to zero, or deletes a pod that nothing made; by the namespace's console identity.

use std::collections::BTreeMap;

use domain::Result;
use domain::audit::Action;
use domain::id::{AccountId, NamespaceId};
use domain::idle_gpu::{IdleGpuRule, IdleWorkload, all_since};
use domain::metric::GpuPod;
use domain::namespace::{Namespace, NamespaceStatus};
use domain::permission::Permission;
use domain::workload::{WorkloadChange, WorkloadKind, WorkloadState};
use jiff::Timestamp;

use crate::workload::target;
use crate::{Backend, Caller, namespace};

/// What is stopped with a pod: (namespace, what, name).
type Stopped = (NamespaceId, WorkloadKind, String);

/// What has a number of pods, which a stop makes none.
const SCALED: [WorkloadKind; 2] = [WorkloadKind::Deployment, WorkloadKind::StatefulSet];

impl Backend {
    /// What is done about idle GPUs in a namespace.
    ///
    /// # Errors
    /// [`domain::Error::NotFound`].
    pub async fn get_idle_gpu(&self, caller: &Caller, id: &str) -> Result<IdleGpuRule> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        self.idle_rule(&tenant).await
    }

    /// Changes it. Who may delete what runs may also have it stopped.
    ///
    /// # Errors
    /// [`domain::Error::Invalid`], [`domain::Error::NotFound`], `forbidden`.
    pub async fn set_idle_gpu(&self, caller: &Caller, id: &str, rule: IdleGpuRule) -> Result<IdleGpuRule> {
        let tenant = self.namespace(caller, id, Permission::Deploy).await?;
        rule.check()?;
        let old = self.idle_rule(&tenant).await?;
        if rule != old {
            let detail = format!("{} → {}", old.words(), rule.words());
            let audit = self.audit(caller, Action::IdleGpuChanged, namespace::target(tenant.id), detail);
            let audit = audit.named(tenant.name.as_str());
            self.inner.store.set_idle_gpu(tenant.id, &rule, &audit).await?;
        }
        Ok(rule)
    }

    /// The workloads of the account whose GPUs have all been idle for as long as their namespace's rule says.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn list_idle_gpus(&self, caller: &Caller) -> Result<Vec<IdleWorkload>> {
        caller.require(Permission::Read)?;
        let (account, now) = (caller.account.id, self.inner.clock.now());
        let groups = self.idle_groups(Some(account), now);
        // They come sorted by namespace: all are read at once.
        let mut ids: Vec<NamespaceId> = groups.iter().map(|((id, ..), _)| *id).collect();
        ids.dedup();
        let ruled = self.inner.store.idle_gpus(account, &ids).await?;
        let ruled: BTreeMap<_, _> = ruled.into_iter().map(|(id, name, rule)| (id, (name, rule))).collect();
        let mut idle = Vec::new();
        for ((id, kind, name), since) in groups {
            let Some((namespace, rule)) = ruled.get(&id) else { continue };
            let rule = rule.clone().unwrap_or_default();
            idle.extend(rule.view(since, now).map(|idle| IdleWorkload {
                namespace_id: id.to_string(),
                namespace: namespace.as_str().to_owned(),
                kind,
                name,
                idle,
            }));
        }
        Ok(idle)
    }

    /// The namespace's own rule, else the default.
    pub(crate) async fn idle_rule(&self, tenant: &Namespace) -> Result<IdleGpuRule> {
        Ok(self.inner.store.idle_gpu(tenant.id).await?.unwrap_or_default())
    }

    /// What has nothing but idle GPUs, and since when; of one account or all.
    fn idle_groups(&self, account: Option<AccountId>, now: Timestamp) -> Vec<(Stopped, Timestamp)> {
        let mut groups = BTreeMap::<Stopped, Vec<GpuPod>>::new();
        let mut pods = self.inner.cluster.gpu_pods();
        pods.retain(|pod| account.is_none_or(|account| pod.account_id == account));
        for pod in pods {
            if let Some((kind, name)) = stopped_with(&pod) {
                groups.entry((pod.namespace_id, kind, name)).or_default().push(pod);
            }
        }
        let held = self.inner.figures.held();
        let since = |pods: &[GpuPod]| {
            all_since(pods.iter().map(|pod| held.histories.idle_since(&pod.namespace, &pod.name, now)))
        };
        groups.into_iter().filter_map(|(key, pods)| Some((key, since(&pods)?))).collect()
    }

    /// The leader's part of a round; what fails is tried again at the next.
    pub(crate) async fn stop_idle_gpus(&self) {
        let now = self.inner.clock.now();
        for ((id, kind, name), since) in self.idle_groups(None, now) {
            // Asked anew before each: another console may lead by now.
            if !self.leads() {
                return;
            }
            if let Err(error) = self.stop_if_due(id, (kind, &name), since, now).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, namespace = %id, workload = name, "an idle workload could not be stopped");
            }
        }
    }

    async fn stop_if_due(
        &self,
        id: NamespaceId,
        (kind, name): (WorkloadKind, &str),
        since: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let Some(tenant) = self.inner.store.namespace_by_id(id).await? else { return Ok(()) };
        if tenant.status != NamespaceStatus::Active || !self.idle_rule(&tenant).await?.stops(since, now) {
            return Ok(());
        }
        let token = self.system_token(&tenant).await?;
        let (cluster, inside) = (&self.inner.cluster, &tenant.kubernetes_name);
        if kind == WorkloadKind::Pod {
            if !cluster.delete_workload(&token, inside, kind, name).await? {
                return Ok(());
            }
        } else {
            let none = WorkloadChange { replicas: Some(0), ..WorkloadChange::default() };
            cluster.patch_workload(&token, inside, kind, name, &none.patch("", None)).await?;
        }
        self.forget_idleness(id, kind, name);
        let detail = format!("all its GPUs were idle since {since}");
        let why = format!("Stopped by the rule of this namespace: {detail}");
        let reported = cluster.report_stop(inside, kind, name, &why, now).await;
        let audit = self.audit_system(tenant.account_id, Action::WorkloadStopped, target(&tenant, kind, name), detail);
        self.inner.store.record(&audit.named(name)).await?;
        reported
    }

    /// Pods of what was stopped are seen for a moment longer: what their GPUs did before must not stop it twice.
    fn forget_idleness(&self, id: NamespaceId, kind: WorkloadKind, name: &str) {
        let mut pods = self.inner.cluster.gpu_pods();
        pods.retain(|pod| {
            pod.namespace_id == id && stopped_with(pod).is_some_and(|with| with == (kind, name.to_owned()))
        });
        let mut held = self.inner.figures.held();
        for pod in pods {
            held.histories.forget_idleness(&pod.namespace, &pod.name);
        }
    }
}

/// What has to be stopped so that the pod does not come back; none for what has no number of pods, such as a Job: ending
/// one halfway is for a person to decide.
fn stopped_with(pod: &GpuPod) -> Option<(WorkloadKind, String)> {
    let Some(owner) = &pod.owner else { return Some((WorkloadKind::Pod, pod.name.clone())) };
    let kind = SCALED.into_iter().find(|kind| kind.word() == owner.kind)?;
    Some((kind, owner.name.clone()))
}

/// Whether a stop reaches it: Jobs, and pods of something else, are only spoken of.
pub(crate) fn stop_reaches(state: &WorkloadState) -> bool {
    SCALED.contains(&state.kind) || state.kind == WorkloadKind::Pod && state.owners.is_empty()
}

#[cfg(test)]
mod tests {
    use domain::workload::Owner;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_pod_is_stopped_by_what_would_make_it_again() {
        let pod = |owner: Option<&str>| GpuPod {
            account_id: AccountId::new(Uuid::nil()),
            namespace_id: NamespaceId::new(Uuid::nil()),
            namespace: "team-0001".into(),
            name: "demo-1".into(),
            node: "n".into(),
            owner: owner.map(|kind| Owner { kind: kind.into(), name: "demo".into() }),
        };
        let stopped = |owner| stopped_with(&pod(owner)).map(|(kind, name)| (kind.word(), name));
        assert_eq!(stopped(None), Some(("Pod", "demo-1".to_owned())));
        assert_eq!(stopped(Some("Deployment")), Some(("Deployment", "demo".to_owned())));
        assert_eq!(stopped(Some("StatefulSet")), Some(("StatefulSet", "demo".to_owned())));
        for other in ["Job", "CronJob", "RayCluster"] {
            assert_eq!(stopped(Some(other)), None, "{other}");
        }
    }

    #[test]
    fn a_stop_is_announced_only_for_what_it_reaches() {
        let state = |kind: WorkloadKind, owner: Option<&str>| WorkloadState {
            kind,
            name: "demo".into(),
            sku_code: String::new(),
            image: String::new(),
            wanted: 1,
            ended: None,
            problem: None,
            created_at: Timestamp::UNIX_EPOCH,
            deleting: false,
            schedule: None,
            owners: owner.map(|kind| Owner { kind: kind.into(), name: "demo".into() }).into_iter().collect(),
            pods: Vec::new(),
        };
        let reached = |kind, owner| stop_reaches(&state(kind, owner));
        assert!(reached(WorkloadKind::Deployment, None) && reached(WorkloadKind::Pod, None));
        assert!(!reached(WorkloadKind::Job, None) && !reached(WorkloadKind::Pod, Some("Job")));
    }
}
