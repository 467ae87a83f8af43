//! SKUs as operators sell them and as tenants find them (`console-api.md` §6, RULINGS 12 and 13).

use std::path::Path;
use std::process::Stdio;

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Client, KubeApi, TestApp, eventually, read_until, unique};
use tokio::process::{Child, Command};

use crate::stream::opened;
use crate::{CONSOLE, usage};

pub const SKUS: &str = "/apis/remotegpu.ai/v1alpha1/skus";

pub fn spec(price: &str) -> Value {
    json!({"title": "1 CPU, 1 GiB", "resources": {"cpu": "1", "memory": "1Gi"},
        "price": {"perHour": price, "currency": "EUR"}, "placement": {"engines": ["simulated"],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]}})
}

/// A SKU of one test, made by the console's operator. It goes with the test.
pub struct Sold {
    pub code: String,
    operator: Client,
    admin: KubeApi,
}

impl Sold {
    async fn new(app: &TestApp) -> Self {
        Self::of(app, spec("0.50")).await
    }

    pub async fn of(app: &TestApp, offer: Value) -> Self {
        let (code, operator, admin) = (unique("sku"), app.operator().await, KubeApi::admin(app.plane));
        let made = operator.post("/v1/platform/skus", json!({"code": code, "spec": offer})).await;
        assert_eq!((made.status, made.str("/code")), (201, code.clone()), "{}", made.text);
        assert_eq!(made.header("location"), format!("/v1/platform/skus/{code}"));
        Self { code, operator, admin }
    }

    fn path(&self) -> String {
        format!("/v1/platform/skus/{}", self.code)
    }

    pub async fn gone(self) {
        self.admin.delete(&format!("{SKUS}/{}", self.code)).await.done();
    }
}

/// A simulated engine of one test with the node that carries its name. No pods but those of the test's SKU tolerate it,
/// so nobody else takes or frees a place.
struct OwnEngine {
    name: String,
    node: Child,
}

impl OwnEngine {
    /// With four places for pods of [`spec`].
    async fn start(app: &TestApp) -> Self {
        Self::with(app, &["--capacity-cpu", "4", "--capacity-memory", "4Gi"]).await
    }

    /// With one H100, and room for what its SKU has beside it.
    async fn with_gpu(app: &TestApp) -> Self {
        let gpu = ["--gpu-model", "H100", "--gpu-count", "1", "--gpu-memory-gib", "80"];
        let room = ["--capacity-cpu", "4", "--capacity-memory", "4Gi"];
        Self::with(app, &[gpu.as_slice(), room.as_slice()].concat()).await
    }

    async fn with(app: &TestApp, capacity: &[&str]) -> Self {
        let name = unique("engine");
        let (cert, key) = app.plane.kubelet_certificate(&name);
        let port = testkit::free_port();
        let mut command = Command::new(Path::new(CONSOLE).with_file_name("remotegpu-kubelet"));
        command.args(["--nodename", &name, "--address", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--provider", "simulated", "--taint-key", &name]).args(capacity);
        command.arg("--kubeconfig").arg(app.plane.kubeconfig("admin"));
        command.arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let node = command.spawn().expect("remotegpu-kubelet is built");
        Self { name, node }
    }

    /// What a SKU says that is sold here and nowhere else.
    fn offer(&self) -> Value {
        let tolerations = json!([{"key": self.name, "operator": "Exists", "effect": "NoSchedule"}]);
        let mut offer = spec("0.50");
        offer["placement"] = json!({"engines": [self.name], "tolerations": tolerations});
        offer
    }

    async fn gone(mut self, app: &TestApp) {
        self.node.kill().await.unwrap();
        app.plane.admin(&["delete", "node", &self.name]).await.out();
    }
}

fn pod(name: &str, sku: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"remotegpu.ai/sku-code": sku}},
        "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]}})
}

async fn codes(client: &Client, path: &str) -> Vec<String> {
    let listed = client.get(path).await.json();
    listed["items"].as_array().unwrap().iter().map(|sku| sku["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sells_changes_and_retires_a_sku_and_the_log_says_so() {
    let app = TestApp::start(CONSOLE).await;
    let sold = Sold::new(&app).await;
    let (operator, path) = (&sold.operator, sold.path());
    let again = operator.post("/v1/platform/skus", json!({"code": sold.code, "spec": spec("1")})).await;
    again.is_problem(409, "name_taken", &format!("SKU {} already exists", sold.code));
    eventually("tenants see it", async || {
        let seen = codes(operator, "/v1/skus").await;
        if seen.contains(&sold.code) { Ok(()) } else { Err(seen) }
    })
    .await;

    let first = operator.get(&path).await;
    let tag = first.header("etag");
    let change = json!({"price": {"perHour": "0.75", "currency": "EUR"}});
    let changed = operator.clone().with("if-match", &tag).patch(&path, change.clone()).await;
    assert_eq!((changed.status, changed.str("/spec/price/perHour")), (200, "0.75".to_owned()), "{}", changed.text);
    assert_eq!((first.str("/version"), changed.str("/version")), ("1".to_owned(), "2".to_owned()));
    let stale = operator.clone().with("if-match", &tag).patch(&path, change).await;
    assert_eq!((stale.status, stale.str("/code")), (409, "conflict".to_owned()));
    for retired in [true, false] {
        let changed = operator.patch(&path, json!({"retired": retired})).await;
        assert_eq!(changed.json()["spec"]["retired"], retired, "{}", changed.text);
    }

    let wrong = operator.patch(&path, json!({"resources": {"cpu": "0", "memory": "x"}})).await;
    let fields: Vec<String> =
        wrong.json()["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        (wrong.status, fields),
        (400, vec!["spec.resources.cpu".to_owned(), "spec.resources.memory".to_owned()])
    );
    let dollars = operator.patch(&path, json!({"price": {"perHour": "1", "currency": "USD"}})).await;
    assert_eq!((dollars.status, dollars.str("/errors/0/field")), (400, "spec.price.currency".to_owned()));
    operator.get("/v1/platform/skus/none").await.is_problem(404, "not_found", "Not found");

    let log = operator.get("/v1/platform/audit?limit=50").await.json();
    let of_sku = log["items"].as_array().unwrap().iter().filter(|row| row["target"] == format!("sku:{}", sold.code));
    let told: Vec<(String, String)> = of_sku
        .map(|row| (row["action"].as_str().unwrap().to_owned(), row["detail"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        ("sku.offered", "sold again"),
        ("sku.retired", "retired"),
        ("sku.changed", "price 0.50 EUR → 0.75 EUR"),
        ("sku.created", "0.50 EUR an hour"),
    ];
    assert_eq!(told, expected.map(|(action, detail)| (action.to_owned(), detail.to_owned())));

    let member = app.stranger("owner").await;
    for (reply, what) in [
        (member.get("/v1/platform/skus").await, "list"),
        (member.patch(&path, json!({"retired": false})).await, "change"),
        (member.post("/v1/platform/skus", json!({"code": "mine", "spec": spec("0")})).await, "create"),
    ] {
        assert_eq!((reply.status, reply.str("/code")), (403, "forbidden".to_owned()), "{what}");
    }
    sold.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kubectl_changes_in_between_is_not_overwritten() {
    let app = TestApp::start(CONSOLE).await;
    let sold = Sold::new(&app).await;
    let tag = sold.operator.get(&sold.path()).await.header("etag");
    let patch = "{\"spec\":{\"title\":\"by kubectl\"}}";
    app.plane.admin(&["patch", "sku", &sold.code, "--type=merge", "-p", patch]).await.out();
    let stale = sold.operator.clone().with("if-match", &tag).patch(&sold.path(), json!({"title": "by console"})).await;
    assert_eq!(stale.status, 409, "{}", stale.text);
    let other = sold.operator.patch(&sold.path(), json!({"retired": true})).await;
    assert_eq!(other.str("/spec/title"), "by kubectl");
    let printed = app.plane.admin(&["get", "sku", &sold.code, "-o", "wide"]).await.out();
    for word in
        ["TITLE", "PRICE", "FREE", "TOTAL", "RETIRED", "VERSION", "ENGINES", "CLASS", "AS-OF", "by kubectl", "true"]
    {
        assert!(printed.contains(word), "{printed}");
    }
    let printed = app.plane.admin(&["get", "sku", "gpu-h100-2x"]).await.out();
    assert_eq!(column(&printed, "GPU"), "2", "{printed}");
    sold.gone().await;
}

/// What a table of one row has under a heading; kubectl aligns by characters.
fn column(printed: &str, heading: &str) -> String {
    let (headings, row) = printed.split_once('\n').unwrap();
    let from = headings.find(heading).unwrap();
    row.chars().skip(from).take_while(|c| !c.is_whitespace()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_that_cannot_be_sold_is_refused_by_the_api_server_itself() {
    let app = TestApp::start(CONSOLE).await;
    let admin = KubeApi::admin(app.plane);
    let code = unique("sku");
    let object = |name: &str, spec: Value| json!({"apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku", "metadata": {"name": name}, "spec": spec});
    let gpu = json!({"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
    for (pointer, value, words) in [
        ("/resources/cpu", json!("0"), "must be a quantity above zero"),
        ("/resources/memory", json!("much"), "must be a quantity above zero"),
        ("/price/perHour", json!("-1"), "should match"),
        ("/price/currency", json!("euro"), "should match"),
        (
            "/gpu",
            json!({"model": "H100", "count": 0, "memoryGiB": 80, "resource": "nvidia.com/gpu"}),
            "greater than or equal to 1",
        ),
        ("/gpu", json!({"model": "H100", "count": 1, "memoryGiB": 80, "resource": "gpu"}), "should match"),
        // No quota counts it: it would be sold without a limit.
        ("/gpu", json!({"model": "MI300X", "count": 1, "memoryGiB": 192, "resource": "amd.com/gpu"}), "should match"),
        ("/placement/tolerations", json!([{"operator": "Exists"}]), "name the taint"),
        ("/title", json!(""), "at least 1"),
    ] {
        let mut wrong = spec("1");
        match wrong.pointer_mut(pointer) {
            Some(member) => *member = value,
            None => wrong["gpu"] = value,
        }
        let sentence = admin.create(SKUS, &object(&code, wrong)).await.refused();
        assert!(sentence.contains(words), "{pointer}: {sentence}");
    }
    let sentence = admin.create(SKUS, &object("dotted.name", spec("1"))).await.refused();
    assert!(sentence.contains("must fit a label value"), "{sentence}");
    admin.create(SKUS, &object(&code, spec("1"))).await.done();
    let add = json!({"spec": {"gpu": gpu}});
    let sentence = admin.change(&format!("{SKUS}/{code}"), testkit::Dialect::MergePatch, &add).await.refused();
    assert!(sentence.contains("keeps or lacks its GPUs for good"), "{sentence}");
    admin.delete(&format!("{SKUS}/{code}")).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_sees_and_uses_only_what_it_was_granted() {
    let app = TestApp::start(CONSOLE).await;
    let operator = app.operator().await;
    let member = app.stranger("owner").await;
    let account = member.get("/v1/auth/session").await.str("/account/id");
    let namespace = app.namespace(&member).await;
    // What its own namespace may use: it hears of a change a moment after the account.
    let here = format!("/v1/skus?namespace_id={}", namespace["id"].as_str().unwrap());
    let granted_here = async |what: &str, wanted: &[&str]| {
        eventually(what, async || {
            let reply = member.get(&here).await;
            let all = reply.json()["items"].as_array().cloned().unwrap_or_default();
            let all_granted = !all.is_empty() && all.iter().all(|sku| sku["granted"] == true);
            let has = |code: &&str| all.iter().any(|sku| sku["code"] == **code);
            if reply.status == 200 && all_granted && wanted.iter().all(has) { Ok(all.len()) } else { Err(reply.text) }
        })
        .await
    };
    let (id, name) = (namespace["id"].as_str().unwrap(), namespace["kubernetes_name"].as_str().unwrap());
    let grants = format!("/v1/platform/accounts/{account}/skus");
    assert_eq!(operator.get(&grants).await.json(), json!({"all": true, "codes": []}));
    let before = codes(&member, "/v1/skus").await;
    assert!(before.contains(&"gpu-h100-1x".to_owned()), "{before:?}");
    granted_here("everything is granted at first", &["cpu-shared-8g", "gpu-h100-1x"]).await;
    app.stranger("owner").await.get(&here).await.is_problem(404, "not_found", "Not found");

    let unknown = operator.put(&grants, json!({"all": false, "codes": ["nonsense"]})).await;
    unknown.is_problem(400, "invalid_request", "There is no SKU nonsense");
    let set = operator.put(&grants, json!({"all": false, "codes": ["cpu-shared-8g"]})).await;
    assert_eq!((set.status, set.json()), (200, json!({"all": false, "codes": ["cpu-shared-8g"]})));
    assert_eq!(codes(&member, "/v1/skus").await, ["cpu-shared-8g"]);
    assert_eq!(granted_here("one is left", &["cpu-shared-8g"]).await, 1);
    member.get("/v1/skus/gpu-h100-1x").await.is_problem(404, "not_found", "Not found");

    let admin = KubeApi::admin(app.plane);
    let pods = format!("/api/v1/namespaces/{name}/pods?dryRun=All");
    let sentence = eventually("the webhook knows", async || {
        let reply = admin.create(&pods, &pod("x", "gpu-h100-1x")).await;
        if reply.status >= 400 { Ok(reply.refused()) } else { Err(reply.body) }
    })
    .await;
    assert!(
        sentence.contains("SKU \"gpu-h100-1x\" is not granted in this namespace; usable here: cpu-shared-8g"),
        "{sentence}"
    );
    let check = json!({"deployment": {"name": "x", "sku_code": "gpu-h100-1x", "image": "x"}});
    let verdict = member.post(&format!("/v1/kubernetes/namespaces/{id}/admission-check"), check).await.json();
    assert!(
        verdict["rules"].as_array().unwrap().iter().any(|r| r["code"] == "sku_granted" && r["ok"] == false),
        "{verdict}"
    );
    // Taken off by hand, it comes back.
    let annotations = json!({"metadata": {"annotations": {"remotegpu.ai/skus": "*"}}});
    admin.change(&format!("/api/v1/namespaces/{name}"), testkit::Dialect::MergePatch, &annotations).await.done();
    eventually("the grant is repaired", async || {
        let found = admin.get(&format!("/api/v1/namespaces/{name}")).await.body;
        let annotation = found["metadata"]["annotations"]["remotegpu.ai/skus"].clone();
        if annotation == "cpu-shared-8g" { Ok(()) } else { Err(annotation) }
    })
    .await;

    operator.put(&grants, json!({"all": true})).await;
    // Other tests sell SKUs of theirs meanwhile.
    let after = codes(&member, "/v1/skus").await;
    assert!(
        ["cpu-shared-8g", "gpu-h100-1x", "gpu-h100-8x"].iter().all(|code| after.iter().any(|c| c == code)),
        "{after:?}"
    );
    let log = member.get("/v1/audit?action=account.skus_changed").await.json();
    let told: Vec<&str> = log["items"].as_array().unwrap().iter().map(|row| row["detail"].as_str().unwrap()).collect();
    assert_eq!(told, ["cpu-shared-8g → all", "all → cpu-shared-8g"]);
    for role in [&member, &app.stranger("viewer").await] {
        assert_eq!(role.put(&grants, json!({"all": true})).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_on_an_accounts_engine_is_that_accounts_alone() {
    let app = TestApp::start(CONSOLE).await;
    let sold = Sold::new(&app).await;
    let (owner, other) = (app.stranger("owner").await, app.stranger("owner").await);
    let account = owner.get("/v1/auth/session").await.str("/account/id");
    let engine = format!("on-prem.{}", &account[account.len() - 8..]);
    let placed = sold.operator.patch(&sold.path(), json!({"placement": {"engines": [engine]}})).await;
    assert_eq!(placed.status, 200, "{}", placed.text);
    let pods = async |client: &Client| {
        let namespace = app.namespace(client).await;
        format!("/api/v1/namespaces/{}/pods?dryRun=All", namespace["kubernetes_name"].as_str().unwrap())
    };
    let (own, others) = (pods(&owner).await, pods(&other).await);
    let enter = json!({"key": "remotegpu.ai/account", "operator": "Equal", "value": account, "effect": "NoSchedule"});
    eventually("the owner's pods may enter", async || {
        let reply = sold.admin.create(&own, &pod("x", &sold.code)).await;
        let tolerations = reply.body["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
        if tolerations.contains(&enter) { Ok(()) } else { Err(reply.body) }
    })
    .await;
    let sentence = sold.admin.create(&others, &pod("x", &sold.code)).await.refused();
    assert!(sentence.contains(&format!("SKU \"{}\" is not granted in this namespace", sold.code)), "{sentence}");

    eventually("only the owner is offered it", async || {
        let seen = [codes(&owner, "/v1/skus").await, codes(&other, "/v1/skus").await];
        let offered = seen.each_ref().map(|codes| codes.contains(&sold.code));
        if offered == [true, false] { Ok(()) } else { Err(seen) }
    })
    .await;
    other.get(&format!("/v1/skus/{}", sold.code)).await.is_problem(404, "not_found", "Not found");
    for (client, status) in [(&owner, 200), (&other, 400)] {
        let namespace = app.namespace(client).await;
        let path = format!("/v1/kubernetes/namespaces/{}/default-sku", namespace["id"].as_str().unwrap());
        let chosen = client.put(&path, json!({"sku_code": sold.code})).await;
        assert_eq!(chosen.status, status, "nor may others choose it for their pods: {}", chosen.text);
    }
    sold.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_pod_keeps_its_price_when_its_sku_is_priced_anew_and_retired() {
    let since = Timestamp::now();
    let app = TestApp::start(CONSOLE).await;
    let sold = Sold::new(&app).await;
    let namespace = app.namespace(&sold.operator).await;
    let pods = format!("/api/v1/namespaces/{}/pods", namespace["kubernetes_name"].as_str().unwrap());
    let first = eventually("the webhook knows the SKU", async || {
        let reply = sold.admin.create(&pods, &pod("first", &sold.code)).await;
        if reply.status == 201 { Ok(reply.body) } else { Err(reply.body) }
    })
    .await;
    let price = |pod: &Value| pod["metadata"]["annotations"]["remotegpu.ai/price-per-hour"].clone();
    assert_eq!(price(&first), "0.50 EUR");
    let here = format!("/v1/skus/{}?namespace_id={}", sold.code, namespace["id"].as_str().unwrap());
    let granted = async |what: &str, wanted: bool| {
        eventually(what, async || {
            let reply = sold.operator.get(&here).await;
            if (reply.status, &reply.json()["granted"]) == (200, &json!(wanted)) { Ok(()) } else { Err(reply.text) }
        })
        .await;
    };
    granted("the namespace may use it", true).await;

    let change = json!({"price": {"perHour": "9", "currency": "EUR"}});
    assert_eq!(sold.operator.patch(&sold.path(), change).await.status, 200);
    eventually("new pods cost the new price", async || {
        let new = sold.admin.create(&format!("{pods}?dryRun=All"), &pod("new", &sold.code)).await.done();
        if price(&new) == "9.00 EUR" { Ok(()) } else { Err(new) }
    })
    .await;
    sold.operator.patch(&sold.path(), json!({"retired": true})).await;
    let sentence = eventually("no new pod can ask for it", async || {
        let reply = sold.admin.create(&format!("{pods}?dryRun=All"), &pod("late", &sold.code)).await;
        if reply.status >= 400 { Ok(reply.refused()) } else { Err(reply.body) }
    })
    .await;
    assert!(sentence.contains("is no longer sold"), "{sentence}");
    granted("the namespace may use it no more", false).await;

    // The pod lives on: it runs, it can be labelled, its image can change; its price stays what it was.
    let running = eventually("it runs on the simulated engine", async || {
        let found = sold.admin.get(&format!("{pods}/first")).await.body;
        if found["status"]["phase"] == "Running" { Ok(found) } else { Err(found["status"].clone()) }
    })
    .await;
    let relabel = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:2"}]}});
    let changed =
        sold.admin.change(&format!("{pods}/first"), testkit::Dialect::StrategicMergePatch, &relabel).await.done();
    assert_eq!((price(&running), price(&changed)), (json!("0.50 EUR"), json!("0.50 EUR")));
    let record = eventually("it is charged", async || {
        let records = usage::records(&sold.operator, since).await;
        let found = records.iter().find(|record| record["pod"] == "first").cloned();
        found.ok_or(records)
    })
    .await;
    assert_eq!((&record["price_per_hour"], &record["currency"]), (&json!("0.50"), &json!("EUR")), "{record}");
    assert!(!codes(&sold.operator, "/v1/skus").await.contains(&sold.code));
    sold.admin.delete(&format!("{pods}/first")).await.done();
    sold.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_free_follows_the_pods_per_engine() {
    let app = TestApp::start(CONSOLE).await;
    let engine = OwnEngine::start(&app).await;
    let sold = Sold::of(&app, engine.offer()).await;
    let namespace = app.namespace(&sold.operator).await;
    let pods = format!("/api/v1/namespaces/{}/pods", namespace["kubernetes_name"].as_str().unwrap());
    let says = async |what: &str, free: u64| {
        eventually(what, async || {
            let sku = sold.operator.get(&sold.path()).await.json();
            let status = &sku["status"];
            let here = json!([{"name": engine.name, "free": free, "total": 4}]);
            let is_so = status["free"] == free && status["total"] == 4 && status["engines"] == here;
            if is_so && status["asOf"].is_string() { Ok(()) } else { Err(sku) }
        })
        .await;
    };
    says("every place of the new engine is free", 4).await;
    eventually("the webhook knows the SKU", async || {
        let reply = sold.admin.create(&pods, &pod("takes", &sold.code)).await;
        if reply.status == 201 { Ok(()) } else { Err(reply.body) }
    })
    .await;
    says("a place is taken", 3).await;
    let taken = sold.admin.get(&format!("{pods}/takes")).await.done();
    assert_eq!(taken["spec"]["nodeName"], engine.name);
    eventually("the catalogue says how long a start takes", async || {
        let sku = sold.operator.get(&format!("/v1/skus/{}", sold.code)).await.json();
        if sku["usual_start_seconds"].is_u64() { Ok(()) } else { Err(sku) }
    })
    .await;
    sold.admin.delete(&format!("{pods}/takes")).await.done();
    says("the place is free again", 4).await;
    sold.gone().await;
    engine.gone(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_a_place_says_who_holds_them_and_says_it_anew_when_only_the_sku_changed() {
    let app = TestApp::start(CONSOLE).await;
    let engine = OwnEngine::start(&app).await;
    let sold = Sold::of(&app, engine.offer()).await;
    let (member, other) = (app.stranger("owner").await, app.stranger("owner").await);
    let (own, others) = (app.namespace(&member).await, app.namespace(&other).await);
    let pods = |place: &Value| format!("/api/v1/namespaces/{}/pods", place["kubernetes_name"].as_str().unwrap());
    let placed = [(&own, "mine"), (&others, "one"), (&others, "two"), (&others, "three")];
    for (place, name) in placed {
        eventually("the webhook knows the SKU", async || {
            let reply = sold.admin.create(&pods(place), &pod(name, &sold.code)).await;
            if reply.status == 201 { Ok(()) } else { Err(reply.body) }
        })
        .await;
    }
    eventually("every place is taken", async || {
        let sku = sold.operator.get(&sold.path()).await.json();
        if sku["status"]["free"] == 0 && sku["status"]["total"] == 4 { Ok(()) } else { Err(sku) }
    })
    .await;

    let id = own["id"].as_str().unwrap();
    let mut list = opened(&app, &member, &format!("/live/namespaces/{id}/workloads")).await;
    sold.admin.create(&pods(&own), &pod("waits", &sold.code)).await.done();
    let full = format!("No {} is free; 1 is in use by this account, 3 by others. It starts by itself", sold.code);
    read_until(&mut list, &full).await;
    eventually("who asks is told the same", async || {
        // Other consoles count too, and one that sees the pods late writes its number for a moment.
        let asked = member.get(&format!("/v1/kubernetes/namespaces/{id}/workloads/pod/waits")).await;
        let told = asked.json()["workload"]["reason"] == full.as_str() && asked.str("/workload/status") == "pending";
        if told { Ok(()) } else { Err(asked.text) }
    })
    .await;

    let mut detail = opened(&app, &member, &format!("/live/namespaces/{id}/workloads/pod/waits")).await;
    // No pod and no node changes by this: only what the SKU says is free.
    let moved = sold.operator.patch(&sold.path(), json!({"placement": {"engines": ["elsewhere"]}})).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let nowhere = format!("No node offers {} now. It starts by itself when one comes", sold.code);
    read_until(&mut list, &nowhere).await;
    read_until(&mut detail, &nowhere).await;

    sold.admin.delete(&format!("{}/waits", pods(&own))).await.done();
    for (place, name) in placed {
        sold.admin.delete(&format!("{}/{name}", pods(place))).await.done();
    }
    sold.gone().await;
    engine.gone(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_waits_for_a_gpu_says_so_in_words_with_those_of_its_account_and_starts_by_itself() {
    let app = TestApp::start(CONSOLE).await;
    let engine = OwnEngine::with_gpu(&app).await;
    let mut offer = engine.offer();
    offer["gpu"] = json!({"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
    // Pods of other tests that name GPUs and no SKU get the cheapest that fits, which is not this one.
    offer["price"]["perHour"] = json!("99");
    let sold = Sold::of(&app, offer).await;
    let member = app.stranger("owner").await;
    let namespace = app.namespace(&member).await;
    let id = namespace["id"].as_str().unwrap();
    let pods = format!("/api/v1/namespaces/{}/pods", namespace["kubernetes_name"].as_str().unwrap());
    eventually("the webhook knows the SKU", async || {
        let reply = sold.admin.create(&pods, &pod("holds", &sold.code)).await;
        if reply.status == 201 { Ok(()) } else { Err(reply.body) }
    })
    .await;
    eventually("the only GPU is taken", async || {
        let sku = sold.operator.get(&sold.path()).await.json();
        if sku["status"]["free"] == 0 && sku["status"]["total"] == 1 { Ok(()) } else { Err(sku) }
    })
    .await;

    let mut list = opened(&app, &member, &format!("/live/namespaces/{id}/workloads")).await;
    sold.admin.create(&pods, &pod("waits", &sold.code)).await.done();
    // What others have of the model is counted too, and other tests have some or none.
    let own = "No H100 is free; 1 is in use by this account";
    read_until(&mut list, own).await;
    eventually("who asks is told the same", async || {
        let asked = member.get(&format!("/v1/kubernetes/namespaces/{id}/workloads/pod/waits")).await;
        let reason = asked.str("/workload/reason");
        let told = reason.starts_with(own) && reason.ends_with(". It starts by itself");
        if told && asked.str("/workload/status") == "pending" { Ok(()) } else { Err(asked.text) }
    })
    .await;

    let mut detail = opened(&app, &member, &format!("/live/namespaces/{id}/workloads/pod/waits")).await;
    sold.admin.delete(&format!("{pods}/holds")).await.done();
    read_until(&mut detail, &format!("Running on {}", engine.name)).await;
    sold.admin.delete(&format!("{pods}/waits")).await.done();
    sold.gone().await;
    engine.gone(&app).await;
}
