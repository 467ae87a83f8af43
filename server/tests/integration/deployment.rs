//! Deployments through REST: what the pages do, without the pages (`console-api.md` §6).

use serde_json::json;
use testkit::{TestApp, eventually, local_image};

use crate::CONSOLE;

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_runs_streams_its_log_and_is_deleted() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let route = format!("/v1/kubernetes/namespaces/{}/deployments", namespace["id"].as_str().unwrap());
    let plan = json!({"name": "demo", "sku_code": "cpu-shared-8g", "replicas": 1, "image": local_image().await});
    let created = member.post(&route, plan.clone()).await;
    assert_eq!((created.status, created.str("/name").as_str()), (201, "demo"), "{}", created.text);
    assert_eq!(created.header("location"), format!("{route}/demo"));

    let path = format!("{route}/demo");
    let running = eventually("it runs", async || {
        let reply = member.get(&path).await;
        if reply.json()["status"] == "running" { Ok(reply) } else { Err(reply.text) }
    })
    .await;
    assert_eq!(running.str("/reason"), "Running on local");
    assert_eq!(running.str("/price_per_hour/currency"), "EUR");
    assert_eq!(running.json()["pods"][0]["ready"], true);
    eventually("the container has said hello", async || {
        let log = member.get(&format!("{path}/logs?tail=100")).await;
        if log.text.contains("hello from the container") { Ok(()) } else { Err(log.text) }
    })
    .await;
    assert_eq!(member.get(&route).await.json()["items"].as_array().unwrap().len(), 1);

    member.post(&route, plan).await.is_problem(409, "name_taken", "Deployment demo already exists");
    assert_eq!(member.delete(&path).await.status, 204);
    member.delete(&path).await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_deployment_shows_the_verdict_and_creates_nothing() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let route = format!("/v1/kubernetes/namespaces/{}/deployments", namespace["id"].as_str().unwrap());
    let plan = json!({"name": "demo", "sku_code": "gpu-none", "replicas": 1, "image": "x"});
    let refused = member.post(&route, plan).await;
    assert_eq!((refused.status, refused.str("/code").as_str()), (409, "admission_denied"));
    assert_eq!(refused.json()["verdict"]["allowed"], false);
    assert!(refused.str("/detail").contains("gpu-none"), "{}", refused.text);
    assert_eq!(member.get(&route).await.json()["items"], json!([]));
    let wrong = member.post(&route, json!({"name": "X", "sku_code": "", "image": "", "replicas": 1000})).await;
    assert_eq!((wrong.status, wrong.json()["errors"].as_array().unwrap().len()), (400, 4), "{}", wrong.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_look_and_do_not_deploy() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let namespace = app.namespace(&owner).await;
    let viewer = app.member_of("default", "viewer").await;
    let route = format!("/v1/kubernetes/namespaces/{}/deployments", namespace["id"].as_str().unwrap());
    assert_eq!(viewer.get(&route).await.status, 200);
    let plan = json!({"name": "demo", "sku_code": "cpu-shared-8g", "replicas": 1, "image": "x"});
    viewer.post(&route, plan).await.is_problem(403, "forbidden", "Your role does not allow this");
    let stranger = app.stranger("owner").await;
    stranger.get(&route).await.is_problem(404, "not_found", "Not found");
}
