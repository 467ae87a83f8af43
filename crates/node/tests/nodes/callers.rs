//! Who may ask what of the kubelet API (`security.md` §8): callers and routes, reviewed by the real API server.

use serde_json::json;
use testkit::{Plane, eventually, unique};
use tokio::process::Command;

use crate::own_node::{Node, shell};

/// What a caller shows of itself, as arguments of curl.
type Shown = Vec<String>;

/// The routes about one pod.
fn of_pod(namespace: &str, pod: &str) -> [(&'static str, String); 5] {
    let command = "command=true&output=1";
    [
        ("GET", format!("/containerLogs/{namespace}/{pod}/app")),
        ("GET", format!("/exec/{namespace}/{pod}/app?{command}")),
        ("POST", format!("/exec/{namespace}/{pod}/app?{command}")),
        ("POST", format!("/attach/{namespace}/{pod}/app?output=1")),
        ("POST", format!("/portForward/{namespace}/{pod}")),
    ]
}

/// The routes about the node, and one that there is not.
const OF_NODE: [&str; 8] =
    ["/pods", "/runningpods/", "/stats/summary", "/metrics/resource", "/metrics", "/healthz", "/configz", "/none"];

fn routes(namespace: &str, pod: &str) -> Vec<(&'static str, String)> {
    let of_node = OF_NODE.map(|path| ("GET", path.to_owned()));
    of_pod(namespace, pod).into_iter().chain(of_node).collect()
}

fn certificate(name: &str) -> Shown {
    let file = |end: &str| Plane::current().pki_file(&format!("{name}.{end}")).display().to_string();
    vec!["--cert".into(), file("crt"), "--key".into(), file("key")]
}

fn bearer(token: &str) -> Shown {
    vec!["--header".into(), format!("Authorization: Bearer {token}")]
}

/// A ServiceAccount's token.
async fn account(node: &Node, name: &str) -> Shown {
    node.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})).await;
    bearer(node.kubectl(&["create", "token", name]).await.out().trim())
}

/// The status of the answer; 0 if the connection ends before there is one.
async fn status(node: &Node, caller: &[String], method: &str, path: &str) -> u16 {
    let mut curl = Command::new("curl");
    curl.args(["-sk", "--max-time", "30", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    curl.args(["--request", method]).args(caller).arg(format!("https://127.0.0.1:{}{path}", node.port));
    let answer = curl.output().await.unwrap();
    String::from_utf8(answer.stdout).unwrap().parse().unwrap()
}

/// Lets a ServiceAccount of the node's namespace read the figures of all nodes; the name of role and binding.
async fn may_read_stats(node: &Node, account: &str) -> String {
    let (plane, role) = (Plane::current(), unique("stats"));
    plane.admin(&["create", "clusterrole", &role, "--verb=get", "--resource=nodes/stats"]).await.out();
    let (of, whose) = (format!("--clusterrole={role}"), format!("--serviceaccount={}:{account}", node.namespace));
    plane.admin(&["create", "clusterrolebinding", &role, &of, &whose]).await.out();
    let user = format!("--as=system:serviceaccount:{}:{account}", node.namespace);
    // The node remembers a refusal for a while: it is asked once the API server knows of the right.
    eventually("the right is known", async || {
        let ran = plane.admin(&["auth", "can-i", "get", "nodes", "--subresource=stats", &user]).await;
        if ran.stdout.trim() == "yes" { Ok(()) } else { Err(ran.stderr) }
    })
    .await;
    role
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_a_certificate_or_token_that_the_cluster_knows() {
    let node = Node::new().await;
    let process = node.started().await;
    for (method, path) in routes(&node.namespace, "web") {
        for (who, caller) in [("nobody", Shown::new()), ("a wrong token", bearer("nonsense"))] {
            assert_eq!(status(&node, &caller, method, &path).await, 401, "{who}: {method} {path}");
        }
        // Of another authority. Some clients do not even show what the server does not ask for.
        let foreign = status(&node, &certificate("apiserver-etcd-client"), method, &path).await;
        assert!([0, 401].contains(&foreign), "{method} {path}: {foreign}");
    }
    assert!(!node.log().contains("nonsense"), "no token stands in the log");
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_caller_gets_what_its_rights_open_and_nothing_else() {
    let node = Node::new().await;
    let process = node.started().await;
    node.pod("web", json!({"containers": [shell("app", "sleep 1000")]})).await;
    node.running("web").await;
    let (stranger, figures) = (account(&node, "stranger").await, account(&node, "figures").await);
    let role = may_read_stats(&node, "figures").await;
    for (method, path) in routes(&node.namespace, "web") {
        assert_eq!(status(&node, &stranger, method, &path).await, 403, "without a right: {method} {path}");
        let wanted = if path == "/stats/summary" { 200 } else { 403 };
        assert_eq!(status(&node, &figures, method, &path).await, wanted, "with nodes/stats: {method} {path}");
    }
    let admin = certificate("admin");
    for path in OF_NODE {
        let wanted = if path == "/none" { 404 } else { 200 };
        assert_eq!(status(&node, &admin, "GET", path).await, wanted, "{path}");
    }
    let log = format!("/containerLogs/{}/web/app", node.namespace);
    assert_eq!(status(&node, &admin, "GET", &log).await, 200);
    let plane = Plane::current();
    plane.admin(&["delete", "clusterrolebinding", &role]).await.out();
    plane.admin(&["delete", "clusterrole", &role]).await.out();
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_of_another_node_is_not_found_whoever_asks() {
    let (node, other) = (Node::new().await, Node::new().await);
    let (process, others) = (node.started().await, other.started().await);
    other.pod("web", json!({"containers": [shell("app", "sleep 1000")]})).await;
    other.running("web").await;
    let admin = certificate("admin");
    for (method, path) in of_pod(&other.namespace, "web") {
        assert_eq!(status(&node, &admin, method, &path).await, 404, "{method} {path}");
    }
    let log = format!("/containerLogs/{}/web/app", other.namespace);
    assert_eq!(status(&other, &admin, "GET", &log).await, 200, "its own node has it");
    node.end(process).await;
    other.end(others).await;
}
