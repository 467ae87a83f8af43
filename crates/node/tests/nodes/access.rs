//! Pods of allowed ServiceAccounts can speak to the API server of their cluster, on the real engine; all others get nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use testkit::{Plane, Scratch};

use crate::own_node::{Node, shell};

const FLAG: &str = "--pod-api-server=https://api.example.com:6443";
const PLACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

async fn given(node: &Node, account: &str) {
    node.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}})).await;
    let list = format!("remotegpu.ai/service-accounts={account}");
    node.kubectl(&["annotate", "namespace", &node.namespace, &list]).await.out();
}

/// How many seconds a token is good for, as it says itself.
fn life(token: &str) -> i64 {
    let body = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&body).unwrap();
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}

/// Whose token it is, as the API server says.
async fn review(token: &str) -> Value {
    let place = Scratch::new();
    let file = place.path().join("review.json");
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
    std::fs::write(&file, review.to_string()).unwrap();
    let raw = "/apis/authentication.k8s.io/v1/tokenreviews";
    let answer = Plane::current().admin(&["create", "--raw", raw, "--filename", file.to_str().unwrap()]).await.out();
    serde_json::from_str::<Value>(&answer).unwrap()["status"]["user"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_of_an_allowed_account_has_its_token_and_the_way_to_its_cluster() {
    let node = Node::new().await.with(FLAG);
    let process = node.started().await;
    given(&node, "sky-sa").await;
    node.pod("web", json!({"serviceAccountName": "sky-sa", "containers": [shell("app", "sleep 1000")]})).await;
    node.running("web").await;
    let cat = async |name: &str| {
        let path = format!("{PLACE}/{name}");
        node.kubectl(&["exec", "web", "--", "cat", &path]).await.out()
    };
    assert_eq!(cat("namespace").await, node.namespace);
    assert!(cat("ca.crt").await.starts_with("-----BEGIN CERTIFICATE-----"));
    let user = review(&cat("token").await).await;
    assert_eq!(user["username"], format!("system:serviceaccount:{}:sky-sa", node.namespace));
    assert!(life(&cat("token").await) <= 3600, "admission's 3607 s would make it good for a year");
    // It ends with the pod.
    assert_eq!(user["extra"]["authentication.kubernetes.io/pod-name"], json!(["web"]));
    let env = node.kubectl(&["exec", "web", "--", "env"]).await.out();
    for line in ["KUBERNETES_SERVICE_HOST=api.example.com", "KUBERNETES_SERVICE_PORT=6443"] {
        assert!(env.lines().any(|one| one == line), "{line}: {env}");
    }
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_allowed_or_does_not_want_it_gets_no_token() {
    let node = Node::new().await.with(FLAG);
    let process = node.started().await;
    given(&node, "sky-sa").await;
    node.pod("stranger", json!({"containers": [shell("app", "sleep 1000")]})).await;
    let container = shell("app", "sleep 1000");
    let quiet =
        json!({"serviceAccountName": "sky-sa", "automountServiceAccountToken": false, "containers": [container]});
    node.pod("quiet", quiet).await;
    for name in ["stranger", "quiet"] {
        node.running(name).await;
        node.kubectl(&["exec", name, "--", "ls", PLACE]).await.refused();
        let env = node.kubectl(&["exec", name, "--", "env"]).await.out();
        assert!(!env.contains("KUBERNETES_SERVICE_HOST"), "{name}: {env}");
    }
    node.end(process).await;
}
