//! Outgoing webhooks with a real receiver: signed, retried, told once and in order, never sent where they must not go.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use sqlx::{Connection as _, SqliteConnection};
use testkit::{Client, Received, Receiver, Scratch, TestApp, eventually, unique};

use crate::{CONSOLE, engine};

const ROUTE: &str = "/v1/webhooks";

/// A console that may send to loopback and trusts the receivers.
pub async fn console(receivers: &[&Receiver]) -> (TestApp, Scratch) {
    let dir = Scratch::new();
    let pem: String = receivers.iter().map(|receiver| receiver.authority.pem()).collect();
    let file = dir.secret("receivers.pem", &pem);
    let setup = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8,::1");
    (setup.with("REMOTEGPU_OUTBOUND_CA_FILE", file.to_str().unwrap()).start().await, dir)
}

/// Makes a webhook of all topics; gives its path and its secret.
pub async fn webhook(owner: &Client, url: &str) -> (String, String) {
    let topics = json!(["budget", "engine", "key_expiry", "deployment"]);
    let made = owner.post(ROUTE, json!({"name": unique("hook"), "url": url, "topics": topics})).await;
    assert_eq!((made.status, made.header("cache-control").as_str()), (201, "no-store"), "{}", made.text);
    (format!("{ROUTE}/{}", made.str("/id")), made.str("/secret"))
}

/// Waits until the receiver was told of an event of this type; gives what it was told.
pub async fn told(receiver: &Receiver, kind: &str) -> Value {
    eventually(&format!("{kind} is told"), async || {
        let bodies: Vec<Value> = receiver.seen().iter().map(|one| serde_json::from_str(&one.body).unwrap()).collect();
        let found = bodies.iter().find(|body| body["type"] == kind).cloned();
        found.ok_or(bodies)
    })
    .await
}

async fn test(owner: &Client, path: &str) {
    let sent = owner.post(&format!("{path}/test"), json!({})).await;
    assert_eq!(sent.status, 204, "{}", sent.text);
}

/// Waits until the newest delivery has as many attempts.
async fn attempts(owner: &Client, path: &str, count: usize) -> Value {
    eventually("it was tried", async || {
        let listed = owner.get(&format!("{path}/deliveries")).await;
        let newest = listed.json()["items"][0].clone();
        let tried = newest["attempts"].as_array().map_or(0, Vec::len);
        if tried >= count { Ok(newest) } else { Err(listed.text) }
    })
    .await
}

/// Whether one of the signatures is that of `secret`, as a receiver verifies it.
fn is_signed(received: &Received, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let text = format!("{}.{}.{}", received.header("webhook-id"), received.header("webhook-timestamp"), received.body);
    let signatures = received.header("webhook-signature");
    signatures.split(' ').any(|signature| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(text.as_bytes());
        let given = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
        mac.verify_slice(&given).is_ok()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_signed_and_tried_again_until_it_arrives() {
    let receiver = Receiver::start().await;
    let (app, _dir) = console(&[&receiver]).await;
    let owner = app.operator().await;
    let (path, secret) = webhook(&owner, &receiver.url).await;
    receiver.answer(500, "");
    test(&owner, &path).await;
    let seen = receiver.until(2).await;
    assert!(seen.iter().all(|received| is_signed(received, &secret)), "{seen:?}");
    assert_eq!((seen[0].header("webhook-id"), &seen[0].body), (seen[1].header("webhook-id"), &seen[1].body));
    assert_eq!(seen[0].header("content-type"), "application/json");
    let body: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(
        (body["type"].as_str(), body["data"]["id"].as_str()),
        (Some("webhook.test"), Some(&*seen[0].header("webhook-id")))
    );
    let delivery = attempts(&owner, &path, 2).await;
    assert_eq!(delivery["state"], "delivered");
    let statuses: Vec<_> = delivery["attempts"].as_array().unwrap().iter().map(|a| a["status"].clone()).collect();
    assert_eq!(statuses, [json!(500), json!(204)]);

    let again = format!("{path}/deliveries/{}/redeliver", delivery["id"].as_str().unwrap());
    assert_eq!(owner.post(&again, json!({})).await.status, 204);
    let seen = receiver.until(3).await;
    assert_eq!(seen[2].body, seen[0].body, "the same event again");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_both_secrets_sign_and_neither_is_ever_shown_again() {
    let receiver = Receiver::start().await;
    let (app, _dir) = console(&[&receiver]).await;
    let owner = app.operator().await;
    let (path, old) = webhook(&owner, &receiver.url).await;
    let rotated = owner.post(&format!("{path}/rotate"), json!({})).await;
    assert_eq!((rotated.status, rotated.header("cache-control").as_str()), (200, "no-store"), "{}", rotated.text);
    let new = rotated.str("/secret");
    assert_ne!(new, old);
    test(&owner, &path).await;
    let seen = receiver.until(1).await;
    assert!(is_signed(&seen[0], &old) && is_signed(&seen[0], &new));
    let shown =
        [owner.get(ROUTE).await.text, owner.get(&path).await.text, owner.get("/v1/audit").await.text, app.log()];
    let dump = String::from_utf8_lossy(&app.database_bytes()).into_owned();
    for secret in [&old, &new] {
        assert!(!shown.iter().any(|text| text.contains(secret.as_str())) && !dump.contains(secret.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_damaged_secret_cannot_sign_has_failed_and_other_webhooks_go_on() {
    let receiver = Receiver::start().await;
    let (app, _dir) = console(&[&receiver]).await;
    let owner = app.operator().await;
    let ((hurt, _), (sound, secret)) = (webhook(&owner, &receiver.url).await, webhook(&owner, &receiver.url).await);
    let mut database = SqliteConnection::connect(&app.database_url()).await.unwrap();
    let text = "UPDATE webhooks SET secret = secret || 'x' WHERE id = $1";
    sqlx::query(text).bind(hurt.rsplit('/').next().unwrap()).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    for path in [&hurt, &sound] {
        test(&owner, path).await;
    }
    let failed = attempts(&owner, &hurt, 1).await;
    assert_eq!((&failed["state"], &failed["attempts"][0]["problem"]), (&json!("failed"), &json!("unreadable")));
    let seen = receiver.until(1).await;
    assert!(seen.len() == 1 && is_signed(&seen[0], &secret), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let (app, _dir) = console(&[&receiver, &elsewhere]).await;
    let owner = app.operator().await;
    let (path, _) = webhook(&owner, &receiver.url).await;
    receiver.answer(307, &elsewhere.url);
    test(&owner, &path).await;
    assert_eq!(attempts(&owner, &path, 1).await["attempts"][0]["status"], 307);
    attempts(&owner, &path, 2).await;
    assert_eq!((receiver.seen().len(), elsewhere.seen().len()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_refused_unless_it_is_allowed() {
    let receiver = Receiver::start().await;
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let (path, _) = webhook(&owner, &receiver.url).await;
    test(&owner, &path).await;
    let delivery = attempts(&owner, &path, 1).await;
    assert_eq!(
        delivery["attempts"][0],
        json!({"at": delivery["attempts"][0]["at"], "status": null,
        "problem": "denied_address", "took_ms": delivery["attempts"][0]["took_ms"]})
    );
    assert!(receiver.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_nobody_vouches_for_is_told_nothing() {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let (app, _dir) = console(&[&other]).await;
    let owner = app.operator().await;
    let (path, _) = webhook(&owner, &receiver.url).await;
    test(&owner, &path).await;
    assert_eq!(attempts(&owner, &path, 1).await["attempts"][0]["problem"], "tls");
    assert!(receiver.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_not_asked_again_until_somebody_switches_it_on() {
    let receiver = Receiver::start().await;
    let (app, _dir) = console(&[&receiver]).await;
    let owner = app.operator().await;
    let (path, _) = webhook(&owner, &receiver.url).await;
    receiver.answer(410, "");
    test(&owner, &path).await;
    let off = eventually("it is switched off", async || {
        let found = owner.get(&path).await;
        if found.json()["enabled"] == false { Ok(found.json()) } else { Err(found.text) }
    })
    .await;
    assert_eq!(off["disabled_reason"], "gone");
    owner.post(&format!("{path}/test"), json!({})).await.is_problem(
        409,
        "conflict",
        "This webhook is disabled: enable it first",
    );
    assert_eq!(owner.post(&format!("{path}/switch"), json!({"enabled": true})).await.str("/id"), off["id"]);
    test(&owner, &path).await;
    assert_eq!(receiver.until(2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_ends_soon_is_told_once_and_only_to_its_own_account() {
    let (receiver, foreign) = (Receiver::start().await, Receiver::start().await);
    let (app, _dir) = console(&[&receiver, &foreign]).await;
    let (owner, stranger) = (app.operator().await, app.stranger("owner").await);
    let (_, secret) = webhook(&owner, &receiver.url).await;
    webhook(&stranger, &foreign.url).await;
    let ends = |days: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).to_string();
    let key = async |client: &Client, name: &str, end: String| {
        let made = client.post("/v1/api-keys", json!({"name": name, "scopes": {"all": true}, "expires_at": end})).await;
        assert_eq!(made.status, 201, "{}", made.text);
    };
    key(&owner, "soon", ends(3)).await;
    key(&owner, "later", ends(30)).await;
    let seen = receiver.until(1).await;
    let body: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!((body["type"].as_str(), body["data"]["name"].as_str()), (Some("api_key.expiring"), Some("soon")));
    assert!(is_signed(&seen[0], &secret));
    // What happens later is told later: had the key been told twice, or the other one at all, it would be in between.
    key(&owner, "next", ends(4)).await;
    key(&stranger, "foreign", ends(4)).await;
    let (seen, foreign) = (receiver.until(2).await, foreign.until(1).await);
    assert_eq!((seen.len(), foreign.len()), (2, 1));
    assert!(seen[1].body.contains("\"next\"") && foreign[0].body.contains("\"foreign\""), "{seen:?} {foreign:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_deployment_is_told_in_its_order() {
    let receiver = Receiver::start().await;
    let (app, _dir) = console(&[&receiver]).await;
    let owner = app.operator().await;
    webhook(&owner, &receiver.url).await;
    let namespace = app.namespace(&owner).await;
    let path = format!("/v1/kubernetes/namespaces/{}/deployments", namespace["id"].as_str().unwrap());
    // The first try fails: the second event waits behind it.
    receiver.answer(503, "");
    let plan = json!({"name": "demo", "sku_code": "cpu-shared-8g", "replicas": 1, "image": "x"});
    let refused = json!({"name": "demo", "sku_code": "gpu-none", "replicas": 1, "image": "x"});
    assert_eq!(owner.post(&path, refused).await.status, 409);
    assert_eq!(owner.post(&path, plan).await.status, 201);
    assert_eq!(owner.delete(&format!("{path}/demo")).await.status, 204);
    let told = receiver.until(3).await.into_iter().map(|received| {
        let body: Value = serde_json::from_str(&received.body).unwrap();
        [body["type"].as_str().unwrap().to_owned(), body["data"]["name"].as_str().unwrap().to_owned()]
    });
    let event = |kind: &str| [kind.to_owned(), "demo".to_owned()];
    let expected = [event("deployment.created"), event("deployment.created"), event("deployment.deleted")];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_an_engine_is_told_with_its_ecosystem() {
    let receiver = Receiver::start().await;
    let (app, _dir) = console(&[&receiver]).await;
    let owner = app.stranger("owner").await;
    webhook(&owner, &receiver.url).await;
    let engine = engine::imported(&app, &owner).await;
    let told = receiver.until(1).await.swap_remove(0);
    let body: Value = serde_json::from_str(&told.body).unwrap();
    let target = format!("engine:{}", engine["id"].as_str().unwrap());
    assert_eq!((&body["type"], &body["data"]["target"]), (&json!("engine.created"), &json!(target)), "{body}");
    assert_eq!(body["data"]["ecosystem"], "prod", "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_the_platform_ends_with_the_right_of_whoever_runs_the_platform() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let new = json!({"name": "x", "url": "https://hooks.example.com/x", "topics": ["engine"], "platform": true});
    let made = owner.post(ROUTE, new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let mut database = SqliteConnection::connect(&app.database_url()).await.unwrap();
    sqlx::query("UPDATE users SET operator = FALSE").execute(&mut database).await.unwrap();
    eventually("it is switched off", async || {
        let log = owner.get("/v1/audit").await;
        let off = |row: &Value| row["action"] == "webhook.disabled" && row["outcome"] == "success";
        let found = log.json()["items"].as_array().is_some_and(|rows| rows.iter().any(off));
        if found { Ok(()) } else { Err(log.text) }
    })
    .await;
    let text = "SELECT disabled_reason FROM webhooks";
    let why: String = sqlx::query_scalar(text).fetch_one(&mut database).await.unwrap();
    assert_eq!(why, "no_operator");
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_platform_are_for_its_operators() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let new = json!({"name": "x", "url": "https://hooks.example.com/x", "topics": ["engine"], "platform": true});
    owner.post(ROUTE, new.clone()).await.is_problem(403, "forbidden", "Your role does not allow this");
    let operator = app.operator().await;
    let made = operator.post(ROUTE, new.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    // An administrator of the operator's own account is no operator: to them it does not exist.
    let admin = app.member_of("default", "admin").await;
    let path = format!("{ROUTE}/{}", made.str("/id"));
    for hidden in [path.clone(), format!("{path}/deliveries")] {
        admin.get(&hidden).await.is_problem(404, "not_found", "Not found");
    }
    admin.put(&path, new).await.is_problem(404, "not_found", "Not found");
    assert_eq!(admin.get(ROUTE).await.json()["items"], json!([]));
    assert_eq!(operator.get(&path).await.str("/id"), made.str("/id"));
    let wrong = owner.post(ROUTE, json!({"name": "x", "url": "http://example.com", "topics": ["engine"]})).await;
    wrong.is_problem(400, "invalid_request", "The address must begin with https://");
}
