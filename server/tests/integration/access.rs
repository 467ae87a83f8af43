//! Kubeconfig and exec credential with the real kubectl (`console-api.md` §4–5, `security.md` §1–2).

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{CallProxy, Client, Plane, Reply, TestApp, eventually};

use crate::CONSOLE;

fn exec_path(namespace: &Value) -> String {
    format!("/v1/kubernetes/namespaces/{}/exec-credential", namespace["id"].as_str().unwrap())
}

fn with_key(app: &TestApp, key: &str) -> Client {
    app.anonymous().with("x-api-key", key)
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_works_with_the_downloaded_file_and_a_key_until_the_key_is_revoked() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.stranger("member").await;
    let namespace = app.namespace(&member).await;
    let (id, name) = (namespace["id"].as_str().unwrap(), namespace["kubernetes_name"].as_str().unwrap());
    let created = member
        .post("/v1/api-keys", json!({"name": "ci", "scopes": {"kubernetes_exec": {"namespace_ids": [id]}}}))
        .await;
    let key = created.str("/key");
    let kubeconfig = app.kubeconfig(&member, id, "").await;
    let environment = [("REMOTEGPU_API_KEY", key.as_str())];

    let listed = app.plane.kubectl(&kubeconfig, &["get", "pods"], &environment).await;
    assert!(listed.stderr.contains(&format!("No resources found in {name} namespace")), "{listed:?}");
    app.plane.kubectl(&kubeconfig, &["get", "skus"], &environment).await.out();
    let elsewhere = app.plane.kubectl(&kubeconfig, &["get", "pods", "-n", "kube-system"], &environment).await;
    assert!(elsewhere.refused().contains("forbidden"));

    let account = format!("key-{}-1-{}", &created.str("/prefix")["rgpu_".len()..], &id[id.len() - 8..]);
    app.plane.admin(&["-n", "remotegpu-access", "get", "serviceaccount", &account]).await.out();

    assert_eq!(created.json()["last_used_at"], Value::Null);
    let used = member.get(&format!("/v1/api-keys/{}", created.str("/id"))).await;
    let when = |reply: &Reply, field: &str| reply.str(field).parse::<Timestamp>().unwrap();
    assert!(when(&used, "/last_used_at") >= when(&created, "/created_at"), "{}", used.text);
    assert_eq!(used.str("/last_used_ip"), "127.0.0.1");

    let token = with_key(&app, &key).post(&exec_path(&namespace), json!({})).await.str("/status/token");
    let direct = ["get", "pods", "-n", name, "--token", token.as_str()];
    let bare = app.kubeconfig(&member, id, "?access=view").await;
    app.plane.kubectl(&bare, &direct, &[]).await.out();

    assert_eq!(member.delete(&format!("/v1/api-keys/{}", created.str("/id"))).await.status, 204);
    let refused = app.plane.kubectl(&kubeconfig, &["get", "pods"], &environment).await.refused();
    assert!(refused.contains("API key revoked"), "{refused}");
    // The API server hears of it a moment after its rights were taken away.
    let issued_before = eventually("the token of before opens nothing", async || {
        let ran = app.plane.kubectl(&bare, &direct, &[]).await;
        if ran.ok { Err(ran.stdout) } else { Ok(ran.stderr) }
    })
    .await;
    assert!(issued_before.contains("forbidden") || issued_before.contains("Unauthorized"), "{issued_before}");
    let gone = eventually("the account is gone", async || {
        let found = app.plane.admin(&["-n", "remotegpu-access", "get", "serviceaccount", &account]).await;
        if found.ok { Err(found.stdout) } else { Ok(found.stderr) }
    });
    assert!(gone.await.contains("NotFound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_prints_our_sentence_for_a_missing_and_a_wrong_key() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let kubeconfig = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "").await;
    let missing = app.plane.kubectl(&kubeconfig, &["get", "pods"], &[]).await.refused();
    assert!(missing.contains("remotegpu: Missing API key: REMOTEGPU_API_KEY is not set"), "{missing}");
    let key = app.key(&member, json!({"all": true})).await;
    let wrong = testkit::one_off(&key);
    let refused = app.plane.kubectl(&kubeconfig, &["get", "pods"], &[("REMOTEGPU_API_KEY", &wrong)]).await.refused();
    assert!(refused.contains("Invalid API key"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_the_key_route_has_its_status_and_text() {
    let proxy = CallProxy::to(Plane::current()).await;
    let app = TestApp::setup(CONSOLE).behind(&proxy.server()).start().await;
    let (member, stranger) = (app.operator().await, app.stranger("owner").await);
    let (mine, other) = (app.namespace(&member).await, app.namespace(&member).await);
    let foreign = app.namespace(&stranger).await;
    let path = exec_path(&mine);

    for blank in [app.anonymous(), with_key(&app, ""), with_key(&app, "   ")] {
        blank.post(&path, json!({})).await.is_problem(401, "missing_api_key", "Missing API key");
    }
    member.post(&path, json!({})).await.is_problem(401, "missing_api_key", "Missing API key");
    for wrong in ["nonsense", "rgpu_a1b2c3d4_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        with_key(&app, wrong).post(&path, json!({})).await.is_problem(401, "invalid_api_key", "Invalid API key");
    }
    let all = app.key(&member, json!({"all": true})).await;
    let two = with_key(&app, &all).with("authorization", "Bearer rgpu_other").post(&path, json!({})).await;
    two.is_problem(401, "invalid_api_key", "Invalid API key");
    let in_query = app.anonymous().post(&format!("{path}?x-api-key={all}"), json!({})).await;
    assert_eq!(in_query.status, 401);

    let id = mine["id"].as_str().unwrap();
    let listed = app.key(&member, json!({"kubernetes_exec": {"namespace_ids": [id]}})).await;
    let inference = app.key(&member, json!({"inference": true})).await;
    let unknown = json!({"id": "019c1b2e-7f00-7abc-8def-0123456789ab"});
    let (deleting, deleted) = (app.namespace(&member).await, app.namespace(&member).await);
    let delete = async |namespace: &Value| {
        let path = format!("/v1/kubernetes/namespaces/{}", namespace["id"].as_str().unwrap());
        assert_eq!(member.delete(&path).await.status, 202);
        path
    };
    let path_of_deleted = delete(&deleted).await;
    eventually("one is deleted", async || match member.get(&path_of_deleted).await.status {
        404 => Ok(()),
        other => Err(other),
    })
    .await;
    let held = proxy.hold("DELETE", "/namespaces/");
    delete(&deleting).await;
    held.reached().await;
    let sentence = "API key does not allow Kubernetes access to this namespace";
    let mut bodies = Vec::new();
    for (key, namespace) in [
        (&listed, &other),
        (&listed, &foreign),
        (&all, &foreign),
        (&all, &unknown),
        (&inference, &mine),
        (&all, &deleting),
        (&all, &deleted),
    ] {
        let reply = with_key(&app, key).post(&exec_path(namespace), json!({})).await;
        reply.is_problem(403, "namespace_not_allowed", sentence);
        let (mut body, mut headers) = (reply.json(), reply.headers.clone());
        body["request_id"] = Value::Null;
        ["date", "x-request-id"].iter().for_each(|name| drop(headers.remove(*name)));
        bodies.push(format!("{body} {headers:?}"));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "all must read the same: {bodies:?}");
    held.release();
    let malformed = with_key(&app, &all).post("/v1/kubernetes/namespaces/team-ml/exec-credential", json!({})).await;
    assert_eq!((malformed.status, malformed.str("/code").as_str()), (400, "invalid_request"));
    // Who has no key that is right hears nothing of ids.
    for wrong in [String::new(), "nonsense".to_owned(), testkit::one_off(&all)] {
        let reply = with_key(&app, &wrong).post("/v1/kubernetes/namespaces/team-ml/exec-credential", json!({})).await;
        assert_eq!(reply.status, 401, "{}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_an_exec_credential_that_ends_within_the_hour() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let key = app.key(&member, json!({"kubernetes_exec": {"all_namespaces": true}})).await;
    let bearer = app.anonymous().with("authorization", &format!("Bearer {key}"));
    let first = bearer.send("POST".parse().unwrap(), &exec_path(&namespace), None).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.header("cache-control"), "no-store");
    assert_eq!(first.str("/apiVersion"), "client.authentication.k8s.io/v1");
    assert_eq!(first.str("/kind"), "ExecCredential");
    assert!(first.str("/status/expirationTimestamp").ends_with('Z'));
    let second = bearer.send("POST".parse().unwrap(), &exec_path(&namespace), Some("not json".into())).await;
    assert_eq!(second.str("/status/token"), first.str("/status/token"), "a fresh token is reused");
    let form = bearer.post_form(&exec_path(&namespace), "a=b").await;
    assert_eq!(form.status, 200, "{}", form.text);
    let empty = bearer.send("POST".parse().unwrap(), &exec_path(&namespace), Some(String::new())).await;
    assert_eq!(empty.status, 200, "{}", empty.text);
    assert!(!app.log().contains(&first.str("/status/token")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_kubeconfig_of_an_edit_key_only_looks() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let key = app.key(&member, json!({"all": true})).await;
    let environment = [("REMOTEGPU_API_KEY", key.as_str())];
    let view = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "?access=view").await;
    app.plane.kubectl(&view, &["get", "pods"], &environment).await.out();
    for forbidden in [&["get", "secrets"][..], &["create", "configmap", "x"]] {
        app.plane.kubectl(&view, forbidden, &environment).await.refused();
    }
    let edit = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "").await;
    app.plane.kubectl(&edit, &["create", "configmap", "x"], &environment).await.out();
    let never = [
        (&edit, "create", "serviceaccounts", "token"),
        (&edit, "impersonate", "serviceaccounts", ""),
        (&edit, "create", "rolebindings", ""),
        (&edit, "patch", "resourcequotas", ""),
        (&edit, "create", "pods", "binding"),
        (&view, "create", "pods", "exec"),
        (&view, "get", "pods", "exec"),
        (&view, "delete", "pods", ""),
    ];
    for (kubeconfig, verb, resource, subresource) in never {
        let subresource = format!("--subresource={subresource}");
        let question = ["auth", "can-i", verb, resource, &subresource];
        let asked = app.plane.kubectl(kubeconfig, &question, &environment).await;
        assert_eq!(asked.stdout.trim(), "no", "{question:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_deleted_by_hand_is_made_anew() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let key = with_key(&app, &app.key(&member, json!({"all": true})).await);
    let path = exec_path(&namespace);
    let first = key.post(&path, json!({})).await.str("/status/token");
    let short = &namespace["id"].as_str().unwrap()[28..];
    let accounts = app.plane.admin(&["-n", "remotegpu-access", "get", "serviceaccounts", "-o", "name"]).await.out();
    let account = accounts.lines().find(|line| line.ends_with(short) && line.contains("/key-")).unwrap();
    app.plane.admin(&["-n", "remotegpu-access", "delete", account]).await.out();
    let second = eventually("another token", async || {
        let token = key.post(&path, json!({})).await.str("/status/token");
        if token == first { Err("still the old one") } else { Ok(token) }
    })
    .await;
    let bare = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "").await;
    app.plane.kubectl(&bare, &["get", "pods", "--token", &second], &[]).await.out();
}
