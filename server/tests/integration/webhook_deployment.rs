//! Deployments that kubectl makes, changes and deletes past the console: whoever asks is told, each thing once.

use serde_json::{Value, json};
use testkit::{Client, Receiver, unique};

use crate::webhook::console;

/// A webhook of this topic alone.
async fn asks(owner: &Client, url: &str, topic: &str) {
    let new = json!({"name": unique("hook"), "url": url, "topics": [topic]});
    let made = owner.post("/v1/webhooks", new).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

/// The types of the first messages.
async fn types(receiver: &Receiver, count: usize) -> Vec<String> {
    let told = receiver.until(count).await;
    let of = |body: &str| serde_json::from_str::<Value>(body).unwrap()["type"].as_str().unwrap().to_owned();
    told.iter().map(|one| of(&one.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_of_kubectl_is_told_from_its_beginning_to_its_end() {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let (app, _dir) = console(&[&receiver, &other]).await;
    let (owner, stranger) = (app.stranger("owner").await, app.stranger("owner").await);
    asks(&owner, &receiver.url, "deployment_state").await;
    asks(&stranger, &other.url, "deployment_state").await;
    let namespace = app.namespace(&owner).await;
    let place = namespace["kubernetes_name"].as_str().unwrap();
    let template = json!({
        "metadata": {"labels": {"app": "quiet", "remotegpu.ai/sku-code": "cpu-shared-8g"}},
        "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]},
    });
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "quiet", "namespace": place},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "quiet"}}, "template": template}});
    app.plane.admin_apply(&deployment.to_string()).await.out();
    let begun = ["deployment.appeared", "deployment.available"];
    assert_eq!(types(&receiver, 2).await, begun);

    let patch = ["-n", place, "patch", "deployment", "quiet", "--patch", r#"{"spec": {"minReadySeconds": 1}}"#];
    app.plane.admin(&patch).await.out();
    assert_eq!(types(&receiver, 4).await[2..], ["deployment.changed", "deployment.available"]);
    app.plane.admin(&["-n", place, "delete", "deployment", "quiet"]).await.out();
    let told = receiver.until(5).await;
    let last: Value = serde_json::from_str(&told[4].body).unwrap();
    let target = format!("namespace:{}/deployment:quiet", namespace["id"].as_str().unwrap());
    assert_eq!((&last["type"], &last["data"]["target"]), (&json!("deployment.gone"), &json!(target)), "{last}");
    assert_eq!((told.len(), other.seen().len()), (5, 0), "each thing once, and nobody else");
}
