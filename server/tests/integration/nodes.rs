//! Virtual nodes as operators see, close and empty them. Each test has a node of its own with no kubelet behind it, so
//! that nobody else's pods are touched.

use serde_json::{Value, json};
use testkit::{Client, Dialect, FaultProxy, KubeApi, Plane, TestApp, eventually, unique};

use crate::CONSOLE;

const RECONCILER: &str = "system:serviceaccount:remotegpu-system:remotegpu-reconciler";

/// A node that only the API server knows. It goes with the test.
struct Fleet {
    node: String,
    admin: KubeApi,
    operator: Client,
}

impl Fleet {
    async fn new(app: &TestApp) -> Self {
        let (node, admin) = (unique("fleet"), KubeApi::admin(app.plane));
        let labels = json!({"type": "virtual-kubelet", "remotegpu.ai/engine": node, "remotegpu.ai/gpu-model": "H100"});
        let taints = json!([{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]);
        let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": labels},
            "spec": {"taints": taints}});
        admin.create("/api/v1/nodes", &object).await.done();
        let fleet = Self { node, admin, operator: app.operator().await };
        fleet.says("True", "EngineReady", "The engine answers").await;
        eventually("the console sees the node", async || {
            let seen = fleet.operator.get(&fleet.path("")).await;
            if seen.status == 200 && seen.str("/node/status") == "ready" { Ok(()) } else { Err(seen.text) }
        })
        .await;
        fleet
    }

    fn path(&self, more: &str) -> String {
        format!("/v1/nodes/{}{more}", self.node)
    }

    fn at(&self) -> String {
        format!("/api/v1/nodes/{}", self.node)
    }

    /// What its kubelet would report.
    async fn says(&self, ready: &str, reason: &str, message: &str) {
        let room = json!({"cpu": "1m", "memory": "1Mi", "pods": "9", "nvidia.com/gpu": "4"});
        let at = "2026-11-21T09:00:00Z";
        let condition = json!({"type": "Ready", "status": ready, "reason": reason, "message": message,
            "lastHeartbeatTime": at, "lastTransitionTime": at});
        let status = json!({"status": {"capacity": room, "allocatable": room, "conditions": [condition]}});
        self.admin.change(&format!("{}/status", self.at()), Dialect::MergePatch, &status).await.done();
    }

    /// A pod that is bound to it, as an engine would have annotated it.
    async fn pod(&self, namespace: &str) {
        self.admin
            .create(
                "/api/v1/namespaces",
                &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            )
            .await
            .done();
        let annotations = json!({"remotegpu.ai/price-per-hour": "3.290000 EUR", "runpod.io/pod-id": "abc123"});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "annotations": annotations},
            "spec": {"nodeName": self.node, "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "app", "image": "registry.invalid/app:1"}]}});
        eventually("Kubernetes made the namespace's account", async || {
            let made = self.admin.create(&format!("/api/v1/namespaces/{namespace}/pods"), &pod).await;
            if made.status < 300 { Ok(()) } else { Err(made.body) }
        })
        .await;
    }

    async fn gone(self) {
        self.admin.delete(&self.at()).await.done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_closes_empties_and_opens_a_node_and_the_log_says_so() {
    let app = TestApp::start(CONSOLE).await;
    let fleet = Fleet::new(&app).await;
    let (operator, namespace) = (&fleet.operator, unique("drained"));
    fleet.pod(&namespace).await;
    let detail = eventually("the pod is on the node", async || {
        let seen = operator.get(&fleet.path("")).await.json();
        if seen["node"]["pods"] == 1 { Ok(seen) } else { Err(seen) }
    })
    .await;
    assert_eq!((&detail["node"]["engine"], &detail["node"]["gpu_model"]), (&json!(fleet.node), &json!("H100")));
    assert_eq!(detail["node"]["resources"][0], json!({"name": "nvidia.com/gpu", "used": 0, "total": 4}));
    assert_eq!(detail["node"]["price_per_hour"][0]["amount"], "3.29");
    assert_eq!(
        (&detail["pods"][0]["namespace"], &detail["pods"][0]["instance"]),
        (&json!(namespace), &json!("abc123"))
    );

    let closed = operator.post(&fleet.path("/cordon"), json!({})).await;
    assert_eq!((closed.status, closed.str("/status")), (200, "cordoned".to_owned()), "{}", closed.text);
    let live = fleet.admin.get(&fleet.at()).await.done();
    assert_eq!(live["spec"]["unschedulable"], true);
    let other = operator.post(&fleet.path("/drain"), json!({"confirm": "other"})).await;
    assert_eq!((other.status, other.str("/errors/0/field").as_str()), (400, "confirm"), "{}", other.text);
    let drained = operator.post(&fleet.path("/drain"), json!({"confirm": fleet.node})).await;
    assert_eq!((drained.status, &drained.json()["pods"]), (200, &json!(1)), "{}", drained.text);
    eventually("Kubernetes took the pod away", async || {
        let left = fleet.admin.get(&format!("/api/v1/namespaces/{namespace}/pods")).await.body;
        if left["items"] == json!([]) { Ok(()) } else { Err(left) }
    })
    .await;
    let opened = operator.post(&fleet.path("/uncordon"), json!({})).await;
    assert_eq!((opened.status, opened.str("/status")), (200, "ready".to_owned()), "{}", opened.text);
    let live = fleet.admin.get(&fleet.at()).await.done();
    let keys: Vec<&str> =
        live["spec"]["taints"].as_array().unwrap().iter().map(|t| t["key"].as_str().unwrap()).collect();
    assert!(keys.contains(&"nvidia.com/gpu") && !keys.contains(&"remotegpu.ai/drain"), "{keys:?}");

    let log = operator.get("/v1/platform/audit?limit=50").await.json();
    let of_node = log["items"].as_array().unwrap().iter().filter(|row| row["target"] == format!("node:{}", fleet.node));
    let told: Vec<&str> = of_node.map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["node.uncordoned", "node.drained", "node.cordoned"]);
    fleet.admin.delete(&format!("/api/v1/namespaces/{namespace}")).await.done();
    fleet.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_a_node_stands_in_the_log_before_it_is_done() {
    let proxy = FaultProxy::to(&Plane::current().server()).await;
    let app = TestApp::start_behind(CONSOLE, &proxy).await;
    let fleet = Fleet::new(&app).await;
    proxy.cut();
    let refused = fleet.operator.post(&fleet.path("/cordon"), json!({})).await;
    refused.is_problem(503, "cluster_unavailable", "Cluster is not reachable");
    let log = fleet.operator.get("/v1/platform/audit?action=node.cordoned").await.json();
    let rows = log["items"].as_array().unwrap().iter().filter(|row| row["target_name"] == fleet.node);
    let mut told: Vec<&str> = rows.map(|row| row["outcome"].as_str().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, ["failed", "success"], "it may have been done, and was not: {log}");
    proxy.pass();
    fleet.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_in_trouble_says_why() {
    let app = TestApp::start(CONSOLE).await;
    let fleet = Fleet::new(&app).await;
    fleet.says("False", "EngineUnreachable", "no answer from the socket").await;
    let seen = eventually("the console sees the trouble", async || {
        let seen = fleet.operator.get(&fleet.path("")).await.json();
        if seen["node"]["status"] == "not_ready" { Ok(seen) } else { Err(seen) }
    })
    .await;
    let trouble = &seen["node"]["troubles"][0];
    assert_eq!((&trouble["name"], &trouble["message"]), (&json!("Ready"), &json!("no answer from the socket")));
    assert_eq!(seen["node"]["last_contact_at"], "2026-11-21T09:00:00Z");
    fleet.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_for_operators_and_only_virtual_ones_are_shown() {
    let app = TestApp::start(CONSOLE).await;
    let fleet = Fleet::new(&app).await;
    let real = unique("real");
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": real}});
    fleet.admin.create("/api/v1/nodes", &object).await.done();
    for what in ["", "/cordon", "/drain"] {
        let path = format!("/v1/nodes/{real}{what}");
        let body = json!({"confirm": real});
        let reply =
            if what.is_empty() { fleet.operator.get(&path).await } else { fleet.operator.post(&path, body).await };
        reply.is_problem(404, "not_found", "Not found");
    }
    let member = app.stranger("owner").await;
    for reply in [
        member.get("/v1/nodes").await,
        member.get(&fleet.path("")).await,
        member.post(&fleet.path("/drain"), json!({"confirm": fleet.node})).await,
        member.get("/live/nodes").await,
    ] {
        assert_eq!((reply.status, reply.str("/code")), (403, "forbidden".to_owned()));
    }
    let names = fleet.operator.get("/v1/nodes").await.text;
    assert!(names.contains(&fleet.node) && !names.contains(&real), "{names}");
    fleet.admin.delete(&format!("/api/v1/nodes/{real}")).await.done();
    fleet.gone().await;
}

/// RBAC gives `patch` on nodes whole; the policy says which fields.
#[tokio::test(flavor = "multi_thread")]
async fn the_consoles_identity_changes_of_a_node_only_whether_it_takes_pods() {
    let app = TestApp::start(CONSOLE).await;
    let fleet = Fleet::new(&app).await;
    let console = fleet.admin.as_user(RECONCILER);
    let change = async |patch: Value| console.change(&fleet.at(), Dialect::MergePatch, &patch).await;
    for (patch, sentence) in [
        (json!({"metadata": {"labels": {"remotegpu.ai/engine": "other"}}}), "only whether it takes pods"),
        (json!({"metadata": {"annotations": {"x": "y"}}}), "only whether it takes pods"),
        (json!({"spec": {"taints": []}}), "its own taint of a node only"),
        (json!({"spec": {"taints": [{"key": "x", "effect": "NoExecute"}]}}), "its own taint of a node only"),
    ] {
        let refused = change(patch.clone()).await.refused();
        assert!(refused.contains(sentence), "{patch}: {refused}");
    }
    change(json!({"spec": {"unschedulable": true}})).await.done();
    let real = unique("real");
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": real}});
    fleet.admin.create("/api/v1/nodes", &object).await.done();
    let path = format!("/api/v1/nodes/{real}");
    let refused = console.change(&path, Dialect::MergePatch, &json!({"spec": {"unschedulable": true}})).await.refused();
    assert!(refused.contains("virtual nodes only"), "{refused}");
    fleet.admin.delete(&path).await.done();
    fleet.gone().await;
}
