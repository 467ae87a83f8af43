//! Where the pod template sits in the kinds that make pods.
//!
//! The webhook checks templates too, so that `kubectl apply` itself prints the sentence (RULINGS 38).

use serde_json::Value;

/// The PodTemplateSpec of a workload; `None` for other kinds and for objects without one.
pub fn workload_template<'a>(kind: &str, object: &'a Value) -> Option<&'a Value> {
    let path = match kind {
        "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "DaemonSet" | "Job" => "/spec/template",
        "CronJob" => "/spec/jobTemplate/spec/template",
        _ => return None,
    };
    object.pointer(path).filter(|template| template.is_object())
}
