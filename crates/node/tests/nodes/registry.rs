//! Images of a registry that asks for a login (`virtual-node.md` §3.9): who gets one, which one, and what its pod says of it.

use serde_json::{Value, json};
use testkit::{Plane, Registry, unique};

use crate::own_node::Node;

const APP: &str = "team/app:1";

/// A node whose engine knows the registry, with the pull secret `right` in its namespace.
async fn node(registry: &Registry) -> Node {
    let node = Node::new().await.on(&registry.socket);
    secret(&node, registry, "right", Registry::LOGIN).await;
    node
}

async fn secret(node: &Node, registry: &Registry, name: &str, (user, password): (&str, &str)) {
    let [server, user, password] = [
        format!("--docker-server={}", registry.address),
        format!("--docker-username={user}"),
        format!("--docker-password={password}"),
    ];
    node.kubectl(&["create", "secret", "docker-registry", name, &server, &user, &password]).await.out();
}

/// A pod of the registry's image that runs as the image says.
fn pod(node: &Node, registry: &Registry, name: &str, policy: &str, secret: Option<&str>) -> Value {
    let secrets: Vec<Value> = secret.iter().map(|name| json!({"name": name})).collect();
    let container = json!({"name": "app", "image": registry.image(APP), "imagePullPolicy": policy});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "nodeName": node.name, "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 1,
        "imagePullSecrets": secrets, "containers": [container]}})
}

fn script(says: &str) -> String {
    format!("trap 'exit 0' TERM; echo {says}; while :; do sleep 1 & wait $!; done")
}

/// Waits until the pod does not get its image, and gives what it says.
async fn refused(node: &Node, name: &str) -> String {
    let waiting = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"].clone();
    let pod = node
        .until(name, "it does not get its image", |pod| {
            let reason = waiting(pod)["reason"].clone();
            reason == "ErrImagePull" || reason == "ImagePullBackOff"
        })
        .await;
    assert_eq!(pod["status"]["containerStatuses"][0]["imageID"], "");
    waiting(&pod)["message"].as_str().unwrap().to_owned()
}

fn image_id(pod: &Value) -> &str {
    pod["status"]["containerStatuses"][0]["imageID"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_behind_a_login_runs_with_the_right_pull_secret_and_with_no_other() {
    let registry = Registry::start().await;
    let node = node(&registry).await;
    let (plane, others) = (Plane::current(), unique("others"));
    plane.admin(&["create", "namespace", &others]).await.out();
    let process = node.started().await;
    let digest = registry.push(APP, &script("behind the login")).await;
    secret(&node, &registry, "wrong", (Registry::LOGIN.0, "open barley")).await;

    node.apply(pod(&node, &registry, "none", "IfNotPresent", None)).await;
    node.apply(pod(&node, &registry, "wrong", "IfNotPresent", Some("wrong"))).await;
    for name in ["none", "wrong"] {
        let told = refused(&node, name).await;
        assert!(told.contains("unauthorized") && !told.contains("barley"), "{name}: {told}");
    }
    node.apply(pod(&node, &registry, "right", "IfNotPresent", Some("right"))).await;
    let running = node.running("right").await;
    assert_eq!(image_id(&running), format!("{}@{digest}", registry.image("team/app")));
    node.logged("right", "app", "behind the login\n").await;

    // By now it is on the engine, and yet no other namespace's.
    let mut stranger = pod(&node, &registry, "stranger", "IfNotPresent", None);
    stranger["metadata"]["namespace"] = json!(others);
    plane.admin_apply(&stranger.to_string()).await.out();
    let told = testkit::eventually("the stranger does not get it", async || {
        let ran = plane.admin(&["get", "pod", "stranger", "--namespace", &others, "--output=json"]).await;
        let pod: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let told = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"].clone();
        if told.is_string() { Ok(told.to_string()) } else { Err((pod["status"].clone(), node.log())) }
    })
    .await;
    assert!(told.contains("unauthorized"), "{told}");
    plane.admin(&["delete", "namespace", &others, "--timeout=80s"]).await.out();
    node.end(process).await;
    registry.forget(APP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_resolved_anew_where_the_pod_wants_it_always_and_a_pod_says_which_one_it_runs() {
    let registry = Registry::start().await;
    let node = node(&registry).await;
    let process = node.started().await;
    let named = |digest: &str| format!("{}@{digest}", registry.image("team/app"));

    let first = named(&registry.push(APP, &script("first")).await);
    node.apply(pod(&node, &registry, "before", "Always", Some("right"))).await;
    assert_eq!(image_id(&node.running("before").await), first);

    let second = named(&registry.push(APP, &script("second")).await);
    assert_ne!(first, second, "the same tag means another image");
    node.apply(pod(&node, &registry, "kept", "IfNotPresent", Some("right"))).await;
    assert_eq!(image_id(&node.running("kept").await), first);
    node.apply(pod(&node, &registry, "anew", "Always", Some("right"))).await;
    assert_eq!(image_id(&node.running("anew").await), second);
    node.logged("anew", "app", "second\n").await;
    node.logged("kept", "app", "first\n").await;
    assert_eq!(image_id(&node.get("before").await), first, "it still runs what it began with");
    node.end(process).await;
    registry.forget(APP).await;
}
