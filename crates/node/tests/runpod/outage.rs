//! The API server is away from the node, and from nobody else: nothing is ended and nothing is rented for that, and what
//! changed meanwhile is done afterwards. With and without other processes that could take over.

use serde_json::json;
use testkit::{FaultProxy, Plane, eventually, in_time, unique};

use crate::account::{Account, KUBELET, Node, plenty};
use crate::kills::{Pods, doubled, settled};

const LIST: &str = "GET /v2/pods";

/// Waits until the node has looked at the account so many times more.
async fn looked(account: &Account, node: &Node, times: u64) {
    let before = account.calls(Some(LIST), 200).await;
    eventually("the node goes on looking at its engine", async || {
        let more = account.calls(Some(LIST), 200).await - before;
        if more >= times { Ok(()) } else { Err((more, node.log())) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_api_server_is_away_all_goes_on_and_what_changed_is_done_afterwards() {
    let plane = Plane::current();
    let settings = json!({"boot_seconds": 0, "port_seconds": 0, "list_lag_seconds": 1, "quota": plenty()});
    let account = Account::open(KUBELET, &settings).await;
    account.control(&json!({"do": "foreign", "name": "somebody-else"})).await;
    let (link, name) = (FaultProxy::to(&plane.server()).await, unique("outage"));
    let taint = format!("--taint-value={name}");
    let flags = ["--reconcile-interval=1", "--list-lag=3", "--health-server-address=", taint.as_str()];
    let alone = Node::new(&account, &name, &[&flags[..], &["--leader-elect=false"]].concat()).through(&link.server());
    let mut process = alone.started().await;
    let mut pods = Pods::of(&alone);
    pods.make(4).await;
    settled(&pods, &account, &alone).await;
    let before = pods.told().await.unwrap();

    link.cut();
    // The oldest goes at once, by force, and another comes.
    pods.delete(0, true).await;
    pods.make(1).await;
    looked(&account, &alone, 10).await;
    assert_eq!(account.billed().await.len(), 5, "four and the foreign one: nothing is concluded from silence");
    link.pass();
    settled(&pods, &account, &alone).await;
    let after = pods.told().await.unwrap();
    let kept = before.iter().filter(|(uid, id)| after.get(*uid) == Some(*id)).count();
    assert_eq!(kept, 3, "what stayed was left alone: {before:?} {after:?}");
    process.kill().await.unwrap();

    // Where another process may act in its place it does not go on unseen: it ends, and what it rented does not.
    let times =
        ["--leader-elect-lease-duration=10s", "--leader-elect-renew-deadline=8s", "--leader-elect-retry-period=1s"];
    let leading = Node::new(&account, &name, &[&flags[..], &times[..]].concat()).through(&link.server());
    let mut process = leading.start();
    looked(&account, &leading, 3).await;
    link.cut();
    let ended = in_time("who may be replaced ends", process.wait()).await;
    assert_eq!(ended.unwrap().code(), Some(1), "{}", leading.log());
    assert_eq!(account.billed().await.len(), 5, "they run on without their node's process");
    let process = leading.start();
    link.pass();
    looked(&account, &leading, 3).await;
    settled(&pods, &account, &leading).await;
    assert_eq!(pods.told().await.unwrap(), after, "all are adopted");

    let selector = format!("run={}", pods.label);
    plane.admin(&["delete", "pods", "--selector", &selector, "--timeout=80s"]).await.out();
    assert_eq!(account.billed().await.len(), 1, "nothing of ours costs anything any more");
    assert_eq!(doubled(&account.report().await), Vec::<String>::new(), "rented twice for one pod");
    leading.end(process).await;
    let lead = format!("{name}.leader");
    plane.admin(&["delete", "lease", &lead, "--namespace=kube-node-lease"]).await.out();
}
