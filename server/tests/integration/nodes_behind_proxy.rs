//! An imported cluster behind a proxy that checks passwords (`engine-import.md` §3): its node runs pods, shows their
//! logs and runs commands in them, all of it through that proxy.

use domain::engine_manifest::{EngineFeature, NewEngineManifest};
use serde_json::json;
use testkit::{
    Client, OtherPlane, PasswordProxy, Plane, Reply, TestApp, engine_socket, eventually, local_image, unique,
};

use crate::CONSOLE;
use crate::engine_exec::node;
use crate::nodes_of_engines::alone;

const FEATURES: [EngineFeature; 3] = [EngineFeature::Pods, EngineFeature::Logs, EngineFeature::GpuDiscovery];
const PASSWORD: &str = "s3cret-of-the-proxy";

/// Imports the cluster as an engine of the platform, by user name and password; the proxy, and what the console said.
async fn imported(operator: &Client, there: &OtherPlane, name: &str) -> (PasswordProxy, Reply) {
    let input = NewEngineManifest {
        namespace: name.to_owned(),
        features: FEATURES.to_vec(),
        ..NewEngineManifest::for_engine(name)
    };
    let input = input.checked().unwrap();
    there.admin_apply(&input.yaml()).await.out();
    let token = there.admin(&["-n", name, "create", "token", &input.service_account, "--duration=24h"]).await.out();
    let proxy = PasswordProxy::before(there, ("console", PASSWORD), &token).await;
    let form = json!({
        "kind": "on_premise", "name": name, "platform": true, "api_url": proxy.url, "load_balancer_ip": "203.0.113.10",
        "ca_data": proxy.authority.pem(), "basic_username": "console", "basic_password": PASSWORD,
        "namespaces": [name], "features": FEATURES.map(EngineFeature::as_str),
    });
    let seen = operator.post("/v1/engines/preflight", form.clone()).await;
    let new = json!({"preflight_id": seen.json()["preflight_id"], "engine": form});
    let made = operator.post("/v1/engines", new).await;
    assert_eq!(made.status, 201, "{}: {}", made.text, seen.text);
    (proxy, made)
}

/// Waits until an object of the home cluster says so.
async fn until(app: &TestApp, what: &str, object: [&str; 2], question: &str, wanted: &str) {
    let output = format!("--output=jsonpath={question}");
    eventually(what, async || {
        let ran = Plane::current().admin(&["get", object[0], object[1], &output]).await;
        if ran.stdout == wanted { Ok(()) } else { Err((ran, app.nodes_log())) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_behind_a_proxy_that_checks_passwords_run_with_their_logs_and_commands() {
    if std::env::var_os("REMOTEGPU_TEST_QUICK").is_some() {
        return testkit::left_out(
            "pods of a cluster behind a proxy that checks passwords: --quick leaves out containers",
        );
    }
    let _alone = alone().await;
    let (plane, there, name) = (Plane::current(), OtherPlane::start().await, unique("proxied"));
    let endpoint = format!("unix://{}", engine_socket().display());
    let _far = node(&there, &["--provider", "docker", "--provider-endpoint", &endpoint]).await;
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
    let operator = app.operator().await;
    let (_proxy, engine) = imported(&operator, &there, &name).await;

    let _process = app.nodes();
    let (home, pod) = (format!("{name}-cpu"), unique("proxied"));
    let is_ready = "{.status.conditions[?(@.type=='Ready')].status}";
    until(&app, "the engine's node is ready", ["node", &home], is_ready, "True").await;
    let manifest = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod, "labels": {"remotegpu.ai/sku-code": "cpu-shared-8g"}}, "spec": {"nodeName": home,
        "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
        "tolerations": [{"operator": "Exists"}], "containers": [{"name": "app", "image": local_image().await}]}});
    plane.admin_apply(&manifest.to_string()).await.out();
    until(&app, "the pod runs", ["pod", &pod], is_ready, "True").await;
    assert_eq!(there.admin(&["get", "pods", "-n", &name, "--output=name"]).await.out().lines().count(), 1);

    eventually("its log comes through the proxy", async || {
        let log = plane.admin(&["logs", &pod]).await.out();
        if log.contains("hello from the container") { Ok(()) } else { Err((log, app.nodes_log())) }
    })
    .await;
    assert_eq!(plane.admin(&["exec", &pod, "--", "echo", "through the proxy"]).await.out(), "through the proxy\n");
    let code = plane.admin(&["exec", &pod, "--", "sh", "-c", "exit 7"]).await.refused();
    assert!(code.contains("exit code 7"), "{code}");
    assert!(!app.nodes_log().contains(PASSWORD) && !app.log().contains(PASSWORD));

    let path = format!("/v1/engines/{}", engine.str("/id"));
    let body = json!({"confirm": name, "force": true}).to_string();
    let deleted = operator.send(reqwest::Method::DELETE, &path, Some(body)).await;
    assert_eq!(deleted.status, 202, "{}", deleted.text);
    eventually("the engine is forgotten, and nothing of it is left here and there", async || {
        let reply = operator.get(&path).await;
        let here = plane.admin(&["get", "node", &home, "--ignore-not-found", "--output=name"]).await.stdout;
        let left = there.admin(&["get", "pods", "-n", &name, "--output=name"]).await.stdout;
        let is_gone = reply.status == 404 && here.is_empty() && left.is_empty();
        if is_gone { Ok(()) } else { Err((reply.text, here, left, app.nodes_log())) }
    })
    .await;
}
