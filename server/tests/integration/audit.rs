//! The audit log as people and operators meet it: every action of the product has its row, complete and without secrets.

use domain::audit::AuditView;
use serde_json::{Value, json};
use testkit::{Client, Reply, TestApp, eventually};

use crate::CONSOLE;

const UNKNOWN: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";
const ADMIN: &str = "admin@remotegpu.local";

fn rows(reply: &Reply) -> Vec<AuditView> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_value(reply.json()["items"].clone()).unwrap()
}

/// (action, outcome, who, on what) of a log, oldest first, without those of `noise`.
async fn story(client: &Client, noise: &[&str]) -> Vec<(String, String, String, String)> {
    let mut rows = rows(&client.get("/v1/audit?limit=200").await);
    rows.reverse();
    let told = rows.into_iter().filter(|row| !noise.contains(&row.action.as_str()));
    told.map(|row| (row.action, row.outcome, row.actor_name, row.target_name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_action_of_the_product_has_its_row_and_no_row_has_a_secret() {
    let app = TestApp::start(CONSOLE).await;
    let admin = app.operator().await;
    let namespace = app.namespace(&admin).await;
    let (id, name) = (namespace["id"].as_str().unwrap(), namespace["name"].as_str().unwrap());
    let path = format!("/v1/kubernetes/namespaces/{id}");
    assert_eq!(admin.patch(&path, json!({"name": "renamed"})).await.status, 200);
    let made = admin.post("/v1/api-keys", json!({"name": "laptop", "scopes": {"all": true}})).await;
    let (key, key_id) = (made.str("/key"), made.str("/id"));
    assert_eq!(admin.get(&format!("{path}/kubeconfig")).await.status, 200);
    let issued = app.anonymous().with("x-api-key", &key).post(&format!("{path}/exec-credential"), json!({})).await;
    assert_eq!(issued.status, 200, "{}", issued.text);
    let plan = json!({"name": "demo", "sku_code": "gpu-none", "replicas": 1, "image": "x"});
    assert_eq!(admin.post(&format!("{path}/deployments"), plan).await.status, 409);
    let plan = json!({"name": "demo", "sku_code": "cpu-shared-8g", "replicas": 1, "image": "x"});
    assert_eq!(admin.post(&format!("{path}/deployments"), plan).await.status, 201);
    assert_eq!(admin.delete(&format!("{path}/deployments/demo")).await.status, 204);
    assert_eq!(admin.delete(&format!("/v1/api-keys/{key_id}")).await.status, 204);
    assert_eq!(admin.delete(&path).await.status, 202);
    eventually("the namespace is gone", async || match admin.get(&path).await.status {
        404 => Ok(()),
        other => Err(other),
    })
    .await;
    assert_eq!(admin.get("/v1/audit/export?format=csv").await.status, 200);
    assert_eq!(admin.post("/v1/auth/logout", json!({})).await.status, 204);
    let admin = app.operator().await;

    let row =
        |action: &str, who: &str, on: &str| (action.to_owned(), "success".to_owned(), who.to_owned(), on.to_owned());
    let mut expected = vec![
        row("account.created", "", "default"),
        row("user.created", "", ADMIN),
        row("session.created", ADMIN, ADMIN),
        row("namespace.created", ADMIN, name),
        row("namespace.activated", "", name),
        row("namespace.renamed", ADMIN, "renamed"),
        row("api_key.created", ADMIN, "laptop"),
        row("kubeconfig.downloaded", ADMIN, "renamed"),
        row("credential.issued", "laptop", "renamed"),
        row("admission.denied", ADMIN, "demo"),
        row("deployment.created", ADMIN, "demo"),
        row("deployment.deleted", ADMIN, "demo"),
        row("api_key.revoked", ADMIN, "laptop"),
        row("namespace.deletion_requested", ADMIN, "renamed"),
        row("namespace.deleted", "", "renamed"),
        row("audit.exported", ADMIN, "default"),
        row("session.ended", ADMIN, ADMIN),
        row("session.created", ADMIN, ADMIN),
    ];
    expected[9].1 = "refused".to_owned();
    // The tokens with which the console acts for a person are the one thing whose number is not fixed.
    let mut told = story(&admin, &[]).await;
    told.retain(|(action, _, who, _)| action != "credential.issued" || who == "laptop");
    assert_eq!(told, expected);

    let dump = admin.get("/v1/platform/audit/export?format=jsonl").await.text;
    let cookie = admin.cookie().unwrap().split('=').nth(1).unwrap().to_owned();
    for secret in [&key[14..], &cookie, &issued.str("/status/token"), "a-password-for-tests"] {
        assert!(!dump.contains(secret), "a secret stands in the log");
    }
    let tokens = dump.lines().map(|line| serde_json::from_str::<AuditView>(line).unwrap());
    let tokens: Vec<AuditView> = tokens.filter(|row| row.action == "credential.issued").collect();
    let until = issued.str("/status/expirationTimestamp");
    let of_the_key: Vec<&str> = tokens.iter().filter(|r| r.actor_name == "laptop").map(|r| r.detail.as_str()).collect();
    assert_eq!(of_the_key, [format!("for {ADMIN}, until {until}")], "whose it is and when it ends");
    assert!(!tokens.is_empty() && tokens.iter().all(|row| row.jti.is_some()), "{tokens:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_for_its_own_admins_and_the_platforms_for_operators() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, stranger) = (app.operator().await, app.stranger("owner").await);
    let theirs = rows(&stranger.get("/v1/audit").await);
    let own = rows(&operator.get("/v1/audit").await);
    assert!(theirs.iter().all(|row| own.iter().all(|other| other.id != row.id)));
    let path = format!("/v1/audit/{}", theirs[0].id);
    assert_eq!(stranger.get(&path).await.status, 200);
    operator.get(&path).await.is_problem(404, "not_found", "Not found");
    operator.get(&format!("/v1/audit/{UNKNOWN}")).await.is_problem(404, "not_found", "Not found");
    assert_eq!(operator.get(&format!("/v1/platform/audit/{}", theirs[0].id)).await.status, 200);
    let all = rows(&operator.get("/v1/platform/audit?limit=200").await);
    assert!(theirs.iter().chain(&own).all(|row| all.iter().any(|other| other.id == row.id)));
    for route in ["/v1/platform/audit", "/v1/platform/audit/export", &format!("/v1/platform/audit/{UNKNOWN}")] {
        stranger.get(route).await.is_problem(403, "forbidden", "Your role does not allow this");
    }
    let member = app.member_of("default", "member").await;
    for route in ["/v1/audit", "/v1/audit/export", "/live/audit?after="] {
        member.get(route).await.is_problem(403, "forbidden", "Your role does not allow this");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_the_list_and_wrong_ones_are_named() {
    let app = TestApp::start(CONSOLE).await;
    let admin = app.operator().await;
    app.key(&admin, json!({"all": true})).await;
    let count = async |query: &str| rows(&admin.get(&format!("/v1/audit?{query}")).await).len();
    assert_eq!(count("action=api_key.created").await, 1);
    assert_eq!(count("action=api_key.created&actor=admin%40remotegpu.local").await, 1);
    assert_eq!(count("action=api_key.created&actor=system").await, 0);
    assert_eq!(count("outcome=refused").await, 0);
    assert_eq!(count("until=2020-01-01").await, 0);
    assert_eq!(count("action=&actor=&target=&outcome=&since=&until=").await, 4, "an empty form is no filter");
    let wrong = admin.get("/v1/audit?action=x&outcome=y&since=z").await;
    let fields: Vec<String> = (0..3).map(|i| wrong.str(&format!("/errors/{i}/field"))).collect();
    assert_eq!((wrong.status, fields), (400, ["action", "outcome", "since"].map(str::to_owned).to_vec()));
    let first = admin.get("/v1/audit?limit=2").await;
    let next = admin.get(&format!("/v1/audit?limit=2&cursor={}", first.str("/next_cursor"))).await;
    assert_eq!(next.json()["next_cursor"], Value::Null);
    assert_eq!((rows(&first).len(), rows(&next).len()), (2, 2));
    let oldest = admin.get("/v1/audit?limit=2&order=asc").await;
    let rest = admin.get(&format!("/v1/audit?limit=2&order=asc&cursor={}", oldest.str("/next_cursor"))).await;
    assert_eq!(oldest.str("/items/0/id"), next.str("/items/1/id"));
    assert_eq!(rest.str("/items/1/id"), first.str("/items/0/id"));
    for (asked, page) in [("&order=desc", &oldest), ("&order=asc", &first)] {
        let refused = admin.get(&format!("/v1/audit?cursor={}{asked}", page.str("/next_cursor"))).await;
        assert_eq!((refused.status, refused.str("/errors/0/field").as_str()), (400, "cursor"), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_a_file_that_no_spreadsheet_runs() {
    let app = TestApp::start(CONSOLE).await;
    let admin = app.operator().await;
    let name = "=HYPERLINK(\"http://evil.example\")";
    admin.post("/v1/api-keys", json!({"name": name, "scopes": {"all": true}})).await;
    let csv = admin.get("/v1/audit/export?format=csv&action=api_key.created").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"audit.csv\"");
    assert!(csv.text.contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""), "{}", csv.text);
    assert_eq!(csv.text.lines().count(), 2);
    let lines = admin.get("/v1/audit/export?format=jsonl").await;
    let actions: Vec<String> =
        lines.text.lines().map(|line| serde_json::from_str::<AuditView>(line).unwrap().action).collect();
    assert_eq!(actions[0], "audit.exported", "the export before stands in the log, this one does not");
    assert_eq!(admin.get("/v1/audit/export?format=pdf").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_verifies_the_log_and_the_log_file_has_every_row() {
    let app = TestApp::start(CONSOLE).await;
    let admin = app.operator().await;
    app.key(&admin, json!({"all": true})).await;
    let (whole, text) = app.try_admin(&["verify-audit"]).await;
    assert!(whole && text.contains("The audit log is whole"), "{text}");
    let (known, text) = app.try_admin(&["verify-audit", "--account", "nobody"]).await;
    assert!(!known && text.contains("There is no account of this name"), "{text}");
    let log = rows(&admin.get("/v1/platform/audit?limit=200").await);
    let file: Vec<AuditView> = app.audit_file().into_iter().map(|line| serde_json::from_value(line).unwrap()).collect();
    assert_eq!(file.len(), log.len());
    assert!(log.iter().all(|row| file.contains(row)));
    let (done, text) = app.try_admin(&["prune-audit", "--before", "2020-01-01"]).await;
    assert!(done && text.contains("0 rows"), "{text}");
    assert!(app.try_admin(&["verify-audit"]).await.0);
}
