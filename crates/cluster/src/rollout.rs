//! Deployments as webhooks are told of them, from the shared watch.

use domain::id::NamespaceId;
use domain::webhook::deployment::{Rollout, SeenDeployment};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus};

use crate::views::Views;

/// Reads it from a Deployment.
pub(crate) fn read(deployment: &Deployment) -> SeenDeployment {
    let meta = &deployment.metadata;
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let generation = meta.generation.unwrap_or_default();
    let rollout = deployment.status.as_ref().map_or(Rollout::Going, |status| rollout(status, generation, wanted));
    SeenDeployment {
        uid: meta.uid.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
        generation,
        replicas: u32::try_from(wanted).unwrap_or(0),
        deleting: meta.deletion_timestamp.is_some(),
        rollout,
    }
}

/// Those in tenant namespaces; none until both lists are complete: half of them would tell of the end of those that are
/// there.
pub(crate) fn seen(views: &Views) -> Option<Vec<(NamespaceId, SeenDeployment)>> {
    (views.tenants_known() && views.rollouts.known()).then_some(())?;
    let mut seen = Vec::new();
    views.rollouts.each(|namespace, row| {
        let tenant = views.tenant(namespace).and_then(|id| NamespaceId::parse(&id).ok());
        seen.extend(tenant.map(|id| (id, row.clone())));
    });
    Some(seen)
}

/// As `kubectl rollout status` counts.
fn rollout(status: &DeploymentStatus, generation: i64, wanted: i32) -> Rollout {
    if status.observed_generation.unwrap_or_default() < generation {
        return Rollout::Going;
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let is = |kind: &str, status: &str| conditions.iter().any(|one| one.type_ == kind && one.status == status);
    let count = |number: Option<i32>| number.unwrap_or(0);
    let (all, updated) = (count(status.replicas), count(status.updated_replicas));
    let available = count(status.available_replicas);
    if is("ReplicaFailure", "True") || is("Progressing", "False") {
        Rollout::Failed
    } else if updated >= wanted && all <= updated && available >= updated {
        Rollout::Available
    } else {
        Rollout::Going
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(status: Value) -> Rollout {
        let deployment = json!({"metadata": {"name": "demo", "uid": "u", "generation": 2}, "spec": {"replicas": 2,
            "selector": {}, "template": {}}, "status": status});
        read(&serde_json::from_value(deployment).unwrap()).rollout
    }

    #[test]
    fn a_rollout_is_over_once_only_new_pods_are_there_and_available() {
        let counts = |observed: i64, all: i64, updated: i64, available: i64| {
            json!({"observedGeneration": observed, "replicas": all, "updatedReplicas": updated,
                "availableReplicas": available})
        };
        for (status, rollout) in [
            (json!({}), Rollout::Going),
            (counts(1, 2, 2, 2), Rollout::Going),
            (counts(2, 3, 2, 3), Rollout::Going),
            (counts(2, 2, 2, 1), Rollout::Going),
            (counts(2, 2, 2, 2), Rollout::Available),
        ] {
            assert_eq!(found(status.clone()), rollout, "{status}");
        }
        for condition in
            [json!({"type": "Progressing", "status": "False"}), json!({"type": "ReplicaFailure", "status": "True"})]
        {
            let mut status = counts(2, 2, 2, 1);
            status["conditions"] = json!([condition]);
            assert_eq!(found(status), Rollout::Failed, "{condition}");
        }
    }
}
