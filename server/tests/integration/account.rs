//! Accounts: switching, renaming, handing over, deleting; and what operators do with them.

use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};
use testkit::{CallProxy, Client, Plane, Reply, TestApp, eventually, unique};

use crate::CONSOLE;

const PLATFORM: &str = "/v1/platform/accounts";
/// So long the answer to a changed share waits for the cluster.
const LONGEST_WAIT: Duration = Duration::from_secs(3);
const UNKNOWN: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";

async fn account(client: &Client) -> (String, String) {
    let session = client.get("/v1/auth/session").await;
    (session.str("/account/id"), session.str("/account/name"))
}

async fn delete(client: &Client, path: &str, confirm: &str) -> Reply {
    client.send(Method::DELETE, path, Some(json!({"confirm": confirm}).to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_renamed_handed_over_and_deleted_by_its_own_people() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let (id, name) = account(&owner).await;
    let admin = app.member_of(&name, "admin").await;
    let path = format!("/v1/accounts/{id}");
    let fresh = unique("fresh");
    assert_eq!(admin.patch(&path, json!({"name": fresh})).await.str("/name"), fresh);
    owner.patch(&path, json!({"name": "default"})).await.is_problem(
        409,
        "name_taken",
        "An account with this name exists already",
    );
    let heir = admin.get("/v1/auth/session").await.str("/user/id");
    let transfer = format!("{path}/transfer");
    let body = json!({"user_id": heir, "confirm": fresh});
    assert_eq!(admin.post(&transfer, body.clone()).await.status, 403);
    let untyped = owner.post(&transfer, json!({"user_id": heir, "confirm": "wrong"})).await;
    assert_eq!((untyped.status, untyped.str("/errors/0/field").as_str()), (400, "confirm"));
    assert_eq!(owner.post(&transfer, body).await.str("/role"), "admin");
    assert_eq!(admin.get("/v1/auth/session").await.str("/user/role"), "owner");
    assert_eq!(delete(&owner, &path, &fresh).await.status, 403);
    let namespace = app.namespace(&admin).await;
    let full = delete(&admin, &path, &fresh).await;
    full.is_problem(409, "conflict", "The account has 1 namespace: delete it first");
    let there = format!("/v1/kubernetes/namespaces/{}", namespace["id"].as_str().unwrap());
    assert_eq!(admin.delete(&there).await.status, 202);
    eventually("the account is deleted", async || {
        let reply = delete(&admin, &path, &fresh).await;
        if reply.status == 204 { Ok(()) } else { Err(reply.text) }
    })
    .await;
    assert_eq!(owner.get("/v1/auth/session").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_and_unknown_accounts_read_the_same() {
    let app = TestApp::start(CONSOLE).await;
    let (owner, stranger) = (app.stranger("owner").await, app.stranger("owner").await);
    let (foreign, name) = account(&stranger).await;
    for id in [foreign.as_str(), UNKNOWN] {
        let path = format!("/v1/accounts/{id}");
        owner.get(&path).await.is_problem(404, "not_found", "Not found");
        owner.patch(&path, json!({"name": "mine"})).await.is_problem(404, "not_found", "Not found");
        delete(&owner, &path, &name).await.is_problem(404, "not_found", "Not found");
        let body = json!({"user_id": UNKNOWN, "confirm": name});
        owner.post(&format!("{path}/transfer"), body).await.is_problem(404, "not_found", "Not found");
        let switch = owner.post("/v1/auth/session/account", json!({"account_id": id})).await;
        switch.is_problem(404, "not_found", "Not found");
        owner.get(&format!("{PLATFORM}/{id}")).await.is_problem(403, "forbidden", "Your role does not allow this");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_an_account_whose_owner_comes_by_link() {
    let app = TestApp::start(CONSOLE).await;
    let operator = app.operator().await;
    let (name, email) = (unique("customer"), format!("{}@example.com", unique("owner")));
    let made = operator.post(PLATFORM, json!({"name": name, "owner_email": email})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json()["quota"]["namespaces"], 100);
    let link = made.str("/invitation/link");
    let token = link.rsplit('/').next().unwrap();
    let joined = app
        .anonymous()
        .post("/v1/invitations/accept", json!({"token": token, "password": "a-password-for-tests"}))
        .await;
    assert_eq!((joined.str("/user/role"), joined.str("/account/name")), ("owner".into(), name.clone()));
    let path = made.header("location");
    assert_eq!(operator.get(&path).await.json()["members"], 1);
    assert!(operator.get(PLATFORM).await.text.contains(&name));
    assert_eq!(delete(&operator, &path, &name).await.status, 204);
    operator.get(&path).await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_account_looks_but_changes_nothing_and_its_keys_are_dead() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let (id, _) = account(&owner).await;
    let namespace = app.namespace(&owner).await;
    let ns = namespace["id"].as_str().unwrap();
    let key = app.key(&owner, json!({"all": true})).await;
    let with_key = app.anonymous().with("x-api-key", &key);
    let exec = format!("/v1/kubernetes/namespaces/{ns}/exec-credential");
    let token = with_key.post(&exec, json!({})).await.str("/status/token");
    let kubeconfig = app.kubeconfig(&owner, ns, "").await;
    let path = format!("{PLATFORM}/{id}");
    assert_eq!(operator.patch(&path, json!({"suspended": true})).await.str("/status"), "suspended");

    let sentence = "This account is suspended; ask the operator of this installation";
    let refused = owner.post("/v1/kubernetes/namespaces", json!({"name": "more"})).await;
    refused.is_problem(403, "account_suspended", sentence);
    owner.patch(&format!("/v1/accounts/{id}"), json!({"name": "x"})).await.is_problem(
        403,
        "account_suspended",
        sentence,
    );
    assert_eq!(owner.get("/v1/kubernetes/namespaces").await.status, 200);
    assert_eq!(owner.get("/v1/auth/session").await.str("/account/status"), "suspended");
    with_key.post(&exec, json!({})).await.is_problem(401, "api_key_disabled", "API key disabled");
    eventually("the issued token opens nothing", async || {
        let asked = app.plane.kubectl(&kubeconfig, &["get", "pods", "--token", &token], &[]).await;
        if asked.ok { Err(asked.stdout) } else { Ok(()) }
    })
    .await;
    assert_eq!(operator.patch(&path, json!({"suspended": false})).await.str("/status"), "active");
    let environment = [("REMOTEGPU_API_KEY", key.as_str())];
    app.plane.kubectl(&kubeconfig, &["get", "pods"], &environment).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_and_reach_the_namespaces() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let (id, _) = account(&owner).await;
    let namespace = app.namespace(&owner).await;
    let path = format!("{PLATFORM}/{id}");
    let quota = json!({"namespaces": 1, "gpus": 3, "memory_gib": 2048, "cpu": 1000});
    let changed = operator.patch(&path, json!({"quota": quota})).await;
    assert_eq!(changed.json()["quota"]["gpus"], 3, "{}", changed.text);
    let full = owner.post("/v1/kubernetes/namespaces", json!({"name": "two"})).await;
    assert_eq!((full.status, full.str("/code").as_str()), (409, "quota_exceeded"), "{}", full.text);
    assert!(full.str("/detail").starts_with("The account has 1 of 1 namespaces"), "{}", full.text);
    let name = namespace["kubernetes_name"].as_str().unwrap();
    let gpus = async || {
        let found = app.plane.admin(&["-n", name, "get", "resourcequota", "remotegpu", "-o", "json"]).await.out();
        serde_json::from_str::<Value>(&found).unwrap()["spec"]["hard"]["requests.nvidia.com/gpu"].clone()
    };
    eventually("the quota is applied", async || {
        let found = gpus().await;
        if found == "3" { Ok(()) } else { Err(found) }
    })
    .await;
    let edit = r#"{"spec":{"hard":{"requests.nvidia.com/gpu":"99"}}}"#;
    app.plane.admin(&["-n", name, "patch", "resourcequota", "remotegpu", "--type=merge", "-p", edit]).await.out();
    eventually("drift is repaired with the account's limit", async || {
        let found = gpus().await;
        if found == "3" { Ok(()) } else { Err(found) }
    })
    .await;
    let wrong = operator.patch(&path, json!({"quota": {"cpu": 0}})).await;
    assert_eq!((wrong.status, wrong.str("/errors/0/field").as_str()), (400, "quota.cpu"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_total_is_shared_among_its_namespaces_and_kubernetes_holds_each_to_its_share() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let (id, name) = account(&owner).await;
    let (platform, meters) = (format!("{PLATFORM}/{id}"), format!("/v1/accounts/{id}/quota"));
    let limited = operator.patch(&platform, json!({"quota": {"total": {"gpus": 8}}})).await;
    assert_eq!(limited.json()["quota"]["total"], json!({"gpus": 8}), "{}", limited.text);
    let path = |namespace: &Value| format!("/v1/kubernetes/namespaces/{}", namespace["id"].as_str().unwrap());
    let gpus = async |namespace: &Value, expected: &str| {
        let (name, path) = (namespace["kubernetes_name"].as_str().unwrap(), path(namespace));
        eventually("the quota is applied, and the console has seen it", async || {
            let found = app.plane.admin(&["-n", name, "get", "resourcequota", "remotegpu", "-o", "json"]).await.out();
            let found = serde_json::from_str::<Value>(&found).unwrap();
            let found = found["spec"]["hard"]["requests.nvidia.com/gpu"].clone();
            let seen = owner.get(&path).await.json()["quota"][0].clone();
            if found == expected && seen["limit"] == expected { Ok(()) } else { Err((found, seen)) }
        })
        .await;
    };
    let share = |gpus: Value| json!({"share": {"gpus": gpus}});

    let one = app.namespace(&owner).await;
    gpus(&one, "8").await;
    let given = owner.patch(&path(&one), share(json!(5))).await;
    assert_eq!(given.json()["share"], json!({"gpus": 5}), "{}", given.text);
    gpus(&one, "5").await;
    let two = app.namespace(&owner).await;
    gpus(&two, "3").await;
    let three = app.namespace(&owner).await;
    gpus(&three, "0").await;

    let said = "The account may have 8 GPUs in all; its other namespaces have 5, so 3 are left";
    owner.patch(&path(&two), share(json!(4))).await.is_problem(409, "quota_exceeded", said);
    owner.patch(&path(&two), share(Value::Null)).await.is_problem(409, "quota_exceeded", said);
    let low = operator.patch(&platform, json!({"quota": {"total": {"gpus": 7}}})).await;
    assert_eq!((low.status, low.str("/code").as_str()), (409, "quota_exceeded"), "{}", low.text);
    let high = owner.patch(&path(&two), share(json!(9))).await;
    assert_eq!((high.status, high.str("/errors/0/field").as_str()), (400, "share.gpus"), "{}", high.text);
    let member = app.member_of(&name, "member").await;
    assert_eq!(member.patch(&path(&two), share(json!(1))).await.status, 403);

    assert_eq!(owner.patch(&path(&two), share(json!(2))).await.status, 200);
    assert_eq!(owner.patch(&path(&three), share(json!(1))).await.status, 200);
    gpus(&two, "2").await;
    gpus(&three, "1").await;
    let total = owner.get(&meters).await.json();
    let lines = total.as_array().or_else(|| total["items"].as_array()).unwrap();
    let line = lines.iter().find(|line| line["resource"] == "requests.nvidia.com/gpu").unwrap();
    assert_eq!(line["limit"], "8", "{line}");
    let lifted = operator.patch(&platform, json!({"quota": {"total": {"gpus": null}}})).await;
    assert!(lifted.json()["quota"].get("total").is_none(), "{}", lifted.text);
    assert_eq!(owner.patch(&path(&three), share(Value::Null)).await.status, 200);
    gpus(&three, "8").await;
    let told = owner.get("/v1/audit?action=namespace.share_changed").await.json();
    assert_eq!(
        told["items"].as_array().unwrap().len(),
        4,
        "each share that was given, and none that was refused: {told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_share_holds_when_its_answer_comes_and_a_cluster_that_is_silent_holds_up_no_answer() {
    let proxy = CallProxy::to(Plane::current()).await;
    let app = TestApp::setup(CONSOLE).behind(&proxy.server()).start().await;
    let owner = app.stranger("owner").await;
    let (id, _) = account(&owner).await;
    let total = json!({"quota": {"total": {"gpus": 8}}});
    let limited = app.operator().await.patch(&format!("{PLATFORM}/{id}"), total).await;
    assert_eq!(limited.status, 200, "{}", limited.text);
    let namespace = app.namespace(&owner).await;
    let name = namespace["kubernetes_name"].as_str().unwrap();
    let path = format!("/v1/kubernetes/namespaces/{}", namespace["id"].as_str().unwrap());
    eventually("the console knows the quota", async || {
        let seen = owner.get(&path).await.json()["quota"][0].clone();
        if seen["limit"] == "8" { Ok(()) } else { Err(seen) }
    })
    .await;
    // What pods are admitted by.
    let enforced = async || {
        let text = app.plane.admin(&["-n", name, "get", "resourcequota", "remotegpu", "-o", "json"]).await.out();
        let quota: Value = serde_json::from_str(&text).unwrap();
        quota["status"]["hard"]["requests.nvidia.com/gpu"].clone()
    };
    let share = async |gpus: u32| {
        let given = owner.patch(&path, json!({"share": {"gpus": gpus}})).await;
        assert_eq!((given.status, &given.json()["share"]), (200, &json!({"gpus": gpus})), "{}", given.text);
    };

    let asked = Instant::now();
    share(5).await;
    // An answer that waited as long as any does says only that the share is ordered.
    if asked.elapsed() < LONGEST_WAIT {
        assert_eq!(enforced().await, "5");
    }
    eventually("the share is in force", async || match enforced().await {
        Value::String(five) if five == "5" => Ok(()),
        other => Err(other),
    })
    .await;

    let held = proxy.hold("PATCH", "/resourcequotas/remotegpu");
    share(4).await;
    held.reached().await;
    assert_eq!(enforced().await, "5");
    held.release();
    eventually("the share is in force", async || match enforced().await {
        Value::String(four) if four == "4" => Ok(()),
        other => Err(other),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn support_looks_and_never_changes_and_the_page_says_so() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let (id, name) = account(&owner).await;
    let namespace = app.namespace(&owner).await;
    let support = format!("{PLATFORM}/{id}/support");
    assert_eq!(operator.post(&support, json!({"reason": " "})).await.str("/errors/0/field"), "reason");
    assert_eq!(owner.post(&support, json!({"reason": "curious"})).await.status, 403);
    let inside = operator.post(&support, json!({"reason": "ticket 7"})).await;
    assert_eq!((inside.str("/account/name"), inside.json()["support"].clone()), (name.clone(), json!(true)));
    let there = format!("/v1/kubernetes/namespaces/{}", namespace["id"].as_str().unwrap());
    assert_eq!(operator.get(&there).await.status, 200);
    assert_eq!(operator.delete(&there).await.status, 403);
    let made = operator.post("/v1/api-keys", json!({"name": "x", "scopes": {"all": true}})).await;
    made.is_problem(403, "forbidden", "Your role does not allow this");
    let page = operator.get("/kubernetes").await;
    assert!(page.text.contains(&format!("You look at {name} as support, read only")), "{}", page.text);
    assert_eq!(operator.delete(&support).await.status, 204);
    assert_eq!(operator.get("/v1/auth/session").await.str("/account/name"), "default");
    operator.get(&there).await.is_problem(404, "not_found", "Not found");
}
