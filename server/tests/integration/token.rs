//! A key's token: how it is asked for, and what the API server itself says of it.

use std::path::Path;

use serde_json::{Value, json};
use testkit::{Reply, TestApp, eventually};

pub async fn exec(app: &TestApp, namespace: &Value, key: &str) -> Reply {
    let path = format!("/v1/kubernetes/namespaces/{}/exec-credential", namespace["id"].as_str().unwrap());
    app.anonymous().with("x-api-key", key).post(&path, json!({})).await
}

/// Whether a token lists pods, asked of the API server itself.
pub async fn opens(app: &TestApp, namespace: &Value, token: &str) -> bool {
    let (server, ca) = (app.plane.server(), app.plane.ca_file());
    let name = namespace["kubernetes_name"].as_str().unwrap();
    let reach = ["--server", &server, "--certificate-authority", ca.to_str().unwrap(), "--token", token];
    let arguments = [&["get", "pods", "-n", name][..], &reach].concat();
    app.plane.kubectl(Path::new("/dev/null"), &arguments, &[]).await.ok
}

pub async fn ends(app: &TestApp, namespace: &Value, token: &str) {
    eventually("the token has no rights any more", async || {
        if opens(app, namespace, token).await { Err("still opens") } else { Ok(()) }
    })
    .await;
}
