//! Lists of the API server that are wrong, as an emptied store gives them (`virtual-node.md` §5.4): one without any pod
//! ends nothing and is told, and each pod that a short one lacks is asked for.

use serde_json::json;
use testkit::{CallProxy, Plane, Scratch, eventually, unique};

use crate::account::{Account, KUBELET, Node, plenty};
use crate::endpoints::rights;
use crate::kills::{Pods, settled};

const LISTS: &str = "/api/v1/pods";
const ONE: &str = "/namespaces/default/pods/";

/// Waits until the Node says so of its orphans.
async fn told(node: &Node, wanted: &str) {
    let path = "--output=jsonpath={.status.conditions[?(@.type=='OrphanInstances')].reason}";
    eventually(&format!("the Node says {wanted}"), async || {
        let reason = Plane::current().admin(&["get", "node", &node.name, path]).await.stdout;
        if reason == wanted { Ok(()) } else { Err((reason, node.log())) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_of_pods_ends_nothing_and_a_short_one_only_what_is_gone() {
    let plane = Plane::current();
    let settings = json!({"boot_seconds": 0, "port_seconds": 0, "list_lag_seconds": 1, "quota": plenty()});
    let account = Account::open(KUBELET, &settings).await;
    account.control(&json!({"do": "foreign", "name": "somebody-else"})).await;
    let (name, release) = (unique("listed"), unique("kubelet"));
    let (manifest, proxy) = (rights(&release, &name).await, CallProxy::to(plane).await);
    let taint = format!("--taint-value={name}");
    let flags = ["--reconcile-interval=1", "--list-lag=3", "--health-server-address=", taint.as_str()];
    let node = Node::new(&account, &name, &flags).under("kube-system", &release).await.through(&proxy.server());
    let process = node.started().await;
    let mut pods = Pods::of(&node);
    pods.make(3).await;
    settled(&pods, &account, &node).await;
    let before = pods.told().await.unwrap();

    proxy.change("GET", LISTS, |list| list["items"] = json!([]));
    proxy.expire();
    told(&node, "NoPodsListed").await;
    assert_eq!(account.billed().await.len(), 4, "three and the foreign one");

    proxy.pass();
    proxy.change("GET", LISTS, |list| {
        if let Some(items) = list["items"].as_array_mut() {
            items.truncate(1);
        }
    });
    let asked = proxy.count("GET", ONE);
    proxy.expire();
    eventually("the two that the list lacks are asked for", async || {
        let more = proxy.count("GET", ONE) - asked;
        if more >= 2 { Ok(()) } else { Err((more, node.log())) }
    })
    .await;
    proxy.pass();
    told(&node, "NoOrphans").await;
    settled(&pods, &account, &node).await;
    assert_eq!(pods.told().await.unwrap(), before, "nothing was ended or rented for it");

    let selector = format!("run={}", pods.label);
    plane.admin(&["delete", "pods", "--selector", &selector, "--timeout=80s"]).await.out();
    assert_eq!(account.billed().await.len(), 1, "nothing of ours costs anything any more");
    node.end(process).await;
    let home = Scratch::new();
    let file = home.secret("rights.yaml", &manifest);
    plane.admin(&["delete", "-f", file.to_str().unwrap()]).await.out();
}
