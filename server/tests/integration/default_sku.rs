//! The SKU of pods that name none, chosen in the console, as kubectl meets it (`skypilot.md` §7).

use serde_json::{Value, json};
use testkit::{Client, Ran, TestApp, eventually};

use crate::CONSOLE;

const REFUSED: &str = "Pod template needs the label remotegpu.ai/sku-code";

struct Place {
    app: TestApp,
    member: Client,
    route: String,
    kubernetes_name: String,
    key: String,
    kubeconfig: std::path::PathBuf,
}

impl Place {
    async fn new() -> Self {
        let app = TestApp::start(CONSOLE).await;
        let member = app.operator().await;
        let namespace = app.namespace(&member).await;
        let id = namespace["id"].as_str().unwrap();
        let key = app.key(&member, json!({"all": true})).await;
        let kubeconfig = app.kubeconfig(&member, id, "").await;
        let route = format!("/v1/kubernetes/namespaces/{id}/default-sku");
        let kubernetes_name = namespace["kubernetes_name"].as_str().unwrap().to_owned();
        Self { app, member, route, kubernetes_name, key, kubeconfig }
    }

    async fn choose(&self, code: Value) {
        let chosen = self.member.put(&self.route, json!({"sku_code": code})).await;
        assert_eq!((chosen.status, &chosen.json()["sku_code"]), (200, &code), "{}", chosen.text);
    }

    async fn apply(&self, pod: &Value) -> Ran {
        let environment = [("REMOTEGPU_API_KEY", self.key.as_str())];
        self.app.plane.kubectl_apply(&self.kubeconfig, &pod.to_string(), &environment).await
    }

    /// Makes the pod as soon as admission takes it, tells its SKU, and takes it away.
    async fn sku_of(&self, pod: &Value) -> Value {
        eventually("admission takes the pod", async || {
            let ran = self.apply(pod).await;
            if ran.ok { Ok(()) } else { Err(ran.stderr) }
        })
        .await;
        let name = pod["metadata"]["name"].as_str().unwrap();
        let place = format!("--namespace={}", self.kubernetes_name);
        let made = self.app.plane.admin(&["get", "pod", name, "--output=json", &place]).await.out();
        self.app.plane.admin(&["delete", "pod", name, "--wait=false", &place]).await.out();
        serde_json::from_str::<Value>(&made).unwrap()["metadata"]["labels"]["remotegpu.ai/sku-code"].clone()
    }
}

fn pod(name: &str, labels: &Value, limits: &Value) -> Value {
    let container = json!({"name": "app", "image": "localhost/remotegpu-test:1", "imagePullPolicy": "IfNotPresent",
        "resources": {"limits": limits, "requests": limits}});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}})
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_name_no_sku_run_under_the_chosen_one_and_skypilots_under_that_of_their_gpus() {
    let place = Place::new().await;
    assert_eq!(place.member.get(&place.route).await.json(), json!({"sku_code": null}));
    let plain = |name: &str| pod(name, &json!({"app": name}), &json!({}));
    let refused = place.apply(&plain("early")).await.refused();
    assert!(refused.contains(REFUSED), "{refused}");

    place.choose(json!("cpu-shared-8g")).await;
    assert_eq!(place.sku_of(&plain("plain")).await, "cpu-shared-8g");
    let other = pod("labelled", &json!({"remotegpu.ai/sku-code": "gpu-h100-2x"}), &json!({}));
    assert_eq!(place.sku_of(&other).await, "gpu-h100-2x", "its own label comes first");
    // As SkyPilot asks for `--gpus H100:1`, and for none.
    let sky = json!({"parent": "skypilot", "skypilot-cluster-name": "demo", "ray-node-type": "head"});
    let gpus = pod("sky-gpu", &sky, &json!({"cpu": "4", "memory": "16G", "nvidia.com/gpu": "1"}));
    assert_eq!(place.sku_of(&gpus).await, "gpu-h100-1x", "GPUs say more than a default");
    let none = pod("sky-cpu", &sky, &json!({"cpu": "1", "memory": "4G"}));
    assert_eq!(place.sku_of(&none).await, "cpu-shared-8g");

    place.choose(Value::Null).await;
    let refused = eventually("each pod has to name one again", async || {
        let ran = place.apply(&plain("late")).await;
        if ran.ok {
            // Applied again it would only be unchanged.
            let delete = ["delete", "pod", "late", "--wait=true", "-n", &place.kubernetes_name];
            return Err(place.app.plane.admin(&delete).await.stdout);
        }
        Ok(ran.stderr)
    })
    .await;
    assert!(refused.contains(REFUSED), "{refused}");
    let audit = place.member.get("/v1/audit?action=namespace.default_sku_changed").await;
    assert_eq!(
        (audit.str("/items/0/detail"), audit.str("/items/1/detail")),
        ("cpu-shared-8g → none".to_owned(), "none → cpu-shared-8g".to_owned(),)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_chosen_from_what_is_there_by_who_manages_the_namespace() {
    let place = Place::new().await;
    let unknown = place.member.put(&place.route, json!({"sku_code": "no-such-sku"})).await;
    assert_eq!((unknown.status, unknown.str("/errors/0/field").as_str()), (400, "sku_code"), "{}", unknown.text);
    assert_eq!(unknown.str("/errors/0/message"), "SKU \"no-such-sku\" does not exist");
    for wrong in [json!({"sku_code": 7}), json!({"sku": "cpu-shared-8g"})] {
        assert_eq!(place.member.put(&place.route, wrong.clone()).await.status, 400, "{wrong}");
    }
    let wanted = json!({"sku_code": "cpu-shared-8g"});
    let stranger = place.app.stranger("owner").await;
    stranger.put(&place.route, wanted.clone()).await.is_problem(404, "not_found", "Not found");
    stranger.get(&place.route).await.is_problem(404, "not_found", "Not found");
    let viewer = place.app.member_of("default", "viewer").await;
    viewer.put(&place.route, wanted).await.is_problem(403, "forbidden", "Your role does not allow this");
    assert_eq!(viewer.get(&place.route).await.json(), json!({"sku_code": null}));
}
