//! Deployments as the cluster has them, whoever ordered it: what webhooks are told when one differs from what they were
//! told before. Pure; the leader looks, and the store keeps what was told together with the messages.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::id::{DeliveryId, NamespaceId};

/// A Deployment that this process never saw counts as gone once it was missing for that long: a watch that begins anew
/// may know less than the leader before did.
const MISSING: SignedDuration = SignedDuration::from_secs(60);

/// How the newest template of a Deployment fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollout {
    /// On its way.
    Going,
    /// All replicas are of it, and available.
    Available,
    /// It exceeded its progress deadline, or its pods are refused.
    Failed,
}

/// A Deployment as a watch has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenDeployment {
    /// Its uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Counts the changes of its spec.
    pub generation: i64,
    /// Replicas wanted.
    pub replicas: u32,
    /// Being deleted.
    pub deleting: bool,
    /// How it fares.
    pub rollout: Rollout,
}

/// What webhooks were told of a Deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldDeployment {
    /// Its uid.
    pub uid: String,
    /// Where it is.
    pub namespace_id: NamespaceId,
    /// Its name.
    pub name: String,
    /// Up to which change of its spec.
    pub generation: i64,
    /// Replicas wanted then.
    pub replicas: u32,
    /// That this generation was available.
    pub available: bool,
    /// That it failed.
    pub failed: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentNews {
    /// Its id, the same for every webhook.
    pub id: DeliveryId,
    /// `deployment.…`
    pub kind: &'static str,
    /// Further facts in words.
    pub detail: String,
}

/// From what was told to what is told now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentStep {
    /// What was told before; none of one that is new.
    pub before: Option<ToldDeployment>,
    /// What is told after it; none of one that is gone.
    pub after: Option<ToldDeployment>,
    /// The messages, in their order.
    pub news: Vec<DeploymentNews>,
}

/// What was told of all Deployments, as the leader holds it between two looks.
#[derive(Debug, Default)]
pub struct ToldDeployments {
    told: BTreeMap<String, ToldDeployment>,
    /// Those that this process saw itself.
    met: BTreeSet<String>,
    missing: BTreeMap<String, Timestamp>,
}

// === impl ToldDeployment ===

impl ToldDeployment {
    /// As the audit log names it.
    pub fn target(&self) -> String {
        format!("namespace:{}/deployment:{}", self.namespace_id, self.name)
    }
}

// === impl ToldDeployments ===

impl ToldDeployments {
    /// Begins with what is stored.
    pub fn new(stored: Vec<ToldDeployment>) -> Self {
        let told = stored.into_iter().map(|told| (told.uid.clone(), told)).collect();
        Self { told, ..Self::default() }
    }

    /// What is new in a complete list of Deployments. Each step has to be [kept](Self::keep) once it is stored.
    pub fn look(
        &mut self,
        seen: &[(NamespaceId, SeenDeployment)],
        now: Timestamp,
        mut id: impl FnMut() -> DeliveryId,
    ) -> Vec<DeploymentStep> {
        let mut steps = Vec::new();
        let mut there = BTreeSet::new();
        for (namespace_id, seen) in seen {
            there.insert(seen.uid.as_str());
            let lasting = !seen.deleting || self.told.contains_key(&seen.uid);
            if lasting && !self.met.contains(&seen.uid) {
                self.met.insert(seen.uid.clone());
            }
            steps.extend(step(self.told.get(&seen.uid), *namespace_id, seen, &mut id));
        }
        self.missing.retain(|uid, _| !there.contains(uid.as_str()));
        for (uid, told) in self.told.iter().filter(|(uid, _)| !there.contains(uid.as_str())) {
            let since = *self.missing.entry(uid.clone()).or_insert(now);
            if self.met.contains(uid) || now.duration_since(since) >= MISSING {
                let news = vec![DeploymentNews { id: id(), kind: "deployment.gone", detail: String::new() }];
                steps.push(DeploymentStep { before: Some(told.clone()), after: None, news });
            }
        }
        steps
    }

    /// Takes in a step that was stored.
    pub fn keep(&mut self, step: DeploymentStep) {
        match (step.after, step.before) {
            (Some(after), _) => {
                self.told.insert(after.uid.clone(), after);
            }
            (None, Some(before)) => {
                self.told.remove(&before.uid);
                self.met.remove(&before.uid);
                self.missing.remove(&before.uid);
            }
            (None, None) => {}
        }
    }
}

// === impl DeploymentStep ===

impl DeploymentStep {
    /// Of which Deployment.
    pub fn subject(&self) -> Option<&ToldDeployment> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// None where nothing is new, and where the watch is behind what was told.
fn step(
    told: Option<&ToldDeployment>,
    namespace_id: NamespaceId,
    seen: &SeenDeployment,
    id: &mut impl FnMut() -> DeliveryId,
) -> Option<DeploymentStep> {
    // A deletion in the foreground counts as a change of the spec, too.
    if seen.deleting || told.is_some_and(|told| told.generation > seen.generation) {
        return None;
    }
    let SeenDeployment { generation, replicas, .. } = *seen;
    let mut news = Vec::new();
    let mut tell = |kind, detail: String| news.push(DeploymentNews { id: id(), kind, detail });
    let same = told.filter(|told| told.generation == generation);
    match told {
        None => tell("deployment.appeared", wanted(replicas)),
        Some(told) if told.generation == generation => {}
        Some(told) if told.replicas != replicas => {
            tell("deployment.scaled", format!("{} → {}", told.replicas, wanted(replicas)));
        }
        Some(_) => tell("deployment.changed", String::new()),
    }
    let (mut available, mut failed) = same.map_or((false, false), |told| (told.available, told.failed));
    // Once for each generation: pods that come and go by themselves are no news.
    match seen.rollout {
        Rollout::Available if !available => {
            available = true;
            tell("deployment.available", wanted(replicas));
        }
        Rollout::Failed if !failed => {
            failed = true;
            tell("deployment.failed", "Its pods did not become available in time, or are refused".to_owned());
        }
        Rollout::Available | Rollout::Failed | Rollout::Going => {}
    }
    let (uid, name) = (seen.uid.clone(), seen.name.clone());
    let after = ToldDeployment { uid, namespace_id, name, generation, replicas, available, failed };
    (!news.is_empty()).then(|| DeploymentStep { before: told.cloned(), after: Some(after), news })
}

fn wanted(replicas: u32) -> String {
    if replicas == 1 { "1 replica".to_owned() } else { format!("{replicas} replicas") }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn seen(generation: i64, replicas: u32, rollout: Rollout) -> SeenDeployment {
        SeenDeployment { uid: "u".into(), name: "demo".into(), generation, replicas, deleting: false, rollout }
    }

    fn now(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// What a look at these tells, in words; all of it is kept.
    fn told(held: &mut ToldDeployments, seen: &[SeenDeployment], second: i64) -> Vec<String> {
        let namespace = NamespaceId::new(Uuid::from_u128(3));
        let seen: Vec<_> = seen.iter().map(|seen| (namespace, seen.clone())).collect();
        let steps = held.look(&seen, now(second), || DeliveryId::new(Uuid::from_u128(4)));
        let words = |news: &DeploymentNews| format!("{} {}", news.kind, news.detail).trim_end().to_owned();
        let words = steps.iter().flat_map(|step| &step.news).map(words).collect();
        steps.into_iter().for_each(|step| held.keep(step));
        words
    }

    #[test]
    fn a_deployment_is_told_from_its_beginning_to_its_end_and_nothing_twice() {
        let mut held = ToldDeployments::default();
        let (going, there) = (seen(1, 2, Rollout::Going), seen(1, 2, Rollout::Available));
        assert_eq!(told(&mut held, std::slice::from_ref(&going), 0), ["deployment.appeared 2 replicas"]);
        assert_eq!(told(&mut held, std::slice::from_ref(&going), 2), [""; 0]);
        assert_eq!(told(&mut held, std::slice::from_ref(&there), 4), ["deployment.available 2 replicas"]);
        assert_eq!(told(&mut held, &[going], 6), [""; 0], "a pod that restarts is no news");
        assert_eq!(told(&mut held, &[there], 8), [""; 0]);
        let scaled = ["deployment.scaled 2 → 1 replica", "deployment.available 1 replica"];
        assert_eq!(told(&mut held, &[seen(2, 1, Rollout::Available)], 10), scaled);
        let failed = "deployment.failed Its pods did not become available in time, or are refused";
        assert_eq!(told(&mut held, &[seen(3, 1, Rollout::Failed)], 12), ["deployment.changed", failed]);
        let deleting = SeenDeployment { deleting: true, ..seen(4, 1, Rollout::Failed) };
        assert_eq!(told(&mut held, &[deleting], 14), [""; 0]);
        assert_eq!(told(&mut held, &[], 16), ["deployment.gone"]);
        assert_eq!(told(&mut held, &[], 18), [""; 0]);
    }

    #[test]
    fn a_new_leader_tells_what_it_missed_and_believes_no_watch_that_is_behind() {
        let mut first = ToldDeployments::default();
        told(&mut first, &[seen(2, 1, Rollout::Available)], 0);
        let stored: Vec<_> = first.told.into_values().collect();
        let mut second = ToldDeployments::new(stored.clone());
        assert_eq!(told(&mut second, &[seen(1, 1, Rollout::Available)], 1), [""; 0], "that was told before");
        assert_eq!(told(&mut second, &[seen(2, 1, Rollout::Available)], 2), [""; 0]);
        assert_eq!(told(&mut second, &[seen(4, 1, Rollout::Going)], 3), ["deployment.changed"]);
        assert_eq!(told(&mut second, &[], 4), ["deployment.gone"], "it has seen it");

        let mut third = ToldDeployments::new(stored);
        assert_eq!(told(&mut third, &[], 0), [""; 0], "its watch may not know it yet");
        assert_eq!(told(&mut third, &[], 59), [""; 0]);
        assert_eq!(told(&mut third, &[], 60), ["deployment.gone"]);
    }
}
