//! The catalogue: every SKU of the cluster by code, kept by one watch.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use domain::sku::Sku;
use domain::{Error, Result};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::views::Views;
use crate::watch::run;

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
    use serde_json::json;

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
