//! EndpointSlices for pods that are reached at public addresses: a Service asks for them, and for each pod that it names
//! there is a slice with the pod's public address and ports (`virtual-node.md` §1.4, on by flag).
//! Addresses are the engine's own word: annotations of pods could be written by whoever may edit them.
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use k8s_openapi::api::{
    core::v1::{Pod, Service},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    runtime::{
        WatchStreamExt,
        reflector::{self, Store},
        watcher::{self, Event},
    },
};

use crate::{decide::is_final, kubelet::Shared};

mod slice;

use slice::{MANAGED_BY, MANAGER, NODE, Wanted};

/// Pods change many at a time.
const GATHER: Duration = Duration::from_millis(50);

/// Slices by namespace and name.
type Slices = BTreeMap<(String, String), EndpointSlice>;

/// Keeps the slices of this node's pods until the node stops; `prefix` begins the annotations of Services.
pub(crate) async fn run(shared: Arc<Shared>, prefix: String) {
    // Before the engine is known every address would look gone.
    tokio::select! {
        () = shared.engine_known.cancelled() => {}
        () = shared.shutdown.cancelled() => return,
    }
    let (services, writer) = reflector::store::<Service>();
    let api: Api<Service> = Api::all(shared.client.clone());
    let watch = kube::runtime::watcher(api, watcher::Config::default());
    let watch = watch.modify(|service: &mut Service| service.metadata.managed_fields = None).default_backoff();
    let mut changes = pin!(reflector::reflector(writer, watch));
    let mut interval = tokio::time::interval(shared.config.reconcile_interval);
    let (mut known, mut written) = (false, None);
    loop {
        let regular = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = shared.pods_changed.notified() => false,
            _ = interval.tick() => true,
            change = changes.next() => match change {
                Some(Ok(event)) => {
                    known |= matches!(event, Event::InitDone);
                    false
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "Watching Services failed; trying again");
                    continue;
                }
                None => return,
            },
        };
        if !known {
            continue;
        }
        if !regular {
            tokio::time::sleep(GATHER).await;
        }
        let wanted = wanted(&shared, &prefix, &services);
        if !regular && written.as_ref() == Some(&wanted) {
            continue;
        }
        keep(&shared, &wanted).await;
        // What failed is tried again at the next regular look, not with every change of some pod.
        written = Some(wanted);
    }
}

fn wanted(shared: &Shared, prefix: &str, services: &Store<Service>) -> Slices {
    let services = services.state();
    let asking: Vec<Wanted<'_>> = services.iter().filter_map(|service| Wanted::of(service, prefix)).collect();
    if asking.is_empty() {
        return Slices::new();
    }
    let namespaces: BTreeSet<&str> = asking.iter().map(Wanted::namespace).collect();
    let pods = shared.records.uids_in(&namespaces).into_iter().filter_map(|uid| shared.records.view(&uid));
    let pods: Vec<Arc<Pod>> = pods.filter(|view| !view.removed && !is_final(&view.pod)).map(|view| view.pod).collect();
    let mut slices = Slices::new();
    for service in &asking {
        for pod in pods.iter().filter(|pod| service.selects(pod)) {
            let ports = shared.provider.public_ports(pod.metadata.uid.as_deref().unwrap_or_default());
            for slice in service.slices(pod, &ports, &shared.config.name) {
                slices.insert(key(&slice), slice);
            }
        }
    }
    slices
}

/// Writes what differs, and deletes what this node wrote and nobody wants any more. A namespace that takes none, as one that
/// is being deleted, holds up no other.
async fn keep(shared: &Shared, wanted: &Slices) {
    let ours = ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER},{NODE}={}", shared.config.name));
    let found = match Api::<EndpointSlice>::all(shared.client.clone()).list(&ours).await {
        Ok(found) => found,
        Err(error) => return tracing::warn!(%error, "Listing EndpointSlices failed; trying again"),
    };
    let found: Slices = found.items.into_iter().map(|slice| (key(&slice), slice)).collect();
    for (key, slice) in wanted {
        let is_same = |old: &EndpointSlice| old.endpoints == slice.endpoints && old.ports == slice.ports;
        if !found.get(key).is_some_and(is_same) {
            let params = PatchParams::apply(MANAGER).force();
            if let Err(error) = of_namespace(shared, &key.0).patch(&key.1, &params, &Patch::Apply(slice)).await {
                failed(key, &error);
            }
        }
    }
    for key in found.keys().filter(|key| !wanted.contains_key(*key)) {
        match of_namespace(shared, &key.0).delete(&key.1, &DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(error)) if error.code == 404 => {}
            Err(error) => failed(key, &error),
        }
    }
}

fn failed((namespace, slice): &(String, String), error: &kube::Error) {
    tracing::warn!(%error, namespace, slice, "Writing an EndpointSlice failed; trying again");
}

fn of_namespace(shared: &Shared, namespace: &str) -> Api<EndpointSlice> {
    Api::namespaced(shared.client.clone(), namespace)
}

fn key(slice: &EndpointSlice) -> (String, String) {
    (slice.metadata.namespace.clone().unwrap_or_default(), slice.metadata.name.clone().unwrap_or_default())
}
