//! What the engine tells Kubernetes about a pod: events, and the annotations that it writes.

use kubelet::{PodRef, Report};

use super::{choice::plain, engine::Engine, rental::Rental};

/// The id of a pod's instance. The published kubelet writes it too.
pub(super) const POD_ID: &str = "runpod.io/pod-id";
/// Written by us only.
pub(super) const ADDRESSES: &str = "runpod.io/addresses";

// === impl Engine ===

impl Engine {
    pub(super) fn warn(&self, pod: &PodRef, reason: &'static str, message: impl Into<String>) {
        self.report(Report::Event { pod: pod.clone(), warning: true, reason, message: message.into() });
    }

    pub(super) fn tell(&self, pod: &PodRef, reason: &'static str, message: impl Into<String>) {
        self.report(Report::Event { pod: pod.clone(), warning: false, reason, message: message.into() });
    }

    /// Instance id, price and public addresses, for people and for adoption by hand.
    pub(super) fn annotate(&self, pod: &PodRef, rental: &Rental) {
        let addresses: Vec<String> =
            rental.mapped.iter().map(|(private, public, ip)| format!("{private}={ip}:{public}")).collect();
        let annotations = vec![
            (POD_ID.to_owned(), rental.id.clone()),
            ("runpod.io/cost-per-hr".to_owned(), plain(rental.cost)),
            (ADDRESSES.to_owned(), addresses.join(",")),
        ];
        self.report(Report::Annotations { pod: pod.clone(), annotations });
    }

    fn report(&self, report: Report) {
        let (Report::Event { pod, .. } | Report::Annotations { pod, .. }) = &report;
        // Of an adopted instance only the UID is known until its pod says the rest; then its annotations come again.
        if !pod.name.is_empty() {
            // Nobody listens in tests of the engine alone.
            let _ = self.reports.send(report);
        }
    }
}

/// The pod that an instance belongs to.
pub(super) fn pod_of(uid: &str, rental: &Rental) -> PodRef {
    PodRef { uid: uid.to_owned(), namespace: rental.namespace.clone(), name: rental.name.clone() }
}
