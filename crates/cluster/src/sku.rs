//! The catalogue: every SKU of the cluster by code, kept by one watch, and what operators change in it.
//! One that cannot be read hides only itself.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use domain::sku::{Sku, SkuSpec};
use domain::{Code, Error, Result};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::{CALL_LIMIT, Doing, call, within};
use crate::error::translate;
use crate::tenant::objects::{FIELD_MANAGER, MANAGED_BY};
use crate::views::Views;
use crate::watch::run;

// A status may be written between our read and our write.
const TRIES: usize = 5;

/// Every SKU by code.
pub(crate) type Skus = BTreeMap<String, Sku>;

/// The last complete state of the catalogue; none until the first list arrived.
#[derive(Default)]
pub(crate) struct Catalogue {
    skus: RwLock<Option<Arc<Skus>>>,
}

// === impl Catalogue ===

impl Catalogue {
    /// Every SKU by code.
    ///
    /// # Errors
    /// [`Error::Unavailable`] until the first list arrived.
    pub fn skus(&self) -> Result<Arc<Skus>> {
        let skus = self.skus.read().unwrap_or_else(PoisonError::into_inner).clone();
        skus.ok_or_else(|| Error::cluster("the SKUs have not been listed yet"))
    }

    fn feed(&self, listing: &mut Skus, event: Event<DynamicObject>) {
        match event {
            Event::Init => listing.clear(),
            Event::InitApply(object) => listing.extend(read(&object).map(|sku| (sku.code.clone(), sku))),
            Event::InitDone => self.change(|skus| *skus = std::mem::take(listing)),
            Event::Apply(object) => {
                let sku = read(&object);
                self.change(|skus| {
                    skus.remove(&object.metadata.name.unwrap_or_default());
                    skus.extend(sku.map(|sku| (sku.code.clone(), sku)));
                });
            }
            Event::Delete(object) => self.change(|skus| drop(skus.remove(&object.metadata.name.unwrap_or_default()))),
        }
    }

    fn change(&self, edit: impl FnOnce(&mut Skus)) {
        let mut skus = self.skus.write().unwrap_or_else(PoisonError::into_inner);
        edit(Arc::make_mut(skus.get_or_insert_default()));
    }
}

/// Starts the watch. Each change is a reason to count free capacity again.
pub(crate) fn watch(client: &Client, catalogue: &Arc<Catalogue>, views: &Arc<Views>, shutdown: &CancellationToken) {
    let (catalogue, views, mut listing) = (catalogue.clone(), views.clone(), Skus::new());
    run("SKUs", watcher(api(client), watcher::Config::default()), shutdown, move |event| {
        catalogue.feed(&mut listing, event);
        views.capacity.notify_one();
    });
}

/// One SKU as it is now.
///
/// # Errors
/// [`Error::Unavailable`] without the cluster; `Internal` for one that cannot be read.
pub(crate) async fn get(client: &Client, code: &str) -> Result<Option<Sku>> {
    match call("reading a SKU", api(client).get_opt(code)).await? {
        Some(object) => read_back(&object).map(Some),
        None => Ok(None),
    }
}

/// Adds a SKU.
///
/// # Errors
/// `Conflict` `NameTaken`; `Invalid` for what the schema refuses.
pub(crate) async fn create(client: &Client, code: &str, spec: &SkuSpec) -> Result<Sku> {
    let object = object(code, spec)?;
    let made = write("creating a SKU", api(client).create(&params(), &object)).await;
    read_back(&made.map_err(|error| match error {
        Error::Conflict { code: Code::NameTaken, .. } => {
            Error::conflict(Code::NameTaken, format!("SKU {code} already exists"))
        }
        other => other,
    })?)
}

/// Replaces the spec, if the version is still the one that was read.
///
/// # Errors
/// `Conflict` when it is not; `Invalid` for what the schema refuses; `NotFound`.
pub(crate) async fn replace(client: &Client, sku: &Sku) -> Result<Sku> {
    let api = api(client);
    let mut tries = 1;
    loop {
        let mut live = call("reading a SKU", api.get(&sku.code)).await?;
        let version = live.metadata.generation.unwrap_or_default().to_string();
        if version != sku.version {
            let detail = "Somebody changed this SKU meanwhile: read it again, then make your change";
            return Err(Error::conflict(Code::Conflict, detail));
        }
        live.data["spec"] = serde_json::to_value(&sku.spec).map_err(Error::internal)?;
        // The resourceVersion that was read goes along: nothing can come in between, not even a status.
        match write("changing a SKU", api.replace(&sku.code, &params(), &live)).await {
            Err(Error::Conflict { code: Code::Conflict, .. }) if tries < TRIES => tries += 1,
            other => return read_back(&other?),
        }
    }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

fn object(code: &str, spec: &SkuSpec) -> Result<DynamicObject> {
    let metadata = json!({"name": code, "labels": {MANAGED_BY: FIELD_MANAGER}});
    let object = json!({"apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku", "metadata": metadata, "spec": spec});
    serde_json::from_value(object).map_err(Error::internal)
}

/// What the schema refuses is said to the person who wrote it.
async fn write<T>(doing: Doing, work: impl Future<Output = kube::Result<T>>) -> Result<T> {
    within(doing, CALL_LIMIT, work).await?.map_err(|error| match &error {
        kube::Error::Api(status) if status.code == 422 => Error::field("spec", "invalid", status.message.clone()),
        _ => translate(doing, error),
    })
}

fn read_back(object: &DynamicObject) -> Result<Sku> {
    read(object).ok_or_else(|| Error::internal("a SKU of the cluster cannot be read"))
}

/// The custom resource.
pub(crate) fn api(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("remotegpu.ai", "v1alpha1", "Sku");
    Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, "skus"))
}

/// One that cannot be read is left out, not a reason to lose the others.
fn read(object: &DynamicObject) -> Option<Sku> {
    let code = object.metadata.name.clone()?;
    let part = |name: &str| object.data.get(name).cloned();
    let spec = serde_json::from_value(part("spec").unwrap_or(Value::Null));
    let status = part("status").map_or_else(|| Ok(Default::default()), serde_json::from_value);
    match (spec, status) {
        (Ok(spec), Ok(status)) => {
            let version = object.metadata.generation.unwrap_or_default().to_string();
            Some(Sku { code, version, spec, status })
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(sku.code = code, %error, "SKU cannot be read and is not offered");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, spec: Value) -> DynamicObject {
        let object = json!({"apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku",
            "metadata": {"name": name, "generation": 7}, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    fn good() -> Value {
        json!({"title": "x", "resources": {"cpu": "1", "memory": "8Gi"}, "price": {"perHour": "0.06", "currency": "EUR"}})
    }

    #[test]
    fn a_sku_that_cannot_be_read_hides_only_itself() {
        let (catalogue, mut listing) = (Catalogue::default(), Skus::new());
        assert!(catalogue.skus().is_err(), "nothing is known before the first list");
        for event in [
            Event::Init,
            Event::InitApply(object("good", good())),
            Event::InitApply(object("bad", json!({"title": 7}))),
            Event::InitDone,
        ] {
            catalogue.feed(&mut listing, event);
        }
        let skus = catalogue.skus().unwrap();
        assert_eq!(skus.keys().collect::<Vec<_>>(), ["good"]);
        assert_eq!(skus["good"].version, "7");
        catalogue.feed(&mut listing, Event::Apply(object("good", json!({}))));
        assert!(catalogue.skus().unwrap().is_empty(), "one that went bad is no longer offered");
    }
}
