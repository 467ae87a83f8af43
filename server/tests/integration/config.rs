//! ConfigMaps, Secrets and Services through REST on the real control plane (`ui.md` §1, Config and Network).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{Client, TestApp, eventually, local_image};

use crate::CONSOLE;

async fn base(app: &TestApp, member: &Client) -> String {
    let namespace = app.namespace(member).await;
    format!("/v1/kubernetes/namespaces/{}", namespace["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_written_and_never_read_back() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let route = format!("{}/secrets", base(&app, &member).await);
    let new = json!({"name": "database", "values": {"USER": "root", "PASSWORD": "hunter2-hunter2"}});
    let made = member.post(&route, new.clone()).await;
    assert_eq!((made.status, made.str("/type").as_str()), (201, "Opaque"), "{}", made.text);
    assert_eq!(made.header("location"), format!("{route}/database"));
    assert_eq!(made.json()["keys"], json!([{"key": "PASSWORD", "bytes": 15}, {"key": "USER", "bytes": 4}]));
    member.post(&route, new).await.is_problem(409, "name_taken", "Secret database already exists");

    let path = format!("{route}/database");
    let change = json!({"values": {"USER": null, "PORT": "5432"}});
    let changed = member.patch(&path, change).await;
    assert_eq!(changed.json()["keys"], json!([{"key": "PASSWORD", "bytes": 15}, {"key": "PORT", "bytes": 4}]));
    for text in [&made.text, &changed.text, &member.get(&route).await.text, &member.get(&path).await.text] {
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVy"), "{text}");
    }
    let log = member.get("/v1/audit?limit=50").await.text;
    assert!(log.contains("secret.changed") && !log.contains("hunter2"));
    assert_eq!(member.delete(&path).await.status, 204);
    member.delete(&path).await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_secret_is_the_one_kubectl_would_make() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let route = format!("/v1/kubernetes/namespaces/{}/secrets", namespace["id"].as_str().unwrap());
    let registry = json!({"server": "ghcr.io", "username": "me", "password": "hunter2"});
    let made = member.post(&route, json!({"name": "registry", "registry": registry})).await;
    assert_eq!((made.status, made.str("/type").as_str()), (201, "kubernetes.io/dockerconfigjson"), "{}", made.text);
    assert_eq!(made.json()["keys"][0]["key"], ".dockerconfigjson");
    let kubernetes_name = namespace["kubernetes_name"].as_str().unwrap();
    let by_kubectl = ["-n", kubernetes_name, "create", "secret", "docker-registry", "by-kubectl"];
    let flags = ["--docker-server=ghcr.io", "--docker-username=me", "--docker-password=hunter2"];
    app.plane.admin(&[&by_kubectl[..], &flags[..]].concat()).await.out();
    let content = async |name: &str| {
        let path = "jsonpath={.data.\\.dockerconfigjson}";
        let text = app.plane.admin(&["-n", kubernetes_name, "get", "secret", name, "-o", path]).await.out();
        serde_json::from_slice::<Value>(&STANDARD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(content("registry").await, content("by-kubectl").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_secret_is_refused_with_the_reason() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let route = format!("{}/secrets", base(&app, &member).await);
    let new = json!({"name": "token", "type": "kubernetes.io/service-account-token"});
    let refused = member.post(&route, new).await;
    assert_eq!((refused.status, refused.str("/code").as_str()), (400, "invalid_request"), "{}", refused.text);
    assert_eq!(refused.str("/errors/0/field"), "type");
    assert!(refused.str("/detail").contains("never expires"), "{}", refused.text);
    assert_eq!(member.get(&route).await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_editors_of_a_config_map_the_second_is_told() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let route = format!("{}/config-maps", base(&app, &member).await);
    let made = member.post(&route, json!({"name": "settings", "data": {"MODE": "a", "OLD": "x"}})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("{route}/settings");
    let seen = member.get(&path).await.header("etag");
    let careful = member.clone().with("if-match", &seen);
    let changed = careful.patch(&path, json!({"data": {"MODE": "b", "OLD": null}})).await;
    assert_eq!((changed.status, changed.json()["data"].clone()), (200, json!({"MODE": "b"})), "{}", changed.text);
    let detail = "Somebody changed this meanwhile: read it again, then make your change";
    careful.patch(&path, json!({"data": {"MODE": "c"}})).await.is_problem(409, "conflict", detail);
    assert_eq!(member.get(&path).await.json()["data"], json!({"MODE": "b"}));
    let all = member.get(&route).await;
    let settings = all.json()["items"].as_array().unwrap().iter().find(|map| map["name"] == "settings").cloned();
    assert_eq!(settings.unwrap()["keys"], json!([{"key": "MODE", "bytes": 1}]), "lists leave out the text");
    let wrong = member.patch(&path, json!({"data": {"a b": "x"}})).await;
    assert_eq!((wrong.status, wrong.str("/errors/0/field").as_str()), (400, "data"), "{}", wrong.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_names_a_port_of_a_deployment_and_outside_addresses_are_refused() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let base = format!("/v1/kubernetes/namespaces/{}", namespace["id"].as_str().unwrap());
    let plan = json!({"name": "web", "sku_code": "cpu-shared-8g", "replicas": 0, "image": "nginx:1.27-alpine"});
    assert_eq!(member.post(&format!("{base}/deployments"), plan).await.status, 201);
    let route = format!("{base}/services");
    let unknown = member.post(&route, json!({"name": "x", "deployment": "absent", "port": 80})).await;
    assert_eq!((unknown.status, unknown.str("/errors/0/field").as_str()), (400, "deployment"), "{}", unknown.text);
    let new = json!({"name": "web", "deployment": "web", "port": 80, "target_port": 8080});
    let made = member.post(&route, new).await;
    assert_eq!((made.status, made.str("/type").as_str()), (201, "ClusterIP"), "{}", made.text);
    let host = format!("web.{}.svc.cluster.local", namespace["kubernetes_name"].as_str().unwrap());
    assert_eq!(made.str("/host"), host);
    assert_eq!(made.json()["ports"], json!([{"port": 80, "target_port": "8080", "protocol": "TCP"}]));
    assert_eq!(made.json()["selector"], json!({"app": "web"}));
    let kubernetes_name = namespace["kubernetes_name"].as_str().unwrap();
    let expose = ["-n", kubernetes_name, "expose", "deployment", "web", "--name=by-kubectl", "--port=80"];
    app.plane.admin(&[&expose[..], &["--target-port=8080"]].concat()).await.out();
    let spec = async |name: &str| {
        let text = app.plane.admin(&["-n", kubernetes_name, "get", "service", name, "-o", "json"]).await.out();
        let mut service: Value = serde_json::from_str(&text).unwrap();
        service["spec"]["clusterIP"] = json!(null);
        service["spec"]["clusterIPs"] = json!(null);
        (service["spec"].clone(), service["metadata"]["labels"].clone())
    };
    assert_eq!(spec("web").await, spec("by-kubectl").await, "what kubectl expose makes");
    assert_eq!(member.get(&route).await.json()["items"].as_array().unwrap().len(), 2);
    let asking = json!({"name": "asking", "deployment": "web", "port": 80, "outside": true});
    let asking = member.post(&route, asking).await;
    assert_eq!((asking.status, &asking.json()["exposed"], &asking.json()["outside"]), (201, &json!(true), &json!([])));
    assert_eq!(spec("asking").await.1["remotegpu.ai/expose"], "http");
    let outside = ["-n", kubernetes_name, "create", "service", "nodeport", "outside", "--tcp=80"];
    let refused = app.plane.admin(&outside).await.refused();
    assert!(refused.contains("services.nodeports"), "{refused}");
    assert_eq!(member.delete(&format!("{route}/web")).await.status, 204);
    member.get(&format!("{route}/web")).await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_names_the_engines_that_it_does_not_lead_to() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let base = base(&app, &member).await;
    let plan = json!({"name": "web", "sku_code": "gpu-h100-1x", "replicas": 1, "image": "registry.invalid/web:1"});
    assert_eq!(member.post(&format!("{base}/deployments"), plan).await.status, 201);
    let route = format!("{base}/services");
    let new = json!({"name": "web", "deployment": "web", "port": 80});
    assert_eq!(member.post(&route, new).await.status, 201);
    let reach = eventually("its pod has a node", async || {
        let reply = member.get(&format!("{route}/web")).await;
        let reach = reply.json()["reach"].clone();
        if reach.as_array().is_some_and(|all| !all.is_empty()) { Ok(reach) } else { Err(reply.text) }
    })
    .await;
    let reason = "Nothing listens: no traffic arrives.";
    assert_eq!(reach, json!([{"engine": "simulated", "pods": 1, "reached": false, "reason": reason}]));
    assert_eq!(member.get(&route).await.json()["items"][0]["reach"], reach, "the list says the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_read_config_maps_and_services_but_no_secrets() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let base = base(&app, &owner).await;
    let viewer = app.member_of("default", "viewer").await;
    for readable in ["config-maps", "services"] {
        assert_eq!(viewer.get(&format!("{base}/{readable}")).await.status, 200, "{readable}");
    }
    let sentence = "Your role does not allow this";
    viewer.get(&format!("{base}/secrets")).await.is_problem(403, "forbidden", sentence);
    viewer.post(&format!("{base}/secrets"), json!({"name": "x"})).await.is_problem(403, "forbidden", sentence);
    viewer.post(&format!("{base}/config-maps"), json!({"name": "x"})).await.is_problem(403, "forbidden", sentence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_reads_its_secret_and_config_map_and_ends() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let base = base(&app, &member).await;
    let secret = json!({"name": "database", "values": {"PASSWORD": "hunter2-hunter2"}});
    assert_eq!(member.post(&format!("{base}/secrets"), secret).await.status, 201);
    let map = json!({"name": "settings", "data": {"MODE": "production"}});
    assert_eq!(member.post(&format!("{base}/config-maps"), map).await.status, 201);
    let plan = json!({
        "kind": "job", "name": "report", "sku_code": "cpu-shared-8g", "image": local_image().await,
        "command": ["/bin/sh", "-c", "echo mode=$MODE secret=${#DB}; echo kept > /data/file"],
        "env_from": [
            {"kind": "secret", "name": "database", "key": "PASSWORD", "variable": "DB"},
            {"kind": "config_map", "name": "settings"},
        ],
        "labels": {"team": "ml"},
        "mounts": [{"path": "/data", "kind": "empty_dir"}],
    });
    let workloads = format!("{base}/workloads");
    let made = member.post(&workloads, plan).await;
    assert_eq!((made.status, made.str("/kind").as_str()), (201, "job"), "{}", made.text);
    let path = made.header("location");
    assert_eq!(path, format!("{workloads}/job/report"));
    let ended = eventually("the job ends", async || {
        let reply = member.get(&path).await;
        if reply.str("/workload/status") == "succeeded" { Ok(reply) } else { Err(reply.text) }
    })
    .await;
    let pod = ended.str("/workload/pods/0/name");
    let log = member.get(&format!("{base}/pods/{pod}/logs")).await;
    assert!(log.text.contains("mode=production secret=15"), "{}", log.text);
    let used = member.get(&format!("{base}/secrets/database")).await;
    assert_eq!(used.json()["used_by"], json!([{"kind": "Job", "name": "report"}]));
    let used = member.get(&format!("{base}/config-maps/settings")).await;
    assert_eq!(used.json()["used_by"], json!([{"kind": "Job", "name": "report"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_interactive_pod_is_made_and_deployments_stay_deployments() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let base = format!("/v1/kubernetes/namespaces/{}", namespace["id"].as_str().unwrap());
    let plan = json!({"kind": "pod", "name": "shell", "sku_code": "cpu-shared-8g", "image": local_image().await});
    let elsewhere = member.post(&format!("{base}/deployments"), plan.clone()).await;
    assert_eq!((elsewhere.status, elsewhere.str("/errors/0/field").as_str()), (400, "kind"), "{}", elsewhere.text);
    let made = member.post(&format!("{base}/workloads"), plan.clone()).await;
    assert_eq!((made.status, made.str("/kind").as_str()), (201, "pod"), "{}", made.text);
    member.post(&format!("{base}/workloads"), plan).await.is_problem(409, "name_taken", "Pod shell already exists");
    let kubernetes_name = namespace["kubernetes_name"].as_str().unwrap();
    let path = "jsonpath={.spec.containers[0].tty} {.spec.restartPolicy} {.metadata.labels.remotegpu\\.ai/sku-code}";
    let seen = app.plane.admin(&["-n", kubernetes_name, "get", "pod", "shell", "-o", path]).await.out();
    assert_eq!(seen, "true Never cpu-shared-8g");
    let wrong = json!({"kind": "pod", "name": "two", "sku_code": "cpu-shared-8g", "image": "x", "replicas": 2});
    assert_eq!(member.post(&format!("{base}/workloads"), wrong).await.str("/errors/0/field"), "replicas");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_sees_its_limits_over_all_namespaces() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.stranger("owner").await;
    app.namespace(&member).await;
    app.namespace(&member).await;
    let account = member.get("/v1/auth/session").await.str("/account/id");
    let path = format!("/v1/accounts/{account}/quota");
    let line = async |resource: &str| {
        let all = member.get(&path).await.json();
        all["items"].as_array().unwrap().iter().find(|line| line["resource"] == resource).cloned()
    };
    assert_eq!(line("namespaces").await.unwrap()["used"], "2");
    eventually("both namespaces are counted", async || match line("requests.nvidia.com/gpu").await {
        Some(gpus) if gpus["limit"] == "16" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let stranger = app.stranger("owner").await;
    stranger.get(&path).await.is_problem(404, "not_found", "Not found");
}
