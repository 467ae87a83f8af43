//! Workloads as the shared watches see them: at once, then after each change that people can see.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::namespace::KubernetesName;
use domain::workload::{EventView, WorkloadKind, WorkloadState};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use tokio::sync::watch::Receiver;

use crate::views::Views;
use crate::workload::state::{Key, alone, join, newest_first};

/// One listener's view of a namespace.
struct View<T> {
    views: Arc<Views>,
    tenant: String,
    wake: Receiver<()>,
    /// What was told last; none before the first time.
    told: Option<T>,
    /// None until the first lists are complete.
    now: fn(&Self) -> Option<T>,
    /// Only this one.
    only: Option<Key>,
    events: Option<Receiver<()>>,
}

type All = BTreeMap<Key, WorkloadState>;
type One = Option<(WorkloadState, Vec<EventView>)>;

/// All workloads of a namespace; endless.
pub(crate) fn all(views: &Arc<Views>, tenant: &KubernetesName) -> BoxStream<'static, Vec<WorkloadState>> {
    let view = View::<All>::new(views, tenant, View::everything);
    view.changes().map(|states| states.into_values().collect()).boxed()
}

/// One workload with its events; `None` once it and its pods are gone; endless.
pub(crate) fn one(
    views: &Arc<Views>,
    tenant: &KubernetesName,
    kind: WorkloadKind,
    name: &str,
) -> BoxStream<'static, Option<(WorkloadState, Vec<EventView>)>> {
    let mut view = View::<One>::new(views, tenant, View::single);
    view.only = Some((kind, name.to_owned()));
    view.events = Some(views.reports.listen(tenant.as_str()));
    view.changes()
}

/// Since when the watch of pods is interrupted, now and after each change; endless.
pub(crate) fn interrupted(views: &Views) -> BoxStream<'static, Option<Timestamp>> {
    let receiver = views.interrupted.subscribe();
    stream::unfold((receiver, true), |(mut receiver, first)| async move {
        if !first {
            receiver.changed().await.ok()?;
        }
        let now = *receiver.borrow_and_update();
        Some((now, (receiver, false)))
    })
    .boxed()
}

/// Each time after what is free was counted anew; endless.
pub(crate) fn counted(views: &Views) -> BoxStream<'static, ()> {
    stream::unfold(views.counted.subscribe(), |mut receiver| async move {
        receiver.changed().await.ok()?;
        Some(((), receiver))
    })
    .boxed()
}

// === impl View ===

impl<T: Clone + PartialEq + Send + 'static> View<T> {
    fn new(views: &Arc<Views>, tenant: &KubernetesName, now: fn(&Self) -> Option<T>) -> Self {
        let tenant = tenant.as_str().to_owned();
        let wake = views.workloads.listen(&tenant);
        Self { views: views.clone(), tenant, wake, told: None, now, only: None, events: None }
    }

    fn changes(self) -> BoxStream<'static, T> {
        stream::unfold(self, |mut view| async {
            loop {
                view.seen();
                match (view.now)(&view) {
                    Some(now) if view.told.as_ref() != Some(&now) => {
                        view.told = Some(now.clone());
                        return Some((now, view));
                    }
                    _ if !view.woken().await => return None,
                    _ => {}
                }
            }
        })
        .boxed()
    }

    fn seen(&mut self) {
        self.wake.borrow_and_update();
        if let Some(events) = &mut self.events {
            events.borrow_and_update();
        }
    }

    async fn woken(&mut self) -> bool {
        match &mut self.events {
            Some(events) => tokio::select! {
                woken = self.wake.changed() => woken.is_ok(),
                woken = events.changed() => woken.is_ok(),
            },
            None => self.wake.changed().await.is_ok(),
        }
    }
}

impl View<All> {
    fn everything(&self) -> Option<All> {
        let pods = self.views.pods.in_namespace(&self.tenant)?;
        let mut states = self.views.everything(&self.tenant)?;
        // Kubernetes removes the object first and its pods after it: it is gone when they are.
        let left =
            self.told.iter().flatten().filter(|(key, _)| key.0 != WorkloadKind::Pod && !states.contains_key(*key));
        let left = left.map(|(_, last)| WorkloadState { deleting: true, pods: Vec::new(), ..last.clone() });
        let rest = join(left, pods.values(), false);
        states.extend(rest.into_iter().filter(|(_, state)| !state.pods.is_empty()));
        Some(states)
    }
}

impl View<One> {
    fn single(&self) -> Option<One> {
        let (kind, name) = self.only.as_ref()?;
        let pods = self.views.pods.in_namespace(&self.tenant)?;
        let state = if *kind == WorkloadKind::Pod {
            pods.get(name).map(alone)
        } else {
            let tops = self.views.tops(&self.tenant)?;
            let top = tops.into_iter().find(|top| top.kind == *kind && top.name == *name);
            let there = top.is_some();
            let last = || self.told.as_ref()?.as_ref().map(|(last, _)| last.clone());
            let top = top.or_else(|| last().map(|last| WorkloadState { deleting: true, pods: Vec::new(), ..last }));
            let state = top.and_then(|top| join([top], pods.values(), false).into_values().next());
            state.filter(|state| there || !state.pods.is_empty())
        };
        Some(state.map(|state| {
            let events = self.views.events.in_namespace(&self.tenant).unwrap_or_default();
            let own = events.values().filter(|event| state.concerns(&event.about)).map(|event| (**event).clone());
            let events = newest_first(own);
            (state, events)
        }))
    }
}
