//! SkyPilot access on the real control plane: what is ticked may be done and nothing else, by the account and by keys, and
//! the real program from PyPI finds what it needs (`skypilot.md`, seed 002).

use std::path::{Path, PathBuf};

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

/// `sky` from PyPI with a home of its own that holds `config.yaml`.
async fn sky(stage: &Stage, program: &str, home: &Path, kubeconfig: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).env("HOME", home).env("KUBECONFIG", kubeconfig).env_remove("REMOTEGPU_API_KEY");
    command.env("SKYPILOT_DISABLE_USAGE_COLLECTION", "1").env("NO_COLOR", "1").env("COLUMNS", "200");
    // sky looks for kubectl beside the usual programs; the pinned one comes first.
    let kubectl = stage.app.plane.kubectl_program().parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let own = Path::new(program).parent().unwrap().display().to_string();
    command.env("PATH", format!("{own}:{kubectl}:{path}"));
    let output = command.kill_on_drop(true).output().await.expect("sky can be started");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_skypilot_is_enabled_and_lists_the_gpus() {
    let Ok(program) = std::env::var("REMOTEGPU_TEST_SKYPILOT") else {
        testkit::left_out("SkyPilot itself: REMOTEGPU_TEST_SKYPILOT names no program");
        return;
    };
    let stage = stage().await;
    stage.apply(&["base", "gpus"]).await;
    stage.allow(&["gpus"]).await;
    let (_, kubeconfig) = stage.issued().await;
    let files = stage.member.post(&format!("{}/files", stage.route()), json!({})).await;
    let home = testkit::Scratch::new();
    std::fs::create_dir(home.path().join(".sky")).unwrap();
    std::fs::write(home.path().join(".sky/config.yaml"), files.str("/config")).unwrap();
    let run = async |arguments: &[&str]| sky(&stage, &program, home.path(), &kubeconfig, arguments).await;

    let (checked, text) = run(&["check", "kubernetes", "-o", "json"]).await;
    let gpus = run(&["gpus", "list", "--infra", "kubernetes"]).await;
    // Its API server goes on in the background otherwise.
    let stopped = run(&["api", "stop"]).await;
    assert!(checked && text.contains("\"compute\""), "{text}");
    assert!(gpus.0 && gpus.1.contains("H100"), "{}", gpus.1);
    assert!(stopped.0, "{}", stopped.1);
}
