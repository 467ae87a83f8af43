//! The first page of an account, as the browser asks for it: what runs in all its namespaces, what is free.

use serde_json::{Value, json};
use testkit::{Client, TestApp, eventually};

use crate::CONSOLE;

async fn overview(client: &Client) -> Value {
    let reply = client.post_form("/api/overview/get", "").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_str(reply.json().as_str().expect("JSON text in JSON")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_sums_all_namespaces_and_says_what_is_free() {
    let app = TestApp::start(CONSOLE).await;
    let operator = app.operator().await;
    let before = overview(&operator).await;
    assert_eq!((&before["namespaces"], &before["newest"], &before["pods"]), (&json!(0), &Value::Null, &json!([0, 0])));

    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let id = app.namespace(&operator).await["id"].as_str().unwrap().to_owned();
        // Simulated: nothing is pulled.
        let plan = json!({"name": name, "sku_code": "gpu-h100-1x", "replicas": 1, "image": "registry.invalid/app:1"});
        let made = operator.post(&format!("/v1/kubernetes/namespaces/{id}/deployments"), plan).await;
        assert_eq!(made.status, 201, "{}", made.text);
        ids.push(id);
    }
    let seen = eventually("both run", async || {
        let seen = overview(&operator).await;
        if seen["pods"] == json!([2, 2]) { Ok(seen) } else { Err(seen) }
    })
    .await;
    assert_eq!((&seen["namespaces"], seen["newest"].as_str()), (&json!(2), Some(ids[1].as_str())));
    let names: Vec<&str> =
        seen["work"].as_array().unwrap().iter().map(|row| row[2]["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"one") && names.contains(&"two"), "{names:?}");
    let h100 = seen["free"].as_array().unwrap().iter().find(|class| class["class"] == "H100 80 GB").expect("a class");
    assert!(h100["free"].as_u64() <= h100["total"].as_u64() && h100["total"].as_u64() > Some(0), "{h100}");

    let stranger = overview(&app.stranger("owner").await).await;
    assert_eq!((&stranger["namespaces"], &stranger["work"]), (&json!(0), &json!([])), "another account's is its own");
    // The simulated engine has sixteen of these GPUs for all tests.
    for (id, name) in ids.iter().zip(["one", "two"]) {
        let path = format!("/v1/kubernetes/namespaces/{id}/deployments/{name}");
        assert_eq!(operator.delete(&path).await.status, 204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_steps_are_ticked_off_by_what_happened() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let steps = |seen: &Value| json!([seen["namespaces"], seen["keys"], seen["key_used"]]);
    assert_eq!(steps(&overview(&owner).await), json!([0, 0, false]));
    let id = app.namespace(&owner).await["id"].as_str().unwrap().to_owned();
    let key = app.key(&owner, json!({"all": true})).await;
    assert_eq!(steps(&overview(&owner).await), json!([1, 1, false]));
    let path = format!("/v1/kubernetes/namespaces/{id}/exec-credential");
    let credential = app.anonymous().with("x-api-key", &key).post(&path, json!({})).await;
    assert_eq!(credential.status, 200, "{}", credential.text);
    eventually("kubectl was used", async || {
        let seen = overview(&owner).await;
        if seen["key_used"] == true { Ok(()) } else { Err(seen) }
    })
    .await;
}
