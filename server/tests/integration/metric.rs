//! What workloads use, asked of real nodes over verified TLS; and what idle GPUs lead to.

use serde_json::{Value, json};
use testkit::{Plane, eventually, local_image, read_until};

use crate::place::Place;

impl Place {
    /// A deployment of one pod, as kubectl makes it.
    async fn deployment(&self, name: &str, sku: &str, gpu_percent: &str) {
        let env = json!([{"name": "SIMULATED_GPU_PERCENT", "value": gpu_percent}]);
        let image = local_image().await;
        let container = json!({"name": "app", "image": image, "imagePullPolicy": "IfNotPresent", "env": env});
        let manifest = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": self.kubernetes_name},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name, "remotegpu.ai/sku-code": sku}},
                    "spec": {"containers": [container]},
                },
            },
        });
        let ran = self.app.plane.admin_apply(&manifest.to_string()).await;
        assert!(ran.ok, "{ran:?}");
    }

    /// The figures of a workload, once the newest sample has `figure`.
    async fn metrics(&self, what: &str, figure: &str) -> Value {
        let path = self.path(&format!("{what}/metrics"));
        eventually(&format!("{what} has {figure}"), async || {
            let reply = self.member.get(&path).await;
            let newest = reply.json()["samples"].as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
            if newest[figure].is_number() { Ok(reply.json()) } else { Err(reply.text) }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_uses_is_told_to_who_may_read_it_and_to_nobody_else() {
    let place = Place::new().await;
    place.deployment("demo", "cpu-shared-8g", "0").await;
    let told = place.metrics("workloads/deployment/demo", "cpu_millicores").await;
    assert_eq!((told["interval_seconds"].as_u64(), told["note"].as_str()), (Some(15), Some("")));
    assert_eq!((&told["gpus"], &told["idle"]), (&json!([]), &Value::Null), "a container without GPUs has none");
    assert!(told["samples"][0]["gpu_percent"].is_null());
    let detail = place.member.get(&place.path("workloads/deployment/demo")).await.json();
    let pod = format!("pods/{}", detail["workload"]["pods"][0]["name"].as_str().unwrap());
    place.metrics(&pod, "memory_bytes").await;

    let path = place.path(&format!("{pod}/metrics"));
    assert_eq!(place.app.member_of("default", "viewer").await.get(&path).await.status, 200);
    place.app.stranger("owner").await.get(&path).await.is_problem(404, "not_found", "Not found");
    place.member.get(&place.path("pods/absent/metrics")).await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn gpus_are_told_each_and_stream_to_the_page() {
    let place = Place::new().await;
    place.deployment("train", "gpu-h100-1x", "80").await;
    let told = place.metrics("workloads/deployment/train", "gpu_percent").await;
    assert_eq!(told["samples"].as_array().unwrap().last().unwrap()["gpu_percent"], 80);
    assert_eq!((told["gpus"][0]["model"].as_str(), told["idle"].is_null()), (Some("H100"), true));
    let url = format!("{}/live/namespaces/{}/workloads/deployment/train/metrics", place.app.url, place.id);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut stream = client.get(url).header("cookie", place.member.cookie().unwrap()).send().await.unwrap();
    let text = read_until(&mut stream, "\n\n").await;
    assert!(text.contains("\"gpu_percent\":80"), "{text}");
    // The simulated engine has sixteen of these GPUs for all tests.
    assert_eq!(place.member.delete(&place.path("deployments/train")).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_gpus_are_spoken_of_and_then_stopped_by_the_rule_of_their_namespace() {
    let place = Place::new().await;
    let rule = place.path("idle-gpu");
    let usual = json!({"action": "warn", "warn_after_minutes": 30, "stop_after_minutes": 240});
    assert_eq!(place.member.get(&rule).await.json(), usual);
    let at_once = |action: &str| json!({"action": action, "warn_after_minutes": 0, "stop_after_minutes": 0});
    let set = place.member.put(&rule, at_once("warn")).await;
    assert_eq!((set.status, set.json()), (200, at_once("warn")), "{}", set.text);

    place.deployment("idle", "gpu-h100-1x", "1").await;
    let path = place.path("workloads/deployment/idle");
    let warned = eventually("the page says that it is idle", async || {
        let reply = place.member.get(&format!("{path}/metrics")).await;
        if reply.json()["idle"].is_object() { Ok(reply.json()) } else { Err(reply.text) }
    })
    .await;
    assert!(warned["idle"]["stops_at"].is_null(), "a warning stops nothing");
    let overview = place.member.post_form("/api/overview/get", "").await;
    assert!(overview.text.contains("since_at"), "{}", overview.text);

    assert_eq!(place.member.put(&rule, at_once("stop")).await.status, 200);
    eventually("it is scaled to zero", async || {
        let reply = place.member.get(&path).await;
        if reply.json()["workload"]["wanted"] == 0 { Ok(()) } else { Err(reply.text) }
    })
    .await;
    eventually("the stop is an event of the deployment", async || {
        let reply = place.member.get(&path).await;
        let events = reply.json()["events"].as_array().cloned().unwrap_or_default();
        if events.iter().any(|event| event["reason"] == "StoppedIdleGpus") { Ok(()) } else { Err(reply.text) }
    })
    .await;
    let row = eventually("the stop is audited", async || {
        let log = place.member.get("/v1/audit?action=workload.stopped").await;
        log.json()["items"].as_array().and_then(|rows| rows.first().cloned()).ok_or(log.text)
    })
    .await;
    assert_eq!((row["target_name"].as_str(), row["actor"].as_str()), (Some("idle"), Some("system")), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_reads_the_rule_and_a_rule_of_more_than_a_week_is_refused() {
    let place = Place::new().await;
    let (viewer, path) = (place.app.member_of("default", "viewer").await, place.path("idle-gpu"));
    let rule = json!({"action": "off", "warn_after_minutes": 0, "stop_after_minutes": 0});
    assert_eq!(viewer.get(&path).await.status, 200);
    viewer.put(&path, rule.clone()).await.is_problem(403, "forbidden", "Your role does not allow this");
    let long = json!({"action": "stop", "warn_after_minutes": 0, "stop_after_minutes": 10_081});
    let refused = place.member.put(&path, long).await;
    assert_eq!((refused.status, refused.json()["errors"][0]["field"].as_str()), (400, Some("stop_after_minutes")));
    let stranger = place.app.stranger("owner").await;
    stranger.put(&path, rule).await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_that_reads_figures_may_do_nothing_else() {
    let plane = Plane::current();
    let kubeconfig = plane.kubeconfig("metrics");
    let may = async |verb: &str, what: &str, rest: &[&str]| {
        let question: Vec<&str> = ["auth", "can-i", verb, what].into_iter().chain(rest.iter().copied()).collect();
        plane.kubectl(&kubeconfig, &question, &[]).await.ok
    };
    assert!(may("get", "nodes", &["--subresource=stats"]).await);
    for subresource in ["--subresource=proxy", "--subresource=log", "--subresource=metrics"] {
        assert!(!may("get", "nodes", &[subresource]).await, "{subresource}");
    }
    for (verb, what) in [("list", "pods"), ("get", "secrets"), ("list", "nodes"), ("create", "serviceaccounts/token")] {
        assert!(!may(verb, what, &["--all-namespaces"]).await, "{verb} {what}");
    }
}
