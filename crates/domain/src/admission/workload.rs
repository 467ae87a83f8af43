//! Where the pod template sits in the kinds that make pods.
//!
//! The webhook checks templates too, so that `kubectl apply` itself prints the sentence (RULINGS 38).

use serde_json::Value;

/// JSON pointer to the PodTemplateSpec of a kind; `None` for kinds without one.
pub(super) fn template_path(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "DaemonSet" | "Job" => {
            Some("/spec/template")
        }
        "CronJob" => Some("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// The PodTemplateSpec of a workload; `None` for other kinds and for objects without one.
pub fn workload_template<'a>(kind: &str, object: &'a Value) -> Option<&'a Value> {
    object.pointer(template_path(kind)?).filter(|template| template.is_object())
}
