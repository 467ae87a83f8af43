//! Deployments through REST: what the pages do, without the pages (`console-api.md` §6).

use std::collections::BTreeMap;

use app::features::manifest::plan_yaml;
use domain::deployment::DeploymentPlan;
use serde_json::{Value, json};
use testkit::{TestApp, eventually, local_image};

use crate::CONSOLE;
use crate::place::Place;
use crate::sku::Sold;

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
    let reply = member.get(&format!("{path}/pods")).await;
    let pods = reply.json();
    assert_eq!((reply.status, pods["items"].as_array().unwrap().len()), (200, 1), "{pods}");
    let pod = &pods["items"][0];
    assert_eq!(
        (&pod["phase"], &pod["node"], &pod["reason"]),
        (&json!("Running"), &json!("local"), &json!("")),
        "{pod}"
    );
    assert_eq!((&pod["containers"][0]["phase"], &pod["restarts"]), (&json!("running"), &json!(0)), "{pod}");
    assert!(pod["started_at"].is_string() && pod["created_at"].is_string(), "{pod}");
    member.get(&format!("{route}/none/pods")).await.is_problem(404, "not_found", "Not found");
    assert_eq!(
        (&pods["items"][0]["name"], &pods["items"][0]["ready"]),
        (&running.json()["pods"][0]["name"], &json!(true))
    );
    let status = async |path: &str, wanted: &str| {
        let told = format!("{path} is {wanted}");
        eventually(&told, async || {
            let reply = member.get(path).await;
            if reply.json()["status"] == wanted { Ok(reply) } else { Err(reply.text) }
        })
        .await
    };
    eventually("what it cost so far is told", async || {
        let reply = member.get(&path).await;
        let cost: f64 = reply.json()["cost_so_far"].as_str().unwrap_or_default().parse().unwrap_or_default();
        if cost > 0.0 && reply.json()["cost_currency"] == "EUR" { Ok(()) } else { Err(reply.text) }
    })
    .await;
    let absent = "registry.invalid/none:1";
    let changed = member.patch(&path, json!({"image": absent, "replicas": 2})).await;
    assert_eq!((changed.status, changed.str("/image").as_str()), (200, absent), "{}", changed.text);
    let degraded = status(&path, "degraded").await;
    assert!(degraded.json()["ready"].as_u64() >= Some(1), "what was there goes on: {}", degraded.text);
    assert!(degraded.str("/reason").starts_with("The image cannot be pulled"), "{}", degraded.text);
    let never = json!({"name": "never", "sku_code": "cpu-shared-8g", "replicas": 1, "image": absent});
    assert_eq!(member.post(&route, never).await.status, 201);
    assert_eq!(status(&format!("{route}/never"), "failed").await.json()["ready"], 0);

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

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_changed_where_it_was_made_and_says_what_happened_to_it() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let base = format!("/v1/kubernetes/namespaces/{}", namespace["id"].as_str().unwrap());
    let plan = json!({"name": "demo", "sku_code": "cpu-shared-8g", "replicas": 1, "image": local_image().await,
        "env": [{"name": "OLD", "value": "1"}, {"name": "KEPT", "value": "2"}]});
    assert_eq!(member.post(&format!("{base}/deployments"), plan).await.status, 201);
    let path = format!("{base}/deployments/demo");
    eventually("its events are told", async || {
        let events = member.get(&format!("{path}/events")).await;
        let scaled = |event: &Value| event["reason"] == "ScalingReplicaSet" && event["about"]["kind"] == "Deployment";
        if events.json()["items"].as_array().unwrap().iter().any(scaled) { Ok(()) } else { Err(events.text) }
    })
    .await;

    let careful = member.clone().with("if-match", &member.get(&path).await.header("etag"));
    let changed = careful.patch(&path, json!({"replicas": 0, "env": {"OLD": null, "MODE": "fast"}})).await;
    assert_eq!((changed.status, changed.json()["replicas"].as_u64()), (200, Some(0)), "{}", changed.text);
    let manifest = member.get(&format!("{base}/workloads/deployment/demo/manifest")).await.json();
    let env = manifest["object"]["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    let env: BTreeMap<&str, &Value> = env.iter().map(|one| (one["name"].as_str().unwrap(), &one["value"])).collect();
    assert_eq!(json!(env), json!({"KEPT": "2", "MODE": "fast"}));
    assert_eq!(careful.patch(&path, json!({"replicas": 2})).await.status, 409, "somebody changed it meanwhile");
    for (body, field) in [
        (json!({"replicas": null}), "replicas"),
        (json!({"env": null}), "env"),
        (json!({"env": {"1 2": "x"}}), "env.1 2"),
        (json!({"env": {"MODE": 7}}), "env.MODE"),
        (json!({}), "replicas"),
    ] {
        let refused = member.patch(&path, body.clone()).await;
        assert_eq!((refused.status, refused.str("/errors/0/field").as_str()), (400, field), "{body}");
    }
    let viewer = app.member_of("default", "viewer").await;
    assert_eq!(viewer.get(&format!("{path}/events")).await.status, 200);
    let refused = viewer.patch(&path, json!({"replicas": 1})).await;
    refused.is_problem(403, "forbidden", "Your role does not allow this");
    member.get(&format!("{base}/deployments/none/events")).await.is_problem(404, "not_found", "Not found");
}

/// A plan with every field.
fn whole_plan(kind: &str, name: &str, sku: &str, replicas: u32) -> Value {
    json!({
        "kind": kind, "name": name, "sku_code": sku, "replicas": replicas, "image": "registry.invalid/app:1",
        "command": ["/bin/sh", "-c"], "args": ["echo \"$MODE: $DB\"", "yes"],
        "env": [{"name": "MODE", "value": "on"}, {"name": "EMPTY", "value": ""}],
        "env_from": [
            {"kind": "secret", "name": "database", "key": "PASSWORD", "variable": "DB"},
            {"kind": "secret", "name": "database"},
            {"kind": "config_map", "name": "settings", "key": "MODE", "variable": "OTHER"},
        ],
        "ports": [80, 8443], "labels": {"team": "ml"}, "pull_secrets": ["registry"],
        "mounts": [
            {"path": "/data", "kind": "empty_dir"},
            {"path": "/fast", "kind": "memory"},
            {"path": "/keys", "kind": "secret", "name": "database"},
            {"path": "/settings", "kind": "config_map", "name": "settings"},
        ],
    })
}

/// What stands in the cluster, but for what no two objects share, name and id, and for who ordered it: the console writes
/// its person there, the administrator's kubectl nobody.
async fn stored(place: &Place, kind: &str, name: &str) -> Value {
    let get = ["-n", &place.kubernetes_name, "get", kind, name, "-o", "json"];
    let mut object: Value = serde_json::from_str(&place.app.plane.admin(&get).await.out()).unwrap();
    if let Some(metadata) = object.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut)
        && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
    {
        annotations.remove("remotegpu.ai/ordered-by");
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    let id = object["metadata"]["uid"].as_str().unwrap();
    let kept = json!([object["metadata"]["labels"], object["spec"]]).to_string();
    serde_json::from_str(&kept.replace(name, "NAME").replace(id, "ID")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_wizard_makes_is_what_kubectl_apply_makes_of_its_preview() {
    let place = Place::new().await;
    // No node offers it: what is compared needs no pod that runs, and takes no place from the tests beside this one.
    let offer = json!({"title": "1 CPU, nowhere", "resources": {"cpu": "1", "memory": "1Gi"},
        "price": {"perHour": "0.50", "currency": "EUR"}, "placement": {"engines": ["nowhere"]}});
    let sold = Sold::of(&place.app, offer).await;
    for (kind, replicas) in [("deployment", 2), ("job", 2), ("pod", 1)] {
        let plan = |name: &str| whole_plan(kind, name, &sold.code, replicas);
        eventually("the console and the webhook know the SKU", async || {
            let made = place.member.post(&place.path("workloads"), plan("by-console")).await;
            if made.status == 201 { Ok(()) } else { Err(made.text) }
        })
        .await;
        let preview: DeploymentPlan = serde_json::from_value(plan("by-kubectl")).unwrap();
        place.app.plane.admin_apply(&plan_yaml(&preview, &place.kubernetes_name)).await.out();
        let by_console = stored(&place, kind, "by-console").await;
        assert_eq!(by_console, stored(&place, kind, "by-kubectl").await, "{kind}");
        let text = by_console.to_string();
        for part in ["secretKeyRef", "secretRef", "configMapKeyRef", "8443", "/settings", "registry\"}", "team"] {
            assert!(text.contains(part), "{kind} without {part}: {text}");
        }
    }
    sold.gone().await;
}
