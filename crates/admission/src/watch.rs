//! Keeps the tables equal to the cluster: two watches and, for a namespace not seen yet, one GET.
//!
//! These are the only calls this process makes (RULINGS 13).

use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use domain::admission::{NamespacePolicy, check_sku};
use domain::reconnect::Reconnect;
use domain::sku::{Sku, SkuStatus};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::{Client, ResourceExt};
use serde_json::Value;

use crate::tables::{Table, Tables};

/// Label of tenant namespaces; the webhook is registered for these only (RULINGS 41).
pub const NAMESPACE_LABEL: &str = "remotegpu.ai/namespace-id";
// What a page of the first list leaves in memory stays there: small pages leave little.
const PAGE: u32 = 100;
// The API server waits 5 s for us (`security.md` §6.1); a GET must leave time for the answer.
const GET_DEADLINE: Duration = Duration::from_secs(2);

/// Follows `skus.remotegpu.ai` until the process ends.
pub async fn follow_skus(client: Client, tables: &Tables) {
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("remotegpu.ai", "v1alpha1", "Sku"), "skus");
    let api: Api<DynamicObject> = Api::all_with(client, &kind);
    let events = watcher::watcher(api, watcher::Config::default().page_size(PAGE));
    follow("skus", events, &tables.skus, read_sku).await;
}

/// Follows labelled namespaces until the process ends.
pub async fn follow_namespaces(client: Client, tables: &Tables) {
    let labelled = watcher::Config::default().labels(NAMESPACE_LABEL).page_size(PAGE);
    let events = watcher::watcher(Api::<PartialObjectMeta<Namespace>>::all(client), labelled);
    follow("namespaces", events, &tables.namespaces, |object: &PartialObjectMeta<Namespace>| {
        Some(NamespacePolicy::read(object.labels(), object.annotations()))
    })
    .await;
}

/// Reads one namespace that the watch has not shown yet.
///
/// # Errors
/// A sentence for the caller.
pub async fn get_namespace(client: &Client, name: &str) -> Result<NamespacePolicy, String> {
    let api: Api<Namespace> = Api::all(client.clone());
    match tokio::time::timeout(GET_DEADLINE, api.get_metadata_opt(name)).await {
        Ok(Ok(Some(namespace))) => Ok(NamespacePolicy::read(namespace.labels(), namespace.annotations())),
        Ok(Ok(None)) => Err(format!("Namespace {name} does not exist")),
        Ok(Err(error)) => {
            tracing::warn!(namespace.kubernetes_name = name, %error, "cannot read a namespace");
            Err(format!("Namespace {name} could not be read: try again"))
        }
        Err(_) => Err(format!("Namespace {name} could not be read in time: try again")),
    }
}

async fn follow<K, V>(
    what: &str,
    events: impl futures::Stream<Item = watcher::Result<Event<K>>>,
    table: &Table<V>,
    read: impl Fn(&K) -> Option<V>,
) where
    K: ResourceExt + Debug,
    V: PartialEq,
{
    let mut events = pin!(events);
    let mut reconnect = Reconnect::default();
    let mut listed = Vec::new();
    while let Some(event) = events.next().await {
        if !matches!(event, Ok(Event::Init) | Err(_)) {
            reconnect.answered();
        }
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => listed.extend(read(&object).map(|row| (object.name_any(), row))),
            Ok(Event::InitDone) => {
                tracing::info!(table = what, rows = listed.len(), "loaded");
                // Made of all rows at once a map has no empty places, which are half of one that grew.
                table.replace(std::mem::take(&mut listed).into_iter().collect());
            }
            Ok(Event::Apply(object)) => table.put(&object.name_any(), read(&object)),
            Ok(Event::Delete(object)) => table.put(&object.name_any(), None),
            Err(error) => {
                tracing::warn!(table = what, %error, "the watch was cut and starts again");
                tokio::time::sleep(reconnect.pause()).await;
            }
        }
    }
}

/// A SKU without the numbers of its status, which change with every pod and decide nothing here.
fn read_sku(object: &DynamicObject) -> Option<Sku> {
    let code = object.name_any();
    let version = object.metadata.generation.map(|g| g.to_string()).or_else(|| object.resource_version());
    let spec = object.data.get("spec").cloned().unwrap_or_default();
    let class = object.data.pointer("/status/priorityClass").and_then(Value::as_str).map(ToOwned::to_owned);
    let status = SkuStatus { priority_class: class, ..SkuStatus::default() };
    let read = serde_json::from_value(spec).map_err(|error| error.to_string()).and_then(|spec| {
        let sku = Sku { code: code.clone(), version: version.unwrap_or_default(), spec, status };
        check_sku(&sku).map(|()| sku)
    });
    match read {
        Ok(sku) => Some(sku),
        Err(reason) => {
            tracing::warn!(sku.code = code, reason, "a SKU cannot be read and is left out");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;

    fn object(price: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku",
            "metadata": {"name": "cpu-shared-8g", "generation": 3, "resourceVersion": "812"},
            "spec": {"title": "t", "resources": {"cpu": "2", "memory": "8Gi"}, "price": {"perHour": price, "currency": "EUR"}},
            "status": {"free": 3, "priorityClass": "remotegpu-gpu-h100"}
        }))
        .unwrap()
    }

    fn applied(price: &str) -> watcher::Result<Event<DynamicObject>> {
        Ok(Event::Apply(object(price)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_was_away_is_asked_again_every_few_seconds_and_its_news_taken_in() {
        let away = (0..20).flat_map(|_| [Ok(Event::Init), Err(watcher::Error::NoResourceVersion)]);
        let table = Table::default();
        let begun = Instant::now();
        follow("skus", stream::iter(away.chain([applied("0.10")])), &table, read_sku).await;
        // 0.1 + 0.2 + 0.4 + 0.8 + 1.6 s, then 15 times 3 s.
        assert_eq!(begun.elapsed().as_millis() / 100, 481, "{:?}", begun.elapsed());
        assert_eq!(table.rows()["cpu-shared-8g"].spec.price.per_hour, "0.10");

        let gone = [applied("0.10"), Err(watcher::Error::NoResourceVersion), applied("0.20")];
        let begun = Instant::now();
        follow("skus", stream::iter(gone), &table, read_sku).await;
        assert_eq!(begun.elapsed().as_millis() / 100, 1, "after an answer the first pause is short");
        assert_eq!(table.rows()["cpu-shared-8g"].spec.price.per_hour, "0.20");
    }

    #[test]
    fn the_version_moves_with_the_spec_and_of_the_status_only_the_class_is_kept() {
        let sku = read_sku(&object("0.10")).unwrap();
        assert_eq!((sku.version.as_str(), sku.status.free), ("3", 0));
        assert_eq!(sku.status.priority_class.as_deref(), Some("remotegpu-gpu-h100"));
    }

    #[test]
    fn a_broken_sku_is_left_out() {
        assert!(read_sku(&object("free")).is_none());
        let mut unknown = object("1");
        unknown.data["spec"]["surprise"] = json!(true);
        assert!(read_sku(&unknown).is_none());
    }
}
