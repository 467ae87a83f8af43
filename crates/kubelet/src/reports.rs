//! Passes on what an engine reports about pods: events, and annotations bound to the pod's UID.
//! A report that cannot be written is lost, not retried for ever: the next state of the instance brings another.
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;

use crate::{PodRef, Report, events::about_pod, kubelet::Shared};

/// Tries of one patch.
const TRIES: u32 = 5;

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut reports = shared.provider.reports();
    loop {
        let report = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            report = reports.next() => report,
        };
        match report {
            None => return,
            Some(Report::Event { pod, warning, reason, message }) => {
                let about = about_pod(&Some(pod.namespace), &Some(pod.name), &Some(pod.uid));
                if warning {
                    shared.events.warning(about, reason, message);
                } else {
                    shared.events.normal(about, reason, message);
                }
            }
            Some(Report::Annotations { pod, annotations }) => {
                // After a restart an engine says of all its instances what their pods have had for long.
                let known = shared.records.view(&pod.uid);
                if !known.is_some_and(|known| has(&known.pod, &annotations)) {
                    tokio::spawn(annotate(shared.clone(), pod, annotations));
                }
            }
        }
    }
}

fn has(pod: &Pod, annotations: &[(String, String)]) -> bool {
    let known = pod.metadata.annotations.as_ref();
    annotations.iter().all(|(key, value)| known.and_then(|all| all.get(key)) == Some(value))
}

async fn annotate(shared: Arc<Shared>, pod: PodRef, annotations: Vec<(String, String)>) {
    for tries in 1..=TRIES {
        match shared.pods.annotate(&pod, &annotations).await {
            Ok(()) => return,
            // Gone, or another pod of that name.
            Err(kube::Error::Api(error)) if error.code == 404 || error.code == 409 => return,
            Err(error) => {
                tracing::warn!(%error, pod.uid = pod.uid, tries, "Writing annotations failed");
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_is_written_to_only_if_it_lacks_something() {
        let pod = json!({"metadata": {"annotations": {"a": "1", "b": "2", "c": "3"}}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let told = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
            (has(&pod, &pairs), has(&Pod::default(), &pairs))
        };
        assert_eq!(told(&[("a", "1"), ("b", "2")]), (true, false));
        assert_eq!(told(&[("a", "1"), ("b", "9")]), (false, false));
        assert_eq!(told(&[("a", "1"), ("d", "4")]), (false, false));
    }
}
