//! The database locked, gone or silent: 503 with its own code, a page for people, and recovery without anybody's help.

use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};
use testkit::{Client, FaultProxy, TestApp, eventually, unique};

use crate::CONSOLE;
use crate::postgres::Postgres;

const ROUTE: &str = "/v1/kubernetes/namespaces";
const AWAY: (u16, &str, &str) = (503, "database_unavailable", "Database is not reachable");

struct Stage {
    proxy: FaultProxy,
    app: TestApp,
    member: Client,
    key: Client,
    key_text: String,
    exec: String,
}

/// A console on PostgreSQL behind a proxy.
async fn stage() -> Stage {
    let (proxy, url) = Postgres::new().await.behind_a_proxy().await;
    let app = TestApp::setup(CONSOLE).on(&url).start().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let key_text = app.key(&member, json!({"all": true})).await;
    let key = app.anonymous().with("x-api-key", &key_text);
    let exec = format!("{ROUTE}/{}/exec-credential", namespace["id"].as_str().unwrap());
    assert_eq!(key.post(&exec, json!({})).await.status, 200);
    Stage { proxy, app, member, key, key_text, exec }
}

impl Stage {
    async fn is_away(&self) {
        self.member.get(ROUTE).await.is_problem(AWAY.0, AWAY.1, AWAY.2);
        self.key.post(&self.exec, json!({})).await.is_problem(AWAY.0, AWAY.1, AWAY.2);
        // What can be no key is told so without the database: form and checksum come first.
        let key = self.key_text.as_str();
        for wrong in ["rgpu_nonsense", &testkit::one_off(key)] {
            let reply = self.app.anonymous().with("x-api-key", wrong).post(&self.exec, json!({})).await;
            reply.is_problem(401, "invalid_api_key", "Invalid API key");
        }
        let page = self.member.clone().with("accept", "text/html,application/xhtml+xml").get("/kubernetes").await;
        assert_eq!((page.status, page.header("content-type").as_str()), (503, "text/html; charset=utf-8"));
        assert!(page.text.contains(AWAY.2) && page.text.contains(r#"http-equiv="refresh""#), "{}", page.text);
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(self.app.anonymous().get("/healthz").await.status, 200, "alive");
        assert_eq!(self.app.anonymous().get("/readyz").await.status, 503, "not ready");
    }

    async fn recovers(&self) {
        eventually("it works again without help", async || {
            let (list, issue) = (self.member.get(ROUTE).await, self.key.post(&self.exec, json!({})).await);
            if (list.status, issue.status) == (200, 200) { Ok(()) } else { Err((list.text, issue.text)) }
        })
        .await;
        let page = self.member.clone().with("accept", "text/html").get("/kubernetes").await;
        assert_eq!(page.status, 200);
        self.app.namespace(&self.member).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_is_503_for_programs_and_a_page_for_people() {
    let stage = stage().await;
    stage.proxy.cut();
    stage.is_away().await;
    stage.proxy.pass();
    stage.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_went_silent_holds_nobody_for_long() {
    let stage = stage().await;
    stage.proxy.hold();
    stage.is_away().await;
    stage.proxy.pass();
    stage.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_locked_by_another_process_stops_changes_and_nothing_else() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let exec = format!("{ROUTE}/{}/exec-credential", namespace["id"].as_str().unwrap());
    let key = app.anonymous().with("x-api-key", &app.key(&member, json!({"all": true})).await);
    let token = key.post(&exec, json!({})).await.str("/status/token");
    let fresh = app.anonymous().with("x-api-key", &app.key(&member, json!({"all": true})).await);

    let mut other = SqliteConnection::connect(&app.database_url()).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let change = member.post(ROUTE, json!({"name": unique("locked")})).await;
    change.is_problem(AWAY.0, AWAY.1, AWAY.2);
    assert_eq!(member.get(ROUTE).await.json()["items"].as_array().unwrap().len(), 1, "reading goes on");
    assert_eq!(key.post(&exec, json!({})).await.str("/status/token"), token, "so does what needs no writing");
    let unwritten = fresh.post(&exec, json!({})).await;
    assert_eq!(unwritten.status, 503, "what cannot be written down does not leave: {}", unwritten.text);
    assert!(!unwritten.text.contains("eyJ"), "{}", unwritten.text);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();

    assert_eq!(fresh.post(&exec, json!({})).await.status, 200);
    app.namespace(&member).await;
}
