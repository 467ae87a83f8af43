//! Keeps `RuntimeClasses` at home in step with the SKUs that the namespace over there may use: a cluster refuses pods of a
//! class that it does not have (`tenant-api.md` §6). Three watches and nothing that asks again and again.
//!
//! Classes bear the node's name as a label: those of anybody else, another node's too, are not touched. While the other
//! side is silent, or has taken the namespace away, what stands stays: pods that run have their class.
use std::{collections::BTreeMap, fmt::Debug, pin::pin, time::Duration};

use domain::{
    admission::NamespacePolicy,
    namespace::LIMIT_RANGE,
    reconnect::Reconnect,
    sku::{FoundRuntimeClass, RuntimeClassShape, Sku, runtime_class_changes, runtime_classes},
};
use futures::{Stream, StreamExt};
use k8s_openapi::api::{core::v1::LimitRange, node::v1::RuntimeClass};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
    core::GroupVersionKind,
    runtime::watcher::{self, Event, watcher},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    error::{code, in_time, words},
    label_value,
};

/// Label with the node that keeps a class.
const KEPT_BY: &str = "remotegpu.ai/kept-by-node";
/// Field manager of what is written.
const MANAGER: &str = "remotegpu-kubelet";
/// The other side is not trusted to come to an end: as many classes are kept.
const CLASSES: usize = 500;
/// Pause after a write that failed.
const AGAIN: Duration = Duration::from_secs(5);

/// The cluster of the node, and the one whose SKUs count.
#[derive(Clone)]
pub(super) struct Mirror {
    pub(super) home: Client,
    pub(super) far: Client,
    /// The namespace over there.
    pub(super) namespace: String,
    pub(super) node: String,
}

/// All objects of one kind by name; nothing is known before the first complete list.
struct Listed<T> {
    known: Option<BTreeMap<String, T>>,
    next: BTreeMap<String, T>,
}

/// A class at home, with what makes sure that no other is meant.
struct Class {
    found: FoundRuntimeClass,
    uid: Option<String>,
    version: Option<String>,
}

// === impl Listed ===

impl<T> Listed<T> {
    fn new() -> Self {
        Self { known: None, next: BTreeMap::new() }
    }

    /// Takes in what a watch says; one that cannot be read is as good as not there.
    fn take_in<K: ResourceExt>(&mut self, event: Event<K>, read: impl Fn(&K) -> Option<T>) {
        match event {
            Event::Init => self.next.clear(),
            Event::InitApply(one) => self.next.extend(read(&one).map(|read| (one.name_any(), read))),
            Event::InitDone => self.known = Some(std::mem::take(&mut self.next)),
            Event::Apply(one) => {
                let known = self.known.get_or_insert_default();
                known.remove(&one.name_any());
                known.extend(read(&one).map(|read| (one.name_any(), read)));
            }
            Event::Delete(one) => {
                self.known.get_or_insert_default().remove(&one.name_any());
            }
        }
    }
}

// === impl Mirror ===

impl Mirror {
    /// Runs for ever.
    pub(super) async fn run(self) {
        let skus = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("remotegpu.ai", "v1alpha1", "Sku"), "skus");
        let skus: Api<DynamicObject> = Api::all_with(self.far.clone(), &skus);
        let limits: Api<LimitRange> = Api::namespaced(self.far.clone(), &self.namespace);
        let one = watcher::Config::default().fields(&format!("metadata.name={LIMIT_RANGE}"));
        let classes: Api<RuntimeClass> = Api::all(self.home.clone());
        let all = watcher::Config::default;
        let mut sku_events = pin!(lasting("SKUs of the engine's cluster", skus, all()));
        let mut limit_events = pin!(lasting("grants in the engine's cluster", limits, one));
        let mut class_events = pin!(lasting("RuntimeClasses", classes.clone(), all()));
        let (mut skus, mut limits, mut found) = (Listed::new(), Listed::new(), Listed::new());
        let (mut settled, mut foreign, mut again) = (None, Vec::new(), None::<Instant>);
        loop {
            let due = async {
                match again {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(event) = sku_events.next() => skus.take_in(event, sku),
                Some(event) = limit_events.next() => limits.take_in(event, policy),
                Some(event) = class_events.next() => {
                    found.take_in(event, |class| Some(self.read(class)));
                    settled = None;
                }
                () = due => (settled, again) = (None, None),
            }
            let (Some(skus), Some(limits), Some(known)) = (&skus.known, &limits.known, &mut found.known) else {
                continue;
            };
            let Some(policy) = limits.values().next() else { continue };
            let wanted = wanted(skus, policy);
            // A SKU changes whenever something of it is taken or freed.
            if settled.as_ref() == Some(&wanted) {
                continue;
            }
            let done = self.settle(&classes, known, &wanted, &mut foreign).await;
            again = (!done).then(|| Instant::now() + AGAIN);
            settled = Some(wanted);
        }
    }

    /// Makes the classes at home as they are wanted; false if something must be tried again. `foreign` are the names that
    /// were found to be somebody else's the last time.
    async fn settle(
        &self,
        api: &Api<RuntimeClass>,
        known: &mut BTreeMap<String, Class>,
        wanted: &BTreeMap<String, RuntimeClassShape>,
        foreign: &mut Vec<String>,
    ) -> bool {
        let found = known.iter().map(|(name, class)| (name.clone(), class.found.clone())).collect();
        let changes = runtime_class_changes(&found, wanted);
        if changes.foreign != *foreign {
            let names = changes.foreign.join(", ");
            tracing::warn!(names, "RuntimeClasses of these names are not of this node and are left as they are");
            *foreign = changes.foreign;
        }
        let mut done = true;
        for name in &changes.delete {
            let Some(class) = known.get(name) else { continue };
            let only = Preconditions { uid: class.uid.clone(), resource_version: None };
            let deleted = in_time(api.delete(name, &DeleteParams::default().preconditions(only))).await;
            // Gone, or made anew by somebody else: the watch says which.
            if told(name, "deleted", deleted.map(drop), &[404, 409]) {
                known.remove(name);
            } else {
                done = false;
            }
        }
        for name in &changes.write {
            let Some(shape) = wanted.get(name) else { continue };
            let written = self.write(api, name, shape, known.get(name)).await;
            done &= told(name, "written", written.map(drop), &[409]);
        }
        done
    }

    /// A class that is not there is created and no other way: an apply would take one that somebody makes at this moment.
    async fn write(
        &self,
        api: &Api<RuntimeClass>,
        name: &str,
        shape: &RuntimeClassShape,
        known: Option<&Class>,
    ) -> Result<RuntimeClass, kube::Error> {
        let mut object = shape.object(name, (KEPT_BY, &label_value(&self.node)));
        let Some(class) = known else {
            let object: RuntimeClass = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
            let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
            return in_time(api.create(&params, &object)).await;
        };
        // Another one under this name, or another label since, is a conflict.
        object["metadata"]["uid"] = json!(class.uid);
        object["metadata"]["resourceVersion"] = json!(class.version);
        in_time(api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&object))).await
    }

    fn read(&self, class: &RuntimeClass) -> Class {
        let ours = class.labels().get(KEPT_BY).is_some_and(|node| *node == label_value(&self.node));
        let shape = RuntimeClassShape::of(&class.handler, class.annotations());
        Class { found: FoundRuntimeClass { shape, ours }, uid: class.uid(), version: class.resource_version() }
    }
}

/// Whether no more is to be done: it went well, or the answer means that the watch will say what is so now. What the
/// cluster refuses for good is said and not tried again before something changes.
fn told(name: &str, what: &str, result: Result<(), kube::Error>, settled: &[u16]) -> bool {
    let Err(error) = result else { return true };
    let code = code(&error);
    if code.is_some_and(|code| settled.contains(&code)) {
        return true;
    }
    tracing::warn!(name, error = words(&error), "The RuntimeClass could not be {what}");
    matches!(code, Some(400 | 422))
}

/// What the namespace's SKUs come to, as many as are kept.
fn wanted(skus: &BTreeMap<String, Sku>, policy: &NamespacePolicy) -> BTreeMap<String, RuntimeClassShape> {
    runtime_classes(skus, |sku| policy.allows(sku)).into_iter().take(CLASSES).collect()
}

/// What decides of a SKU over its class: the console over there may be newer and say more of it.
fn sku(object: &DynamicObject) -> Option<Sku> {
    let part = |at: &str| object.data.pointer(at).cloned().unwrap_or(Value::Null);
    let gpu = json!({"model": part("/spec/gpu/model"), "count": part("/spec/gpu/count"), "memoryGiB": 0,
        "resource": part("/spec/gpu/resource")});
    let engines = Some(part("/spec/placement/engines")).filter(Value::is_array);
    let spec = json!({
        "title": "",
        "gpu": if part("/spec/gpu").is_object() { gpu } else { Value::Null },
        "resources": {"cpu": part("/spec/resources/cpu"), "memory": part("/spec/resources/memory")},
        "price": {"perHour": "0", "currency": "EUR"},
        "placement": {"engines": engines.unwrap_or_else(|| json!([]))},
        "retired": part("/spec/retired") == true,
    });
    serde_json::from_value(json!({"code": object.metadata.name, "spec": spec})).ok()
}

fn policy(limits: &LimitRange) -> Option<NamespacePolicy> {
    Some(NamespacePolicy::read(limits.labels(), limits.annotations()))
}

/// A watch that comes back after each failure, later and later, and says the first of them.
fn lasting<K>(what: &'static str, api: Api<K>, config: watcher::Config) -> impl Stream<Item = Event<K>>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let state = (Box::pin(watcher(api, config)), Reconnect::default(), false);
    futures::stream::unfold(state, move |(mut events, mut reconnect, mut down)| async move {
        loop {
            match events.next().await? {
                Ok(event) => {
                    // A list that will be refused is announced, too.
                    if !matches!(event, Event::Init) {
                        reconnect.answered();
                        down = false;
                    }
                    return Some((event, (events, reconnect, down)));
                }
                Err(error) => {
                    if !down {
                        tracing::warn!(%error, what, "A watch for RuntimeClasses is interrupted; it will come back");
                    }
                    down = true;
                    tokio::time::sleep(reconnect.pause()).await;
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(spec: &Value) -> DynamicObject {
        let metadata = json!({"name": "gpu-h100-1x"});
        serde_json::from_value(json!({"apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku", "metadata": metadata,
            "spec": spec}))
        .unwrap()
    }

    #[test]
    fn a_sku_of_a_newer_console_is_read_and_one_that_is_none_is_not() {
        let spec = json!({
            "title": "x", "retired": false, "of tomorrow": 1,
            "gpu": {"model": "H100", "count": 2, "memoryGiB": 80, "resource": "nvidia.com/gpu", "of tomorrow": 1},
            "resources": {"cpu": "24", "memory": "192Gi", "ephemeral-storage": "1Gi", "of tomorrow": "1"},
            "price": {"perHour": "3.29", "currency": "EUR"}, "placement": {"engines": ["one"], "of tomorrow": 1},
        });
        let read = sku(&object(&spec)).unwrap();
        assert_eq!(read.runtime_class().as_deref(), Some("remotegpu-nvidia-2xh100"));
        assert_eq!(
            (read.spec.resources.memory.as_str(), read.spec.placement.engines),
            ("192Gi", vec!["one".to_owned()])
        );
        assert_eq!(sku(&object(&json!({"title": "x"}))), None);
        let cpu = json!({"resources": {"cpu": "1", "memory": "1Gi"}, "retired": true});
        let cpu = sku(&object(&cpu)).unwrap();
        assert_eq!((cpu.runtime_class(), cpu.spec.retired), (None, true));
    }

    #[test]
    fn nothing_is_known_before_the_first_list_is_complete_and_a_new_list_replaces_the_old() {
        let mut listed = Listed::new();
        let name = |object: &DynamicObject| object.metadata.name.clone();
        let one = object(&json!({}));
        listed.take_in(Event::Init, name);
        listed.take_in(Event::InitApply(one.clone()), name);
        assert_eq!(listed.known, None);
        listed.take_in(Event::InitDone, name);
        assert_eq!(listed.known.as_ref().map(BTreeMap::len), Some(1));
        listed.take_in(Event::Init, name);
        assert_eq!(listed.known.as_ref().map(BTreeMap::len), Some(1), "until the next one is complete");
        listed.take_in(Event::InitDone, name);
        assert_eq!(listed.known.as_ref().map(BTreeMap::len), Some(0));
        listed.take_in(Event::Apply(one.clone()), name);
        listed.take_in(Event::Delete(one), name);
        assert_eq!(listed.known.as_ref().map(BTreeMap::len), Some(0));
    }

    #[test]
    fn no_more_classes_are_kept_than_a_cluster_bears() {
        let many = (0..=CLASSES).map(|count| {
            let spec = json!({"gpu": {"model": "H100", "count": count, "resource": "nvidia.com/gpu"},
                "resources": {"cpu": "1", "memory": "1Gi"}});
            (format!("sku-{count}"), sku(&object(&spec)).unwrap())
        });
        assert_eq!(wanted(&many.collect(), &NamespacePolicy::default()).len(), CLASSES);
    }
}
