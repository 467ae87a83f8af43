//! A manifest that a person pasted: judged, applied, applied again with a change, each as the person.

use serde_json::{Value, json};
use testkit::{Client, TestApp, local_image};

use crate::CONSOLE;

const APPLY: &str = "/api/manifest/apply";

fn form(namespace: &str, yaml: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    format!("namespace={namespace}&yaml={}", yaml.bytes().map(encode).collect::<String>())
}

fn deployment(image: &str, replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: pasted\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: pasted}}}}\n  template:\n    metadata:\n      labels: {{app: pasted, \
         remotegpu.ai/sku-code: cpu-shared-8g}}\n    spec:\n      containers:\n      - {{name: app, image: {image:?}}}\n"
    )
}

async fn place() -> (TestApp, Client, String) {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let id = app.namespace(&member).await["id"].as_str().unwrap().to_owned();
    (app, member.with("accept", "application/json"), id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_manifest_makes_a_workload_and_a_second_one_changes_it() {
    let (_app, member, id) = place().await;
    let image = local_image().await;
    let path = format!("/v1/kubernetes/namespaces/{id}/workloads/deployment/pasted");
    for replicas in [1, 2] {
        let done = member.post_form(APPLY, &form(&id, &deployment(image, replicas))).await;
        assert!(done.status < 400, "{} {}", done.status, done.text);
        assert_eq!(member.get(&path).await.json()["workload"]["wanted"], replicas);
    }
    let rows = member.get("/v1/audit?limit=20").await.json();
    let about = |row: &&Value| row["target"].as_str().is_some_and(|target| target.ends_with("/deployment:pasted"));
    let actions: Vec<&Value> =
        rows["items"].as_array().unwrap().iter().filter(about).map(|row| &row["action"]).collect();
    assert_eq!(actions, [&json!("workload.edited"), &json!("deployment.created")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_another_tool_manages_is_taken_over_only_on_request() {
    let (_app, member, id) = place().await;
    let image = local_image().await;
    let path = format!("/v1/kubernetes/namespaces/{id}/workloads/deployment/pasted");
    let first = form(&id, &deployment(image, 1));
    assert!(member.post_form(APPLY, &first).await.status < 400);
    let scaled = member.patch(&path, json!({"replicas": 3})).await;
    assert_eq!(scaled.status, 200, "{}", scaled.text);
    let refused = member.post_form(APPLY, &first).await;
    assert_eq!((refused.status, refused.text.contains(".spec.replicas")), (409, true), "{}", refused.text);
    assert_eq!(member.get(&path).await.json()["workload"]["wanted"], 3);
    let taken = member.post_form(APPLY, &format!("{first}&take_over=true")).await;
    assert!(taken.status < 400, "{} {}", taken.status, taken.text);
    assert_eq!(member.get(&path).await.json()["workload"]["wanted"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_admission_refuses_or_nobody_can_read_is_not_applied() {
    let (app, member, id) = place().await;
    let refused = deployment(local_image().await, 1).replace("cpu-shared-8g", "no-such-sku");
    let denied = member.post_form(APPLY, &form(&id, &refused)).await;
    assert_eq!((denied.status, denied.text.contains("admission_denied")), (409, true), "{}", denied.text);
    for unreadable in ["kind: [", "kind: Secret", "a: 1\n---\nb: 2\n", "kind: Pod\nmetadata: {generateName: x-}"] {
        let reply = member.post_form(APPLY, &form(&id, unreadable)).await;
        assert_eq!(reply.status, 400, "{unreadable}: {}", reply.text);
    }
    let none = member.get(&format!("/v1/kubernetes/namespaces/{id}/workloads")).await.json();
    assert_eq!(none["total"], 0);
    let viewer = app.member_of("default", "viewer").await.with("accept", "application/json");
    assert_eq!(viewer.post_form(APPLY, &form(&id, "kind: Pod")).await.status, 403);
    let stranger = app.stranger("owner").await.with("accept", "application/json");
    assert_eq!(stranger.post_form(APPLY, &form(&id, "kind: Pod")).await.status, 404);
}
