//! Faults between a key and its token: calls of the API server are held, answered or changed by name (RULINGS 50).

use serde_json::{Value, json};
use testkit::{CallProxy, Client, Plane, TestApp, eventually, unique};

use crate::CONSOLE;

const TOKEN: (&str, &str) = ("POST", "/token");

struct Stage {
    proxy: CallProxy,
    app: TestApp,
    member: Client,
    namespace: Value,
}

/// A console behind a proxy, and an active namespace.
async fn stage() -> Stage {
    let proxy = CallProxy::to(Plane::current()).await;
    let app = TestApp::setup(CONSOLE).behind(&proxy.server()).start().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    Stage { proxy, app, member, namespace }
}

impl Stage {
    fn path(&self) -> String {
        format!("/v1/kubernetes/namespaces/{}/exec-credential", self.namespace["id"].as_str().unwrap())
    }

    /// A key's id, its public id, and a client that carries it.
    async fn key(&self) -> (String, String, Client) {
        let created = self.member.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await;
        let public = created.str("/prefix").trim_start_matches("rgpu_").to_owned();
        (created.str("/id"), public, self.app.anonymous().with("x-api-key", &created.str("/key")))
    }

    /// What only an active namespace has is refused with the reason.
    async fn is_not_ready(&self, namespace: &str, reason: &str) {
        let plan = json!({"name": "demo", "sku_code": "cpu-shared-8g", "replicas": 1, "image": "x"});
        let kubeconfig = format!("{namespace}/kubeconfig");
        for early in [
            self.member.get(&kubeconfig).await,
            self.member.get(&format!("{kubeconfig}?variant=cli&access=view")).await,
            self.member.post(&format!("{namespace}/admission-check"), json!({"deployment": plan})).await,
            self.member.post(&format!("{namespace}/deployments"), plan).await,
            self.member.get(&format!("{namespace}/deployments")).await,
        ] {
            early.is_problem(409, "not_ready", reason);
        }
    }

    /// What the cluster holds for a key.
    async fn objects(&self, public: &str) -> String {
        let label = format!("remotegpu.ai/key={public}");
        let all = ["get", "serviceaccounts,rolebindings", "-A", "-l", &label, "-o", "name"];
        self.app.plane.admin(&all).await.out()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_kubeconfig_was_not_issued_is_said_although_its_token_could_not_be_ended() {
    let stage = stage().await;
    let route = format!("/v1/kubernetes/namespaces/{}/skypilot", stage.namespace["id"].as_str().unwrap());
    let ticked = stage.member.put(&route, json!({"features": ["base"]})).await;
    assert_eq!(ticked.status, 200, "{}", ticked.text);
    eventually("SkyPilot access is applied", async || {
        let found = stage.member.get(&route).await;
        if found.json()["state"] == "applied" { Ok(()) } else { Err(found.text) }
    })
    .await;
    stage.proxy.change(TOKEN.0, TOKEN.1, |answer| {
        answer["status"].as_object_mut().map(|status| status.remove("expirationTimestamp"));
    });
    stage.proxy.answer("DELETE", "/secrets/", 503, json!({"kind": "Status", "status": "Failure", "code": 503}));
    let refused = stage.member.post(&format!("{route}/kubeconfigs"), json!({"name": "ci", "days": 1})).await;
    assert!(stage.proxy.count("DELETE", "/secrets/") > 0, "it was tried");
    let sentence = "Kubernetes token response did not include an expiration";
    refused.is_problem(503, "token_without_expiration", sentence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_an_expiry_is_refused_and_not_kept() {
    let stage = stage().await;
    let (_, _, key) = stage.key().await;
    stage.proxy.change(TOKEN.0, TOKEN.1, |answer| {
        answer["status"].as_object_mut().map(|status| status.remove("expirationTimestamp"));
    });
    for _ in 0..2 {
        let reply = key.post(&stage.path(), json!({})).await;
        let sentence = "Kubernetes token response did not include an expiration";
        reply.is_problem(503, "token_without_expiration", sentence);
        assert!(!reply.text.contains("eyJ"), "no token leaves");
    }
    assert_eq!(stage.proxy.count(TOKEN.0, TOKEN.1), 2, "nothing was kept");
    stage.proxy.pass();
    assert_eq!(key.post(&stage.path(), json!({})).await.status, 200);
    assert_eq!(stage.proxy.count(TOKEN.0, TOKEN.1), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_at_once_is_refused() {
    let stage = stage().await;
    let (_, _, key) = stage.key().await;
    stage.proxy.change(TOKEN.0, TOKEN.1, |answer| {
        answer["status"]["expirationTimestamp"] = answer["metadata"]["creationTimestamp"].clone();
    });
    let reply = key.post(&stage.path(), json!({})).await;
    assert_eq!((reply.status, reply.str("/code").as_str()), (503, "token_without_expiration"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_nonsense_of_the_api_server_are_503_and_never_kept() {
    let stage = stage().await;
    let (_, _, key) = stage.key().await;
    let status = |code: u16, reason: &str| {
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
            "message": "upstream words"})
    };
    for (code, body) in [
        (500, status(500, "InternalError")),
        (503, status(503, "ServiceUnavailable")),
        (429, status(429, "TooManyRequests")),
        (401, status(401, "Unauthorized")),
        (
            201,
            json!({"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "spec": {"audiences": []}}),
        ),
    ] {
        stage.proxy.answer(TOKEN.0, TOKEN.1, code, body);
        let reply = key.post(&stage.path(), json!({})).await;
        reply.is_problem(503, "cluster_unavailable", "Cluster is not reachable");
        assert!(!reply.text.contains("upstream words"), "no upstream byte is echoed: {}", reply.text);
        assert_ne!(reply.header("retry-after"), "");
        stage.proxy.pass();
    }
    assert_eq!(key.post(&stage.path(), json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_token_is_given_up_in_time_and_asked_for_anew() {
    let stage = stage().await;
    let (_, _, key) = stage.key().await;
    let held = stage.proxy.hold(TOKEN.0, TOKEN.1);
    let reply = key.post(&stage.path(), json!({})).await;
    reply.is_problem(503, "cluster_unavailable", "Cluster is not reachable");
    held.release();
    assert_eq!(key.post(&stage.path(), json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_at_once_cost_few_upstream_calls_and_two_keys_never_share() {
    let stage = stage().await;
    let ((_, _, one), (_, _, other)) = (stage.key().await, stage.key().await);
    let calls = (0..100).map(|n| {
        let (client, path) = (if n % 2 == 0 { one.clone() } else { other.clone() }, stage.path());
        async move {
            let reply = client.post(&path, json!({})).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            reply.str("/status/token")
        }
    });
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    let mut tokens: [std::collections::BTreeSet<String>; 2] = Default::default();
    for (n, call) in calls.into_iter().enumerate() {
        tokens[n % 2].insert(call.await.unwrap());
    }
    assert_eq!((tokens[0].len(), tokens[1].len()), (1, 1));
    assert!(tokens[0].is_disjoint(&tokens[1]));
    assert_eq!(stage.proxy.count(TOKEN.0, TOKEN.1), 2, "one flight for each key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_overtakes_an_issue_wins() {
    let stage = stage().await;
    let (id, public, key) = stage.key().await;
    let held = stage.proxy.hold(TOKEN.0, TOKEN.1);
    let (caller, path) = (key.clone(), stage.path());
    let issue = tokio::spawn(async move { caller.post(&path, json!({})).await });
    held.reached().await;
    assert_eq!(stage.member.delete(&format!("/v1/api-keys/{id}")).await.status, 204);
    held.release();
    let reply = issue.await.unwrap();
    assert_ne!(reply.status, 200, "{}", reply.text);
    assert!(!reply.text.contains("eyJ"), "no token leaves: {}", reply.text);
    key.post(&stage.path(), json!({})).await.is_problem(401, "api_key_revoked", "API key revoked");
    eventually("nothing of the key is left in the cluster", async || {
        let left = stage.objects(&public).await;
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_between_the_token_and_the_book_wins() {
    let stage = stage().await;
    let (id, public, key) = stage.key().await;
    let held = stage.proxy.hold_answer(TOKEN.0, TOKEN.1);
    let (caller, path) = (key.clone(), stage.path());
    let issue = tokio::spawn(async move { caller.post(&path, json!({})).await });
    held.reached().await;
    assert_eq!(stage.member.delete(&format!("/v1/api-keys/{id}")).await.status, 204);
    held.release();
    issue.await.unwrap().is_problem(401, "api_key_revoked", "API key revoked");
    eventually("nothing of the key is left in the cluster", async || {
        let left = stage.objects(&public).await;
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_does_not_fail_the_others() {
    let stage = stage().await;
    let (_, _, key) = stage.key().await;
    let held = stage.proxy.hold(TOKEN.0, TOKEN.1);
    let call = || {
        let (key, path) = (key.clone(), stage.path());
        tokio::spawn(async move { key.post(&path, json!({})).await.status })
    };
    let impatient = call();
    held.reached().await;
    let patient = call();
    impatient.abort();
    held.release();
    assert_eq!(patient.await.unwrap(), 200);
    assert_eq!(stage.proxy.count(TOKEN.0, TOKEN.1), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_request_does_not_revive_a_session_that_was_ended_meanwhile() {
    let stage = stage().await;
    let path = format!("/v1/kubernetes/namespaces/{}/deployments", stage.namespace["id"].as_str().unwrap());
    let held = stage.proxy.hold(TOKEN.0, TOKEN.1);
    let slow = tokio::spawn({
        let (member, path) = (stage.member.clone(), path.clone());
        async move { member.get(&path).await }
    });
    held.reached().await;
    assert_eq!(stage.member.post("/v1/auth/logout", json!({})).await.status, 204);
    held.release();
    let finished = slow.await.unwrap();
    assert_eq!((finished.status, finished.header("set-cookie").as_str()), (200, ""), "{}", finished.text);
    let (status, code, detail) = (401, "missing_access_token", "Missing access token");
    stage.member.get("/v1/auth/session").await.is_problem(status, code, detail);
    stage.member.get(&path).await.is_problem(status, code, detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_other_audiences_is_refused() {
    let stage = stage().await;
    let (_, _, key) = stage.key().await;
    let wrong: [fn(&mut Value); 2] = [
        |answer| answer["spec"]["audiences"] = json!(["https://other.example"]),
        |answer| answer["spec"]["audiences"] = json!([]),
    ];
    for change in wrong {
        stage.proxy.pass();
        stage.proxy.change(TOKEN.0, TOKEN.1, change);
        let reply = key.post(&stage.path(), json!({})).await;
        reply.is_problem(503, "cluster_unavailable", "Cluster is not reachable");
        assert!(!reply.text.contains("eyJ"), "no token leaves");
    }
    stage.proxy.pass();
    assert_eq!(key.post(&stage.path(), json!({})).await.status, 200);
}

/// RULINGS 8.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_being_created_is_not_ready_yet() {
    let stage = stage().await;
    let (_, _, key) = stage.key().await;
    let held = stage.proxy.hold("PATCH", "/resourcequotas/");
    let made = stage.member.post("/v1/kubernetes/namespaces", json!({"name": unique("new")})).await;
    let path = format!("/v1/kubernetes/namespaces/{}", made.str("/id"));
    let exec = format!("{path}/exec-credential");
    held.reached().await;
    let early = key.post(&exec, json!({})).await;
    early.is_problem(503, "namespace_not_ready", "Namespace is not ready yet");
    assert!(early.header("retry-after").parse::<u32>().unwrap() >= 1);
    stage.is_not_ready(&path, "Namespace is still being created").await;
    held.release();
    eventually("it is active", async || {
        let found = stage.member.get(&path).await;
        if found.json()["status"] == "active" { Ok(()) } else { Err(found.text) }
    })
    .await;
    assert_eq!(key.post(&exec, json!({})).await.status, 200);
    assert_eq!(stage.member.get(&format!("{path}/kubeconfig")).await.status, 200);
}

/// `console-api.md` §1: a namespace on its way out is not ready either.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_being_deleted_gives_no_kubeconfig_and_takes_no_workload() {
    let stage = stage().await;
    let path = format!("/v1/kubernetes/namespaces/{}", stage.namespace["id"].as_str().unwrap());
    let held = stage.proxy.hold("DELETE", "/namespaces/");
    assert_eq!(stage.member.delete(&path).await.status, 202);
    held.reached().await;
    stage.is_not_ready(&path, "Namespace is being deleted").await;
    held.release();
    eventually("it is gone", async || {
        let found = stage.member.get(&path).await;
        if found.status == 404 { Ok(()) } else { Err(found.text) }
    })
    .await;
}
