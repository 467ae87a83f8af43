//! What the meter is told: pods with an admitted SKU that have run, from the shared watch, and those that went lately as
//! they were last seen. Every console keeps the latter, so that a new leader ends records exactly.

use std::collections::VecDeque;
use std::sync::Mutex;

use domain::admission::{ANNOTATION_ORDERED_BY, ANNOTATION_RUNTIME_CLASS, Orderer};
use domain::capacity::ENGINE_LABEL;
use domain::id::NamespaceId;
use domain::name::may_exist;
use domain::pod::ContainerPhase;
use domain::usage::{ANNOTATION_ORIGIN_NAMESPACE, ANNOTATION_ORIGIN_POD, MeteredPod, Metering};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use crate::views::Views;
use crate::watch::changes::lock;
use crate::workload::state::{self, PodRow};

// A leader that was killed is followed within seconds; these are the pods that may end meanwhile.
const MOST_GONE: usize = 10_000;

/// What metering needs of a pod beyond what people see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    uid: String,
    runtime_class: String,
    ordered_by: Option<Orderer>,
    origin: Option<(String, String)>,
    /// When its deletion takes effect.
    deletion: Option<Timestamp>,
}

/// Pods that went, oldest first.
#[derive(Default)]
pub(crate) struct Gone(Mutex<VecDeque<MeteredPod>>);

/// Reads it from a pod.
pub(crate) fn meta(pod: &Pod) -> Meta {
    // The customer writes these: whatever no Kubernetes name can be is none.
    let text = |key: &str| pod.annotations().get(key).filter(|text| may_exist(text)).cloned();
    Meta {
        uid: pod.uid().unwrap_or_default(),
        runtime_class: pod.annotations().get(ANNOTATION_RUNTIME_CLASS).cloned().unwrap_or_default(),
        ordered_by: pod.annotations().get(ANNOTATION_ORDERED_BY).and_then(|text| Orderer::parse(text)),
        origin: text(ANNOTATION_ORIGIN_POD).zip(text(ANNOTATION_ORIGIN_NAMESPACE)),
        deletion: pod.metadata.deletion_timestamp.as_ref().map(|time| time.0),
    }
}

// === impl Gone ===

impl Gone {
    /// Remembers a deleted pod as it was in the end.
    pub fn remember(&self, views: &Views, pod: &Pod) {
        let (namespace, row) = (pod.namespace().unwrap_or_default(), state::pod(pod));
        let Some(mut last) = metered(views, &namespace, &row) else { return };
        let containers = row.state.containers.iter().filter(|container| !container.init);
        let ended = containers.clone().count() > 0 && containers.clone().all(|c| c.phase == ContainerPhase::Ended);
        last.ended_at = if ended || row.state.over() { row.state.ended_at } else { row.meta.deletion };
        last.over = true;
        let mut gone = lock(&self.0);
        if gone.len() == MOST_GONE {
            gone.pop_front();
        }
        gone.push_back(last);
    }
}

/// None until the lists of pods and namespaces are complete: half of them would end records of pods that run.
pub(crate) fn metering(views: &Views) -> Option<Metering> {
    views.tenants_known().then_some(())?;
    views.pods.in_namespace("")?;
    let mut says = Metering::default();
    views.pods.each(|namespace, row| {
        if let Some(pod) = metered(views, namespace, row) {
            says.pods.insert(pod.uid.clone(), pod);
        }
    });
    says.gone = lock(&views.gone.0).iter().map(|pod| (pod.uid.clone(), pod.clone())).collect();
    Some(says)
}

/// Only in tenant namespaces, only with a price that admission froze, only once a container ran.
fn metered(views: &Views, namespace: &str, row: &PodRow) -> Option<MeteredPod> {
    let state = &row.state;
    let started_at = state.started_at?;
    let engine = || Some(views.nodes.get("", state.node.as_deref()?)?.labels.get(ENGINE_LABEL)?.clone());
    Some(MeteredPod {
        uid: row.meta.uid.clone(),
        namespace_id: NamespaceId::parse(&views.tenant(namespace)?).ok()?,
        name: state.name.clone(),
        origin: row.meta.origin.clone(),
        sku_code: Some(&state.sku_code).filter(|code| !code.is_empty())?.clone(),
        engine: engine().unwrap_or_default(),
        runtime_class: row.meta.runtime_class.clone(),
        ordered_by: row.meta.ordered_by.clone(),
        price: state.money()?,
        started_at,
        ended_at: state.ended_at.filter(|_| state.over()),
        over: state.over(),
    })
}
