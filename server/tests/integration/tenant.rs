//! The tenant API to the letter of `tenant-api.md`, over the same namespaces as the console.

mod billing;
mod connector;
mod offload;
mod runtime_class;
mod token;

use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Client, Reply, TestApp, eventually, unique};

use crate::CONSOLE;

const CLUSTERS: &str = "/k8sgpu/v1/cluster/";
const LOGIN: &str = "/k8sgpu/v1/user/login/";
/// Of everybody whom tests make.
const PASSWORD: &str = "a-password-for-tests";

/// A console whose tenants have numbers that no other console on this cluster gives.
async fn console() -> TestApp {
    let app = TestApp::start(CONSOLE).await;
    // More than one of these tests makes.
    static NEXT: AtomicU32 = AtomicU32::new(100_000);
    let number = NEXT.fetch_add(100, Ordering::Relaxed);
    app.admin(&["number-tenants", "--from", &number.to_string()]).await;
    app
}

async fn email(person: &Client) -> String {
    person.get("/v1/auth/session").await.str("/user/email")
}

async fn token(app: &TestApp, email: &str, password: &str) -> Reply {
    app.anonymous().post(LOGIN, json!({"username": email, "password": password})).await
}

/// The same person with a token instead of a session.
async fn signed_in(app: &TestApp, person: &Client) -> Client {
    let reply = token(app, &email(person).await, PASSWORD).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    app.anonymous().with("authorization", &format!("Bearer {}", reply.str("/token")))
}

/// A tenant that is ready; gives its id.
async fn ready(client: &Client) -> String {
    let ordered = client.send(Method::POST, CLUSTERS, None).await;
    assert_eq!(ordered.status, 202, "{}", ordered.text);
    let cluster = ordered.str("/cluster");
    eventually("the tenant is ready", async || {
        let now = client.get(&format!("{CLUSTERS}{cluster}")).await;
        if now.json()["created"] == true { Ok(()) } else { Err(now.text) }
    })
    .await;
    cluster
}

/// A refusal of this API: the problem document with `message`.
#[track_caller]
fn is_refused(reply: &Reply, status: u16, code: &str, detail: &str) {
    reply.is_problem(status, code, detail);
    assert_eq!(reply.str("/message"), detail, "{}", reply.text);
}

fn names(list: &Reply) -> Vec<String> {
    let items = list.json();
    items.as_array().unwrap().iter().map(|tenant| tenant["name"].as_str().unwrap().to_owned()).collect()
}

/// The published page from its first line to its last.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_ordered_seen_renamed_and_removed() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let client = signed_in(&app, &owner).await;
    assert_eq!(client.get(CLUSTERS).await.text, "[]");

    let ordered = client.send(Method::POST, CLUSTERS, None).await;
    let cluster = ordered.str("/cluster");
    assert_eq!((ordered.status, ordered.json()), (202, json!({"message": "Cluster in creation", "cluster": cluster})));
    let customer = owner.get("/v1/auth/session").await.str("/account/customer");
    let path = format!("{CLUSTERS}{cluster}");
    let seen = client.get(&path).await;
    let fields: Vec<String> =
        serde_json::from_str::<serde_json::Map<String, Value>>(&seen.text).unwrap().keys().cloned().collect();
    assert_eq!(fields.len(), 6, "{}", seen.text);
    let order = ["name", "label", "customer", "active", "created", "created_at"];
    assert!(order.map(|field| seen.text.find(&format!("\"{field}\":"))).is_sorted(), "{}", seen.text);
    assert!(seen.text.starts_with(&format!(
        "{{\"name\":\"{cluster}\",\"label\":\"{cluster}\",\"customer\":\"{customer}\",\"active\":true,"
    )));
    let created_at = seen.str("/created_at");
    assert!(created_at.len() == 32 && created_at.ends_with("+00:00"), "{created_at}");
    eventually("ready", async || {
        let now = client.get(&path).await;
        if now.json()["created"] == true { Ok(()) } else { Err(now.text) }
    })
    .await;

    let all = client.get(CLUSTERS).await.json();
    assert_eq!((all.as_array().unwrap().len(), &all[0]), (1, &client.get(&path).await.json()), "as it is seen alone");
    for (method, label) in [(Method::PUT, "la-mia-nuova-label"), (Method::PATCH, "🚀 lab")] {
        let renamed = client.send(method, &path, Some(json!({"label": label}).to_string())).await;
        assert_eq!((renamed.status, renamed.str("/label").as_str()), (200, label));
        let mut wanted: Value = all[0].clone();
        wanted["label"] = json!(label);
        assert_eq!(renamed.json(), wanted, "all six, and only the label is another");
    }
    assert_eq!(client.get(&format!("{path}/")).await.str("/label"), "🚀 lab", "a slash at the end is no other place");
    let told = owner.get("/v1/audit?action=tenant.renamed").await.json();
    assert_eq!(told["items"].as_array().unwrap().len(), 2, "{told}");

    let kubeconfig = client.get(&format!("{path}/kubeconfig")).await;
    let file = app.secret_file("connector", &kubeconfig.text);
    app.plane.kubectl(&file, &["get", "pods"], &[]).await.out();
    for _ in 0..2 {
        let going = client.delete(&path).await;
        assert_eq!((going.status, going.json()), (202, json!({"message": "Cluster in deletion", "cluster": cluster})));
    }
    eventually("gone", async || {
        let now = client.get(&path).await;
        if now.status == 404 { Ok(()) } else { Err(now.text) }
    })
    .await;
    is_refused(&client.delete(&path).await, 404, "cluster_not_found", "Cluster not found");
    assert_eq!(client.get(CLUSTERS).await.text, "[]");
    app.plane.admin(&["get", "namespace", &format!("{cluster}-gpu")]).await.refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_side_makes_the_other_shows() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let client = signed_in(&app, &owner).await;
    let here = app.namespace(&owner).await;
    let tenant = here["tenant"].as_str().unwrap().to_owned();
    let there = client.get(&format!("{CLUSTERS}{tenant}")).await;
    assert_eq!(
        (there.str("/label"), there.json()["created"].clone()),
        (here["name"].as_str().unwrap().to_owned(), json!(true))
    );

    let cluster = ready(&client).await;
    assert_eq!(names(&client.get(CLUSTERS).await), [tenant.as_str(), cluster.as_str()], "oldest first");
    let listed = owner.get("/v1/kubernetes/namespaces").await.json();
    let made = listed["items"].as_array().unwrap().iter().find(|n| n["tenant"] == cluster.as_str()).unwrap().clone();
    assert_eq!(
        (made["name"].as_str(), made["kubernetes_name"].as_str()),
        (Some(&*cluster), Some(&*format!("{cluster}-gpu")))
    );

    client.patch(&format!("{CLUSTERS}{cluster}"), json!({"label": "tenant-prod"})).await;
    let path = format!("/v1/kubernetes/namespaces/{}", made["id"].as_str().unwrap());
    let now = owner.get(&path).await;
    assert_eq!(
        (now.str("/label"), now.str("/name")),
        ("tenant-prod".to_owned(), cluster.clone()),
        "a label renames nothing"
    );
    let renamed = owner.patch(&path, json!({"name": "renamed"})).await;
    assert_eq!((renamed.str("/label"), renamed.str("/tenant")), ("tenant-prod".to_owned(), cluster));
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_unknown_and_malformed_names_are_one_refusal() {
    let app = console().await;
    let (ada, bob) = (app.stranger("owner").await, app.stranger("owner").await);
    let (ada, bob) = (signed_in(&app, &ada).await, signed_in(&app, &bob).await);
    let cluster = ready(&ada).await;
    let upper = cluster.to_uppercase();
    for name in [cluster.as_str(), "skg00000", "skgu00004", &upper, "skg1", "skg00018%2f..", "x", "%00", "%ff"] {
        let path = format!("{CLUSTERS}{name}");
        for reply in [
            bob.get(&path).await,
            bob.patch(&path, json!({"label": "mine"})).await,
            bob.delete(&path).await,
            bob.get(&format!("{path}/kubeconfig")).await,
        ] {
            is_refused(&reply, 404, "cluster_not_found", "Cluster not found");
        }
    }
    assert_eq!(ada.get(&format!("{CLUSTERS}{cluster}")).await.json()["active"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_one_to_64_printable_characters_and_nothing_else_is_taken() {
    let app = console().await;
    let client = signed_in(&app, &app.stranger("owner").await).await;
    let ordered = client.post(CLUSTERS, json!({"label": "tenant-lab"})).await;
    let path = format!("{CLUSTERS}{}", ordered.str("/cluster"));
    assert_eq!(client.get(&path).await.str("/label"), "tenant-lab");
    let sentence = "Label must be 1 to 64 printable characters";
    for bad in ["", "  ", &"x".repeat(65), "two\nlines", "\u{7}"] {
        is_refused(&client.patch(&path, json!({"label": bad})).await, 400, "invalid_request", sentence);
    }
    let longest = "é".repeat(64);
    assert_eq!(client.put(&path, json!({"label": longest})).await.str("/label"), longest);
    for body in
        [json!({}), json!({"label": null}), json!({"label": "x", "name": "y"}), json!({"label": ["x"]}), json!(["x"])]
    {
        let reply = client.patch(&path, body.clone()).await;
        assert_eq!((reply.status, reply.str("/code").as_str()), (400, "invalid_request"), "{body}: {}", reply.text);
        assert_eq!(reply.str("/message"), reply.str("/detail"));
    }
    for body in [json!({"label": "x", "customer": "skgu00001"}), json!({"label": 7}), json!([]), json!(["x"])] {
        assert_eq!(client.post(CLUSTERS, body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(client.get(&path).await.str("/label"), longest);

    let (one, two) =
        tokio::join!(client.patch(&path, json!({"label": "one"})), client.patch(&path, json!({"label": "two"})));
    assert_eq!((one.status, two.status), (200, 200));
    assert!(["one", "two"].contains(&&*client.get(&path).await.str("/label")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_may_be_removed_while_it_is_made_and_is_then_neither_renamed_nor_connected() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let client = signed_in(&app, &owner).await;
    let cluster = client.send(Method::POST, CLUSTERS, None).await.str("/cluster");
    let path = format!("{CLUSTERS}{cluster}");
    let early = client.get(&format!("{path}/kubeconfig")).await;
    if early.status != 200 {
        is_refused(&early, 409, "cluster_not_ready", "Cluster is not ready");
    }
    assert_eq!(client.delete(&path).await.status, 202);
    // It may be gone at any moment from now on; until then it says that it is going.
    for reply in [client.patch(&path, json!({"label": "late"})).await, client.get(&format!("{path}/kubeconfig")).await]
    {
        let refused = (reply.status, reply.str("/code"));
        let expected = [(409, "cluster_deleting"), (409, "cluster_not_ready"), (404, "cluster_not_found")];
        assert!(expected.contains(&(refused.0, &*refused.1)), "{}", reply.text);
    }
    assert_eq!(names(&client.get(CLUSTERS).await), Vec::<String>::new(), "the list shows active ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_name_is_taken_in_the_cluster_fails_and_goes_when_it_is_removed() {
    let app = console().await;
    let client = signed_in(&app, &app.stranger("owner").await).await;
    let before = client.send(Method::POST, CLUSTERS, None).await.str("/cluster");
    let number: u32 = before.trim_start_matches("skg").parse().unwrap();
    let taken = format!("skg{}-gpu", number + 1);
    app.plane.admin(&["create", "namespace", &taken]).await.out();
    let cluster = client.send(Method::POST, CLUSTERS, None).await.str("/cluster");
    assert_eq!(format!("{cluster}-gpu"), taken);
    let path = format!("{CLUSTERS}{cluster}");
    let failed = eventually("it failed", async || {
        let now = client.get(&path).await;
        if now.json()["active"] == false { Ok(now.json()) } else { Err(now.text) }
    })
    .await;
    assert_eq!(failed["created"], false);
    let told = app.operator().await.get("/v1/platform/audit?action=namespace.failed").await;
    assert_eq!(told.str("/items/0/outcome"), "failed", "{}", told.text);
    is_refused(&client.get(&format!("{path}/kubeconfig")).await, 409, "cluster_not_ready", "Cluster is not ready");
    assert_eq!(client.delete(&path).await.status, 202);
    eventually("gone", async || {
        let now = client.get(&path).await;
        if now.status == 404 { Ok(()) } else { Err(now.text) }
    })
    .await;
    app.plane.admin(&["get", "namespace", &taken]).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_ordered_at_once_have_different_ids_and_a_repetition_makes_none() {
    let app = console().await;
    let client = signed_in(&app, &app.stranger("owner").await).await;
    let orders = futures::future::join_all((0..5).map(|_| client.send(Method::POST, CLUSTERS, None))).await;
    let mut ids: Vec<String> = orders.iter().map(|order| order.str("/cluster")).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);

    let once = client.clone().with("idempotency-key", &unique("key"));
    let (first, again) = (once.post(CLUSTERS, json!({})).await, once.post(CLUSTERS, json!({})).await);
    assert_eq!((first.status, again.status), (202, 202), "{}", again.text);
    assert_eq!(first.str("/cluster"), again.str("/cluster"));
    let without_slash = once.post(CLUSTERS.trim_end_matches('/'), json!({})).await;
    assert_eq!(first.str("/cluster"), without_slash.str("/cluster"), "a slash at the end is no other place");
    assert_eq!(names(&client.get(CLUSTERS).await).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_hold_here_as_in_the_console() {
    let app = console().await;
    let account = unique("account");
    app.admin(&["create-account", "--name", &account]).await;
    let owner = signed_in(&app, &app.member_of(&account, "owner").await).await;
    let viewer = signed_in(&app, &app.member_of(&account, "viewer").await).await;
    let billing = signed_in(&app, &app.member_of(&account, "billing").await).await;
    let cluster = ready(&owner).await;
    let path = format!("{CLUSTERS}{cluster}");
    assert_eq!(viewer.get(&path).await.status, 200);
    for reply in [
        viewer.send(Method::POST, CLUSTERS, None).await,
        viewer.patch(&path, json!({"label": "x"})).await,
        viewer.delete(&path).await,
        viewer.get(&format!("{path}/kubeconfig")).await,
        billing.get(CLUSTERS).await,
    ] {
        is_refused(&reply, 403, "forbidden", "Your role does not allow this");
    }
    is_refused(&billing.get(&path).await, 404, "cluster_not_found", "Cluster not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_the_account_is_a_403() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let (client, operator) = (signed_in(&app, &owner).await, app.operator().await);
    let account = owner.get("/v1/auth/session").await.str("/account/id");
    let limited =
        operator.patch(&format!("/v1/platform/accounts/{account}"), json!({"quota": {"namespaces": 1}})).await;
    assert_eq!(limited.status, 200, "{}", limited.text);
    assert_eq!(client.send(Method::POST, CLUSTERS, None).await.status, 202);
    let refused = client.send(Method::POST, CLUSTERS, None).await;
    assert_eq!((refused.status, refused.str("/code").as_str()), (403, "quota_exceeded"), "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_types_and_paths_are_refused_with_a_message_too() {
    let app = console().await;
    let client = signed_in(&app, &app.stranger("owner").await).await;
    let wrong = client.delete(CLUSTERS).await;
    assert_eq!((wrong.status, wrong.str("/code").as_str()), (405, "method_not_allowed"));
    assert!(wrong.header("allow").contains("POST") && !wrong.str("/message").is_empty());
    is_refused(&client.get("/k8sgpu/v1/nothing").await, 404, "not_found", "Not found");
    let form = client.post_form(LOGIN, "username=a&password=b").await;
    is_refused(&form, 415, "unsupported_media_type", "Send the body as application/json");
    let image = client.clone().with("accept", "image/png").get(CLUSTERS).await;
    assert_eq!(image.status, 406);
    assert_eq!(client.get(CLUSTERS).await.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_every_tenant() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let cluster = ready(&signed_in(&app, &owner).await).await;
    let all = app.operator().await.get("/v1/platform/tenants?limit=200").await.json();
    let row = all["items"].as_array().unwrap().iter().find(|row| row["tenant"] == cluster.as_str()).unwrap().clone();
    assert_eq!((row["status"].as_str(), row["connectors"].as_u64()), (Some("active"), Some(0)));
    owner.get("/v1/platform/tenants").await.is_problem(403, "forbidden", "Your role does not allow this");
}
