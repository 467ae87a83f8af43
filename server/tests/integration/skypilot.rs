//! SkyPilot access on the real control plane: what is ticked may be done and nothing else, by the account and by keys, and
//! the real program from PyPI finds what it needs (`skypilot.md`, seed 002).

mod published;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Reply, TestApp, eventually};
use tokio::process::Command;

use crate::CONSOLE;

struct Stage {
    app: TestApp,
    member: Client,
    namespace: Value,
}

async fn stage() -> Stage {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    Stage { app, member, namespace }
}

impl Stage {
    fn id(&self) -> &str {
        self.namespace["id"].as_str().unwrap()
    }

    fn kubernetes_name(&self) -> &str {
        self.namespace["kubernetes_name"].as_str().unwrap()
    }

    fn route(&self) -> String {
        format!("/v1/kubernetes/namespaces/{}/skypilot", self.id())
    }

    /// Ticks `features` and waits until the cluster holds them.
    async fn apply(&self, features: &[&str]) -> Value {
        let answer = self.member.put(&self.route(), json!({"features": features})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.applied().await
    }

    async fn applied(&self) -> Value {
        eventually("SkyPilot access is applied", async || {
            let found = self.member.get(&self.route()).await;
            if found.json()["state"] == "applied" { Ok(found.json()) } else { Err(found.text) }
        })
        .await
    }

    /// What an operator allows of what reaches beyond the namespace.
    async fn allow(&self, features: &[&str]) {
        let path = format!("/v1/platform/skypilot/{}", self.id());
        let allowed = self.member.put(&path, json!({"approved": features})).await;
        assert_eq!(allowed.status, 204, "{}", allowed.text);
        self.applied().await;
    }

    async fn verified(&self) -> Value {
        self.member.get(&format!("{}/verification", self.route())).await.json()
    }

    /// A kubeconfig of the account, in a file.
    async fn issued(&self) -> (Reply, PathBuf) {
        let made = self.member.post(&format!("{}/kubeconfigs", self.route()), json!({"name": "ci", "days": 1})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let file = self.app.secret_file("kubeconfig", &made.str("/kubeconfig"));
        (made, file)
    }

    /// Whether the holder of a kubeconfig may, as the API server says.
    async fn may(&self, kubeconfig: &Path, words: &[&str]) -> bool {
        let mut arguments = vec!["auth", "can-i"];
        arguments.extend(words);
        self.app.plane.kubectl(kubeconfig, &arguments, &[]).await.stdout.trim() == "yes"
    }
}

fn missing(verified: &Value) -> Vec<String> {
    let rows = verified["rows"].as_array().unwrap().iter();
    let wrong =
        rows.filter(|row| row["level"] == "required" && (row["service_account"] == false || row["key"] == false));
    wrong.map(|row| format!("{} {} {}", row["feature"], row["verb"], row["resource"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_feature_gives_its_rights_to_the_account_and_to_keys_and_takes_them_back() {
    let stage = stage().await;
    let key = stage.app.key(&stage.member, json!({"all": true})).await;
    let file = stage.app.kubeconfig(&stage.member, stage.id(), "").await;
    let environment = [("REMOTEGPU_API_KEY", key.as_str())];
    stage.app.plane.kubectl(&file, &["get", "pods"], &environment).await.out();
    let nodes = ["auth", "can-i", "list", "nodes"];
    assert_eq!(stage.app.plane.kubectl(&file, &nodes, &environment).await.stdout.trim(), "no", "off by itself");

    stage.apply(&["base", "ssh", "autodown", "volumes", "controllers", "secrets"]).await;
    let verified = stage.verified().await;
    assert_eq!(missing(&verified), Vec::<String>::new(), "{verified}");
    assert_eq!(verified["complete"], true);
    assert!(verified["key"].as_str().unwrap().contains(":remotegpu-access:key-"), "{verified}");
    assert!(verified["rows"].as_array().unwrap().len() > 40, "every right has its row");
    assert_eq!(stage.app.plane.kubectl(&file, &nodes, &environment).await.stdout.trim(), "yes");

    stage.apply(&["base"]).await;
    let (_, account) = stage.issued().await;
    assert!(stage.may(&account, &["create", "pods"]).await);
    assert!(stage.may(&account, &["list", "nodes"]).await);
    for gone in [&["create", "persistentvolumeclaims"][..], &["create", "pods", "--subresource=portforward"]] {
        assert!(!stage.may(&account, gone).await, "{gone:?}");
    }
    assert!(!stage.may(&account, &["get", "secrets"]).await);
    // What SkyPilot's own way would take, an account that it makes itself, is no tenant's.
    for beyond in [
        &["create", "serviceaccounts"][..],
        &["create", "roles"],
        &["create", "rolebindings"],
        &["create", "clusterroles"],
        &["create", "clusterrolebindings"],
        &["create", "namespaces"],
    ] {
        assert!(!stage.may(&account, beyond).await, "{beyond:?}");
    }

    assert_eq!(stage.member.delete(&stage.route()).await.status, 204);
    eventually("nothing of it is left", async || {
        let found = stage.member.get(&stage.route()).await;
        if found.json()["state"] == "off" { Ok(()) } else { Err(found.text) }
    })
    .await;
    assert_eq!(stage.app.plane.kubectl(&file, &nodes, &environment).await.stdout.trim(), "no");
    let selector = format!("remotegpu.ai/skypilot=true,remotegpu.ai/namespace-id={}", stage.id());
    for kind in ["clusterrolebindings", "rolebindings", "serviceaccounts", "secrets"] {
        let left = stage.app.plane.admin(&["get", kind, "-A", "-l", &selector, "-o", "name"]).await.out();
        assert_eq!(left, "", "{kind}");
    }
    let annotations = "jsonpath={.metadata.annotations}";
    let name = stage.kubernetes_name();
    let text = stage.app.plane.admin(&["get", "namespace", name, "-o", annotations]).await.out();
    assert!(!text.contains("remotegpu.ai/service-accounts"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_beyond_the_namespace_waits_for_an_operator() {
    let stage = stage().await;
    let view = stage.apply(&["base", "gpus"]).await;
    let state = |view: &Value| {
        let features = view["features"].as_array().unwrap().iter();
        features.clone().find(|feature| feature["feature"] == "gpus").unwrap()["state"].clone()
    };
    assert_eq!(state(&view), "waiting");
    let (_, account) = stage.issued().await;
    assert!(!stage.may(&account, &["list", "pods", "-A"]).await);
    let row = |verified: &Value| {
        let rows = verified["rows"].as_array().unwrap().iter();
        rows.clone().find(|row| row["feature"] == "gpus").unwrap().clone()
    };
    assert_eq!(row(&stage.verified().await)["fix"], "An operator has to allow it");

    let listed = stage.member.get("/v1/platform/skypilot?limit=200").await.json();
    let asked = listed["items"].as_array().unwrap().iter().find(|request| request["id"] == stage.id()).cloned();
    assert_eq!(asked.unwrap()["asked"], json!(["gpus"]));
    let path = format!("/v1/platform/skypilot/{}", stage.id());
    let stranger = stage.app.stranger("owner").await;
    stranger.put(&path, json!({"approved": ["gpus"]})).await.is_problem(
        403,
        "forbidden",
        "Your role does not allow this",
    );
    let inside = stage.member.put(&path, json!({"approved": ["ssh"]})).await;
    assert_eq!((inside.status, inside.str("/errors/0/field").as_str()), (400, "approved"), "{}", inside.text);

    let never = stage.member.put(&path, json!({"approved": ["object-store"]})).await;
    assert_eq!((never.status, never.str("/errors/0/code").as_str()), (400, "withheld"), "{}", never.text);

    stage.allow(&["gpus"]).await;
    assert!(stage.may(&account, &["list", "pods", "-A"]).await);
    assert_eq!(row(&stage.verified().await)["service_account"], true);
    stage.allow(&[]).await;
    assert!(!stage.may(&account, &["list", "pods", "-A"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_later_reads_what_skypilot_reads_and_a_revoked_one_no_more() {
    let stage = stage().await;
    stage.apply(&["base"]).await;
    let made = stage.member.post("/v1/api-keys", json!({"name": "late", "scopes": {"all": true}})).await;
    let (id, key) = (made.str("/id"), made.str("/key"));
    let file = stage.app.kubeconfig(&stage.member, stage.id(), "").await;
    let first = stage.app.plane.kubectl(&file, &["get", "nodes"], &[("REMOTEGPU_API_KEY", &key)]).await;
    assert!(first.ok, "its very first command: {}", first.stderr);
    let bindings = async || {
        let selector = format!("remotegpu.ai/namespace-id={}", stage.id());
        let path = "jsonpath={.items[*].subjects[*].name}";
        stage.app.plane.admin(&["get", "clusterrolebindings", "-l", &selector, "-o", path]).await.out()
    };
    assert!(bindings().await.contains("key-"), "{}", bindings().await);
    assert_eq!(stage.member.delete(&format!("/v1/api-keys/{id}")).await.status, 204);
    eventually("the key is a subject no more", async || {
        let names = bindings().await;
        if names.contains("key-") { Err(names) } else { Ok(()) }
    })
    .await;
    assert_eq!(bindings().await, "sky-sa");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_kubeconfig_is_listed_once_shown_and_ends_when_it_is_revoked() {
    let stage = stage().await;
    let route = format!("{}/kubeconfigs", stage.route());
    let detail = "SkyPilot access is not applied in this namespace: apply it first";
    stage.member.post(&route, json!({"name": "ci", "days": 1})).await.is_problem(409, "not_ready", detail);
    stage.apply(&["base"]).await;
    let (made, file) = stage.issued().await;
    let (kept, other) = stage.issued().await;
    assert_eq!(made.header("location"), format!("{route}/{}", made.str("/id")));
    stage.app.plane.kubectl(&file, &["get", "pods"], &[]).await.out();
    let token = made.str("/kubeconfig");
    let token = token.split("token: \"").nth(1).unwrap().split('"').next().unwrap();
    let read = stage.member.get(&format!("{route}/{}", made.str("/id"))).await;
    assert_eq!(read.str("/state"), "active");
    for text in [read.text, stage.member.get(&route).await.text, stage.member.get("/v1/audit?limit=50").await.text] {
        assert!(!text.contains(token), "the token is seen once");
    }
    assert!(!stage.app.log().contains(token));

    let path = format!("{route}/{}", made.str("/id"));
    assert_eq!(stage.member.delete(&path).await.status, 204);
    assert_eq!(stage.member.delete(&path).await.status, 204, "repeating it changes nothing");
    assert_eq!(stage.member.get(&path).await.str("/state"), "revoked");
    for (action, times) in [("skypilot_kubeconfig.issued", 2), ("skypilot_kubeconfig.revoked", 1)] {
        let told = stage.member.get(&format!("/v1/audit?action={action}")).await.json();
        assert_eq!(told["items"].as_array().unwrap().len(), times, "{told}");
    }
    eventually("its token is refused", async || {
        let ran = stage.app.plane.kubectl(&file, &["get", "pods"], &[]).await;
        if ran.ok { Err(ran.stdout) } else { Ok(()) }
    })
    .await;
    stage.app.plane.kubectl(&other, &["get", "pods"], &[]).await.out();
    assert_eq!(stage.member.get(&format!("{route}/{}", kept.str("/id"))).await.str("/state"), "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_applied_by_kubectl_with_the_names_that_were_chosen() {
    let stage = stage().await;
    let names = json!({"service_account": "my-sa", "role": "my-role", "role_binding": "my-rb",
        "cluster_role": "my-cluster-role", "cluster_role_binding": "my-crb"});
    let choice = json!({"names": names, "features": ["ssh", "gpus"], "sku_code": "gpu-h100-1x"});
    let files = stage.member.post(&format!("{}/files", stage.route()), choice).await;
    assert_eq!(files.status, 200, "{}", files.text);
    let config = files.str("/config");
    assert!(config.contains("remote_identity: \"my-sa\"") && config.contains("\"gpu-h100-1x\""), "{config}");
    let applied = stage.app.plane.admin_apply(&files.str("/manifest")).await.out();
    let name = stage.kubernetes_name();
    for line in [
        "serviceaccount/my-sa created".to_owned(),
        "role.rbac.authorization.k8s.io/my-role created".to_owned(),
        format!("clusterrolebinding.rbac.authorization.k8s.io/my-crb-{name} created"),
    ] {
        assert!(applied.contains(&line), "{applied}");
    }
    let subject = format!("system:serviceaccount:{name}:my-sa");
    let can = ["auth", "can-i", "list", "pods", "-A", "--as", &subject];
    assert_eq!(stage.app.plane.admin(&can).await.stdout.trim(), "yes");
    let wrong = json!({"names": {"role": "My Role"}});
    let refused = stage.member.post(&format!("{}/files", stage.route()), wrong).await;
    assert_eq!((refused.status, refused.str("/errors/0/field").as_str()), (400, "role"), "{}", refused.text);
    for part in [format!("clusterrole/my-cluster-role-{name}"), format!("clusterrolebinding/my-crb-{name}")] {
        stage.app.plane.admin(&["delete", &part]).await.out();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_it_outlives_the_namespace() {
    let stage = stage().await;
    stage.apply(&["base", "gpus"]).await;
    stage.allow(&["gpus"]).await;
    let selector = format!("remotegpu.ai/namespace-id={}", stage.id());
    let stands =
        async |kind: &str| stage.app.plane.admin(&["get", kind, "-A", "-l", &selector, "-o", "name"]).await.out();
    assert!(stands("rolebindings").await.contains("remotegpu-skypilot-base"));
    let wide = stands("clusterrolebindings").await;
    assert!(
        wide.contains("remotegpu-skypilot-base-cluster") && wide.contains("remotegpu-skypilot-gpus-cluster"),
        "{wide}"
    );
    assert_eq!(stage.member.delete(&format!("/v1/kubernetes/namespaces/{}", stage.id())).await.status, 202);
    eventually("no binding is left", async || {
        let left = [stands("rolebindings").await, stands("clusterrolebindings").await].concat();
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

/// What 0.14.1 writes into the pod of `sky launch --gpus H100:1`, with a shorter command.
fn pod_of_a_launch() -> Value {
    let from = |name: &str, source: Value| json!({"name": name, "valueFrom": source});
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    let resource = |of: &str| json!({"resourceFieldRef": {"containerName": "ray-node", "resource": of}});
    let env = json!([
        from("SKYPILOT_RAY_NODE_IP", field("status.podIP")),
        from("SKYPILOT_POD_NODE_TYPE", field("metadata.labels['ray-node-type']")),
        from("SKYPILOT_POD_CPU_CORE_LIMIT", resource("requests.cpu")),
        from("SKYPILOT_POD_MEMORY_BYTES_LIMIT", resource("requests.memory"))
    ]);
    let container = json!({"name": "ray-node", "image": "localhost/remotegpu-test:1", "imagePullPolicy": "Always",
        "command": ["/bin/bash", "-c", "--"], "args": ["sleep infinity"], "env": env,
        "ports": [{"containerPort": 22}, {"containerPort": 6380}, {"containerPort": 46590}],
        "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}],
        "resources": {"requests": {"cpu": "4", "memory": "16G", "nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}});
    let near = json!({"labelSelector": {"matchExpressions": [{"key": "skypilot-binpack", "operator": "In", "values": ["gpu"]}]},
        "topologyKey": "kubernetes.io/hostname"});
    let preferred = json!([{"weight": 1, "podAffinityTerm": near}]);
    let labels = json!({"parent": "skypilot", "skypilot-cluster-name": "demo", "skypilot-binpack": "gpu", "ray-node-type": "head"});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "demo-head", "labels": labels}, "spec": {
        "serviceAccountName": "sky-sa", "automountServiceAccountToken": true, "restartPolicy": "Never",
        "affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}], "containers": [container]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_as_skypilot_writes_it_is_admitted_under_its_sku_and_runs() {
    let stage = stage().await;
    stage.apply(&["base"]).await;
    let (_, account) = stage.issued().await;
    eventually("admission takes the pod", async || {
        let ran = stage.app.plane.kubectl_apply(&account, &pod_of_a_launch().to_string(), &[]).await;
        if ran.ok { Ok(()) } else { Err(ran.stderr) }
    })
    .await;
    let pod = eventually("the pod runs", async || {
        let ran = stage.app.plane.kubectl(&account, &["get", "pod", "demo-head", "--output=json"], &[]).await;
        let pod: Value = serde_json::from_str(&ran.stdout).map_err(|_| json!(ran.stderr))?;
        if pod["status"]["phase"] == "Running" { Ok(pod) } else { Err(pod["status"].clone()) }
    })
    .await;
    assert_eq!(pod["metadata"]["labels"]["remotegpu.ai/sku-code"], "gpu-h100-1x");
    assert_eq!(pod["spec"]["nodeSelector"]["remotegpu.ai/engine"], "simulated");
    assert!(pod["status"]["podIP"].as_str().is_some_and(|ip| !ip.is_empty()), "{}", pod["status"]);
    stage.app.plane.kubectl(&account, &["delete", "pod", "demo-head", "--wait=false"], &[]).await.out();
}

/// `sky` from PyPI with a home of its own that holds `config.yaml`.
struct Sky<'a> {
    stage: &'a Stage,
    program: String,
    home: testkit::Scratch,
    kubeconfig: PathBuf,
    /// Of its API server: on the usual one may stand that of somebody else, who has another home.
    port: u16,
}

impl Drop for Sky<'_> {
    /// Its API server goes on in the background otherwise.
    fn drop(&mut self) {
        let mut stop = self.command(&["api", "stop"]);
        stop.stdout(Stdio::null()).stderr(Stdio::null());
        let _ended_with_the_test = stop.as_std_mut().status();
    }
}

impl Sky<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("HOME", self.home.path()).env("KUBECONFIG", &self.kubeconfig);
        command.env_remove("REMOTEGPU_API_KEY").env("SKYPILOT_DISABLE_USAGE_COLLECTION", "1");
        command.env("NO_COLOR", "1").env("COLUMNS", "200").env("SKYPILOT_API_SERVER_LOCAL_PORT", self.port.to_string());
        // sky looks for kubectl beside the usual programs; the pinned one comes first.
        let kubectl = self.stage.app.plane.kubectl_program().parent().unwrap().display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let own = Path::new(&self.program).parent().unwrap().display().to_string();
        command.env("PATH", format!("{own}:{kubectl}:{path}")).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.command(arguments).output().await.expect("sky can be started");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Offline it cannot fetch its list of accelerators; who works so brings one (`skypilot.md` §4).
    fn bring_accelerators(&self) {
        let folder = self.home.path().join(".sky/catalogs/v8/common");
        std::fs::create_dir_all(&folder).unwrap();
        let list = "AcceleratorName,Clouds\nH100,\"['Kubernetes']\"\n";
        std::fs::write(folder.join("accelerators.csv"), list).unwrap();
    }

    /// The pod and the first service that it made in the namespace, as far as they are there.
    async fn made(&self) -> [Value; 2] {
        let place = format!("--namespace={}", self.stage.kubernetes_name());
        let arguments = ["get", "pods,services", "--selector=parent=skypilot", "--output=json", &place];
        let list: Value = serde_json::from_str(&self.stage.app.plane.admin(&arguments).await.out()).unwrap();
        let items = list["items"].as_array().unwrap();
        ["Pod", "Service"].map(|kind| items.iter().find(|one| one["kind"] == kind).cloned().unwrap_or_default())
    }

    /// Launches a cluster with one GPU as far as it comes: the simulated engine runs no commands, and what is in the image
    /// would have to be fetched then. Gives its pod once it runs. The program ends by itself when something is refused.
    async fn launched(&self) -> Value {
        let log = self.home.path().join("launch.log");
        let file = std::fs::File::create(&log).unwrap();
        let mut launch = self.command(&LAUNCH);
        let mut launch = launch.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let (mut last, mut pace) = (Value::Null, tokio::time::interval(PACE));
        let until = tokio::time::Instant::now() + LIMIT;
        let pod = loop {
            pace.tick().await;
            let [pod, service] = self.made().await;
            if pod["status"]["phase"] == "Running" {
                assert!(service.is_object(), "its services are made before its pod");
                break pod;
            }
            if !pod.is_null() {
                last = pod["status"].clone();
            }
            let ended = launch.try_wait().unwrap();
            if ended.is_some() || tokio::time::Instant::now() > until {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                panic!("its pod does not run; the program: {ended:?}; last seen: {last}; it said: {said}");
            }
        };
        launch.kill().await.unwrap();
        pod
    }
}

/// The program alone takes minutes to load on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);
/// It asks for its pod once a second and cleans up when it cannot run a command in it.
const PACE: Duration = Duration::from_millis(250);
const LAUNCH: [&str; 11] = [
    "launch",
    "--yes",
    "--cluster",
    "demo",
    "--infra",
    "kubernetes",
    "--gpus",
    "H100:1",
    "--image-id",
    "docker:localhost/remotegpu-test:1",
    "echo hello",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_real_skypilot_is_enabled_lists_the_gpus_and_launches_its_pod_under_the_sku_of_its_gpus() {
    let Ok(program) = std::env::var("REMOTEGPU_TEST_SKYPILOT") else {
        testkit::left_out("SkyPilot itself: REMOTEGPU_TEST_SKYPILOT names no program");
        return;
    };
    let stage = stage().await;
    stage.apply(&["base", "gpus"]).await;
    stage.allow(&["gpus"]).await;
    let (_, kubeconfig) = stage.issued().await;
    let files = stage.member.post(&format!("{}/files", stage.route()), json!({})).await;
    let port = testkit::free_port();
    let sky = Sky { stage: &stage, program, home: testkit::Scratch::new(), kubeconfig, port };
    std::fs::create_dir(sky.home.path().join(".sky")).unwrap();
    // Where many tests run side by side a pod may wait for the scheduler for more than the usual ten seconds.
    let config = format!("{}  provision_timeout: 300\n", files.str("/config"));
    std::fs::write(sky.home.path().join(".sky/config.yaml"), config).unwrap();
    sky.bring_accelerators();

    let (checked, text) = sky.run(&["check", "kubernetes", "-o", "json"]).await;
    assert!(checked && text.contains("\"compute\""), "{text}");
    let (listed, text) = sky.run(&["gpus", "list", "--infra", "kubernetes"]).await;
    assert!(listed && text.contains("H100"), "{text}");
    let dry: Vec<&str> = LAUNCH.iter().copied().chain(["--dryrun"]).collect();
    let (planned, text) = sky.run(&dry).await;
    assert!(planned && text.contains("H100:1"), "{text}");

    if Command::new("rsync").arg("--version").output().await.is_err() {
        testkit::left_out("sky launch: there is no rsync");
        return;
    }
    let pod = sky.launched().await;
    let (labels, spec) = (&pod["metadata"]["labels"], &pod["spec"]);
    assert_eq!(labels["remotegpu.ai/sku-code"], "gpu-h100-1x", "by its GPUs: {labels}");
    assert!(labels["skypilot-cluster-name"].is_string() && labels["ray-node-type"] == "head", "{labels}");
    assert_eq!(spec["serviceAccountName"], "sky-sa");
    assert_eq!(spec["nodeSelector"]["remotegpu.ai/engine"], "simulated");
    assert_eq!(spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1");
}
