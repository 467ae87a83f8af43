//! A namespace of 5,000 pods: the watch holds them, and what leaves for a page stays small.

use std::collections::BTreeSet;

use backend::ports::Cluster as _;
use domain::workload::{MOST_ROWS, Waits, WorkloadFilter, WorkloadList};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use crate::given::{eventually, next, plane, tenant};

const PODS: usize = 5000;
const WRITERS: usize = 40;
// A row is a name, an image and a sentence.
const BYTES_OF_A_ROW: usize = 1024;

/// For a scheduler that does not exist: the pod stays as it was made.
fn pod(number: usize) -> Pod {
    let pod = json!({"metadata": {"name": format!("pod-{number:04}")}, "spec": {
        "schedulerName": "nobody", "automountServiceAccountToken": false,
        "containers": [{"name": "app", "image": "registry.invalid/app:1"}]}});
    serde_json::from_value(pod).unwrap()
}

#[tokio::test]
async fn a_namespace_of_5000_pods_leaves_page_by_page() {
    let plane = plane().await;
    // A name that no tenant has: neither quota nor webhook counts these pods.
    let name = tenant().kubernetes_name;
    let namespaces: Api<Namespace> = Api::all(plane.admin.clone());
    let namespace = json!({"metadata": {"name": name.as_str()}});
    namespaces.create(&PostParams::default(), &serde_json::from_value(namespace).unwrap()).await.unwrap();
    let pods: Api<Pod> = Api::namespaced(plane.admin.clone(), name.as_str());
    // The controller manager makes the account that admission asks for.
    eventually("the first pod is made", async || pods.create(&PostParams::default(), &pod(0)).await.ok()).await;
    let mut live = plane.cluster.watch_workloads(&name);
    let writing = stream::iter(1..PODS).for_each_concurrent(WRITERS, async |number| {
        pods.create(&PostParams::default(), &pod(number)).await.unwrap();
    });
    writing.await;
    let mut all = Vec::new();
    while all.len() < PODS {
        all = next("every pod is seen", &mut live).await;
    }
    let (mut filter, mut names) = (WorkloadFilter::default(), BTreeSet::new());
    loop {
        let page = WorkloadList::of(&all, &filter, jiff::Timestamp::UNIX_EPOCH, &Waits::new());
        assert!(page.items.len() <= MOST_ROWS);
        assert!(serde_json::to_vec(&page).unwrap().len() <= MOST_ROWS * BYTES_OF_A_ROW);
        names.extend(page.items.into_iter().map(|row| row.name));
        filter.cursor = page.next_cursor;
        if filter.cursor.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), PODS);
    namespaces.delete(name.as_str(), &DeleteParams::background()).await.unwrap();
}
