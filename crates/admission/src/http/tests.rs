use axum::body::{Body, to_bytes};
use axum::http::Request as HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

fn app(loaded: bool) -> App {
    let tables = Arc::new(Tables::default());
    if loaded {
        tables.namespaces.replace([("team".to_owned(), NamespacePolicy::default())].into());
        let sku = serde_json::from_value(json!({
            "code": "cpu-shared-8g", "version": "1",
            "spec": {"title": "t", "resources": {"cpu": "2", "memory": "8Gi"}, "price": {"perHour": "0.10", "currency": "EUR"}}
        }));
        tables.skus.replace([("cpu-shared-8g".to_owned(), sku.unwrap())].into());
    }
    App { tables, client: None }
}

async fn post(app: App, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = HttpRequest::post(path).header("content-type", "application/json").body(body.into()).unwrap();
    let response = router(app).oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

fn body(labels: Value, namespace: &str) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "abc", "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"}, "namespace": namespace,
        "operation": "CREATE", "userInfo": {"username": "u"}, "oldObject": null, "dryRun": true,
        "object": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app"}]}}}})
    .to_string()
}

#[tokio::test]
async fn a_good_pod_is_answered_with_a_patch_in_base64() {
    let labels = json!({"remotegpu.ai/sku-code": "cpu-shared-8g"});
    let (status, review) = post(app(true), "/mutate", body(labels, "team")).await;
    let response = &review["response"];
    assert_eq!((status, &response["uid"], &response["allowed"]), (StatusCode::OK, &json!("abc"), &json!(true)));
    assert_eq!(response["patchType"], "JSONPatch");
    let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let patch: Vec<Value> = serde_json::from_slice(&patch).unwrap();
    assert!(patch.contains(&json!({"op": "add", "path": "/metadata/annotations", "value": {}})));
}

#[tokio::test]
async fn a_refusal_carries_403_and_the_sentence() {
    let (_, review) = post(app(true), "/validate", body(json!({}), "team")).await;
    let status = &review["response"]["status"];
    assert_eq!(
        (&review["response"]["allowed"], &status["code"], &status["reason"]),
        (&json!(false), &json!(403), &json!("Forbidden"))
    );
    assert_eq!(status["message"], "Pod template needs the label remotegpu.ai/sku-code; usable here: cpu-shared-8g");
}

#[tokio::test]
async fn nothing_is_admitted_before_the_tables_are_loaded() {
    let labels = json!({"remotegpu.ai/sku-code": "cpu-shared-8g"});
    let (_, review) = post(app(false), "/mutate", body(labels.clone(), "team")).await;
    assert_eq!(review["response"]["status"]["code"], 503);
    let (_, review) = post(app(true), "/mutate", body(labels, "unknown")).await;
    assert_eq!(review["response"]["allowed"], false);
}

#[tokio::test]
async fn ready_means_loaded() {
    for (loaded, expected) in [(false, StatusCode::SERVICE_UNAVAILABLE), (true, StatusCode::OK)] {
        let request = HttpRequest::get("/readyz").body(Body::empty()).unwrap();
        assert_eq!(router(app(loaded)).oneshot(request).await.unwrap().status(), expected);
    }
}

#[tokio::test]
async fn whatever_cannot_be_read_is_refused() {
    for bad in ["", "{", "[]", "{\"apiVersion\":\"admission.k8s.io/v1\"}", &"[".repeat(5000)] {
        assert_eq!(post(app(true), "/validate", bad.to_owned()).await.0, StatusCode::BAD_REQUEST, "{bad:.20}");
    }
    let old = body(json!({}), "team").replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1");
    let (status, review) = post(app(true), "/validate", old).await;
    assert_eq!((status, &review["response"]["allowed"]), (StatusCode::OK, &json!(false)));
    let odd = body(json!({}), "team").replace("CREATE", "SMASH");
    assert_eq!(post(app(true), "/validate", odd).await.1["response"]["uid"], "abc");
    let big = vec![b' '; BODY_LIMIT + 1];
    assert_eq!(post(app(true), "/validate", big).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}
