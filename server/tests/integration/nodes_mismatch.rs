//! The end of an engine behind whose address is another cluster: nothing is ended there, its nodes go all the same. And
//! of one whose nodes cannot be seen: its row stays until nothing of it is left.

use backend::ports::Engines as _;
use domain::audit::Action;
use domain::engine::settings::{OnPremise, Runpod, Settings};
use domain::engine::{ApiUrl, Credentials, EngineStatus};
use reqwest::Method;
use serde_json::json;
use testkit::{Plane, TestApp, eventually, unique};

use crate::CONSOLE;
use crate::nodes_of_accounts::import;
use crate::nodes_of_engines::{alone, event};

/// A node as `remotegpu nodes` makes it, with no kubelet behind it.
async fn made(name: &str, engine: &str) {
    let labels = json!({"type": "virtual-kubelet", "remotegpu.ai/engine": engine, "remotegpu.ai/run-by": "nodes"});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
    Plane::current().admin_apply(&node.to_string()).await.out();
}

async fn until_gone(node: &str, app: &TestApp) {
    eventually("the node is gone", async || {
        let ran = Plane::current().admin(&["get", "node", node]).await;
        if ran.stderr.contains("not found") { Ok(()) } else { Err(app.nodes_log()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_address_leads_to_another_cluster_is_abandoned_and_never_ended_there() {
    let _alone = alone().await;
    let app = TestApp::start(CONSOLE).await;
    let settings = Settings::OnPremise(OnPremise {
        api_url: ApiUrl::parse("api_url", "https://192.0.2.1:6443").unwrap(),
        load_balancer_ip: [192, 0, 2, 10].into(),
        ca_pem: None,
        features: Vec::new(),
        namespaces: Vec::new(),
        gpus: Vec::new(),
        exec_probe: false,
    });
    let token = Credentials::BearerToken { token: "of-its-own-cluster".to_owned() };
    let (store, engine) = import(&app, None, settings, &token).await;
    let mut elsewhere = store.engine(engine.id).await.unwrap().unwrap();
    elsewhere.status = EngineStatus::Mismatch;
    assert!(store.change_engine(&elsewhere, None, &event(Action::EngineStatusChanged, &engine)).await.unwrap());
    let (node, stray) = (format!("{}-h100", engine.name), unique("stray"));
    made(&node, &engine.name).await;
    made(&stray, &stray).await;

    let _process = app.nodes();
    until_gone(&stray, &app).await;
    let (operator, path) = (app.operator().await, format!("/v1/engines/{}", engine.id));
    eventually("the console knows its node", async || {
        let shown = operator.get(&path).await;
        if shown.json()["nodes"][0]["name"] == json!(node) { Ok(()) } else { Err(shown.text) }
    })
    .await;
    let delete = async |how: &str| {
        let body = json!({"confirm": engine.name, how: true}).to_string();
        operator.send(Method::DELETE, &path, Some(body)).await
    };
    let refused = delete("force").await;
    refused.is_problem(
        409,
        "conflict",
        "Another cluster is at the address of this engine, so nothing can be ended there: give it credentials that lead \
         to its own cluster, or abandon it with what still runs there",
    );
    assert_eq!(operator.get(&path).await.str("/status"), "mismatch", "nobody is sent there");

    let gone = delete("abandon").await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(store.engine_credentials(engine.id).await.unwrap(), None);
    until_gone(&node, &app).await;
}

/// Its Nodes were deleted by hand, or one registers at this moment: what runs there is known by its credentials alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_had_nodes_keeps_its_credentials_until_the_nodes_process_has_seen_its_end() {
    let app = TestApp::start(CONSOLE).await;
    let settings =
        Settings::Runpod(Runpod { datacenter_ids: Vec::new(), cloud: "secure".into(), max_gpu_price_micros: 1 });
    let key = Credentials::ApiKey { key: "rpa_any".to_owned() };
    let (store, engine) = import(&app, None, settings, &key).await;
    assert!(store.hold_engine(engine.id).await.unwrap());
    let (operator, path) = (app.operator().await, format!("/v1/engines/{}", engine.id));
    let delete = async || {
        let body = json!({"confirm": engine.name, "force": true}).to_string();
        operator.send(Method::DELETE, &path, Some(body)).await
    };
    // The console learns of nodes and SKUs a moment after its start.
    let leaving = eventually("the console knows the cluster", async || {
        let reply = delete().await;
        if reply.status == 503 { Err(reply.text) } else { Ok(reply) }
    })
    .await;
    assert_eq!((leaving.status, leaving.str("/status").as_str()), (202, "deleting"), "{}", leaving.text);
    assert!(store.engine_credentials(engine.id).await.unwrap().is_some());
    store.release_engine(engine.id).await.unwrap();
    eventually("it is forgotten", async || {
        let reply = operator.get(&path).await;
        if reply.status == 404 { Ok(()) } else { Err(reply.text) }
    })
    .await;
}
